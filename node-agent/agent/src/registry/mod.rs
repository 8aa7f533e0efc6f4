//! The registry of a session (OCI distribution-spec 1.1): the library to read as `docker.io`, and behind the same names a place to push.
//! What a session pushes only that session sees, and it goes with the session. Bytes are kept and their digests checked; of what is in
//! them only manifests are read, and of these only what they name.

mod access;
mod digest;
mod library;
mod manifest;
mod manifests;
mod path;
pub(crate) mod program;
mod range;
mod refusal;
mod search;
mod send;
mod store;
mod uploads;
pub(crate) mod upstream;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use access::{Visitor, may_write, unauthorized, visitor};
use digest::Digest;
use library::Library;
use path::{Wanted, wanted};
use refusal::Refusal;
use send::{Page, paged};
use store::Store;
use uploads::Uploads;
use upstream::client::{Answer, Upstream};

/// One session's registry.
#[derive(Debug)]
pub(crate) struct Registry {
    library: Library,
    store: Option<Store>,
    uploads: Uploads,
    upstream: Upstream,
}

/// A registry over the library in `dir` that takes no pushes. The directory may be made later: until then every repository is unknown.
pub fn reading(dir: PathBuf) -> Router {
    routes(Registry {
        library: Library::new(dir),
        store: None,
        uploads: Uploads::default(),
        upstream: Upstream::default(),
    })
}

/// A registry over the library in `library` that keeps what is pushed in `pushes`, at most `quota` bytes, and asks the fetcher on
/// `upstream`, if one is given, for what neither has.
///
/// # Errors
/// When the directory for the pushes cannot be made or read.
pub fn taking(library: PathBuf, pushes: &Path, quota: u64, upstream: Option<PathBuf>) -> std::io::Result<Router> {
    let store = Store::open(pushes, quota).map_err(std::io::Error::other)?;
    Ok(routes(Registry {
        library: Library::new(library),
        store: Some(store),
        uploads: Uploads::default(),
        upstream: Upstream::new(upstream),
    }))
}

fn routes(registry: Registry) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(registry))
}

async fn answer(State(registry): State<Arc<Registry>>, request: Request) -> Response {
    let mut response = respond(&registry, request).await.unwrap_or_else(Refusal::into_response);
    response.headers_mut().insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    response
}

async fn respond(registry: &Arc<Registry>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let Some(wanted) = wanted(&path) else {
        return Err(Refusal::not_found("NAME_INVALID", format!("{path} is no path of a registry")));
    };
    let (method, headers) = (parts.method.clone(), parts.headers.clone());
    let visitor = visitor(&headers)?;
    let reads = method == Method::GET || method == Method::HEAD;
    match wanted {
        Wanted::Uploads(name) | Wanted::Upload(name, _) => registry.writable(&visitor, name, &method, &headers)?,
        Wanted::Manifest(name, _) | Wanted::Blob(name, _) if !reads => {
            registry.writable(&visitor, name, &method, &headers)?;
        }
        _ if !reads => return Err(unsupported(&method)),
        _ => {}
    }
    match wanted {
        Wanted::Root => root(registry, &visitor, &headers),
        Wanted::Token => Ok(axum::Json(access::token(&visitor)).into_response()),
        Wanted::Catalog => {
            let page = query::<Page>(&mut parts).await?;
            Ok(paged(&path, registry.repositories().await?, &page, |list| json!({ "repositories": list })))
        }
        Wanted::Search => search::answer(registry, query(&mut parts).await?).await,
        Wanted::Tags(name) => {
            let page = query::<Page>(&mut parts).await?;
            let tags = match registry.tags(name).await {
                // What is all new here is the upstream's whole list, in the upstream's pages.
                Err(refusal) => {
                    let target = match page.query() {
                        query if query.is_empty() => path.clone(),
                        query => format!("{path}?{query}"),
                    };
                    return registry.or_upstream(Err(refusal), &method, &target, &headers).await;
                }
                Ok(tags) => tags,
            };
            Ok(paged(&path, tags, &page, |list| json!({ "name": name, "tags": list })))
        }
        Wanted::Manifest(name, reference) => match method {
            Method::PUT => manifests::put(registry, name, reference, &headers, body).await,
            Method::DELETE => manifests::delete(registry, name, reference).await,
            Method::GET | Method::HEAD => {
                let found = manifests::get(registry, name, reference, &headers).await;
                registry.or_upstream(found, &method, &path, &headers).await
            }
            _ => Err(unsupported(&method)),
        },
        Wanted::Blob(name, digest) => {
            let found = blob(registry, &method, name, digest, &headers).await;
            if reads { registry.or_upstream(found, &method, &path, &headers).await } else { found }
        }
        Wanted::Uploads(name) if method == Method::POST => {
            uploads::begin(registry, name, &query(&mut parts).await?, body).await
        }
        Wanted::Uploads(_) => Err(unsupported(&method)),
        Wanted::Upload(name, id) => {
            uploads::go_on(registry, &method, (name, id), &query(&mut parts).await?, &headers, body).await
        }
        Wanted::Referrers(name, digest) => manifests::referrers(registry, name, digest, query(&mut parts).await?).await,
    }
}

async fn query<T: serde::de::DeserializeOwned + Send>(parts: &mut axum::http::request::Parts) -> Result<T, Refusal> {
    let read = Query::<T>::from_request_parts(parts, &()).await;
    read.map(|Query(query)| query).map_err(|error| Refusal::bad("UNSUPPORTED", error.to_string()))
}

/// The question whether there is a registry at all, by which clients learn that one logs in here.
fn root(registry: &Registry, visitor: &Visitor, headers: &HeaderMap) -> Result<Response, Refusal> {
    if registry.store.is_some() && *visitor == Visitor::Unknown {
        return Err(unauthorized(headers, "authentication required"));
    }
    Ok(axum::Json(json!({})).into_response())
}

async fn blob(
    registry: &Arc<Registry>,
    method: &Method,
    name: &str,
    digest: &str,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let unknown = || Refusal::not_found("BLOB_UNKNOWN", format!("{name} has no blob {digest}"));
    let Some(parsed) = Digest::parse(digest) else {
        return Err(Refusal::bad("DIGEST_INVALID", format!("{digest} is no digest that is known here")));
    };
    match *method {
        Method::GET | Method::HEAD => {
            let path = registry.blob(name, &parsed).await?.ok_or_else(unknown)?;
            send::content(&path, &parsed, "application/octet-stream", headers).await
        }
        Method::DELETE => {
            let name = name.to_owned();
            let removed = blocking(registry, move |registry| Ok(registry.store()?.remove_blob(&name, &parsed)?));
            if removed.await? { Ok(StatusCode::ACCEPTED.into_response()) } else { Err(unknown()) }
        }
        _ => Err(unsupported(method)),
    }
}

fn unsupported(method: &Method) -> Refusal {
    let sentence = format!("this registry does not take {method} here");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", sentence)
}

/// Runs what blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    registry: &Arc<Registry>,
    work: impl FnOnce(&Registry) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let registry = Arc::clone(registry);
    match tokio::task::spawn_blocking(move || work(&registry)).await {
        Ok(result) => result,
        Err(error) => Err(Refusal::internal(&error)),
    }
}

impl Registry {
    /// What was found here, or else what the upstream registry has.
    async fn or_upstream(
        &self,
        found: Result<Response, Refusal>,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Refusal> {
        let refusal = match found {
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND => refusal,
            found => return found,
        };
        match self.upstream.ask(method, path, headers).await {
            Answer::Found(answer) => Ok(answer),
            Answer::Nothing => Err(refusal),
            // Whether it exists, nobody knows: Docker's words for that, and the reason.
            Answer::Away(why) if refusal.code == "NAME_UNKNOWN" => {
                let sentence =
                    format!("requested access to the resource is denied (nobody else could be asked: {why})");
                Err(Refusal::not_found("DENIED", sentence))
            }
            Answer::Away(why) => Err(refusal.because(&format!("nobody else could be asked: {why}"))),
        }
    }

    fn store(&self) -> Result<&Store, Refusal> {
        let sentence = "this registry is for reading only";
        self.store.as_ref().ok_or_else(|| Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", sentence))
    }

    fn writable(&self, visitor: &Visitor, name: &str, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.store.is_none() {
            return Err(unsupported(method));
        }
        may_write(visitor, name, headers)
    }

    /// Whether an upload of the blob can be left out, because `from` (or, if none is named, any repository) has it.
    async fn can_mount(&self, digest: &Digest, from: Option<&str>) -> Result<bool, Refusal> {
        match from {
            Some(from) => Ok(self.blob(from, digest).await?.is_some()),
            None => Ok(self.store()?.blob_anywhere(digest)),
        }
    }

    /// The file of a blob that the repository has.
    async fn blob(&self, name: &str, digest: &Digest) -> Result<Option<PathBuf>, Refusal> {
        match self.store.as_ref().and_then(|store| store.blob(name, digest)) {
            Some(Ok(path)) => Ok(Some(path)),
            // It was mounted from the library.
            Some(Err(store::Elsewhere)) => Ok(self.library.blob(digest)),
            None if self.library.repository(name).await?.is_empty() => self.known(name).map(|()| None),
            None => Ok(self.library.blob(digest)),
        }
    }

    fn known(&self, name: &str) -> Result<(), Refusal> {
        let pushed = self.store.as_ref().is_some_and(|store| store.has_repository(name));
        if pushed { Ok(()) } else { Err(Refusal::name_unknown(name)) }
    }

    async fn repositories(self: &Arc<Self>) -> Result<BTreeSet<String>, Refusal> {
        let mut names: BTreeSet<String> = self.library.names().await?.into_iter().map(|name| name.repository).collect();
        if self.store.is_some() {
            names.append(&mut blocking(self, |registry| Ok(registry.store()?.names()?)).await?);
        }
        Ok(names)
    }

    async fn tags(self: &Arc<Self>, name: &str) -> Result<BTreeSet<String>, Refusal> {
        let mut tags: BTreeSet<String> =
            self.library.repository(name).await?.into_iter().map(|name| name.tag).collect();
        if tags.is_empty() {
            self.known(name)?;
        }
        if self.store.is_some() {
            let name = name.to_owned();
            tags.append(&mut blocking(self, move |registry| Ok(registry.store()?.tags(&name)?)).await?);
        }
        Ok(tags)
    }
}
