//! The parser: physical lines to instructions, instructions to words (`parser/parser.go`, `parser/line_parsers.go`).
//! It goes on after a fault; what BuildKit would have said is the first error.

mod cut;

use std::ops::Range;

use super::directive::{Directive, Watcher};
use super::line::Line;
use super::{Dockerfile, Error, ErrorKind, Heredoc, MAX_LINE, Node, Warning, heredoc};
use cut::Cutter;

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
