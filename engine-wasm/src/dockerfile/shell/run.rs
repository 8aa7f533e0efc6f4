//! Going through a word: quotes, escapes and what stands outside of them.

mod substitute;

use std::collections::BTreeSet;

use super::{Env, Error, Lexer, MAX_EXPANSION, MAX_NESTING, MAX_STEPS};

/// A word on the way through.
pub(super) struct Run<'a> {
    lexer: &'a Lexer,
    source: &'a str,
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    env: &'a dyn Env,
    raw_escapes: bool,
    /// The word being gathered. BuildKit has one such buffer for nested words too, which start by emptying it; results depend on that.
    buffer: String,
    depth: usize,
    steps: usize,
    pub(super) matched: BTreeSet<String>,
    pub(super) unmatched: BTreeSet<String>,
}

/// Words gathered at one level.
#[derive(Default)]
struct Words {
    done: Vec<String>,
    in_word: bool,
}

impl Words {
    fn add(&mut self, buffer: &mut String, c: char) {
        if !c.is_whitespace() {
            self.add_raw(buffer, c);
        } else if self.in_word && !buffer.is_empty() {
            self.done.push(std::mem::take(buffer));
            self.in_word = false;
        }
    }

    fn add_raw(&mut self, buffer: &mut String, c: char) {
        buffer.push(c);
        self.in_word = true;
    }

    fn finish(mut self, buffer: &mut String) -> Vec<String> {
        if !buffer.is_empty() {
            self.done.push(std::mem::take(buffer));
        }
        self.done
    }
}

type Result<T, E = String> = std::result::Result<T, E>;

fn too_long() -> String {
    format!("the word comes to more than {MAX_EXPANSION} bytes")
}

fn append(result: &mut String, piece: &str) -> Result<()> {
    if result.len() + piece.len() > MAX_EXPANSION {
        return Err(too_long());
    }
    result.push_str(piece);
    Ok(())
}

impl<'a> Run<'a> {
    pub(super) fn new(lexer: &'a Lexer, source: &'a str, env: &'a dyn Env) -> Self {
        Self {
            lexer,
            source,
            chars: source.chars().peekable(),
            env,
            raw_escapes: lexer.raw_escapes,
            buffer: String::new(),
            depth: 0,
            steps: 0,
            matched: BTreeSet::new(),
            unmatched: BTreeSet::new(),
        }
    }

    pub(super) fn whole(&mut self) -> Result<(String, Vec<String>), Error> {
        self.until(None, self.lexer.raw_escapes).map_err(|message| Error { word: self.source.to_owned(), message })
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    /// Reads up to `stop`, or to the end.
    fn until(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<(String, Vec<String>)> {
        if self.depth >= MAX_NESTING {
            return Err("substitutions are nested too deeply".to_owned());
        }
        self.depth += 1;
        let before = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let result = self.until_inner(stop);
        self.raw_escapes = before;
        self.depth -= 1;
        result
    }

    /// Takes a pattern's cost from what is left.
    fn spend(&mut self, pattern: &str, text: &str) -> Result<()> {
        self.steps = self.steps.saturating_add((pattern.len() + 1).saturating_mul(text.len() + 1));
        if self.steps > MAX_STEPS { Err("the patterns take too many steps".to_owned()) } else { Ok(()) }
    }

    fn until_inner(&mut self, stop: Option<char>) -> Result<(String, Vec<String>)> {
        let mut result = String::new();
        let mut words = Words::default();
        self.buffer.clear();
        while let Some(c) = self.peek() {
            if Some(c) == stop {
                self.chars.next();
                return Ok((result, words.finish(&mut self.buffer)));
            }
            let quotes = !self.lexer.skip_process_quotes;
            let piece = match c {
                '$' => {
                    let value = self.dollar()?;
                    for c in value.chars() {
                        words.add(&mut self.buffer, c);
                    }
                    append(&mut result, &value)?;
                    continue;
                }
                '<' => self.possible_heredoc(),
                '\'' if quotes => self.single_quote()?,
                '"' if quotes => self.double_quote()?,
                c => {
                    self.chars.next();
                    if c != self.lexer.escape {
                        words.add(&mut self.buffer, c);
                        result.push(c);
                        continue;
                    }
                    if self.raw_escapes {
                        words.add_raw(&mut self.buffer, c);
                        result.push(c);
                    }
                    let Some(c) = self.chars.next() else { break };
                    words.add_raw(&mut self.buffer, c);
                    result.push(c);
                    continue;
                }
            };
            self.buffer.push_str(&piece);
            words.in_word = true;
            append(&mut result, &piece)?;
        }
        match stop {
            Some(stop) => Err(format!("unexpected end of statement while looking for matching {stop}")),
            None => Ok((result, words.finish(&mut self.buffer))),
        }
    }

    fn possible_heredoc(&mut self) -> String {
        self.chars.next();
        if self.chars.next_if_eq(&'<').is_none() {
            return "<".to_owned();
        }
        let mut result = "<<".to_owned();
        while let Some(c) = self.chars.next_if(|c| matches!(c, '\t' | '\r' | ' ')) {
            result.push(c);
        }
        result
    }

    fn single_quote(&mut self) -> Result<String> {
        let mut result = String::new();
        self.chars.next();
        if self.lexer.raw_quotes {
            result.push('\'');
        }
        for c in self.chars.by_ref() {
            if c == '\'' {
                if self.lexer.raw_quotes {
                    result.push(c);
                }
                return Ok(result);
            }
            result.push(c);
        }
        Err("unexpected end of statement while looking for matching single-quote".to_owned())
    }

    fn double_quote(&mut self) -> Result<String> {
        let mut result = String::new();
        self.chars.next();
        if self.lexer.raw_quotes {
            result.push('"');
        }
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.chars.next();
                    if self.lexer.raw_quotes {
                        result.push(c);
                    }
                    return Ok(result);
                }
                '$' => {
                    let value = self.dollar()?;
                    append(&mut result, &value)?;
                }
                c => {
                    self.chars.next();
                    if c != self.lexer.escape {
                        result.push(c);
                        continue;
                    }
                    if self.raw_escapes {
                        result.push(c);
                    }
                    match self.peek() {
                        None => {}
                        Some(next) if next == '"' || next == '$' || next == self.lexer.escape => {
                            self.chars.next();
                            result.push(next);
                        }
                        Some(_) => result.push(c),
                    }
                }
            }
        }
        Err("unexpected end of statement while looking for matching double-quote".to_owned())
    }
}
