//! One logical line cut into an instruction, its flags and its arguments.

use std::ops::Range;

use super::super::flags::{is_space, split_command};
use super::super::json::{Json, parse_array};
use super::super::line::Line;
use super::super::words::{parse_words, split_blanks, split_first};
use super::super::{ErrorKind, Node, Word};
use super::MAX_ONBUILD;

/// Cuts one logical line.
pub(super) struct Cutter<'a> {
    pub(super) line: &'a Line,
    pub(super) escape: char,
}

impl Cutter<'_> {
    fn text(&self, range: Range<usize>) -> &str {
        &self.line.text[range]
    }

    fn word(&self, range: Range<usize>) -> Word {
        Word { text: self.text(range.clone()).to_owned(), span: self.line.source(range) }
    }

    pub(super) fn node(&self, range: Range<usize>, depth: usize) -> Result<Node, ErrorKind> {
        if depth > MAX_ONBUILD {
            return Err(ErrorKind::TooDeep);
        }
        let offset = range.start;
        let original = self.text(range.clone()).to_owned();
        let command = split_command(&original, self.escape);
        let shift = |range: Range<usize>| range.start + offset..range.end + offset;
        let args = shift(command.args);
        let mut node = Node {
            name: self.word(shift(command.name)),
            flags: command
                .flags
                .into_iter()
                .map(|(text, range)| Word { text, span: self.line.source(shift(range)) })
                .collect(),
            span: self.line.source(range),
            ..Node::default()
        };
        match crate::golang::case::lower(&node.name.text).as_str() {
            "add" | "copy" | "volume" => {
                if !self.json(&mut node, args.clone())? {
                    node.args = self.blanks(args);
                }
            }
            "cmd" | "entrypoint" | "run" | "shell" => self.maybe_json(&mut node, args)?,
            "expose" | "from" => node.args = self.blanks(args),
            "arg" => {
                let words = parse_words(self.text(args.clone()), self.escape);
                node.args =
                    words.into_iter().map(|word| self.word(word.start + args.start..word.end + args.start)).collect();
            }
            "env" => node.args = self.pairs(args, "ENV")?,
            "label" => node.args = self.pairs(args, "LABEL")?,
            "maintainer" | "stopsignal" | "user" | "workdir" => node.args = self.rest(args),
            "healthcheck" => self.healthcheck(&mut node, args)?,
            "onbuild" => {
                if !args.is_empty() {
                    node.child = Some(Box::new(self.node(args, depth + 1)?));
                }
            }
            // What is no instruction has one empty argument.
            _ => node.args = vec![self.word(args.start..args.start)],
        }
        node.original = original;
        Ok(node)
    }

    fn rest(&self, args: Range<usize>) -> Vec<Word> {
        if args.is_empty() { Vec::new() } else { vec![self.word(args)] }
    }

    fn blanks(&self, args: Range<usize>) -> Vec<Word> {
        if args.is_empty() {
            return Vec::new();
        }
        split_blanks(self.text(args.clone()), args.start).into_iter().map(|range| self.word(range)).collect()
    }

    /// Reads the JSON form; says whether it was one.
    fn json(&self, node: &mut Node, args: Range<usize>) -> Result<bool, ErrorKind> {
        match parse_array(self.text(args.clone())) {
            Json::Strings(strings) => {
                node.json = true;
                node.args.extend(strings.into_iter().map(|(text, range)| Word {
                    text,
                    span: self.line.source(range.start + args.start..range.end + args.start),
                }));
                Ok(true)
            }
            Json::Mixed => Err(ErrorKind::NotStrings),
            Json::No => Ok(false),
        }
    }

    fn maybe_json(&self, node: &mut Node, args: Range<usize>) -> Result<(), ErrorKind> {
        if !args.is_empty() && !self.json(node, args.clone())? {
            node.args.push(self.word(args));
        }
        Ok(())
    }

    /// `name=value …`, or `name value` in the old form.
    fn pairs(&self, args: Range<usize>, instruction: &'static str) -> Result<Vec<Word>, ErrorKind> {
        let text = self.text(args.clone());
        let words = parse_words(text, self.escape);
        let Some(first) = words.first() else {
            return Ok(Vec::new());
        };
        let at = |start: usize, end: usize| self.word(args.start + start..args.start + end);
        if !text[first.clone()].contains('=') {
            let (name, Some(value)) = split_first(text) else {
                return Err(ErrorKind::TwoArguments(instruction));
            };
            return Ok(vec![at(0, name.len()), at(text.len() - value.len(), text.len()), at(text.len(), text.len())]);
        }
        let mut out = Vec::with_capacity(words.len() * 3);
        for word in words {
            let Some(equals) = text[word.clone()].find('=').map(|at| word.start + at) else {
                return Err(ErrorKind::NoEquals(text[word].to_owned()));
            };
            out.extend([at(word.start, equals), at(equals + 1, word.end), at(equals, equals + 1)]);
        }
        Ok(out)
    }

    fn healthcheck(&self, node: &mut Node, args: Range<usize>) -> Result<(), ErrorKind> {
        // BuildKit looks at single bytes here; places are rounded to whole characters.
        let text = self.text(args.clone());
        let bytes = text.as_bytes();
        let kind = bytes.iter().position(|b| is_space(*b)).unwrap_or(bytes.len());
        if kind == 0 {
            return Ok(());
        }
        let spaces = bytes[kind..].iter().take_while(|b| is_space(**b)).count();
        let whole = |at: usize| (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let span = self.line.source(args.start..args.start + whole(kind));
        node.args.push(Word { text: String::from_utf8_lossy(&bytes[..kind]).into_owned(), span });
        self.maybe_json(node, args.start + whole(kind + spaces)..args.end)
    }
}
