//! `node-agent fetcher`: the cache as a registry on a socket.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LINK, RANGE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use clap::Parser;
use serde_json::json;
use slipway_images::registry::{Options as Access, Registries, RemoteError, Source, Trust};

use super::fetcher::{Blob, Fetcher, Manners};
use super::shelf::Shelf;
use crate::registry::digest::Digest;
use crate::registry::path::{Wanted, wanted};
use crate::registry::range::{self, Asked};
use crate::registry::refusal::Refusal;
use crate::registry::send::{self, Page, header};
use crate::registry::{query, search};

/// Docker Hub's registry.
const HUB: &str = "registry-1.docker.io:443";
/// The socket's name in the fetcher's directory.
pub(crate) const SOCKET: &str = "fetcher.sock";

/// Fetches from an upstream registry what the library lacks, and keeps it.
#[derive(Debug, Parser)]
#[command(name = "node-agent fetcher")]
struct Options {
    /// The upstream registry: https://HOST[:PORT] or http://HOST[:PORT]
    #[arg(long)]
    upstream: Source,
    /// Where what was fetched is kept
    #[arg(long)]
    cache: PathBuf,
    /// Where to listen
    #[arg(long)]
    socket: PathBuf,
    /// Bytes to keep at most
    #[arg(long)]
    limit: u64,
    /// Seconds that a tag is believed before it is asked for again
    #[arg(long, default_value_t = 300)]
    ttl: u64,
    /// Seconds that nobody is asked after nobody answered
    #[arg(long, default_value_t = 15)]
    pause: u64,
    /// PEM file with certificate authorities to trust besides the system's
    #[arg(long)]
    extra_ca: Vec<PathBuf>,
}

/// Entry point.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let options = match Options::try_parse_from(std::iter::once("node-agent fetcher".into()).chain(args)) {
        Ok(options) => options,
        Err(error) => {
            // A closed standard output is no reason to fail.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SLIPWAY_LOG").unwrap_or_else(|_| "warn".into());
    // A line that cannot be written, as on a full disk, is lost; complaining of it on the same stream would panic.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false).init();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("node-agent fetcher: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(options: Options) -> anyhow::Result<()> {
    let Options { upstream, cache, socket, limit, ttl, pause, extra_ca } = options;
    let shelf = Shelf::open(&cache, limit).with_context(|| format!("opening the cache {}", cache.display()))?;
    let trust = Trust { extra_ca, ..Trust::default() };
    // Docker Hub searches at another address, which is what is asked where no mirror is named.
    let hub = matches!(&upstream, Source::Tls(authority) if authority == HUB);
    let access = |mirror| Registries::new(Access { mirror, trust: trust.clone(), ..Access::default() });
    let searched = access(Some(upstream.clone()).filter(|_| !hub));
    let registries = access(Some(upstream));
    let manners = Manners { ttl: Duration::from_secs(ttl), pause: Duration::from_secs(pause) };
    let fetcher = Arc::new(Fetcher::new(shelf, registries, searched, manners));
    match fs::remove_file(&socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing the old {}", socket.display()));
        }
        _ => {}
    }
    // The registry connects as another nobody.
    let listener = tokio::net::UnixListener::bind(&socket)
        .and_then(|listener| fs::set_permissions(&socket, Permissions::from_mode(0o666)).map(|()| listener))
        .with_context(|| format!("listening on {}", socket.display()))?;
    let routes = Router::new().fallback(answer).with_state(fetcher);
    axum::serve(listener, routes).await.context("serving")
}

async fn answer(State(fetcher): State<Arc<Fetcher>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    respond(&fetcher, &mut parts).await.unwrap_or_else(Refusal::into_response)
}

async fn respond(fetcher: &Arc<Fetcher>, parts: &mut Parts) -> Result<Response, Refusal> {
    let path = parts.uri.path().to_owned();
    let (method, headers) = (&parts.method.clone(), &parts.headers.clone());
    if *method != Method::GET && *method != Method::HEAD {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the cache is for reading only"));
    }
    match wanted(&path) {
        Some(Wanted::Manifest(name, reference)) => {
            let unknown = |error| refuse(error, || Refusal::manifest_unknown(name, reference));
            let kept = fetcher.manifest(name, reference).await.map_err(unknown)?;
            send::content(&kept.path, &kept.digest, &kept.media_type, headers).await
        }
        Some(Wanted::Blob(name, digest)) => {
            let unknown = || Refusal::not_found("BLOB_UNKNOWN", format!("{name} has no blob {digest}"));
            let parsed = Digest::parse(digest).filter(Digest::is_sha256).ok_or_else(unknown)?;
            if *method == Method::HEAD {
                let length = fetcher.stat(name, &parsed).await.map_err(|error| refuse(error, unknown))?;
                return described(StatusCode::OK, &parsed, length, Body::empty());
            }
            blob(fetcher, name, &parsed, headers).await.map_err(|error| refuse(error, unknown))?
        }
        Some(Wanted::Tags(name)) => {
            let page = query::<Page>(parts).await?;
            let found = fetcher.tags(name, &page.query()).await;
            let (body, next) = found.map_err(|error| refuse(error, || Refusal::name_unknown(name)))?;
            if next.is_none() && !page.query().is_empty() {
                // The last page, or of a registry that knows no pages.
                let list: Tags = serde_json::from_slice(&body).map_err(|error| Refusal::internal(&error))?;
                return Ok(send::paged(&path, list.tags, &page, |tags| json!({ "name": name, "tags": tags })));
            }
            let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
            if let Some(next) = next {
                response.headers_mut().insert(LINK, header(&format!("<{path}?{next}>; rel=\"next\""))?);
            }
            Ok(response)
        }
        Some(Wanted::Search) => {
            let asked = query::<search::Asked>(parts).await?;
            let found = fetcher.search(&asked.term(), asked.limit()).await;
            let found =
                found.map_err(|error| refuse(error, || Refusal::not_found("UNSUPPORTED", "no search".into())))?;
            Ok(axum::Json(found).into_response())
        }
        _ => Err(Refusal::not_found("NAME_INVALID", format!("{path} is nothing that the cache has"))),
    }
}

#[derive(serde::Deserialize)]
struct Tags {
    #[serde(default)]
    tags: std::collections::BTreeSet<String>,
}

async fn blob(
    fetcher: &Arc<Fetcher>,
    name: &str,
    digest: &Digest,
    headers: &HeaderMap,
) -> Result<Result<Response, Refusal>, RemoteError> {
    loop {
        let growing = match fetcher.blob(name, digest).await? {
            Blob::Whole(path) => return Ok(send::content(&path, digest, "application/octet-stream", headers).await),
            Blob::Growing(growing) => growing,
        };
        // Whole meanwhile: it is asked for again, and found.
        let Some((total, file)) = growing.begun().await? else { continue };
        let asked = headers.get(RANGE).and_then(|value| value.to_str().ok());
        // Only what is asked for when a download goes on is given in part.
        let first = match range::parse(asked, total) {
            Asked::Part(first, last) if last + 1 == total => first,
            _ => 0,
        };
        let status = if first > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let body = Body::from_stream(growing.read(file, first));
        let described = described(status, digest, Some(total - first), body).map(|mut response| {
            if let Ok(range) = HeaderValue::from_str(&format!("bytes {first}-{}/{total}", total.saturating_sub(1)))
                && first > 0
            {
                response.headers_mut().insert(CONTENT_RANGE, range);
            }
            response
        });
        return Ok(described);
    }
}

fn described(status: StatusCode, digest: &Digest, length: Option<u64>, body: Body) -> Result<Response, Refusal> {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert("docker-content-digest", header(digest.as_str())?);
    headers.extend(length.map(|length| (CONTENT_LENGTH, HeaderValue::from(length))));
    Ok(response)
}

fn refuse(error: RemoteError, unknown: impl Fn() -> Refusal) -> Refusal {
    match error {
        RemoteError::NotFound(_) => unknown(),
        RemoteError::Throttled(why, wait) => {
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", why);
            match wait {
                Some(wait) => refusal.with(RETRY_AFTER, wait.as_secs().to_string()),
                None => refusal,
            }
        }
        RemoteError::Away(why) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", why),
        other => Refusal::new(StatusCode::BAD_GATEWAY, "UNKNOWN", other.to_string()),
    }
}
