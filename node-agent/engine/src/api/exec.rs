//! `/exec`: further processes in running containers.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{self, JsonBody, Params};
use super::hijack::{Hijack, parse_keys};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::exec;

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/containers/{id}/exec", post(create))
        .route("/exec/{id}/start", post(start))
        .route("/exec/{id}/resize", post(resize))
        .route("/exec/{id}/json", get(inspect))
}

async fn create(State(engine): Engined, Path(id): Path<String>, JsonBody(body): JsonBody) -> Result<Response> {
    let container = engine.container(&id)?;
    let config: exec::ExecConfig = extract::json(&body)?;
    parse_keys(&config.detach_keys)?;
    let exec = exec::create(&engine, &container, &id, config)?;
    Ok((StatusCode::CREATED, Json(json!({ "Id": exec.id }))).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Start {
    detach: bool,
    console_size: Option<[u16; 2]>,
}

async fn start(State(engine): Engined, Path(id): Path<String>, mut request: Request) -> Result<Response> {
    extract::check_content_type(request.headers())?;
    let exec = exec::find(&engine, &id)?;
    // Read before the connection is taken over.
    let body = std::mem::take(request.body_mut()).collect().await.map_err(|e| Error::bad(e.to_string()))?.to_bytes();
    let options: Start = extract::json_or_default(&body)?;
    if options.detach {
        exec::start(&engine, &exec, options.console_size, false).await?;
        return Ok(StatusCode::OK.into_response());
    }
    let hijack = Hijack::new(&mut request)?;
    let tty = exec.config.tty;
    let keys = if tty && exec.config.attach_stdin { parse_keys(&exec.config.detach_keys)? } else { Vec::new() };
    let (stream, first) = match exec::start(&engine, &exec, options.console_size, true).await {
        Ok(stream) => (stream, Vec::new()),
        // As moby: the stream is taken over before the command is tried, and what is wrong with it is told there.
        Err(e) if e.status == StatusCode::BAD_REQUEST && hijack.asked() => {
            let text = format!("{}\r\n", e.message);
            let first = if tty { text.into_bytes() } else { crate::logs::frame(1, text.as_bytes()) };
            (tokio::net::UnixStream::pair()?.0, first)
        }
        Err(e) => return Err(e),
    };
    if !hijack.asked() {
        return Ok(hijack.plain(stream, tty, Vec::new()));
    }
    let container = engine.container(&exec.container)?;
    let (e, id) = (engine.clone(), exec.id.clone());
    Ok(hijack.connect(stream, tty, first, keys, move || container.event(&e, "exec_detach", &[("execID", id)])))
}

async fn resize(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<StatusCode> {
    let exec = exec::find(&engine, &id)?;
    let (width, height) = super::containers::size(&params)?;
    exec::resize(&engine, &exec, width, height).await?;
    Ok(StatusCode::OK)
}

async fn inspect(State(engine): Engined, Path(id): Path<String>) -> Result<Json<Value>> {
    Ok(Json(exec::find(&engine, &id)?.inspect()))
}
