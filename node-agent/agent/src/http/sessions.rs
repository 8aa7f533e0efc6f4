//! Sessions over HTTP: open, look, extend, end, and the stream of what happens in one.

use std::convert::Infallible;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::{ApiError, App, auth, error::json_body};
use crate::sessions::core::{EndReason, Event, SessionView};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    lab: Option<String>,
}

pub(super) async fn open(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    // A foreign page must not fill the server; programs send no Origin.
    if headers.contains_key(header::ORIGIN) {
        auth::same_origin(&headers)?;
    }
    let Open { lab } = json_body(&body)?;
    let nodes = match &lab {
        None => 1,
        Some(slug) => app.shelf.get(slug).map(|lab| usize::from(lab.terms)).ok_or_else(|| {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "no_such_lab",
                format!("there is no lab {slug}; /api/v1/labs lists them"),
            )
        })?,
    };
    // On a task of its own: a client that hangs up meanwhile must not leave half a session.
    let manager = std::sync::Arc::clone(&app.manager);
    let opened = tokio::spawn(async move { manager.open(lab, nodes).await });
    let opened = opened.await.map_err(crate::sessions::Error::from)??;
    let session = &opened.session;
    let cookie = format!(
        "{}={}; HttpOnly; SameSite=Strict; Path=/api/v1/sessions/{}",
        auth::cookie_name(&session.id),
        opened.token,
        session.id
    );
    let mut body = json!(session);
    body["token"] = json!(opened.token);
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(body)).into_response())
}

pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<SessionView>, ApiError> {
    Ok(Json(app.manager.get(&id)?))
}

pub(super) async fn delete(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let manager = std::sync::Arc::clone(&app.manager);
    let ended = tokio::spawn(async move { manager.end(&id, EndReason::Deleted).await });
    ended.await.map_err(crate::sessions::Error::from)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn extend(State(app): State<App>, Path(id): Path<String>) -> Result<Json<SessionView>, ApiError> {
    Ok(Json(app.manager.extend(&id)?))
}

pub(super) async fn events(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, ApiError> {
    let receiver = app.manager.events(&id)?;
    // First how things stand, so that a listener who comes back has missed nothing that matters.
    let now = json!({"type": "session", "session": app.manager.get(&id)?});
    let first = stream::iter([Ok(sse::Event::default().data(now.to_string()))]);
    let rest = stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        let event = loop {
            match receiver.recv().await {
                Ok(event) => break event,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        };
        let last = matches!(event, Event::Ended { .. });
        let text = json!(event).to_string();
        Some((Ok(sse::Event::default().data(text)), (!last).then_some(receiver)))
    });
    use futures_util::StreamExt;
    Ok(Sse::new(first.chain(rest)).keep_alive(KeepAlive::default()))
}
