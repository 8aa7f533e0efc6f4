//! The registry's side: passes a question on to the fetcher. Of whoever asks nothing goes along, no credentials and no other header than
//! what part of a blob is wanted.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{HOST, RANGE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use slipway_images::registry::SearchResult;
use tokio::net::UnixStream;

/// How long the fetcher may take for the head of an answer; it has limits of its own towards the upstream registry.
const PATIENCE: Duration = Duration::from_secs(55);

/// How long a search may take there: what is here is shown in any case.
const SEARCH: Duration = Duration::from_secs(3);
/// The most that is read of what a search found, and of a refusal.
const MOST: usize = 1 << 20;

/// The fetcher's answer to a question.
#[derive(Debug)]
pub(in crate::registry) enum Answer {
    /// What the upstream registry has, or a refusal that matters.
    Found(Response),
    /// Nobody answers there, and why.
    Away(String),
    /// It does not have it; or there is no fetcher.
    Nothing,
}

/// The fetcher, if there is one.
#[derive(Debug, Clone, Default)]
pub(in crate::registry) struct Upstream {
    socket: Option<PathBuf>,
}

impl Upstream {
    pub(in crate::registry) fn new(socket: Option<PathBuf>) -> Self {
        Self { socket }
    }

    /// The fetcher's answer to a question for `target`, a path that may have a query.
    pub(in crate::registry) async fn ask(&self, method: &Method, target: &str, headers: &HeaderMap) -> Answer {
        let Some(socket) = self.socket.as_ref() else { return Answer::Nothing };
        let asked = tokio::time::timeout(PATIENCE, question(socket, method, target, headers)).await;
        match asked {
            Ok(Ok(response)) => match response.status() {
                StatusCode::NOT_FOUND => Answer::Nothing,
                StatusCode::SERVICE_UNAVAILABLE => Answer::Away(why(response).await),
                _ => Answer::Found(response.map(Body::new)),
            },
            Ok(Err(error)) => {
                say(&format!("asking the fetcher: {error}"));
                Answer::Nothing
            }
            Err(_) => {
                say(&format!("the fetcher did not answer in {} seconds", PATIENCE.as_secs()));
                Answer::Nothing
            }
        }
    }

    /// What a search finds there; nothing where nobody answers in time.
    pub(in crate::registry) async fn search(&self, query: &str) -> Vec<SearchResult> {
        let Some(socket) = self.socket.as_ref() else { return Vec::new() };
        let target = format!("/v1/search?{query}");
        let asking = async {
            let response = question(socket, &Method::GET, &target, &HeaderMap::new()).await.ok()?;
            let body = (response.status() == StatusCode::OK).then(|| Limited::new(response.into_body(), MOST))?;
            serde_json::from_slice(&body.collect().await.ok()?.to_bytes()).ok()
        };
        tokio::time::timeout(SEARCH, asking).await.ok().flatten().unwrap_or_default()
    }
}

/// The sentence of a refusal; a HEAD request's has none.
async fn why(response: hyper::Response<hyper::body::Incoming>) -> String {
    let body = Limited::new(response.into_body(), MOST).collect().await.map(http_body_util::Collected::to_bytes);
    let refusal: serde_json::Value = body.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    refusal["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
}

async fn question(
    socket: &PathBuf,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
) -> std::io::Result<hyper::Response<hyper::body::Incoming>> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    // Its error reaches the answer's body, too.
    tokio::spawn(connection);
    let mut request = Request::builder().method(method.clone()).uri(target).header(HOST, "fetcher");
    if let Some(range) = headers.get(RANGE) {
        request = request.header(RANGE, range.clone());
    }
    let request = request.body(Empty::<Bytes>::new().boxed()).map_err(std::io::Error::other)?;
    sender.send_request(request).await.map_err(std::io::Error::other)
}

/// A line that cannot be written is lost: `eprintln!` would panic.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "node-agent registry: {text}");
}
