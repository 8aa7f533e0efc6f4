//! `/build` and `/build/prune`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::extract::Params;
use super::hijack::Hijack;
use super::transfer::body_reader;
use crate::builder::{self, Options};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};

type Engined = State<Arc<Engine>>;

/// How long a request that is refused is read on.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Messages that the client may be behind.
const BEHIND: usize = 64;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/build", post(build))
        .route("/build/prune", post(prune))
        .route("/build/cancel", post(cancel))
        .route("/x-slipway/ssh", post(agent))
}

async fn build(State(engine): Engined, params: Params, headers: HeaderMap, body: Body) -> Result<Response> {
    let mut body = body_reader(body);
    let options = match Options::read(&params, &headers) {
        Ok(options) => options,
        Err(refusal) => {
            // Read all the same: a client whose upload breaks off would not hear why. One that is slow hears it in between.
            let reading = blocking(move || Ok(std::io::copy(&mut body, &mut std::io::sink())?));
            let _ = tokio::time::timeout(PATIENCE, reading).await;
            return Err(refusal);
        }
    };
    let prepared = builder::prepare(&engine, options, body).await?;
    let (client, receiver) = mpsc::channel::<String>(BEHIND);
    tokio::spawn(prepared.run(client));
    let stream = futures_util::stream::unfold(receiver, |mut r| async move {
        r.recv().await.map(|line| (Ok::<_, std::convert::Infallible>(line), r))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response())
}

/// A classic build is cancelled by its connection; this is for clients that ask in words.
async fn cancel() -> Response {
    http::StatusCode::NO_CONTENT.into_response()
}

/// A connection to a client's SSH agent, which waits until a command of the client's build needs it.
async fn agent(State(engine): Engined, params: Params, mut request: Request) -> Result<Response> {
    let (build, id) = (params.get("build"), params.get("id"));
    if build.is_empty() || id.is_empty() {
        return Err(Error::bad("the names of a build and of an agent are expected"));
    }
    let hijack = Hijack::new(&mut request)?;
    let (ours, theirs) = tokio::net::UnixStream::pair()?;
    engine.agents.add(build, id, ours)?;
    Ok(hijack.connect(theirs, true, Vec::new(), Vec::new(), || {}))
}

async fn prune(State(engine): Engined, params: Params) -> Result<Json<Value>> {
    // `all` says whether images of steps go, too, of which there are none in this cache.
    let mut asked = builder::Prune::new(&params.filters()?)?;
    asked.reserved = match bytes(&params, "reserved-space")? {
        // What clients older than 28 call it.
        0 => bytes(&params, "keep-storage")?,
        reserved => reserved,
    };
    (asked.most, asked.free) = (bytes(&params, "max-used-space")?, bytes(&params, "min-free-space")?);
    let (names, bytes) = blocking(move || builder::prune(&engine, &asked)).await?;
    let names = if names.is_empty() { Value::Null } else { json!(names) };
    Ok(Json(json!({ "CachesDeleted": names, "SpaceReclaimed": bytes })))
}

/// A parameter in bytes; 0 when it is not given, or less.
fn bytes(params: &Params, name: &str) -> Result<u64> {
    let wrong = |e: Error| {
        Error::bad(format!("{name} is in bytes and expects an integer, got {}: {}", params.get(name), e.message))
    };
    let number: Option<i64> = params.number(name).map_err(wrong)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
}
