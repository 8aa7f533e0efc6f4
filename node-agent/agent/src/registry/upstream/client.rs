//! The registry's side: passes a question on to the fetcher. Of whoever asks nothing goes along, no credentials and no other header than
//! what part of a blob is wanted.

use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{HOST, RANGE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// How long the fetcher may take for the head of an answer; it has limits of its own towards the upstream registry.
const PATIENCE: Duration = Duration::from_secs(55);

/// The fetcher, if there is one.
#[derive(Debug, Clone, Default)]
pub(in crate::registry) struct Upstream {
    socket: Option<PathBuf>,
}

impl Upstream {
    pub(in crate::registry) fn new(socket: Option<PathBuf>) -> Self {
        Self { socket }
    }

    /// The fetcher's answer to a question for `path`; `None` where there is no fetcher, the upstream registry does not have it, or
    /// nobody answers there: then what is known here is all there is.
    pub(in crate::registry) async fn ask(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
        let socket = self.socket.as_ref()?;
        let asked = tokio::time::timeout(PATIENCE, question(socket, method, path, headers)).await;
        match asked {
            Ok(Ok(response)) => match response.status() {
                StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => None,
                _ => Some(response.map(Body::new)),
            },
            Ok(Err(error)) => {
                eprintln!("node-agent registry: asking the fetcher: {error}");
                None
            }
            Err(_) => {
                eprintln!("node-agent registry: the fetcher did not answer in {} seconds", PATIENCE.as_secs());
                None
            }
        }
    }
}

async fn question(
    socket: &PathBuf,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> std::io::Result<hyper::Response<hyper::body::Incoming>> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    // Its error reaches the answer's body, too.
    tokio::spawn(connection);
    let mut request = Request::builder().method(method.clone()).uri(path).header(HOST, "fetcher");
    if let Some(range) = headers.get(RANGE) {
        request = request.header(RANGE, range.clone());
    }
    let request = request.body(Empty::<Bytes>::new().boxed()).map_err(std::io::Error::other)?;
    sender.send_request(request).await.map_err(std::io::Error::other)
}
