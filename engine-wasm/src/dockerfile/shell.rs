//! Words as BuildKit's shell lexer reads them: quotes, escapes and variables with every modifier (`shell/lex.go`).
//! It expands what Dockerfile instructions expand; it runs nothing.

mod run;

use std::collections::BTreeSet;

use crate::golang::quote::quote;
use run::Run;

/// `${x:-${y:-…}}` may be this deep.
const MAX_NESTING: usize = 100;
/// Bytes that a word may come to. Linux gives a program no argument or variable of more than 128 KiB; nested substitutions multiply.
pub const MAX_EXPANSION: usize = 1 << 20;
/// Steps that a word's patterns may take in all: characters of a pattern × characters of its text.
const MAX_STEPS: usize = 1 << 26;

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
    /// [`Error`] for an open quote or brace, a bad modifier or pattern, `${x:?…}` without a value, or a word that comes to more than [`MAX_EXPANSION`].
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
