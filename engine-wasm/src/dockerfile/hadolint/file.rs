//! A Dockerfile as the rules look at it: instructions with the scripts in them, and pragmas.

use std::ops::Range;

use super::pragma::Pragmas;
use super::script::{Script, Source};
use crate::dockerfile::shell::{Lexer, NoEnv};
use crate::dockerfile::{Dockerfile, Node, Word};

/// What the rules look at.
pub(super) struct View<'a> {
    pub(super) text: &'a str,
    /// The instructions.
    pub(super) main: Vec<Ins<'a>>,
    /// Those inside `ONBUILD`, on their own.
    pub(super) triggers: Vec<Ins<'a>>,
    pub(super) pragmas: Pragmas,
}

/// An instruction.
pub(super) struct Ins<'a> {
    /// Its name in upper case.
    pub(super) name: String,
    pub(super) node: &'a Node,
    /// First and last line, from 1.
    pub(super) lines: (usize, usize),
    /// Bytes of the instruction without its here-documents.
    pub(super) span: Range<usize>,
    /// The commands of `RUN` and `SHELL`; empty otherwise.
    pub(super) script: Script,
    escape: char,
}

impl<'a> View<'a> {
    pub(super) fn new(text: &'a str, file: &'a Dockerfile) -> Self {
        let (mut main, mut triggers) = (Vec::new(), Vec::new());
        let mut pragmas = Pragmas::default();
        for node in &file.nodes {
            let ins = Ins::new(text, node, node, file.escape);
            if ins.name == "FROM" {
                pragmas.from(node.lines.0);
            }
            if let Some(child) = &node.child {
                triggers.push(Ins::new(text, node, child, file.escape));
            }
            main.push(ins);
        }
        let mut at = 0;
        let mut nodes = file.nodes.iter().peekable();
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let start = at;
            at += line.len();
            while nodes.next_if(|node| node.lines.1 < number + 1).is_some() {}
            let inside = nodes.peek().is_some_and(|node| node.lines.0 <= number + 1);
            let body = line.trim_start_matches('\u{feff}').trim_start();
            if let Some(comment) = body.strip_prefix('#').filter(|_| !inside) {
                let begin = start + line.len() - body.len();
                pragmas.comment(
                    number + 1,
                    begin..begin + body.trim_end().len(),
                    comment.trim_end_matches(['\r', '\n']),
                );
            }
        }
        Self { text, main, triggers, pragmas }
    }
}

impl<'a> Ins<'a> {
    fn new(text: &str, outer: &Node, node: &'a Node, escape: char) -> Self {
        let name = node.name.text.to_ascii_uppercase();
        let script = match name.as_str() {
            "RUN" | "SHELL" => Script::new(source(text, outer, node, escape)),
            _ => Script::default(),
        };
        let end = outer.heredocs.first().map_or(outer.span.end, |heredoc| heredoc.span.start);
        let end = outer.span.start + text[outer.span.start..end].trim_end().len();
        Self { name, node, lines: outer.lines, span: outer.span.start..end, script, escape }
    }

    /// The value of a flag, `--from` for instance.
    pub(super) fn flag(&self, name: &str) -> Option<&'a str> {
        self.node.flags.iter().find_map(|flag| flag.text.strip_prefix(name)?.strip_prefix('='))
    }

    /// The first argument.
    pub(super) fn first(&self) -> &'a str {
        self.node.args.first().map_or("", |word| word.text.as_str())
    }

    /// `name=value` of `ENV` and `LABEL`, without quotes.
    pub(super) fn pairs(&self) -> Vec<(String, String, &'a Word)> {
        let pairs = self.node.args.chunks(3).filter_map(|pair| Some((pair.first()?, pair.get(1)?)));
        pairs.map(|(name, value)| (self.unquoted(&name.text), self.unquoted(&value.text), name)).collect()
    }

    /// The names that `ARG` declares, and their defaults.
    pub(super) fn arg_names(&self) -> Vec<&'a str> {
        self.node.args.iter().map(|word| word.text.split('=').next().unwrap_or_default()).collect()
    }

    fn unquoted(&self, text: &str) -> String {
        if !text.contains(['"', '\'', '$', self.escape]) {
            return text.to_owned();
        }
        let lexer = Lexer { skip_unset_env: true, ..Lexer::new(self.escape) };
        lexer.word(text, &NoEnv).map_or_else(|_| text.to_owned(), |word| word.text)
    }

    /// Paths of `ADD` and `COPY`: sources and destination. Here-documents are no sources.
    pub(super) fn paths(&self) -> Option<(&'a [Word], &'a Word)> {
        let (dest, sources) = self.node.args.split_last()?;
        Some((sources, dest))
    }

    pub(super) fn base(&self) -> Base<'a> {
        Base::new(self.node)
    }

    /// Whether a mount of type `cache` or `tmpfs` has this in its target.
    pub(super) fn mounts(&self, path: &str) -> bool {
        let mounts = self.node.flags.iter().filter_map(|flag| flag.text.strip_prefix("--mount="));
        mounts.into_iter().any(|mount| {
            let value = |names: &[&str]| {
                mount
                    .split(',')
                    .filter_map(|option| option.split_once('='))
                    .find(|(name, _)| names.contains(name))
                    .map(|(_, value)| value)
            };
            matches!(value(&["type"]), Some("cache" | "tmpfs"))
                && value(&["target", "dst", "destination"]).is_some_and(|target| target.contains(path))
        })
    }
}

/// The script of an instruction, with the places of its pieces.
fn source(text: &str, outer: &Node, node: &Node, escape: char) -> Source {
    let mut out = Source::default();
    if node.json {
        for (index, word) in node.args.iter().enumerate() {
            if index > 0 {
                out.push(" ", word.span.start);
            }
            out.push(&word.text, word.span.start + 1);
        }
        return out;
    }
    let Some(word) = node.args.first() else { return out };
    if let Some(heredoc) = outer.heredocs.first() {
        if word.text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with("<<") {
            out.push(&heredoc.content, heredoc.span.start);
            return out;
        }
        let mut whole = Source::default();
        pieces(&mut whole, text, word, escape);
        let end = whole.text.find("<<").unwrap_or(whole.text.len());
        out = whole;
        out.text.truncate(end);
        return out;
    }
    pieces(&mut out, text, word, escape);
    out
}

/// The lines of a word that goes over several.
fn pieces(out: &mut Source, text: &str, word: &Word, escape: char) {
    let slice = text.get(word.span.clone()).unwrap_or_default();
    let mut at = word.span.start;
    let lines = slice.split('\n').count();
    for (number, line) in slice.split('\n').enumerate() {
        let start = at;
        at += line.len() + 1;
        let body = line.trim_start();
        if number > 0 && (body.starts_with('#') || body.is_empty()) {
            continue;
        }
        let last = number + 1 == lines;
        let content = if last { line } else { line.trim_end_matches(['\r', ' ', '\t']) };
        out.push(if last { content } else { content.strip_suffix(escape).unwrap_or(content) }, start);
    }
    if out.text != word.text {
        *out = Source::default();
        out.push(&word.text, word.span.start);
    }
}

/// What `FROM` names, cut as hadolint cuts it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Base<'a> {
    pub(super) registry: Option<&'a str>,
    /// Without registry, tag and digest.
    pub(super) name: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: bool,
    pub(super) alias: Option<&'a Word>,
    pub(super) platform: Option<&'a str>,
}

impl<'a> Base<'a> {
    fn new(node: &'a Node) -> Self {
        let mut base = Self::image(node.args.first().map_or("", |word| word.text.as_str()));
        if let [_, keyword, alias, ..] = node.args.as_slice()
            && keyword.text.eq_ignore_ascii_case("as")
        {
            base.alias = Some(alias);
        }
        base.platform = node.flags.iter().find_map(|flag| flag.text.strip_prefix("--platform="));
        base
    }

    pub(super) fn image(text: &'a str) -> Self {
        let (registry, rest) = match text.split_once('/') {
            Some((domain, rest))
                if !domain.contains("${")
                    && domain.split_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()) =>
            {
                (Some(domain), rest)
            }
            _ => (None, text),
        };
        let name_end = end_of(rest, &[':', '@']);
        let (name, rest) = rest.split_at(name_end);
        let (tag, rest) = match rest.strip_prefix(':') {
            Some(rest) => {
                let end = end_of(rest, &[':', '@']);
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, rest),
        };
        Self { registry, name, tag, digest: rest.starts_with('@') && rest.len() > 1, alias: None, platform: None }
    }

    /// The name that later stages know this one by.
    pub(super) fn known_as(&self) -> &'a str {
        self.alias.map_or(self.name, |alias| &alias.text)
    }
}

/// Up to one of the marks, those in `${…}` not counting.
fn end_of(text: &str, marks: &[char]) -> usize {
    let mut depth = 0usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if depth > 0 || before == '$' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if depth == 0 && marks.contains(&c) => return at,
            _ => {}
        }
        before = c;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_cut_as_hadolint_cuts_them() {
        let cut = |text: &'static str| {
            let base = Base::image(text);
            (base.registry, base.name, base.tag, base.digest)
        };
        assert_eq!(cut("alpine"), (None, "alpine", None, false));
        assert_eq!(cut("ghcr.io:80/a/b:1@sha256:x"), (Some("ghcr.io:80"), "a/b", Some("1"), true));
        assert_eq!(cut("a/b@sha256:x"), (None, "a/b", None, true));
        assert_eq!(cut("${A:-x}:${T:-1}"), (None, "${A:-x}", Some("${T:-1}"), false));
        assert_eq!(cut("localhost:5000/a"), (None, "localhost", Some("5000/a"), false));
    }
}
