//! The parser: physical lines to instructions, instructions to words (`parser/parser.go`, `parser/line_parsers.go`).
//! It goes on after a fault; what BuildKit would have said is the first error.

use std::ops::Range;

use super::directive::{Directive, Watcher};
use super::flags::{is_space, split_command};
use super::json::{Json, parse_array};
use super::line::Line;
use super::words::{parse_words, split_blanks, split_first};
use super::{Dockerfile, Error, ErrorKind, Heredoc, MAX_LINE, Node, Warning, Word, heredoc};

/// How deep `ONBUILD ONBUILD …` is followed.
const MAX_ONBUILD: usize = 100;

/// Parses a Dockerfile. Never fails: faults are in [`Dockerfile::errors`].
pub fn parse(text: &str) -> Dockerfile {
    let mut parser = Parser {
        source: Source { text, at: 0, number: 0, too_long: None },
        watcher: Watcher::default(),
        comments: Vec::new(),
        out: Dockerfile { escape: '\\', ..Dockerfile::default() },
    };
    parser.run();
    parser.out
}

/// Physical lines with their ends.
struct Source<'a> {
    text: &'a str,
    at: usize,
    /// Lines given so far.
    number: usize,
    /// Where a line was too long; nothing is read beyond.
    too_long: Option<Range<usize>>,
}

impl<'a> Source<'a> {
    /// The next line and where it begins.
    fn next(&mut self) -> Option<(&'a str, usize)> {
        let rest = &self.text[self.at..];
        if rest.is_empty() || self.too_long.is_some() {
            return None;
        }
        let size = rest.find('\n').map(|end| end + 1);
        let (size, limit) = size.map_or((rest.len(), MAX_LINE - 1), |size| (size, MAX_LINE));
        if size > limit {
            self.too_long = Some(self.at..self.at + size);
            return None;
        }
        let start = self.at;
        self.at += size;
        self.number += 1;
        Some((&rest[..size], start))
    }
}

struct Parser<'a> {
    source: Source<'a>,
    watcher: Watcher,
    comments: Vec<String>,
    out: Dockerfile,
}

impl Parser<'_> {
    fn run(&mut self) {
        while let Some((raw, start)) = self.source.next() {
            self.line(raw, start);
        }
        let end = self.source.text.len();
        let number = self.source.number;
        if self.out.nodes.is_empty() && self.out.errors.is_empty() {
            self.error(ErrorKind::Empty, (number, number), 0..end);
        } else if let Some(span) = self.source.too_long.clone() {
            self.error(ErrorKind::LineTooLong, (number, number), span);
        }
    }

    fn error(&mut self, kind: ErrorKind, lines: (usize, usize), span: Range<usize>) {
        self.out.errors.push(Error { kind, lines, span });
    }

    /// A line on which an instruction may begin, and all that belongs to it.
    fn line(&mut self, raw: &str, start: usize) {
        let raw_start =
            if self.source.number == 1 && raw.starts_with('\u{feff}') { start + '\u{feff}'.len_utf8() } else { start };
        let raw = &raw[raw_start - start..];
        let before = self.source.number - 1;
        let trimmed = trim_newline(raw);
        let text = trimmed.trim_start();
        let text_start = raw_start + (trimmed.len() - text.len());
        let is_comment = text.starts_with('#');
        if is_comment {
            self.comment(raw);
        }
        match self.watcher.line(text) {
            Ok(None) => {}
            Ok(Some((name, value))) => {
                self.comments.pop();
                match (name.as_str(), value.as_str()) {
                    ("escape", "\\") => self.out.escape = '\\',
                    ("escape", "`") => self.out.escape = '`',
                    ("escape", _) => self.error(
                        ErrorKind::EscapeToken(value.clone()),
                        (before, before),
                        text_start..text_start + text.len(),
                    ),
                    _ => {}
                }
                self.out.directives.push(Directive {
                    name,
                    value,
                    line: before + 1,
                    span: text_start..text_start + text.len(),
                });
            }
            Err(kind) => self.error(kind, (before, before), text_start..text_start + text.len()),
        }
        if is_comment {
            return;
        }
        let first_line = self.source.number;
        let mut line = Line::default();
        let (piece, mut complete) = trim_continuation(text, self.out.escape);
        if complete && piece.is_empty() {
            return;
        }
        line.push(piece, text_start);
        let mut end = text_start + text.len();
        let mut has_empty = false;
        while !complete {
            let Some((raw, start)) = self.source.next() else {
                break;
            };
            let piece = trim_newline(raw);
            // The directives are over once an instruction has begun.
            if piece.trim_start().starts_with('#') {
                continue;
            }
            if piece.trim_start().is_empty() {
                has_empty = true;
                continue;
            }
            let (piece, is_complete) = trim_continuation(piece, self.out.escape);
            complete = is_complete;
            line.push(piece, start);
            end = start + trim_newline(raw).len();
        }
        if has_empty {
            let message = format!("Empty continuation line found in: {}", line.text);
            self.out.warnings.push(Warning { message, line: self.source.number });
        }
        self.instruction(&line, first_line, text_start..end);
    }

    fn comment(&mut self, raw: &str) {
        // As in BuildKit, a comment that is indented keeps its `#`.
        let comment = raw
            .strip_prefix('#')
            .unwrap_or_else(|| raw.get(raw.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default())
            .trim();
        if comment.is_empty() {
            self.comments.clear();
        } else {
            self.comments.push(comment.to_owned());
        }
    }

    fn instruction(&mut self, line: &Line, first: usize, span: Range<usize>) {
        let comments = std::mem::take(&mut self.comments);
        let node = Cutter { line, escape: self.out.escape }.node(0..line.text.len(), 0);
        let mut node = match node {
            Ok(node) => node,
            Err(kind) => return self.error(kind, (first, self.source.number), span),
        };
        node.comments = comments;
        node.span = span;
        if node.can_contain_heredoc() && line.text.contains("<<") {
            match heredoc::in_line(&line.text) {
                Ok(heredocs) => {
                    for heredoc in heredocs {
                        if !self.heredoc(&mut node, heredoc) {
                            let lines = (first, self.source.number);
                            self.error(ErrorKind::UnterminatedHeredoc, lines, node.span.clone());
                            return;
                        }
                    }
                }
                Err(error) => {
                    return self.error(error.into(), (first, self.source.number), node.span);
                }
            }
        }
        node.lines = (first, self.source.number);
        self.out.nodes.push(node);
    }

    /// Reads the content of a here-document; says whether its end was found.
    fn heredoc(&mut self, node: &mut Node, mut heredoc: Heredoc) -> bool {
        let begin = self.source.at;
        loop {
            let content_end = self.source.at;
            let Some((raw, start)) = self.source.next() else {
                return false;
            };
            let line = trim_newline(raw);
            let line = if heredoc.chomp { line.trim_start_matches('\t') } else { line };
            if line == heredoc.name {
                heredoc.content = self.source.text[begin..content_end].to_owned();
                heredoc.span = begin..content_end;
                node.span.end = start + trim_newline(raw).len();
                node.heredocs.push(heredoc);
                return true;
            }
        }
    }
}

impl Node {
    fn can_contain_heredoc(&self) -> bool {
        let node = match &self.child {
            Some(child) if self.name.text.eq_ignore_ascii_case("onbuild") => child,
            _ => self,
        };
        ["add", "copy", "run"].iter().any(|name| node.name.text.eq_ignore_ascii_case(name)) && !node.json
    }
}

fn trim_newline(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

/// Takes off an escape at the end of the line; says whether the instruction is complete with this line.
fn trim_continuation(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(rest) if !rest.ends_with(escape) => (rest, false),
        _ => (line, true),
    }
}

/// Cuts one logical line.
struct Cutter<'a> {
    line: &'a Line,
    escape: char,
}

impl Cutter<'_> {
    fn text(&self, range: Range<usize>) -> &str {
        &self.line.text[range]
    }

    fn word(&self, range: Range<usize>) -> Word {
        Word { text: self.text(range.clone()).to_owned(), span: self.line.source(range) }
    }

    fn node(&self, range: Range<usize>, depth: usize) -> Result<Node, ErrorKind> {
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
