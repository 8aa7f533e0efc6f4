//! Why a configuration is refused, in words that lead to the mending.

use std::path::PathBuf;

/// Why a configuration was refused: where, what, and what to write instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read the configuration {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        cause: std::io::Error,
    },
    /// The file is no TOML of the expected shape; the text has line and column.
    #[error("{place}: {message}")]
    Syntax {
        /// The file's name.
        place: String,
        /// The parser's text.
        message: String,
    },
    /// A value is out of range.
    #[error("{place}: {key} = {value}: {remedy}")]
    Value {
        /// The file's name.
        place: String,
        /// The key with its table, such as `limits.memory`.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        remedy: &'static str,
    },
}
