//! Answers with a file's bytes, whole or in part (distribution-spec, "Pulling blobs"), and lists in pages.

use std::collections::BTreeSet;
use std::path::Path;

use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LINK, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio_util::io::ReaderStream;

use super::digest::Digest;
use super::path::is_tag;
use super::range::{self, Asked};
use super::refusal::Refusal;

/// A content's bytes. For a HEAD request the body is never read: the server drops it before the first poll.
pub(super) async fn content(
    path: &Path,
    digest: &Digest,
    media_type: &str,
    asked: &HeaderMap,
) -> Result<Response, Refusal> {
    let mut file = tokio::fs::File::open(path).await.map_err(|error| Refusal::internal(&error))?;
    let length = file.metadata().await.map_err(|error| Refusal::internal(&error))?.len();
    let (status, first, end) = match range::parse(asked.get(RANGE).and_then(|value| value.to_str().ok()), length) {
        Asked::All => (StatusCode::OK, 0, length),
        Asked::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last + 1),
        Asked::Unsatisfiable => {
            let sentence = format!("{digest} has {length} bytes");
            let refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_INVALID", sentence);
            return Err(refusal.with(CONTENT_RANGE, format!("bytes */{length}")));
        }
    };
    if first > 0 {
        file.seek(SeekFrom::Start(first)).await.map_err(|error| Refusal::internal(&error))?;
    }
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(end - first), 128 * 1024));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, header(media_type)?);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(end - first));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert("docker-content-digest", header(digest.as_str())?);
    headers.insert(ETAG, header(&format!("\"{digest}\""))?);
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(CONTENT_RANGE, header(&format!("bytes {first}-{}/{length}", end - 1))?);
    }
    Ok(response)
}

/// How much of a list is wanted.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Page {
    n: Option<usize>,
    last: Option<String>,
}

impl Page {
    /// The query that asks another registry for it; a `last` that is no tag is left out.
    pub(super) fn query(&self) -> String {
        let last = self.last.as_ref().filter(|last| is_tag(last)).map(|last| format!("last={last}"));
        self.n.map(|n| format!("n={n}")).into_iter().chain(last).collect::<Vec<_>>().join("&")
    }
}

/// A sorted list, cut as `n` and `last` ask, with a link to the rest (distribution-spec, "Listing Tags").
pub(super) fn paged(path: &str, all: BTreeSet<String>, page: &Page, body: impl Fn(&[String]) -> Value) -> Response {
    let rest: Vec<String> = all.into_iter().filter(|item| page.last.as_ref().is_none_or(|last| item > last)).collect();
    let count = page.n.unwrap_or(rest.len()).min(rest.len());
    let mut response = axum::Json(body(&rest[..count])).into_response();
    if let Some(last) = rest[..count].last().filter(|_| count < rest.len())
        && let Ok(link) = header(&format!("<{path}?n={count}&last={last}>; rel=\"next\""))
    {
        response.headers_mut().insert(LINK, link);
    }
    response
}

pub(super) fn header(value: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(value).map_err(|error| Refusal::internal(&error))
}
