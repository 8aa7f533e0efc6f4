//! What a command fails with: the text for standard error and the exit code.

/// A command's failure.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// What is printed on standard error; nothing if empty.
    pub(crate) message: String,
    /// The exit code.
    pub(crate) code: u8,
}

impl Failure {
    /// A failure with exit code 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// An exit code that says it all.
    pub(crate) fn silent(code: u8) -> Self {
        Self { message: String::new(), code }
    }
}

/// What a call to the engine fails with.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The engine could not be reached.
    #[error("{0}")]
    Connect(String),
    /// The engine answered with an error.
    #[error("Error response from daemon: {message}")]
    Engine {
        /// The HTTP status.
        status: u16,
        /// The engine's own words.
        message: String,
    },
    /// The connection broke or carried something unexpected.
    #[error("{0}")]
    Transport(String),
}

impl CallError {
    /// Whether the engine said that the thing does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Engine { status: 404, .. })
    }
}

impl From<CallError> for Failure {
    fn from(e: CallError) -> Self {
        Self::new(e.to_string())
    }
}

/// Go's text for an I/O error.
pub(crate) fn go_io(e: &std::io::Error) -> String {
    match e.raw_os_error() {
        Some(code) => {
            if let Some(words) = engine_wasm::errno::errno(code) {
                return words.to_owned();
            }
            let text = std::io::Error::from_raw_os_error(code).to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            // strerror's "No such file or directory" is lower-case in Go.
            let mut chars = text.chars();
            chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
        }
        None => e.to_string(),
    }
}
