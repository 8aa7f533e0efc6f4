//! The stages of a Dockerfile, the images they begin with, what they copy from where, and which of them a target needs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Graph, Kind, Node, Relation};
use crate::dockerfile::instructions::{Command, Program, Stage, program};
use crate::dockerfile::shell::Lexer;
use crate::dockerfile::{self};

/// How a Dockerfile is drawn.
#[derive(Debug, Clone, Default)]
pub struct DockerfileOptions {
    /// The stage that is built, by name or number; the last one when not given.
    pub target: Option<String>,
    /// `--build-arg`s, for variables in `FROM`.
    pub build_args: BTreeMap<String, String>,
    /// Whether every instruction has a box.
    pub instructions: bool,
}

/// The build graph of a Dockerfile. Files with faults are drawn as far as they can be read; what is wrong stands in [`Graph::warnings`].
pub fn from_dockerfile(text: &str, options: &DockerfileOptions) -> Graph {
    let file = dockerfile::parse(text);
    let program = program(&file);
    let mut graph = Graph::new("Build stages");
    graph.warnings.extend(program.errors.iter().map(|e| format!("line {}: {e}", e.lines.0)));
    let bases = bases(&program, Lexer::new(file.escape), &options.build_args);
    let uses: Vec<Vec<Use>> = program.stages.iter().enumerate().map(|(i, s)| uses(&program, i, s, &bases)).collect();
    let target = target(&program, options, &mut graph);
    let needed = needed(&uses, target);
    let mut ends = Vec::new();
    let mut heads = Vec::new();
    for (i, stage) in program.stages.iter().enumerate() {
        let mut node = Node::new(
            format!("stage:{i}"),
            Kind::Stage,
            if stage.name().is_empty() { format!("stage {i}") } else { stage.name().to_owned() },
        );
        node.title = stage.original.clone();
        node.detail = match stage.commands.len() {
            1 => "1 instruction".to_owned(),
            n => format!("{n} instructions"),
        };
        node.faded = !needed.contains(&i);
        node.target = target == Some(i);
        if !stage.comment.is_empty() {
            node.title = format!("{}: {}", node.title, stage.comment);
        }
        let head = graph.node(node);
        let mut end = head;
        let mut steps = Vec::new();
        if options.instructions {
            for (j, instruction) in stage.commands.iter().enumerate() {
                let mut node = Node::new(format!("stage:{i}/{j}"), Kind::Instruction, &instruction.original);
                node.detail = format!("line {}", instruction.lines.0);
                node.faded = !needed.contains(&i);
                let step = graph.node(node);
                graph.edge(end, step, Relation::Next, "");
                steps.push(step);
                end = step;
            }
        }
        heads.push((head, steps));
        ends.push(end);
    }
    for (stage, uses) in uses.iter().enumerate() {
        let Some((head, steps)) = heads.get(stage) else { continue };
        let mut merged: BTreeMap<(usize, usize, Relation), Vec<&str>> = BTreeMap::new();
        for used in uses {
            let source = match &used.source {
                Source::Stage(at) => ends.get(*at).copied().unwrap_or_default(),
                Source::Image(name) => {
                    let mut node = Node::new(format!("base:{name}"), Kind::Base, name);
                    node.faded = !needed.contains(&stage);
                    let at = graph.node(node);
                    if let Some(node) = graph.nodes.get_mut(at) {
                        node.faded &= !needed.contains(&stage);
                    }
                    at
                }
            };
            let user = used.step.and_then(|step| steps.get(step)).copied().unwrap_or(*head);
            merged.entry((source, user, used.relation)).or_default().push(&used.what);
        }
        for ((source, user, relation), what) in merged {
            let label = match (relation, what.as_slice()) {
                (Relation::From, _) => String::new(),
                (_, [one]) => (*one).to_owned(),
                (_, many) => format!("{} × {}", many.len(), if relation == Relation::Copy { "COPY" } else { "mount" }),
            };
            graph.edge(source, user, relation, label);
        }
    }
    graph.description = describe(&program, target, &needed);
    graph
}

/// [`from_dockerfile`], refusing a target that does not exist: what a command line wants.
///
/// # Errors
/// [`Error::NoTarget`].
pub fn strict(text: &str, options: &DockerfileOptions) -> Result<Graph, Error> {
    let program = program(&dockerfile::parse(text));
    match &options.target {
        Some(name) if find(&program, name).is_none() => Err(Error::NoTarget(name.clone())),
        _ => Ok(from_dockerfile(text, options)),
    }
}

#[derive(Debug)]
enum Source {
    Stage(usize),
    Image(String),
}

#[derive(Debug)]
struct Use {
    source: Source,
    relation: Relation,
    /// The instruction; none for `FROM`.
    step: Option<usize>,
    what: String,
}

/// What each `FROM` names, with variables filled in as far as they have values.
fn bases(program: &Program, lexer: Lexer, build_args: &BTreeMap<String, String>) -> Vec<String> {
    let mut env: BTreeMap<String, String> = crate::order::map(
        [
            ("BUILDPLATFORM", "linux/amd64"),
            ("BUILDOS", "linux"),
            ("BUILDARCH", "amd64"),
            ("TARGETPLATFORM", "linux/amd64"),
            ("TARGETOS", "linux"),
            ("TARGETARCH", "amd64"),
            ("TARGETSTAGE", "default"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    for pair in program.meta_args.iter().flat_map(|arg| &arg.pairs) {
        let given = build_args.get(&pair.name.text).cloned();
        let default = || pair.value.as_ref().and_then(|v| Some(lexer.word(&v.text, &env).ok()?.text));
        if let Some(value) = given.or_else(default) {
            env.insert(pair.name.text.clone(), value);
        }
    }
    let expand = |stage: &Stage| lexer.word(&stage.base.text, &env).map(|e| e.text).ok().filter(|t| !t.is_empty());
    program.stages.iter().map(|stage| expand(stage).unwrap_or_else(|| stage.base.text.clone())).collect()
}

fn uses(program: &Program, at: usize, stage: &Stage, bases: &[String]) -> Vec<Use> {
    let base = bases.get(at).map_or("", String::as_str);
    let earlier = program.stages.iter().take(at).rposition(|s| !s.name().is_empty() && s.name() == base);
    let source = earlier.map_or_else(|| Source::Image(base.to_owned()), Source::Stage);
    let mut out = vec![Use { source, relation: Relation::From, step: None, what: String::new() }];
    for (step, instruction) in stage.commands.iter().enumerate() {
        let mut add = |from: &str, relation, what: String| {
            if !from.is_empty() {
                let source = find(program, from).map_or_else(|| Source::Image(from.to_owned()), Source::Stage);
                out.push(Use { source, relation, step: Some(step), what });
            }
        };
        match &instruction.command {
            Command::Copy(copy) => {
                let paths: Vec<&str> = copy.files.paths.iter().map(|p| p.text.as_str()).collect();
                let what = format!("COPY {}", paths.join(" "));
                add(copy.from.as_ref().map_or("", |from| &from.text), Relation::Copy, what);
            }
            Command::Run(run) => {
                for mount in &run.mounts {
                    add(&mount.from, Relation::Mount, "mount".to_owned());
                }
            }
            _ => {}
        }
    }
    out
}

/// A stage by name, in any case, or by number.
fn find(program: &Program, name: &str) -> Option<usize> {
    match name.parse::<usize>() {
        Ok(at) => (at < program.stages.len()).then_some(at),
        Err(_) => {
            let name = crate::golang::case::lower(name);
            program.stages.iter().rposition(|s| !s.name().is_empty() && s.name() == name)
        }
    }
}

fn target(program: &Program, options: &DockerfileOptions, graph: &mut Graph) -> Option<usize> {
    let last = program.stages.len().checked_sub(1)?;
    let Some(name) = &options.target else { return Some(last) };
    let found = find(program, name);
    if found.is_none() {
        graph.warnings.push(Error::NoTarget(name.clone()).to_string());
    }
    Some(found.unwrap_or(last))
}

fn needed(uses: &[Vec<Use>], target: Option<usize>) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut stack: Vec<usize> = target.into_iter().collect();
    while let Some(stage) = stack.pop() {
        if needed.insert(stage) {
            let used = uses.get(stage).into_iter().flatten();
            stack.extend(used.filter_map(|u| if let Source::Stage(at) = u.source { Some(at) } else { None }));
        }
    }
    needed
}

fn describe(program: &Program, target: Option<usize>, needed: &BTreeSet<usize>) -> String {
    let name = |at: usize| match program.stages.get(at).map(Stage::name) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("stage {at}"),
    };
    let Some(target) = target else { return "A Dockerfile without stages.".to_owned() };
    let unneeded: Vec<String> = (0..program.stages.len()).filter(|at| !needed.contains(at)).map(name).collect();
    let count = program.stages.len();
    let mut out = format!("{count} build stage{}; {} is built", if count == 1 { "" } else { "s" }, name(target));
    if unneeded.is_empty() {
        out.push('.');
    } else {
        out.push_str(&format!("; not needed for it: {}.", unneeded.join(", ")));
    }
    out
}
