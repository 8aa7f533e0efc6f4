//! Templates cut into tokens, as Go's `text/template/parse/lex.go` cuts them: text between actions, and inside an action words, numbers, strings and marks.
//! A fault becomes an [`Kind::Error`] token, after which nothing follows.

mod action;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl Kind {
    fn keyword(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "range" => Self::Range,
            "nil" => Self::Nil,
            "template" => Self::Template,
            "with" => Self::With,
            "true" | "false" => Self::Bool,
            _ => return None,
        })
    }

    fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Dot
                | Self::Nil
                | Self::Block
                | Self::Break
                | Self::Continue
                | Self::Define
                | Self::Else
                | Self::End
                | Self::If
                | Self::Range
                | Self::Template
                | Self::With
        )
    }
}

/// A token: its place in the template (bytes, lines from 1) and its text.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) pos: usize,
    pub(super) line: usize,
    pub(super) text: String,
}

impl std::fmt::Display for Token {
    /// As Go's messages show a token: quoted, and cut after ten characters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use crate::golang::quote::quote;
        match self.kind {
            Kind::Eof => f.write_str("EOF"),
            Kind::Error => f.write_str(&self.text),
            kind if kind.is_keyword() => write!(f, "<{}>", self.text),
            _ if self.text.len() > 10 => write!(f, "{}...", quote(self.text.chars().take(10).collect::<String>())),
            _ => f.write_str(&quote(&self.text)),
        }
    }
}

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Cuts a whole template.
pub(super) fn lex(input: &str) -> Vec<Token> {
    let mut lexer = Lexer { input, start: 0, pos: 0, line: 1, parens: 0, tokens: Vec::new() };
    if let Err(message) = lexer.text() {
        let (pos, line) = (lexer.start, lexer.line);
        lexer.tokens.push(Token { kind: Kind::Error, pos, line, text: message });
    } else {
        lexer.start = input.len();
        lexer.pos = input.len();
        lexer.emit(Kind::Eof);
    }
    lexer.tokens
}

struct Lexer<'a> {
    input: &'a str,
    /// Where the token in hand begins, and the line of that place.
    start: usize,
    pos: usize,
    line: usize,
    parens: i64,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.input[self.pos..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn emit(&mut self, kind: Kind) {
        let text = &self.input[self.start..self.pos];
        self.tokens.push(Token { kind, pos: self.start, line: self.line, text: text.to_owned() });
        self.ignore();
    }

    fn ignore(&mut self) {
        self.line += self.input[self.start..self.pos].matches('\n').count();
        self.start = self.pos;
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|c| set.contains(c));
        if found {
            self.next();
        }
        found
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    /// Whether an action ends here, and whether with a trim marker.
    fn at_right(&self) -> (bool, bool) {
        let rest = self.rest();
        if right_trim_marker(rest) && rest[2..].starts_with(RIGHT) {
            return (true, true);
        }
        (rest.starts_with(RIGHT), false)
    }

    fn text(&mut self) -> Result<(), String> {
        while let Some(found) = self.rest().find(LEFT) {
            self.pos += found;
            let trimmed = if left_trim_marker(&self.rest()[LEFT.len()..]) {
                let before = &self.input[self.start..self.pos];
                before.len() - before.trim_end_matches(SPACES).len()
            } else {
                0
            };
            self.pos -= trimmed;
            if self.pos > self.start {
                self.emit(Kind::Text);
            }
            self.pos += trimmed;
            self.ignore();
            self.left_delim()?;
        }
        self.pos = self.input.len();
        if self.pos > self.start {
            self.emit(Kind::Text);
        }
        Ok(())
    }

    fn left_delim(&mut self) -> Result<(), String> {
        let after = &self.rest()[LEFT.len()..];
        let marker = if left_trim_marker(after) { 2 } else { 0 };
        if after[marker..].starts_with("/*") {
            self.pos += LEFT.len() + marker;
            self.ignore();
            return self.comment();
        }
        self.pos += LEFT.len();
        self.emit(Kind::LeftDelim);
        self.pos += marker;
        self.ignore();
        self.parens = 0;
        self.action()
    }

    fn comment(&mut self) -> Result<(), String> {
        let end = self.rest()[2..].find("*/").ok_or("unclosed comment")?;
        self.pos += 2 + end + 2;
        let (closed, trim) = self.at_right();
        if !closed {
            return Err("comment ends before closing delimiter".into());
        }
        self.pos += if trim { 2 } else { 0 } + RIGHT.len();
        self.trim_left(trim);
        self.ignore();
        Ok(())
    }

    fn trim_left(&mut self, trim: bool) {
        if trim {
            let rest = self.rest();
            self.pos += rest.len() - rest.trim_start_matches(SPACES).len();
        }
    }
}

fn left_trim_marker(s: &str) -> bool {
    matches!(s.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

fn right_trim_marker(s: &str) -> bool {
    matches!(s.as_bytes(), [b' ' | b'\t' | b'\r' | b'\n', b'-', ..])
}
