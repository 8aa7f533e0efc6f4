//! The build's stream of JSON messages, as Docker's API has it: text, errors' text in red, ids. Each stage writes into a channel
//! of its own, and the channels are read one after the other, so that stages that run side by side are shown in order.

use serde_json::{Value, json};
use slipway_images::{ImageId, Progress};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Messages that one stage may be ahead of the reader.
const AHEAD: usize = 256;

/// After so long without a message the client is sent white space.
const SILENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// One message as it goes over the wire.
#[must_use]
pub(crate) fn line(value: &Value) -> String {
    format!("{value}\r\n")
}

/// An error's message, which ends the stream.
#[must_use]
pub(crate) fn failure(error: &Error, code: Option<i32>) -> String {
    let mut detail = json!({ "message": error.message });
    if let Some(code) = code {
        detail = json!({ "code": code, "message": error.message });
    }
    line(&json!({ "errorDetail": detail, "error": error.message }))
}

/// Where a stage writes.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    sender: Option<mpsc::Sender<String>>,
}

impl Output {
    /// A fresh channel.
    pub(crate) fn new() -> (Self, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        (Self { sender: Some(sender) }, receiver)
    }

    /// For a stage that was not planned and is needed after all, by a trigger of an image: it is built silently.
    pub(crate) fn nowhere() -> Self {
        Self { sender: None }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When nobody reads any more: the build is cancelled.
    async fn send(&self, value: Value) -> Result<()> {
        match &self.sender {
            Some(sender) => sender.send(line(&value)).await.map_err(|_| cancelled()),
            None => Ok(()),
        }
    }

    /// Plain text.
    ///
    /// # Errors
    /// As all of these, when nobody reads any more.
    pub(crate) async fn text(&self, text: impl Into<String>) -> Result<()> {
        self.send(json!({ "stream": text.into() })).await
    }

    /// What a command wrote to its standard error.
    pub(crate) async fn red(&self, text: &str) -> Result<()> {
        self.send(json!({ "stream": format!("\u{1b}[91m{text}\u{1b}[0m") })).await
    }

    /// The stage has failed: nothing of the stages behind it is shown.
    pub(crate) async fn end_all(&self) {
        if let Some(sender) = &self.sender {
            // Nobody reading is no matter then.
            let _ = sender.send(String::new()).await;
        }
    }

    /// The image that the build has come to.
    pub(crate) async fn image(&self, id: &ImageId) -> Result<()> {
        self.send(json!({ "aux": { "ID": id.to_string() } })).await
    }

    /// A message of a pull.
    pub(crate) async fn progress(&self, progress: &Progress) -> Result<()> {
        self.send(progress.to_json()).await
    }
}

/// The error of a build whose client has gone, or one of whose stages has failed.
#[must_use]
pub(crate) fn cancelled() -> Error {
    Error::internal("context canceled")
}

/// Reads the stages' channels in order into the client's, as far as one that has failed. With `quiet` nothing is sent; what would have been is returned.
pub(crate) async fn forward(
    channels: Vec<mpsc::Receiver<String>>,
    client: &mpsc::Sender<String>,
    quiet: bool,
    cancel: &CancellationToken,
) -> Vec<String> {
    let mut kept = Vec::new();
    for mut channel in channels {
        loop {
            let message = tokio::select! {
                message = channel.recv() => message,
                () = client.closed() => {
                    cancel.cancel();
                    return kept;
                }
                () = tokio::time::sleep(SILENCE) => {
                    // Only a write shows that the client has gone. White space between messages means nothing to JSON.
                    let _ = client.try_send("\r\n".to_owned());
                    continue;
                }
            };
            let Some(message) = message else { break };
            if message.is_empty() {
                return kept;
            }
            if quiet {
                kept.push(message);
            } else if client.send(message).await.is_err() {
                cancel.cancel();
                return kept;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stages_that_run_side_by_side_are_shown_in_order() {
        let ((first, a), (second, b)) = (Output::new(), Output::new());
        second.text("two").await.unwrap();
        first.text("one").await.unwrap();
        drop((first, second));
        let (client, mut received) = mpsc::channel(8);
        let cancel = CancellationToken::new();
        assert!(forward(vec![a, b], &client, false, &cancel).await.is_empty());
        drop(client);
        assert_eq!(received.recv().await.unwrap(), "{\"stream\":\"one\"}\r\n");
        assert_eq!(received.recv().await.unwrap(), "{\"stream\":\"two\"}\r\n");
        assert!(received.recv().await.is_none() && !cancel.is_cancelled());
    }

    #[tokio::test]
    async fn behind_a_stage_that_has_failed_nothing_is_shown() {
        let ((first, a), (second, b)) = (Output::new(), Output::new());
        second.text("two").await.unwrap();
        first.text("one").await.unwrap();
        first.end_all().await;
        let (client, mut received) = mpsc::channel(8);
        forward(vec![a, b], &client, false, &CancellationToken::new()).await;
        drop(client);
        assert_eq!(received.recv().await.unwrap(), "{\"stream\":\"one\"}\r\n");
        assert!(received.recv().await.is_none());
        assert!(second.text("three").await.is_err(), "what nobody reads is not waited for");
    }

    #[tokio::test]
    async fn a_client_that_goes_away_cancels() {
        let (output, channel) = Output::new();
        let (client, received) = mpsc::channel(8);
        drop(received);
        let cancel = CancellationToken::new();
        forward(vec![channel], &client, false, &cancel).await;
        assert!(cancel.is_cancelled());
        assert_eq!(output.text("x").await.unwrap_err().message, "context canceled");
    }
}
