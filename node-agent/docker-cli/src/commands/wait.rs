//! Waiting for a container's exit code beside everything else that run and start do.

use crate::client::{Client, encode_path};
use crate::error::CallError;
use crate::output;
use http::Method;
use http_body_util::BodyExt;
use serde_json::Value;

/// A wait that the engine has accepted and not yet answered.
pub(crate) struct Waiting(hyper::body::Incoming);

/// Asks the engine to tell the next exit of a container (or its removal). When this returns, an exit cannot be missed any more.
///
/// # Errors
/// The engine's.
pub(crate) async fn register(client: &Client, id: &str, condition: &str) -> Result<Waiting, CallError> {
    let condition = if condition.is_empty() { String::new() } else { format!("?condition={condition}") };
    let response = client.open(Method::POST, &format!("/containers/{}/wait{condition}", encode_path(id)), None).await?;
    Ok(Waiting(response.into_body()))
}

impl Waiting {
    /// The container's exit code, or the reason why there is none.
    ///
    /// # Errors
    /// The engine's reason, or a broken connection.
    pub(crate) async fn status(self) -> Result<i64, String> {
        let bytes = self.0.collect().await.map_err(|e| e.to_string())?.to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).map_err(|_| "EOF".to_owned())?;
        match answer["Error"]["Message"].as_str() {
            Some(message) if !message.is_empty() => Err(message.to_owned()),
            _ => Ok(answer["StatusCode"].as_i64().unwrap_or_default()),
        }
    }

    /// The exit code that the command takes over: the container's, or 125 with a line on standard error.
    pub(crate) async fn exit_code(self) -> u8 {
        match self.status().await {
            Ok(code) => code_of(code),
            Err(message) => {
                output::error(&format!("Error waiting for container: {message}"));
                125
            }
        }
    }
}

/// An exit code as the shell will see it.
pub(crate) fn code_of(status: i64) -> u8 {
    u8::try_from(status & 0xff).unwrap_or(125)
}
