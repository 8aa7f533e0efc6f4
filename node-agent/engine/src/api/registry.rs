//! What goes to and comes from registries: pull, push, `/auth`, `/images/search`, `/distribution`. Work whose client goes
//! away is given up.

use std::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use slipway_images::registry::{Credentials, LoginError, Platform, PushOptions, SearchError, SearchResult, Wanted};
use slipway_images::{Progress, Reference};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinHandle;

use super::extract::{self, Params};
use super::peer::Peer;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::images::pull;

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/auth", post(auth))
        .route("/images/search", get(search))
        .route("/distribution/{*rest}", get(distribution))
}

fn credentials(headers: &HeaderMap) -> Credentials {
    let value = headers.get("x-registry-auth").and_then(|value| value.to_str().ok());
    value.map(Credentials::from_header).unwrap_or_default()
}

/// `POST /images/create?fromImage=`.
///
/// # Errors
/// For a name or platform that is none, and what fails before the first message.
pub(super) async fn pull(
    engine: Arc<Engine>,
    params: &Params,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<Response> {
    let (from, tag) = (params.get("fromImage").trim_end_matches(':'), params.get("tag"));
    let text = match tag {
        "" => from.to_owned(),
        digest if digest.contains(':') => format!("{from}@{digest}"),
        tag => format!("{from}:{tag}"),
    };
    let reference = Reference::parse(&text).map_err(|e| Error::bad(e.to_string()))?;
    if reference.familiar_name() == "scratch" {
        return Err(Error::new(StatusCode::FORBIDDEN, "'scratch' is a reserved name"));
    }
    let platform = match params.get("platform") {
        "" => None,
        text => Some(text.parse::<Platform>().map_err(|e| Error::bad(e.to_string()))?),
    };
    let all_tags = reference.tag().is_none() && reference.digest().is_none();
    let wanted = Wanted { reference, all_tags, platform, credentials: credentials(headers) };
    follow(peer, |progress| async move { pull::pull(&engine, &wanted, progress).await.map(drop) }).await
}

/// `POST /images/{name}/push`.
///
/// # Errors
/// For a name or platform that is none.
pub(super) async fn push(
    engine: Arc<Engine>,
    name: &str,
    params: &Params,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<Response> {
    let tag = params.get("tag");
    let platform = match params.get("platform") {
        "" => None,
        text => {
            let read = serde_json::from_str::<Platform>(text);
            Some(read.map_err(|e| Error::bad(format!("failed to parse platform: {e}")))?)
        }
    };
    let text = if tag.is_empty() { name.to_owned() } else { format!("{name}:{tag}") };
    let reference = Reference::parse(&text).map_err(|e| Error::bad(e.to_string()))?;
    let options = PushOptions { reference, credentials: credentials(headers), platform };
    follow(peer, |progress| async move { pull::push(&engine, &options, progress).await }).await
}

/// Work that ends with whoever waits for it.
struct Bound(JoinHandle<Result<()>>);

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Streams the messages of some work, which is given up when the client goes away. A failure before the first message
/// becomes the status of the answer, as in moby.
async fn follow<F>(peer: Option<Peer>, work: impl FnOnce(UnboundedSender<Progress>) -> F) -> Result<Response>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (lines, receiver) = mpsc::unbounded_channel();
    let (progress, mut messages) = mpsc::unbounded_channel::<Progress>();
    let mut work = Bound(tokio::spawn(work(progress)));
    let gone = async move {
        match peer {
            Some(peer) => peer.gone().await,
            None => std::future::pending().await,
        }
    };
    let mut gone = Box::pin(gone);
    let first = tokio::select! {
        first = messages.recv() => first,
        () = &mut gone => return Err(Error::internal("the client has gone away")),
    };
    let Some(first) = first else {
        return (&mut work.0).await.map_err(Error::internal)?.map(|()| progress_body(receiver));
    };
    tokio::spawn(async move {
        let _ = lines.send(line(&first.to_json()));
        loop {
            let message = tokio::select! {
                message = messages.recv() => message,
                () = lines.closed() => return,
                () = &mut gone => return,
            };
            let Some(message) = message else { break };
            let _ = lines.send(line(&message.to_json()));
        }
        if let Err(e) = (&mut work.0).await.map_err(Error::internal).and_then(|r| r) {
            let _ = lines.send(failure(&e));
        }
    });
    Ok(progress_body(receiver))
}

async fn auth(State(engine): Engined, body: Bytes) -> Result<Json<Value>> {
    let credentials: Credentials = extract::json(&body)?;
    match engine.registries.login(&credentials).await {
        Ok(login) => Ok(Json(json!({ "IdentityToken": login.identity_token, "Status": "Login Succeeded" }))),
        Err(e @ LoginError::Unauthorized(_)) => Err(Error::new(StatusCode::UNAUTHORIZED, e.to_string())),
        Err(e) => Err(Error::internal(e)),
    }
}

async fn search(State(engine): Engined, params: Params, headers: HeaderMap) -> Result<Json<Vec<SearchResult>>> {
    let filters = params.filters()?;
    filters.check(&["is-automated", "is-official", "stars"])?;
    let limit: i64 = params.number("limit")?.unwrap_or(0);
    let Ok(limit) = u32::try_from(limit) else {
        return Err(Error::bad(format!("limit {limit} is outside the range of [1, 100]")));
    };
    let truth = |key: &str| match filters.get(key).first().map(String::as_str) {
        None => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(other) => Err(Error::bad(format!("invalid filter '{key}=[{other}]'"))),
    };
    let (automated, official) = (truth("is-automated")?, truth("is-official")?);
    let mut stars = 0;
    for text in filters.get("stars") {
        let number: i64 = text.parse().map_err(|_| {
            Error::bad(format!("invalid filter 'stars={text}': strconv.Atoi: parsing {text:?}: invalid syntax"))
        })?;
        stars = stars.max(number);
    }
    if automated == Some(true) {
        return Ok(Json(Vec::new()));
    }
    let found = engine.registries.search(params.get("term"), limit, &credentials(&headers)).await;
    let mut found = found.map_err(|e| match e {
        SearchError::Invalid(text) => Error::bad(text),
        other => Error::internal(other),
    })?;
    found.retain(|one| official.is_none_or(|wanted| one.is_official == wanted) && one.star_count >= stars);
    Ok(Json(found))
}

async fn distribution(State(engine): Engined, Path(rest): Path<String>, headers: HeaderMap) -> Result<Json<Value>> {
    let name = rest.strip_suffix("/json").ok_or_else(|| Error::not_found("page not found"))?;
    let reference = Reference::parse(name).map_err(|e| Error::bad(e.to_string()))?.with_default_tag();
    let found = engine.registries.inspect(&reference, &credentials(&headers)).await;
    found.map(Json).map_err(|e| pull::error_of(&e))
}

/// A body of progress messages that the receiver's end finishes.
pub(super) fn progress_body(receiver: mpsc::UnboundedReceiver<String>) -> Response {
    let stream = futures_util::stream::unfold(receiver, |mut r| async move {
        r.recv().await.map(|l| (Ok::<_, std::convert::Infallible>(l), r))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response()
}

/// A message as it is sent.
pub(super) fn line(value: &Value) -> String {
    format!("{value}\r\n")
}

/// The message that ends a failed stream.
pub(super) fn failure(e: &Error) -> String {
    line(&json!({ "errorDetail": { "message": e.message }, "error": e.message }))
}
