//! Words as BuildKit's shell lexer reads them: quotes, escapes and variables with every modifier (`shell/lex.go`).
//! It expands what Dockerfile instructions expand; it runs nothing.

use std::collections::BTreeSet;

use super::pattern::{Pattern, reverse};
use crate::golang::quote::quote;

/// `${x:-${y:-…}}` may be this deep.
const MAX_NESTING: usize = 100;

/// Where variables come from.
pub trait Env {
    /// The value of a variable, `None` when it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

/// No variables.
#[derive(Debug, Clone, Copy)]
pub struct NoEnv;

impl Env for NoEnv {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

impl Env for std::collections::BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// Why a word was not read; BuildKit's text, which quotes the word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {}: {message}", quote(.word))]
pub struct Error {
    /// The whole word.
    pub word: String,
    /// What is wrong with it.
    pub message: String,
}

/// How words are read.
#[derive(Debug, Clone, Copy)]
pub struct Lexer {
    /// `\` or `` ` ``.
    pub escape: char,
    /// Quotes stay in the result.
    pub raw_quotes: bool,
    /// Escapes stay in the result.
    pub raw_escapes: bool,
    /// Quotes mean nothing.
    pub skip_process_quotes: bool,
    /// A variable that is not set stays as it is written.
    pub skip_unset_env: bool,
}

/// A word read, and the variables it named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The text.
    pub text: String,
    /// Variables that were set.
    pub matched: BTreeSet<String>,
    /// Variables that were not.
    pub unmatched: BTreeSet<String>,
}

impl Lexer {
    /// A lexer that expands everything.
    pub const fn new(escape: char) -> Self {
        Self { escape, raw_quotes: false, raw_escapes: false, skip_process_quotes: false, skip_unset_env: false }
    }

    /// Reads `text` as one word.
    ///
    /// # Errors
    /// [`Error`] for an open quote or brace, a bad modifier or pattern, or `${x:?…}` without a value.
    pub fn word(&self, text: &str, env: &dyn Env) -> Result<Expansion, Error> {
        let (result, expansion) = self.word_and_names(text, env);
        result.map(|()| expansion)
    }

    /// As [`Self::word`]; the variables met are told also when the word ends in an error, the text being empty then.
    pub fn word_and_names(&self, text: &str, env: &dyn Env) -> (Result<(), Error>, Expansion) {
        let mut run = Run::new(self, text, env);
        let (result, text) = match run.whole() {
            Ok((text, _)) => (Ok(()), text),
            Err(error) => (Err(error), String::new()),
        };
        (result, Expansion { text, matched: run.matched, unmatched: run.unmatched })
    }

    /// Reads `text` as words: unquoted space ends one, also space that came out of a variable.
    ///
    /// # Errors
    /// As [`Self::word`].
    pub fn words(&self, text: &str, env: &dyn Env) -> Result<Vec<String>, Error> {
        Ok(Run::new(self, text, env).whole()?.1)
    }
}

struct Run<'a> {
    lexer: &'a Lexer,
    source: &'a str,
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    env: &'a dyn Env,
    raw_escapes: bool,
    /// The word being gathered. BuildKit has one such buffer for nested words too, which start by emptying it; results depend on that.
    buffer: String,
    depth: usize,
    matched: BTreeSet<String>,
    unmatched: BTreeSet<String>,
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

impl<'a> Run<'a> {
    fn new(lexer: &'a Lexer, source: &'a str, env: &'a dyn Env) -> Self {
        Self {
            lexer,
            source,
            chars: source.chars().peekable(),
            env,
            raw_escapes: lexer.raw_escapes,
            buffer: String::new(),
            depth: 0,
            matched: BTreeSet::new(),
            unmatched: BTreeSet::new(),
        }
    }

    fn whole(&mut self) -> Result<(String, Vec<String>), Error> {
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
                    result.push_str(&value);
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
            result.push_str(&piece);
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
                '$' => result.push_str(&self.dollar()?),
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

    fn get(&mut self, name: &str) -> Option<String> {
        let value = self.env.get(name);
        let names = if value.is_some() { &mut self.matched } else { &mut self.unmatched };
        names.insert(name.to_owned());
        value
    }

    /// A variable, from its `$`.
    fn dollar(&mut self) -> Result<String> {
        self.chars.next();
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.get(&name) {
                None if self.lexer.skip_unset_env => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.chars.next();
        match self.peek() {
            None => return Err("syntax error: missing '}'".to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        match self.chars.next() {
            Some('}') => Ok(match self.get(&name) {
                None if self.lexer.skip_unset_env => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some(':') => {
                let modifier = self.chars.next();
                self.modified(&name, modifier, true)
            }
            Some('/') => self.replaced(&name),
            modifier @ Some('+' | '-' | '?' | '#' | '%') => self.modified(&name, modifier, false),
            modifier => Err(unsupported("", modifier)),
        }
    }

    /// `${name:-word}` and its kin; `colon` makes an empty value count as none.
    fn modified(&mut self, name: &str, modifier: Option<char>, colon: bool) -> Result<String> {
        let prefix = if colon { ":" } else { "" };
        let trims = matches!(modifier, Some('#' | '%'));
        if colon && trims {
            return Err(unsupported(prefix, modifier));
        }
        let word = match self.until(Some('}'), trims) {
            Ok((word, _)) => word,
            Err(_) if self.peek().is_none() => return Err("syntax error: missing '}'".to_owned()),
            Err(message) => return Err(message),
        };
        let value = self.get(name);
        if self.lexer.skip_unset_env && value.is_none() {
            return Ok(format!("${{{name}{prefix}{}{word}}}", modifier.unwrap_or(char::REPLACEMENT_CHARACTER)));
        }
        let present = value.as_deref().is_some_and(|value| !(colon && value.is_empty()));
        match modifier {
            Some('-') => Ok(if present { value.unwrap_or_default() } else { word }),
            Some('+') => Ok(if present { word } else { String::new() }),
            Some('?') if present => Ok(value.unwrap_or_default()),
            Some('?') => {
                let default = if value.is_none() { "is not allowed to be unset" } else { "is not allowed to be empty" };
                Err(format!("{name}: {}", if word.is_empty() { default } else { &word }))
            }
            Some(mark @ ('#' | '%')) => {
                let (pattern, greedy) = match word.strip_prefix(mark) {
                    Some(rest) => (rest, true),
                    None => (word.as_str(), false),
                };
                let value = value.unwrap_or_default();
                let compile = |pattern: &str| {
                    Pattern::new(pattern, greedy)
                        .map_err(|error| format!("invalid pattern ({pattern}) in substitution: {error}"))
                };
                if mark == '#' {
                    return Ok(compile(pattern)?.trim_prefix(&value.chars().collect::<Vec<_>>()).into_iter().collect());
                }
                let backwards: Vec<char> = value.chars().rev().collect();
                Ok(compile(&reverse(pattern))?.trim_prefix(&backwards).into_iter().rev().collect())
            }
            modifier => Err(unsupported(prefix, modifier)),
        }
    }

    /// `${name/pattern/replacement}`, and with `//` for every match.
    fn replaced(&mut self, name: &str) -> Result<String> {
        let all = self.chars.next_if_eq(&'/').is_some();
        let mut part = |stop: char, missing: &str| match self.until(Some(stop), true) {
            Ok((part, _)) => Ok(part),
            Err(_) if self.peek().is_none() => Err(missing.to_owned()),
            Err(message) => Err(message),
        };
        let pattern = part('/', "syntax error: missing '/' in ${}")?;
        let replacement = part('}', "syntax error: missing '}'")?;
        let value = self.get(name);
        if self.lexer.skip_unset_env && value.is_none() {
            return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
        }
        let compiled = Pattern::new(&pattern, true)
            .map_err(|error| format!("invalid pattern ({pattern}) in substitution: {error}"))?;
        Ok(compiled.replace(&value.unwrap_or_default(), &replacement, all))
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.peek() {
            Some(c) if c.is_numeric() => {
                while let Some(c) = self.chars.next_if(|c| c.is_numeric()) {
                    name.push(c);
                }
            }
            Some(c @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                self.chars.next();
                name.push(c);
            }
            _ => {
                while let Some(c) = self.chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
            }
        }
        name
    }
}

fn unsupported(prefix: &str, modifier: Option<char>) -> String {
    format!("unsupported modifier ({prefix}{}) in substitution", modifier.unwrap_or(char::REPLACEMENT_CHARACTER))
}
