//! The library as a registry: the reading half of the OCI distribution API (distribution-spec, "Pull" and "Content discovery") over an
//! OCI layout. It only ever opens `index.json` and files named by a checked digest, and it has no state: a rebuilt library is seen at once.

use std::collections::BTreeSet;
use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LINK, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio_util::io::ReaderStream;

use super::error::Error;
use super::layout::{IMAGE_NAME, Layout, annotation};
use super::range::{self, Asked};

/// A read-only registry over the layout in `dir`. The directory may be made later: until then every repository is unknown.
pub fn router(dir: PathBuf) -> Router {
    Router::new().fallback(answer).with_state(dir)
}

/// A distribution error: the code that the specification gives it, and a sentence.
#[derive(Debug)]
struct Refusal(StatusCode, &'static str, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "errors": [{ "code": self.1, "message": self.2, "detail": null }] });
        (self.0, axum::Json(body)).into_response()
    }
}

/// What a path asks for. Paths are read from both ends, since a repository's name may have slashes in it.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    Root,
    Catalog,
    Tags(&'a str),
    Manifest(&'a str, &'a str),
    Blob(&'a str, &'a str),
}

fn wanted(path: &str) -> Option<Wanted<'_>> {
    let rest = path.strip_prefix("/v2")?;
    let rest = match rest.strip_prefix('/') {
        None if rest.is_empty() => return Some(Wanted::Root),
        None => return None,
        Some("") => return Some(Wanted::Root),
        Some("_catalog") => return Some(Wanted::Catalog),
        Some(rest) => rest,
    };
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return named(name).then_some(Wanted::Tags(name));
    }
    let (front, last) = rest.rsplit_once('/')?;
    let (name, kind) = front.rsplit_once('/')?;
    match kind {
        _ if !named(name) || last.is_empty() => None,
        "manifests" => Some(Wanted::Manifest(name, last)),
        "blobs" => Some(Wanted::Blob(name, last)),
        _ => None,
    }
}

/// Distribution's grammar of repository names, loosely: no empty part, no dots alone.
fn named(name: &str) -> bool {
    name.split('/').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
    })
}

#[derive(Deserialize)]
struct Page {
    n: Option<usize>,
    last: Option<String>,
}

async fn answer(
    State(dir): State<PathBuf>,
    Query(page): Query<Page>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = respond(dir, &page, &method, uri.path(), &headers).await;
    let mut response = answered.unwrap_or_else(Refusal::into_response);
    response.headers_mut().insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    response
}

async fn respond(
    dir: PathBuf,
    page: &Page,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    if method != Method::GET && method != Method::HEAD {
        let sentence = format!("this registry is for reading only, it does not take {method}");
        return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", sentence));
    }
    let Some(wanted) = wanted(path) else {
        return Err(Refusal(StatusCode::NOT_FOUND, "NAME_INVALID", format!("{path} is no path of a registry")));
    };
    match wanted {
        Wanted::Root => Ok(axum::Json(json!({})).into_response()),
        Wanted::Catalog => {
            let names = names(dir).await?;
            let repositories = names.into_iter().map(|name| name.repository).collect();
            Ok(paged("/v2/_catalog", repositories, page, |list| json!({ "repositories": list })))
        }
        Wanted::Tags(name) => {
            let names = repository(names(dir).await?, name)?;
            let tags = names.into_iter().map(|name| name.tag).collect();
            Ok(paged(path, tags, page, |list| json!({ "name": name, "tags": list })))
        }
        Wanted::Manifest(name, reference) => {
            let names = repository(names(dir.clone()).await?, name)?;
            let Some(found) = names.into_iter().find(|name| name.tag == reference || name.digest == reference) else {
                return Err(Refusal(
                    StatusCode::NOT_FOUND,
                    "MANIFEST_UNKNOWN",
                    format!("manifest for {name}:{reference} not found in the library"),
                ));
            };
            blob(&dir, &found.digest, &found.media_type, headers, "MANIFEST_UNKNOWN").await
        }
        Wanted::Blob(name, digest) => {
            repository(names(dir.clone()).await?, name)?;
            blob(&dir, digest, "application/octet-stream", headers, "BLOB_UNKNOWN").await
        }
    }
}

/// An image's name in the index, and the manifest that it names.
struct Name {
    /// As a client asks for it: without `docker.io/`.
    repository: String,
    tag: String,
    digest: String,
    media_type: String,
}

/// Every name in the index.
async fn names(dir: PathBuf) -> Result<Vec<Name>, Refusal> {
    let read = tokio::task::spawn_blocking(move || -> Result<Vec<Name>, Error> {
        if !dir.join("index.json").exists() {
            return Ok(Vec::new());
        }
        let index = Layout::open(&dir)?.index()?;
        let named = index.manifests().iter().filter_map(|entry| {
            let (repository, tag) = annotation(entry, IMAGE_NAME)?.rsplit_once(':')?;
            Some(Name {
                repository: repository.strip_prefix("docker.io/").unwrap_or(repository).to_owned(),
                tag: tag.to_owned(),
                digest: entry.digest().to_string(),
                media_type: entry.media_type().to_string(),
            })
        });
        Ok(named.collect())
    });
    match read.await {
        Ok(Ok(names)) => Ok(names),
        Ok(Err(error)) => Err(internal(&error)),
        Err(error) => Err(internal(&error)),
    }
}

/// The names of one repository. Docker's clients write `library/ubuntu`, others `ubuntu`; both are meant to find it.
fn repository(mut names: Vec<Name>, wanted: &str) -> Result<Vec<Name>, Refusal> {
    let official = format!("library/{wanted}");
    names.retain(|name| name.repository == wanted || name.repository == official);
    if names.is_empty() {
        return Err(Refusal(
            StatusCode::NOT_FOUND,
            "NAME_UNKNOWN",
            format!("repository {wanted} is not in the library"),
        ));
    }
    Ok(names)
}

/// A blob's bytes. For a HEAD request the body is never read: the server drops it before the first poll.
async fn blob(
    dir: &std::path::Path,
    digest: &str,
    media_type: &str,
    headers: &HeaderMap,
    unknown: &'static str,
) -> Result<Response, Refusal> {
    let layout = Layout::open(dir).map_err(|error| internal(&error))?;
    let Some(path) = layout.blob_path(digest) else {
        return Err(Refusal(StatusCode::BAD_REQUEST, "DIGEST_INVALID", format!("{digest} is no sha256 digest")));
    };
    let mut file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Refusal(StatusCode::NOT_FOUND, unknown, format!("{digest} is not in the library")));
        }
        Err(error) => return Err(internal(&error)),
    };
    let length = file.metadata().await.map_err(|error| internal(&error))?.len();
    let range = range::parse(headers.get(RANGE).and_then(|value| value.to_str().ok()), length);
    let (status, first, last) = match range {
        Asked::All => (StatusCode::OK, 0, length),
        Asked::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last + 1),
        Asked::Unsatisfiable => {
            let mut response =
                Refusal(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_INVALID", format!("{digest} has {length} bytes"))
                    .into_response();
            response.headers_mut().insert(CONTENT_RANGE, header(&format!("bytes */{length}"))?);
            return Ok(response);
        }
    };
    if first > 0 {
        file.seek(SeekFrom::Start(first)).await.map_err(|error| internal(&error))?;
    }
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(last - first), 128 * 1024));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, header(media_type)?);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(last - first));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert("docker-content-digest", header(digest)?);
    headers.insert(ETAG, header(&format!("\"{digest}\""))?);
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(CONTENT_RANGE, header(&format!("bytes {first}-{}/{length}", last - 1))?);
    }
    Ok(response)
}

/// A sorted list, cut as `n` and `last` ask, with a link to the rest.
fn paged(path: &str, all: BTreeSet<String>, page: &Page, body: impl Fn(&[String]) -> Value) -> Response {
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

fn header(value: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(value).map_err(|error| internal(&error))
}

fn internal(error: &dyn std::fmt::Display) -> Refusal {
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_both_ends() {
        assert_eq!(wanted("/v2/"), Some(Wanted::Root));
        assert_eq!(wanted("/v2"), Some(Wanted::Root));
        assert_eq!(wanted("/v2/_catalog"), Some(Wanted::Catalog));
        assert_eq!(wanted("/v2/library/ubuntu/tags/list"), Some(Wanted::Tags("library/ubuntu")));
        assert_eq!(wanted("/v2/a/b/c/manifests/latest"), Some(Wanted::Manifest("a/b/c", "latest")));
        assert_eq!(
            wanted("/v2/manifests/manifests/blobs/sha256:0"),
            Some(Wanted::Blob("manifests/manifests", "sha256:0"))
        );
    }

    #[test]
    fn names_that_could_leave_the_layout_are_no_names() {
        for path in [
            "/v2/../blobs/x",
            "/v2//blobs/x",
            "/v2/a/../b/manifests/x",
            "/v2/.hidden/blobs/x",
            "/v2x/",
            "/etc/passwd",
            "/v2/A/blobs/x",
            "/v2/a/blobs/",
        ] {
            assert_eq!(wanted(path), None, "{path}");
        }
    }
}
