//! From a node of the syntax tree to a typed instruction (`instructions/parse.go`).

mod flagged;

use std::ops::Range;

use super::super::{Node, Word};
use super::fault::Fault;
use super::flags::{Flags, Kind, Known};
use super::go::{lower, upper};
use super::suggest::closest_in_any_case;
use super::{Arg, ArgPair, Command, CommandLine, NAMES, Onbuild, Pair, Stage};

/// An instruction: the begin of a stage, or something within one. Not kept, so that its size does not matter.
#[allow(clippy::large_enum_variant)]
pub(super) enum Read {
    Stage(Box<Stage>),
    Command(Command),
}

type Faults = Vec<(Fault, Range<usize>)>;

const NONE: Known = &[];
const FROM: Known = &[("platform", Kind::Text)];
/// Types a node. With faults, there is a result only for `FROM`.
pub(super) fn node(node: &Node, index: usize) -> (Option<Read>, Faults) {
    let mut reader = Reader { node, index, faults: Vec::new() };
    let read = if node.name.text.eq_ignore_ascii_case("from") {
        Some(Read::Stage(Box::new(reader.from())))
    } else {
        reader.command().map(Read::Command)
    };
    let faults = reader.faults;
    match read {
        Some(Read::Command(_)) if !faults.is_empty() => (None, faults),
        read => (read, faults),
    }
}

/// The rest of a comment that begins with a name.
fn comment(comments: &[String], name: &str) -> String {
    let after = |line: &String| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned);
    if name.is_empty() { String::new() } else { comments.iter().find_map(after).unwrap_or_default() }
}

struct Reader<'a> {
    node: &'a Node,
    index: usize,
    faults: Faults,
}

impl Reader<'_> {
    fn fault<T>(&mut self, fault: Fault, span: &Range<usize>) -> Option<T> {
        self.faults.push((fault, span.clone()));
        None
    }

    fn flags(&mut self, known: Known) -> Flags {
        Flags::read(&self.node.flags, known, &mut self.faults)
    }

    fn at_least_one(&mut self, name: &'static str) -> Option<()> {
        if self.node.args.is_empty() {
            return self.fault(Fault::AtLeastOne(name), &self.node.name.span);
        }
        Some(())
    }

    fn exactly_one(&mut self, name: &'static str) -> Option<Word> {
        match self.node.args.as_slice() {
            [word] => Some(word.clone()),
            _ => self.fault(Fault::ExactlyOne(name), &self.node.name.span),
        }
    }

    fn command(&mut self) -> Option<Command> {
        let node = self.node;
        Some(match lower(&node.name.text).as_str() {
            "add" => Command::Add(self.add()?),
            "arg" => Command::Arg(self.arg()?),
            "cmd" => {
                self.flags(NONE);
                Command::Cmd(self.line())
            }
            "copy" => Command::Copy(self.copy()?),
            "entrypoint" => {
                self.flags(NONE);
                Command::Entrypoint(self.line())
            }
            "env" => {
                self.flags(NONE);
                Command::Env(self.pairs("ENV")?)
            }
            "expose" => {
                self.at_least_one("EXPOSE")?;
                self.flags(NONE);
                let mut ports = node.args.clone();
                crate::order::sort_by(&mut ports, |a, b| a.text.cmp(&b.text));
                Command::Expose(ports)
            }
            "healthcheck" => Command::Healthcheck(self.healthcheck()?),
            "label" => {
                self.flags(NONE);
                Command::Label(self.pairs("LABEL")?)
            }
            "maintainer" => {
                let word = self.exactly_one("MAINTAINER")?;
                self.flags(NONE);
                Command::Maintainer(word)
            }
            "onbuild" => Command::Onbuild(self.onbuild()?),
            "run" => Command::Run(self.run()?),
            "shell" => {
                self.flags(NONE);
                if node.args.is_empty() {
                    return self.fault(Fault::AtLeastOne("SHELL"), &node.name.span);
                }
                if !node.json {
                    return self.fault(Fault::NotJson("SHELL"), &node.args[0].span);
                }
                Command::Shell(node.args.clone())
            }
            // `STOPSIGNAL` and `ARG` pass over flags without a look, as BuildKit does.
            "stopsignal" => Command::StopSignal(self.exactly_one("STOPSIGNAL")?),
            "user" => {
                let word = self.exactly_one("USER")?;
                self.flags(NONE);
                Command::User(word)
            }
            "volume" => {
                self.at_least_one("VOLUME")?;
                self.flags(NONE);
                Command::Volume(self.volumes()?)
            }
            "workdir" => {
                let word = self.exactly_one("WORKDIR")?;
                self.flags(NONE);
                Command::Workdir(word)
            }
            _ => {
                let name = node.name.text.clone();
                let suggestion = closest_in_any_case(&name, &NAMES);
                return self.fault(Fault::UnknownInstruction { name, suggestion }, &node.name.span);
            }
        })
    }

    fn from(&mut self) -> Stage {
        let node = self.node;
        let mut stage = Stage {
            base: node.args.first().cloned().unwrap_or_default(),
            original: node.original.trim().to_owned(),
            span: node.span.clone(),
            lines: node.lines,
            node: self.index,
            ..Stage::default()
        };
        match node.args.as_slice() {
            [_] => {}
            [_, keyword, name] if is_as(&keyword.text) => {
                stage.keyword = Some(keyword.clone());
                let lower = lower(&name.text);
                if is_stage_name(&lower) {
                    stage.comment = comment(&node.comments, &lower);
                    stage.name = Some(Word { text: lower, span: name.span.clone() });
                } else {
                    self.faults.push((Fault::StageName(name.text.clone()), name.span.clone()));
                }
            }
            [] => self.faults.push((Fault::FromArguments, node.name.span.clone())),
            [_, more @ ..] => {
                let span = more[0].span.start..more[more.len() - 1].span.end.max(more[0].span.start);
                self.faults.push((Fault::FromArguments, span));
            }
        }
        // An empty value is none.
        stage.platform = self.flags(FROM).text("platform").filter(|platform| !platform.text.is_empty());
        stage
    }

    fn arg(&mut self) -> Option<Arg> {
        self.at_least_one("ARG")?;
        let node = self.node;
        let mut pairs = Vec::with_capacity(node.args.len());
        for word in &node.args {
            let Some(at) = word.text.find('=') else {
                let comment = comment(&node.comments, &word.text);
                pairs.push(ArgPair { name: word.clone(), value: None, comment });
                continue;
            };
            if at == 0 {
                return self.fault(Fault::BlankName("ARG"), &word.span);
            }
            let (name, value) = (&word.text[..at], &word.text[at + 1..]);
            // A continuation may stand inside the name; then only the whole place is known.
            let exact = word.span.len() == word.text.len();
            let name_span = if exact { word.span.start..word.span.start + at } else { word.span.clone() };
            let value_span = if exact { word.span.start + at + 1..word.span.end } else { word.span.clone() };
            pairs.push(ArgPair {
                comment: comment(&node.comments, name),
                name: Word { text: name.to_owned(), span: name_span },
                value: Some(Word { text: value.to_owned(), span: value_span }),
            });
        }
        Some(Arg { pairs, span: node.span.clone(), lines: node.lines, node: self.index })
    }

    fn pairs(&mut self, name: &'static str) -> Option<Vec<Pair>> {
        self.at_least_one(name)?;
        let mut pairs = Vec::with_capacity(self.node.args.len() / 3);
        for triple in self.node.args.chunks_exact(3) {
            if triple[0].text.is_empty() {
                return self.fault(
                    Fault::BlankName(name),
                    &(triple[0].span.start..triple[1].span.end.max(triple[0].span.start)),
                );
            }
            pairs.push(Pair { name: triple[0].clone(), value: triple[1].clone(), legacy: triple[2].text.is_empty() });
        }
        Some(pairs)
    }

    fn line(&self) -> CommandLine {
        CommandLine { words: self.node.args.clone(), shell: !self.node.json, heredocs: self.node.heredocs.clone() }
    }

    fn onbuild(&mut self) -> Option<Onbuild> {
        let node = self.node;
        let Some(child) = &node.child else {
            return self.fault(Fault::AtLeastOne("ONBUILD"), &node.name.span);
        };
        self.flags(NONE);
        let trigger = upper(child.name.text.trim());
        match trigger.as_str() {
            "ONBUILD" => return self.fault(Fault::OnbuildChain, &child.name.span),
            "MAINTAINER" | "FROM" => return self.fault(Fault::OnbuildTrigger(trigger), &child.name.span),
            _ => {}
        }
        let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
        let original = node.original.trim_start_matches(is_space);
        let rest = match original.get(..7) {
            Some(name) if name.eq_ignore_ascii_case("onbuild") => original[7..].trim_start_matches(is_space),
            _ => &node.original,
        };
        let mut expression = rest.to_owned();
        for heredoc in &node.heredocs {
            expression.push('\n');
            expression.push_str(&heredoc.content);
            expression.push_str(&heredoc.name);
        }
        let mut child = (**child).clone();
        child.heredocs.clone_from(&node.heredocs);
        child.lines = node.lines;
        let trigger = match self::node(&child, self.index) {
            (Some(Read::Command(command)), _) => Some(Box::new(command)),
            _ => None,
        };
        Some(Onbuild { expression, trigger })
    }

    fn volumes(&mut self) -> Option<Vec<Word>> {
        let mut volumes = Vec::with_capacity(self.node.args.len());
        for word in &self.node.args {
            let text = word.text.trim();
            if text.is_empty() {
                return self.fault(Fault::EmptyVolume, &word.span);
            }
            volumes.push(Word { text: text.to_owned(), span: word.span.clone() });
        }
        Some(volumes)
    }
}

/// `strings.EqualFold(text, "as")`, which takes the long s too.
fn is_as(text: &str) -> bool {
    let mut chars = text.chars();
    matches!((chars.next(), chars.next(), chars.next()), (Some('a' | 'A'), Some('s' | 'S' | 'ſ'), None))
}

fn is_stage_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}
