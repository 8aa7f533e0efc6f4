//! The names in a Dockerfile: stages and variables, where they are defined and where they are used.

use std::ops::Range;

use super::variables::{Quoting, find};
use crate::dockerfile::{Dockerfile, Node, Word, heredoc, parse};

/// A file with its names.
pub(super) struct Model<'a> {
    pub(super) text: &'a str,
    pub(super) file: Dockerfile,
    pub(super) stages: Vec<Stage>,
    pub(super) variables: Vec<Variable>,
    pub(super) uses: Vec<Use>,
    pub(super) stage_uses: Vec<StageUse>,
}

/// A build stage.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) base: Option<Word>,
    pub(super) name: Option<Word>,
    /// The stage that it is built on.
    pub(super) parent: Option<usize>,
    /// Its instructions, `FROM` first.
    pub(super) nodes: Range<usize>,
    /// Bytes from `FROM` to the end of its last instruction.
    pub(super) span: Range<usize>,
}

/// `ARG name` or `ENV name=value`.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: Word,
    pub(super) value: Option<Word>,
    pub(super) env: bool,
    /// `None` before the first `FROM`.
    pub(super) stage: Option<usize>,
    pub(super) node: usize,
}

/// `$name` in an instruction.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub(super) name: Range<usize>,
    pub(super) span: Range<usize>,
    /// `None` where only what stands before the first `FROM` counts: there, and in `FROM` itself.
    pub(super) stage: Option<usize>,
    pub(super) node: usize,
}

/// A stage named: in `FROM`, `COPY --from`, `RUN --mount=from=`.
#[derive(Debug, Clone)]
pub(super) struct StageUse {
    /// The name or number.
    pub(super) word: Word,
    /// The stage meant, if it is one of this file.
    pub(super) stage: Option<usize>,
}

impl<'a> Model<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let file = parse(text);
        let mut model = Self {
            text,
            file: Dockerfile::default(),
            stages: Vec::new(),
            variables: Vec::new(),
            uses: Vec::new(),
            stage_uses: Vec::new(),
        };
        for (index, node) in file.nodes.iter().enumerate() {
            if node.is("from") {
                model.stage(node, index);
            } else if let Some(stage) = model.stages.last_mut() {
                stage.nodes.end = index + 1;
                stage.span.end = node.span.end;
            }
            let stage = model.stages.len().checked_sub(1);
            model.names(node, index, stage, file.escape);
        }
        // A stage may be copied from before it is written.
        for node in &file.nodes {
            model.stages_used(node);
        }
        model.file = file;
        crate::order::sort_by_key(&mut model.uses, |found| found.name.start);
        crate::order::sort_by_key(&mut model.stage_uses, |found| found.word.span.start);
        model
    }

    fn stage(&mut self, node: &Node, index: usize) {
        let base = node.args.first().cloned();
        let name = match node.args.as_slice() {
            [_, keyword, name, ..] if keyword.text.eq_ignore_ascii_case("as") => Some(name.clone()),
            _ => None,
        };
        let parent = base.as_ref().and_then(|base| self.stage_named(&base.text));
        if let Some(base) = &base {
            self.stage_uses.push(StageUse { word: base.clone(), stage: parent });
        }
        self.stages.push(Stage { base, name, parent, nodes: index..index + 1, span: node.span.clone() });
    }

    /// The last stage of that name, in any case.
    pub(super) fn stage_named(&self, name: &str) -> Option<usize> {
        self.stages
            .iter()
            .rposition(|stage| stage.name.as_ref().is_some_and(|word| word.text.eq_ignore_ascii_case(name)))
    }

    fn stages_used(&mut self, node: &Node) {
        if let Some(child) = &node.child {
            return self.stages_used(child);
        }
        for word in from_flags(self.text, node) {
            let number = word.text.parse().ok().filter(|number| *number < self.stages.len());
            let stage = self.stage_named(&word.text).or(number);
            self.stage_uses.push(StageUse { word, stage });
        }
    }

    fn names(&mut self, node: &Node, index: usize, stage: Option<usize>, escape: char) {
        if let Some(child) = &node.child {
            return self.names(child, index, stage, escape);
        }
        let is_from = node.is("from");
        let mut within = |range: Range<usize>, quoting: Quoting| {
            let stage = if is_from { None } else { stage };
            let found = find(self.text, range, escape, quoting);
            self.uses.extend(found.into_iter().map(|found| Use {
                name: found.name,
                span: found.span,
                stage,
                node: index,
            }));
        };
        let quoting = if node.json { Quoting::None } else { Quoting::Words };
        node.flags.iter().for_each(|flag| within(flag.span.clone(), Quoting::Words));
        let pairs = node.is("env") || node.is("label");
        if !(node.json && node.takes_command()) {
            node.args.iter().for_each(|word| within(word.span.clone(), quoting));
        }
        // A `RUN` that is nothing but a here-document runs it as its script, whether the delimiter is quoted or not.
        let script =
            node.is("run") && node.args.first().is_some_and(|word| matches!(heredoc::parse(&word.text), Ok(Some(_))));
        for heredoc in node.heredocs.iter().filter(|heredoc| script || heredoc.expand) {
            within(heredoc.span.clone(), if script { Quoting::Words } else { Quoting::None });
        }
        if node.is("arg") {
            for word in &node.args {
                let (name, value) = match word.text.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (word.text.as_str(), None),
                };
                let at = word.span.start;
                let value =
                    value.map(|value| Word { text: value.to_owned(), span: at + name.len() + 1..word.span.end });
                let name = Word { text: name.to_owned(), span: at..at + name.len() };
                self.variable(name, value, false, stage, index);
            }
        } else if pairs && node.is("env") {
            for pair in node.args.chunks(3) {
                if let [name, value, _] = pair {
                    self.variable(name.clone(), Some(value.clone()), true, stage, index);
                }
            }
        }
    }

    fn variable(&mut self, name: Word, value: Option<Word>, env: bool, stage: Option<usize>, node: usize) {
        // A name that is broken over lines or quoted is not one that could be renamed.
        if self.text.get(name.span.clone()) == Some(name.text.as_str()) && !name.text.is_empty() {
            self.variables.push(Variable { name, value, env, stage, node });
        }
    }

    /// The stage at a place; `None` before the first.
    pub(super) fn stage_at(&self, offset: usize) -> Option<usize> {
        self.stages.iter().rposition(|stage| stage.span.start <= offset)
    }

    /// A stage and those that it is built on, nearest first.
    pub(super) fn ancestry(&self, stage: Option<usize>) -> Vec<usize> {
        std::iter::successors(stage, |stage| self.stages.get(*stage)?.parent).collect()
    }

    /// The definition that a use of `name` in an instruction of a stage means: the last before it, or one that is inherited.
    pub(super) fn resolve(&self, name: &str, stage: Option<usize>, node: usize) -> Option<&Variable> {
        let named = |variable: &&Variable| variable.name.text == name;
        match stage {
            None => self.variables.iter().rfind(|v| named(v) && v.stage.is_none() && v.node < node),
            Some(_) => self.ancestry(stage).into_iter().find_map(|ancestor| {
                let limit = if Some(ancestor) == stage { node } else { usize::MAX };
                self.variables.iter().rfind(|v| named(v) && v.stage == Some(ancestor) && v.node < limit)
            }),
        }
    }
}

impl Node {
    pub(in crate::dockerfile) fn is(&self, name: &str) -> bool {
        self.name.text.eq_ignore_ascii_case(name)
    }

    /// Whether the arguments are a command that a container runs, whose variables a shell expands, if any.
    pub(super) fn takes_command(&self) -> bool {
        ["run", "cmd", "entrypoint", "shell", "healthcheck"].iter().any(|name| self.is(name))
    }
}

/// The values of `--from=` and of `from=` in `--mount=`, where they are written in one piece.
fn from_flags(text: &str, node: &Node) -> Vec<Word> {
    let mut out = Vec::new();
    for flag in node.flags.iter().filter(|flag| text.get(flag.span.clone()) == Some(flag.text.as_str())) {
        if let Some(value) = flag.text.strip_prefix("--from=")
            && node.is("copy")
        {
            out.push(Word { text: value.to_owned(), span: flag.span.end - value.len()..flag.span.end });
        } else if let Some(options) = flag.text.strip_prefix("--mount=")
            && node.is("run")
        {
            let mut at = flag.span.end - options.len();
            for option in options.split(',') {
                if let Some(value) = option.strip_prefix("from=") {
                    out.push(Word { text: value.to_owned(), span: at + "from=".len()..at + option.len() });
                }
                at += option.len() + 1;
            }
        }
    }
    out
}
