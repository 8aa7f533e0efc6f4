//! The HTTP API on unix and TCP sockets: version prefix, routes, and errors as Docker's JSON. Each resource has a file of
//! its own; nothing here knows how a container works.

mod build;
mod containers;
mod disk_usage;
mod exec;
mod extract;
mod hijack;
mod images;
mod json_words;
mod listen;
mod networks;
mod peer;
mod registry;
mod streams;
mod system;
mod transfer;
mod volumes;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, Uri};
use serde_json::json;

pub(crate) use extract::Params;
pub(crate) use listen::{Address, Listener, serve};

use crate::engine::Engine;
use crate::error::Error;

/// The newest API version served.
pub(crate) const API_VERSION: &str = "1.51";
/// The oldest.
pub(crate) const MIN_API_VERSION: &str = "1.24";

/// The version of the API that a request speaks: the minor number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion(pub(crate) u32);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.status == StatusCode::NOT_MODIFIED {
            return self.status.into_response();
        }
        (self.status, Json(json!({ "message": self.message }))).into_response()
    }
}

/// All routes, without version prefix.
pub(crate) fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .merge(system::routes())
        .merge(containers::routes())
        .merge(streams::routes())
        .merge(transfer::routes())
        .merge(exec::routes())
        .merge(build::routes())
        .merge(images::routes())
        .merge(registry::routes())
        .merge(networks::routes())
        .merge(volumes::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(axum::middleware::from_fn(read_small_body))
        .with_state(engine)
}

/// A body up to this length, bytes, is read before the request is looked at.
const SMALL_BODY: u64 = 64 * 1024;

/// Reads a small body whole, whether or not the route wants it: a client that is answered while it still writes may see a
/// broken pipe in the answer's place.
async fn read_small_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let length = body.size_hint().exact();
    let body = match length {
        Some(length @ 1..=SMALL_BODY) => match axum::body::to_bytes(body, length as usize).await {
            Ok(bytes) => Body::from(bytes),
            Err(error) => return Error::bad(format!("cannot read the request's body: {error}")).into_response(),
        },
        _ => body,
    };
    next.run(Request::from_parts(parts, body)).await
}

/// What no route takes. A name with a slash in it is one of Docker's names all the same, of which nothing here has one.
async fn not_found(method: Method, uri: Uri) -> Error {
    let name = |under: &str, verbs: &[&str]| {
        let rest = uri.path().strip_prefix(under)?;
        let bare = rest.rsplit_once('/').filter(|(_, verb)| verbs.contains(verb)).map(|(name, _)| name);
        let name = if method == Method::DELETE { Some(rest) } else { bare };
        name.filter(|name| name.contains('/')).map(ToOwned::to_owned)
    };
    if let Some(name) = name("/containers/", &CONTAINER_VERBS) {
        return Error::not_found(format!("No such container: {name}"));
    }
    let rest = |under: &str| uri.path().strip_prefix(under).filter(|name| name.contains('/'));
    if let Some(name) = rest("/volumes/").filter(|_| matches!(method, Method::GET | Method::DELETE)) {
        return Error::not_found(format!("get {name}: no such volume"));
    }
    if let Some(name) = rest("/networks/").filter(|_| matches!(method, Method::GET | Method::DELETE)) {
        return Error::not_found(format!("network {name} not found"));
    }
    Error::not_found("page not found")
}

/// The last words of the routes of one container.
const CONTAINER_VERBS: [&str; 19] = [
    "archive", "attach", "changes", "exec", "export", "json", "kill", "logs", "pause", "rename", "resize", "restart",
    "start", "stats", "stop", "top", "unpause", "update", "wait",
];

/// Takes the version prefix off a request's path and keeps it as an extension.
///
/// # Errors
/// Docker's sentences for versions that are too old or too new.
pub(crate) fn strip_version<B>(request: &mut Request<B>) -> Result<(), Error> {
    let (newest, oldest) = (minor(API_VERSION), minor(MIN_API_VERSION));
    let mut version = newest;
    let path = request.uri().path();
    if let Some((prefix, rest)) = path.strip_prefix("/v").and_then(|p| p.split_once('/'))
        && let Some((major, given)) = prefix.split_once('.')
        && let (Ok(major), Ok(given)) = (major.parse::<u32>(), given.parse::<u32>())
    {
        if major > 1 || given > newest {
            return Err(Error::bad(format!(
                "client version {prefix} is too new. Maximum supported API version is {API_VERSION}"
            )));
        }
        if major < 1 || given < oldest {
            return Err(Error::bad(format!(
                "client version {prefix} is too old. Minimum supported API version is {MIN_API_VERSION}, please upgrade your client to a newer version"
            )));
        }
        version = given;
        let query = request.uri().query().map(|q| format!("?{q}")).unwrap_or_default();
        let stripped = format!("/{rest}{query}").parse::<Uri>().map_err(|_| Error::bad("invalid request path"))?;
        *request.uri_mut() = stripped;
    }
    request.extensions_mut().insert(ApiVersion(version));
    Ok(())
}

fn minor(version: &str) -> u32 {
    version.split_once('.').and_then(|(_, m)| m.parse().ok()).unwrap_or(0)
}

/// The headers that every answer carries.
pub(crate) fn add_headers(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert("Api-Version", HeaderValue::from_static(API_VERSION));
    headers.insert("Docker-Experimental", HeaderValue::from_static("false"));
    headers.insert("Ostype", HeaderValue::from_static("linux"));
    headers.insert("Server", HeaderValue::from_static(concat!("Slipway/", env!("CARGO_PKG_VERSION"), " (linux)")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(uri: &str) -> Result<(String, u32), String> {
        let mut request = Request::builder().uri(uri).body(()).unwrap();
        strip_version(&mut request).map_err(|e| e.message)?;
        let version = request.extensions().get::<ApiVersion>().unwrap().0;
        Ok((request.uri().to_string(), version))
    }

    #[test]
    fn the_version_prefix_is_optional_and_checked() {
        assert_eq!(strip("/v1.41/containers/json?all=1").unwrap(), ("/containers/json?all=1".into(), 41));
        assert_eq!(strip("/containers/json").unwrap(), ("/containers/json".into(), 51));
        assert_eq!(strip("/volumes").unwrap(), ("/volumes".into(), 51));
        assert!(strip("/v1.99/info").unwrap_err().contains("client version 1.99 is too new"));
        assert!(strip("/v1.12/info").unwrap_err().contains("client version 1.12 is too old"));
    }
}
