//! Colours: what each piece of the text is, for an editor to paint.

use std::ops::Range;

use super::model::Model;
use crate::dockerfile::Node;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// An instruction's name, `AS`, `CMD` and `NONE` of a health check.
    Keyword,
    /// `# syntax=…` and its kin.
    Directive,
    /// A comment.
    Comment,
    /// A `--flag` up to its `=`, or an option of a mount.
    Flag,
    /// A word or quoted text.
    String,
    /// Digits: ports, durations, user numbers.
    Number,
    /// `$name`, `${name`.
    Variable,
    /// The name that `ARG`, `ENV` or `LABEL` sets.
    Property,
    /// A stage's name.
    Stage,
    /// Signs: `=`, brackets, commas, `&&`, the escape at a line's end.
    Operator,
    /// `<<EOF`, and `EOF`.
    HeredocDelimiter,
    /// A here-document's content.
    Heredoc,
}

/// A piece of text on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its bytes.
    pub span: Range<usize>,
    /// What it is.
    pub kind: TokenKind,
}

/// All pieces in order. None holds a line end or overlaps another; what has no colour, such as the space between words, is in none.
pub fn tokens(text: &str) -> Vec<Token> {
    let model = Model::new(text);
    let mut painter = Painter { text, escape: model.file.escape, bytes: vec![0; text.len()], kinds: Vec::new() };
    for node in &model.file.nodes {
        painter.node(node);
    }
    for stage in model.stages.iter().filter_map(|stage| stage.name.as_ref()) {
        painter.paint(stage.span.clone(), TokenKind::Stage);
    }
    for used in model.stage_uses.iter().filter(|used| used.stage.is_some()) {
        painter.paint(used.word.span.clone(), TokenKind::Stage);
    }
    for variable in &model.variables {
        painter.paint(variable.name.span.clone(), TokenKind::Property);
    }
    for used in &model.uses {
        painter.paint(used.span.clone(), TokenKind::Variable);
    }
    painter.lines(&model);
    painter.finish()
}

/// Bytes with the number of the token that covers them; a later one covers earlier ones.
struct Painter<'a> {
    text: &'a str,
    escape: char,
    bytes: Vec<usize>,
    kinds: Vec<TokenKind>,
}

impl Painter<'_> {
    fn paint(&mut self, span: Range<usize>, kind: TokenKind) {
        self.kinds.push(kind);
        let number = self.kinds.len();
        self.bytes[span].fill(number);
    }

    fn node(&mut self, node: &Node) {
        self.paint(node.name.span.clone(), TokenKind::Keyword);
        for flag in &node.flags {
            self.flag(flag.span.clone());
        }
        if let Some(child) = &node.child {
            return self.node(child);
        }
        let name = node.name.text.to_ascii_lowercase();
        if node.json {
            self.signs(node.args.first().zip(node.args.last()).map(|(a, z)| a.span.start..z.span.end), node);
        }
        let pairs = matches!(name.as_str(), "env" | "label");
        for (index, word) in node.args.iter().enumerate() {
            let keyword = match name.as_str() {
                "from" => index == 1 && word.text.eq_ignore_ascii_case("as"),
                "healthcheck" => index == 0,
                _ => false,
            };
            let kind = match name.as_str() {
                _ if keyword => TokenKind::Keyword,
                _ if pairs && index % 3 == 0 => TokenKind::Property,
                _ if pairs && index % 3 == 2 => TokenKind::Operator,
                "expose" | "user" | "stopsignal" if word.text.starts_with(|c: char| c.is_ascii_digit()) => {
                    TokenKind::Number
                }
                _ => TokenKind::String,
            };
            let command =
                matches!(name.as_str(), "run" | "cmd" | "entrypoint" | "healthcheck") && !node.json && !keyword;
            if command {
                self.command(word.span.clone());
            } else {
                self.paint(word.span.clone(), kind);
            }
            if name == "arg"
                && let Some(at) = self.text[word.span.clone()].find('=')
            {
                self.paint(word.span.start + at..word.span.start + at + 1, TokenKind::Operator);
            }
        }
        self.heredocs(node);
    }

    /// `--name=value`, and the options in a mount.
    fn flag(&mut self, span: Range<usize>) {
        let text = &self.text[span.clone()];
        let mount = text.starts_with("--mount=");
        self.paint(span.clone(), TokenKind::String);
        let mut at = span.start;
        for (number, part) in text.split_inclusive('=').enumerate() {
            let end = at + part.len() - usize::from(part.ends_with('='));
            if number == 0 {
                self.paint(at..end, TokenKind::Flag);
            } else if mount && part.ends_with('=') {
                let name = self.text[at..end].rfind(',').map_or(at, |comma| at + comma + 1);
                self.paint(name..end, TokenKind::Flag);
            }
            if part.ends_with('=') && (number == 0 || mount) {
                self.paint(end..end + 1, TokenKind::Operator);
            }
            at += part.len();
        }
    }

    /// A shell command: quoted text and the signs between commands.
    fn command(&mut self, span: Range<usize>) {
        let (text, start) = (self.text, span.start);
        let bytes = text[span.clone()].as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let length = match bytes[at] {
                b'\\' => {
                    at += 2;
                    continue;
                }
                quote @ (b'"' | b'\'') => {
                    let mut end = at + 1;
                    while end < bytes.len() && bytes[end] != quote {
                        end += if bytes[end] == b'\\' && quote == b'"' { 2 } else { 1 };
                    }
                    let end = (end + 1).min(bytes.len());
                    self.paint(start + at..start + end, TokenKind::String);
                    at = end;
                    continue;
                }
                b'&' | b'|' | b';' | b'<' | b'>' | b'(' | b')' => {
                    1 + bytes[at + 1..].iter().take_while(|b| **b == bytes[at] && !matches!(**b, b'(' | b')')).count()
                }
                b'-' if at > 0 && matches!(bytes[at - 1], b' ' | b'\t') => {
                    let length = bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
                    self.paint(start + at..start + at + length, TokenKind::Flag);
                    at += length;
                    continue;
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            self.paint(start + at..start + at + length, TokenKind::Operator);
            at += length;
        }
    }

    /// The brackets and commas of a JSON array.
    fn signs(&mut self, strings: Option<Range<usize>>, node: &Node) {
        let Some(strings) = strings else { return };
        let open = self.text[node.span.start..strings.start].rfind('[').map(|at| node.span.start + at);
        let close = self.text[strings.end..node.span.end].find(']').map(|at| strings.end + at);
        open.into_iter().chain(close).for_each(|at| self.paint(at..at + 1, TokenKind::Operator));
        let commas: Vec<usize> =
            self.text[strings.clone()].match_indices(',').map(|(at, _)| strings.start + at).collect();
        // Those inside strings are painted over by the strings.
        commas.into_iter().for_each(|at| self.paint(at..at + 1, TokenKind::Operator));
    }

    fn heredocs(&mut self, node: &Node) {
        let Some(first) = node.heredocs.first() else { return };
        let mut at = node.span.start;
        let head = first.span.start;
        for (index, heredoc) in node.heredocs.iter().enumerate() {
            self.paint(heredoc.span.clone(), TokenKind::Heredoc);
            let end = node.heredocs.get(index + 1).map_or(node.span.end, |next| next.span.start);
            self.paint(heredoc.span.end..end, TokenKind::HeredocDelimiter);
            if let Some(found) = self.text[at..head].find("<<") {
                let start = at + found;
                let rest = &self.text[start + 2..head];
                let blanks = rest.len() - rest.trim_start_matches(['-', ' ', '\t']).len();
                let quote = rest[blanks..].chars().next().filter(|c| matches!(c, '"' | '\''));
                let length = match quote {
                    Some(quote) => rest[blanks + 1..].find(quote).map_or(rest.len() - blanks, |at| at + 2),
                    None => rest[blanks..].find(char::is_whitespace).unwrap_or(rest.len() - blanks),
                };
                at = start + 2 + blanks + length;
                self.paint(start..at, TokenKind::HeredocDelimiter);
            }
        }
    }

    /// What belongs to lines: comments, directives, escapes at line ends. Here-documents have none.
    fn lines(&mut self, model: &Model<'_>) {
        let mut heredocs = model.file.nodes.iter().flat_map(|node| &node.heredocs).peekable();
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            while heredocs.next_if(|heredoc| heredoc.span.end <= start).is_some() {}
            if heredocs.peek().is_some_and(|heredoc| heredoc.span.start <= start) {
                continue;
            }
            let body = line.trim_start_matches('\u{feff}').trim_start();
            let begin = start + line.len() - body.len();
            let body = body.trim_end();
            if body.starts_with('#') {
                let directive = model.file.directives.iter().any(|directive| directive.span.start == begin);
                let kind = if directive { TokenKind::Directive } else { TokenKind::Comment };
                self.paint(begin..begin + body.len(), kind);
                continue;
            }
            let escape = body.len().saturating_sub(self.escape.len_utf8());
            if body.ends_with(self.escape) && !body[..escape].ends_with(self.escape) {
                let ends_node = model.file.nodes.iter().any(|node| node.span.end == begin + body.len());
                if !ends_node {
                    self.paint(begin + escape..begin + body.len(), TokenKind::Operator);
                }
            }
        }
    }

    fn finish(self) -> Vec<Token> {
        let mut out: Vec<Token> = Vec::new();
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            let (start, end) = (at, at + line.len());
            at = end;
            let content = start + line.trim_end_matches(['\r', '\n']).len();
            let mut from = start;
            while from < content {
                let number = self.bytes[from];
                let length = self.bytes[from..content].iter().take_while(|other| **other == number).count();
                if number > 0 {
                    self.token(&mut out, from..from + length, self.kinds[number - 1]);
                }
                from += length;
            }
        }
        out
    }

    /// Adds a token without the blanks at its ends, except where they are content.
    fn token(&self, out: &mut Vec<Token>, span: Range<usize>, kind: TokenKind) {
        let text = &self.text[span.clone()];
        let (start, end) = if kind == TokenKind::Heredoc {
            (0, text.len())
        } else {
            (text.len() - text.trim_start().len(), text.trim_end().len())
        };
        if start < end {
            out.push(Token { span: span.start + start..span.start + end, kind });
        }
    }
}
