//! Dockerfiles: parsed as BuildKit parses them, with a place in the text for every word and every fault found, not only the first.
//! Follows `frontend/dockerfile/parser` and `frontend/dockerfile/shell` of `github.com/moby/buildkit`. [`instructions`] gives the instructions types, [`lint`] checks them.
//!
//! ```
//! let file = engine_wasm::dockerfile::parse("FROM alpine\nRUN echo \"hi\"\n");
//! assert!(file.errors.is_empty());
//! assert_eq!(file.dump(), "(from \"alpine\")\n(run \"echo \\\"hi\\\"\")");
//! ```

mod directive;
mod dump;
pub mod editor;
pub mod expand;
mod flags;
pub mod format;
pub mod hadolint;
mod heredoc;
pub mod instructions;
mod json;
mod line;
pub mod lint;
mod parse;
mod pattern;
pub mod shell;
#[cfg(test)]
mod tests;
mod words;

use std::ops::Range;

pub use directive::Directive;
pub use parse::parse;

/// A line longer than this, with its end, is refused, as in BuildKit.
pub const MAX_LINE: usize = 65536;

/// A parsed Dockerfile. With errors, the nodes are those that could be read.
#[derive(Debug, Clone, Default)]
pub struct Dockerfile {
    /// The instructions in order.
    pub nodes: Vec<Node>,
    /// `# syntax=`, `# escape=` and `# check=` at the top.
    pub directives: Vec<Directive>,
    /// What does not stop a build.
    pub warnings: Vec<Warning>,
    /// Every fault, in order; the first is the one BuildKit stops at.
    pub errors: Vec<Error>,
    /// The escape character: `\` or `` ` ``.
    pub escape: char,
}

/// An instruction.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// The instruction's name as written: `FROM`, `run`.
    pub name: Word,
    /// Words beginning with `--` after the name, their quotes taken off.
    pub flags: Vec<Word>,
    /// What follows, cut as this instruction's grammar has it. `ENV` and `LABEL` give triples of name, value and `=` (empty in the old form `ENV name value`).
    pub args: Vec<Word>,
    /// Whether the arguments are a JSON array.
    pub json: bool,
    /// The instruction after `ONBUILD`.
    pub child: Option<Box<Node>>,
    /// Here-documents of `RUN`, `COPY` and `ADD`.
    pub heredocs: Vec<Heredoc>,
    /// The instruction as one line: continuations joined, comments left out.
    pub original: String,
    /// The comments right above, without `#`.
    pub comments: Vec<String>,
    /// First and last line, from 1, here-documents included.
    pub lines: (usize, usize),
    /// Bytes of the text from the name to the last character, here-documents included.
    pub span: Range<usize>,
}

/// A piece of an instruction and where it stands. Where a word spans a continuation, its span does too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// What BuildKit takes it to be.
    pub text: String,
    /// Bytes of the Dockerfile; empty for what is not written (the separator of `ENV name value`).
    pub span: Range<usize>,
}

/// `<<EOF … EOF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The delimiter without quotes.
    pub name: String,
    /// The number before `<<`; 0 when there is none.
    pub file_descriptor: u64,
    /// Whether variables in the content are expanded: the delimiter has no quotes.
    pub expand: bool,
    /// `<<-`: tabs at the beginning of lines are to be dropped ([`Heredoc::chomped`]).
    pub chomp: bool,
    /// The lines up to the delimiter, as they stand.
    pub content: String,
    /// Bytes of the content in the Dockerfile.
    pub span: Range<usize>,
}

impl Heredoc {
    /// The content as the instruction uses it: without leading tabs where `<<-` asks for that.
    pub fn chomped(&self) -> String {
        if self.chomp {
            self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
        } else {
            self.content.clone()
        }
    }
}

/// Something that will become an error one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// BuildKit's text.
    pub message: String,
    /// The line it is placed at, from 1.
    pub line: usize,
}

/// A fault: what, and on which lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// First and last line, as BuildKit gives them: from 1, but 0 for a directive on the first line.
    pub lines: (usize, usize),
    /// Bytes of the text.
    pub span: Range<usize>,
}

/// What can be wrong with a Dockerfile's syntax. The texts are BuildKit's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing but comments and blank lines.
    #[error("file with no instructions")]
    Empty,
    /// `# escape=` with something other than `\` or `` ` ``.
    #[error("invalid escape token '{0}' does not match ` or \\")]
    EscapeToken(String),
    /// A directive given twice.
    #[error("only one {0} parser directive can be used")]
    RepeatedDirective(String),
    /// A JSON array with something other than strings in it.
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    NotStrings,
    /// `ENV name` or `LABEL name`.
    #[error("{0} must have two arguments")]
    TwoArguments(&'static str),
    /// A word without `=` among `name=value` words; holds it.
    #[error("Syntax error - can't find = in {}. Must be of the form: name=value", crate::golang::quote::quote(.0))]
    NoEquals(String),
    /// The file ends before a here-document does.
    #[error("unterminated heredoc")]
    UnterminatedHeredoc,
    /// A here-document's delimiter cannot be read.
    #[error(transparent)]
    Shell(#[from] shell::Error),
    /// A line longer than [`MAX_LINE`].
    #[error("dockerfile line greater than max allowed size of {}", MAX_LINE - 1)]
    LineTooLong,
    /// `ONBUILD ONBUILD ONBUILD …` deeper than this parser follows.
    #[error("ONBUILD is nested too deeply")]
    TooDeep,
    /// The syntax is right, but the instruction is not.
    #[error(transparent)]
    Instruction(Box<instructions::Fault>),
}

impl Error {
    /// The text with which a build ends: an instruction's fault is told with its line.
    pub fn report(&self) -> String {
        use instructions::Fault;
        match &self.kind {
            ErrorKind::Instruction(fault) => match **fault {
                Fault::NoStage | Fault::NoStages | Fault::Build(_) => self.to_string(),
                _ => format!("dockerfile parse error on line {}: {self}", self.lines.0),
            },
            _ => self.to_string(),
        }
    }
}
