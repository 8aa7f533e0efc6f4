//! `/build` and `/build/prune`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::header;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::extract::Params;
use super::transfer::body_reader;
use crate::builder::{self, Options};
use crate::engine::Engine;
use crate::error::{Result, blocking};

type Engined = State<Arc<Engine>>;

/// Messages that the client may be behind.
const BEHIND: usize = 64;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/build", post(build)).route("/build/prune", post(prune)).route("/build/cancel", post(cancel))
}

async fn build(State(engine): Engined, params: Params, body: Body) -> Result<Response> {
    // First of all: what is sent is read to its end even if it is refused, or the client would not hear why.
    let body = body_reader(body);
    let prepared = builder::prepare(&engine, Options::read(&params)?, body).await?;
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

async fn prune(State(engine): Engined) -> Result<Json<Value>> {
    let (names, bytes) = blocking(move || builder::prune(&engine)).await?;
    let names = if names.is_empty() { Value::Null } else { json!(names) };
    Ok(Json(json!({ "CachesDeleted": names, "SpaceReclaimed": bytes })))
}
