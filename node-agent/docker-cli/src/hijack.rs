//! Turning a request into a raw two-way stream: attach and exec.

use crate::client::Client;
use crate::error::CallError;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// The stream behind an upgraded request.
pub(crate) type Stream = TokioIo<Upgraded>;

/// Sends a POST that asks for the connection, and gives the connection.
///
/// # Errors
/// The engine's error, or an answer other than 101.
pub(crate) async fn open(client: &Client, path: &str, body: Option<&Value>) -> Result<Stream, CallError> {
    let mut headers = HeaderMap::new();
    headers.insert("connection", HeaderValue::from_static("Upgrade"));
    headers.insert("upgrade", HeaderValue::from_static("tcp"));
    let body = match body {
        Some(value) => {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            Full::new(Bytes::from(value.to_string())).map_err(|never| match never {}).boxed()
        }
        None => {
            headers.insert("content-type", HeaderValue::from_static("text/plain"));
            crate::client::empty()
        }
    };
    let response = client.send(Method::POST, path, headers, body).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(CallError::Transport(format!("unable to upgrade to tcp, received {}", response.status().as_u16())));
    }
    let upgraded = hyper::upgrade::on(response)
        .await
        .map_err(|e| CallError::Transport(format!("taking over the connection: {e}")))?;
    Ok(TokioIo::new(upgraded))
}
