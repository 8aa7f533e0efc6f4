//! The crate's error: what was tried, on what, and why it failed.

use std::io;

/// An operation of the runtime failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("{what}: {}", describe(.source))]
    Io {
        /// What was tried, and on what.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The bundle's `config.json` (or a process or resources file) cannot be used.
    #[error("{0}")]
    Spec(String),
    /// No container of this id under the runtime's root.
    #[error("container \"{0}\" does not exist")]
    NotFound(String),
    /// The id is taken.
    #[error("container with id \"{0}\" already exists: delete it first or choose another id")]
    Exists(String),
    /// The container is in a state in which the operation makes no sense.
    #[error("{0}")]
    WrongState(String),
    /// A container process failed before its program was executed; the text is its own report.
    #[error("unable to start container process: {0}")]
    Process(String),
    /// A runtime command line that [`crate::client::Client`] ran failed.
    #[error("{0}")]
    Runtime(String),
}

/// What every fallible function of the crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kernel's answer in words, lower case and without Rust's "(os error N)", as every other runtime prints it.
fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => errno_text(code),
        None => error.to_string(),
    }
}

/// `strerror` in lower case, the way Go (and so Docker) prints it.
pub(crate) fn errno_text(code: i32) -> String {
    let text = nix::errno::Errno::from_raw(code).desc();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !text.starts_with("I/O") => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// Adds what was tried to a failure.
pub(crate) trait Context<T> {
    /// Wraps the error with `what()`.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::Io { what: what(), source: error.into() })
    }
}

impl Error {
    /// The errno behind the error, when there is one.
    pub(crate) fn errno(&self) -> Option<i32> {
        match self {
            Error::Io { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_answers_read_as_docker_prints_them() {
        let error: Result<()> = Err(io::Error::from_raw_os_error(libc::ENOENT)).context(|| "open /x".into());
        assert_eq!(error.unwrap_err().to_string(), "open /x: no such file or directory");
    }
}
