//! The engine's error: a status and the sentence that Docker's clients print after "Error response from daemon: ".

use http::StatusCode;

/// An error as the API reports it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// HTTP status.
    pub status: StatusCode,
    /// Docker's wording where Docker has one.
    pub message: String,
}

/// The result of the engine's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of any status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: kernel_words(message.into()) }
    }

    /// 400.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 500.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message.to_string())
    }

    /// 501.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, message)
    }

    /// 304, which carries no body: the container is already in the state asked for.
    #[must_use]
    pub fn not_modified() -> Self {
        Self::new(StatusCode::NOT_MODIFIED, "")
    }

    /// The container `name` does not exist.
    #[must_use]
    pub fn no_container(name: &str) -> Self {
        Self::not_found(format!("No such container: {name}"))
    }

    /// Says `typed`, what the client called the container, for its id.
    #[must_use]
    pub fn rename(mut self, id: &str, typed: &str) -> Self {
        self.message = self.message.replace(id, typed);
        self
    }

    /// Prefixes the message.
    #[must_use]
    pub fn context(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        Self::internal(e)
    }
}

impl From<slipway_images::Error> for Error {
    fn from(e: slipway_images::Error) -> Self {
        crate::images::error_of(&e)
    }
}

/// The kernel's errors in Go's words: `no space left on device` for `No space left on device (os error 28)`.
fn kernel_words(mut text: String) -> String {
    while let Some(at) = text.find(" (os error ") {
        let Some(length) = text[at..].find(')') else { break };
        let code = text[at..at + length].trim_start_matches(" (os error ").parse().ok();
        text.replace_range(at..=at + length, "");
        let start = text[..at].rfind(": ").map_or(0, |n| n + 2);
        if let Some(words) = code.and_then(engine_wasm::errno::errno) {
            text.replace_range(start..at, words);
            continue;
        }
        if let Some(first) = text[start..].chars().next().filter(char::is_ascii_uppercase) {
            text.replace_range(start..=start, &first.to_ascii_lowercase().to_string());
        }
    }
    text
}

/// Runs blocking work off the event loop.
///
/// # Errors
/// The work's own; a panic in it becomes an internal error.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(Error::internal(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_errors_are_told_in_gos_words() {
        let full = std::io::Error::from_raw_os_error(28);
        let error = Error::internal(format!("writing /x: {full}"));
        assert_eq!(error.message, "writing /x: no space left on device");
        assert_eq!(Error::from(full).message, "no space left on device");
        let busy = Error::internal("unlinkat /x: Resource busy (os error 16): y");
        assert_eq!(busy.message, "unlinkat /x: device or resource busy: y", "whatever the C library says");
        assert_eq!(Error::internal("Plain words").message, "Plain words");
    }
}
