//! `/containers`: create, list, inspect, and what changes a container's life.

use std::num::IntErrorKind;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::extract::{self, JsonBody, Params};
use crate::containers::create::{Create, create};
use crate::containers::{self, Container, inspect, list, remove, start, stats, stop};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::shim::client;
use crate::shim::protocol::Request;
use crate::spec::resources;
use crate::types::HostConfig;

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/containers/create", post(create_one))
        .route("/containers/json", get(list_all))
        .route("/containers/prune", post(prune))
        .route("/containers/{id}", delete(remove_one))
        .route("/containers/{id}/json", get(inspect_one))
        .route("/containers/{id}/top", get(top))
        .route("/containers/{id}/stats", get(stats_of))
        .route("/containers/{id}/changes", get(changes))
        .route("/containers/{id}/start", post(start_one))
        .route("/containers/{id}/stop", post(stop_one))
        .route("/containers/{id}/restart", post(restart_one))
        .route("/containers/{id}/kill", post(kill_one))
        .route("/containers/{id}/pause", post(pause_one))
        .route("/containers/{id}/unpause", post(unpause_one))
        .route("/containers/{id}/rename", post(rename_one))
        .route("/containers/{id}/update", post(update_one))
        .route("/containers/{id}/resize", post(resize_one))
        .route("/containers/{id}/wait", post(wait_one))
}

async fn create_one(State(engine): Engined, params: Params, JsonBody(body): JsonBody) -> Result<Response> {
    let mut value: Value = extract::object(&body)?;
    if value.as_object().is_some_and(serde_json::Map::is_empty) {
        return Err(Error::bad("config cannot be empty in order to create a container"));
    }
    let invalid = |e: serde_json::Error| extract::type_error(&e);
    let take = |value: &mut Value, key: &str| value.as_object_mut().and_then(|m| m.remove(key));
    for key in ["HostConfig", "NetworkingConfig"] {
        extract::object_or_null(&value[key])?;
    }
    let host = take(&mut value, "HostConfig").map(crate::types::from_go_json).transpose().map_err(invalid)?;
    let networking =
        take(&mut value, "NetworkingConfig").map(crate::types::from_go_json).transpose().map_err(invalid)?;
    let config = crate::types::from_go_json(value).map_err(invalid)?;
    let name = Some(params.get("name").to_owned()).filter(|n| !n.is_empty());
    let platform = match params.get("platform") {
        "" => None,
        text => {
            Some(text.parse().map_err(|e: slipway_images::registry::ParsePlatformError| Error::bad(e.to_string()))?)
        }
    };
    let (host, networking) = (host.unwrap_or_default(), networking.unwrap_or_default());
    let request = Create { name, config, host, networking, platform };
    let container = blocking(move || create(&engine, request)).await?;
    Ok((StatusCode::CREATED, Json(json!({ "Id": container.id, "Warnings": [] }))).into_response())
}

async fn list_all(State(engine): Engined, params: Params) -> Result<Json<Vec<Value>>> {
    let query = list::Query {
        all: params.flag("all"),
        limit: params.number("limit")?.unwrap_or(0),
        size: params.flag("size"),
        filters: params.filters()?,
    };
    blocking(move || list::list(&engine, &query)).await.map(Json)
}

async fn prune(State(engine): Engined, params: Params) -> Result<Json<Value>> {
    remove::prune(&engine, &params.filters()?).await.map(Json)
}

async fn remove_one(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<StatusCode> {
    let container = engine.container(&id)?;
    remove::remove(&engine, &container, params.flag("force"), params.flag("v")).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn inspect_one(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<Json<Value>> {
    let container = engine.container(&id)?;
    let size = params.flag("size");
    blocking(move || inspect::inspect(&engine, &container, size)).await.map(Json)
}

async fn top(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<Json<Value>> {
    let container = engine.container(&id)?;
    blocking(move || inspect::top(&container, params.get("ps_args"))).await.map(Json)
}

async fn stats_of(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<Response> {
    let container = engine.container(&id)?;
    if params.flag_or("stream", true) {
        let body = Body::from_stream(stats::stream(container));
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    let one_shot = params.flag("one-shot");
    Ok(Json(stats::once(&container, one_shot).await).into_response())
}

async fn changes(State(engine): Engined, Path(id): Path<String>) -> Result<Json<Value>> {
    let container = engine.container(&id)?;
    blocking(move || {
        let changes = engine.store.changes(&container.id)?;
        let list: Vec<Value> =
            changes.iter().map(|c| json!({ "Path": c.path.to_string_lossy(), "Kind": c.kind as u8 })).collect();
        Ok(Json(if list.is_empty() { Value::Null } else { Value::Array(list) }))
    })
    .await
}

async fn start_one(State(engine): Engined, Path(id): Path<String>) -> Result<StatusCode> {
    let container = engine.container(&id)?;
    // A client that goes away must not leave a start half-done.
    let work = tokio::spawn(async move { start::start(&engine, &container).await });
    work.await.map_err(Error::internal)??;
    Ok(StatusCode::NO_CONTENT)
}

async fn stop_one(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<StatusCode> {
    let container = engine.container(&id)?;
    let (timeout, signal) = (params.number("t")?, params.get("signal").to_owned());
    stop::stop(&engine, &container, timeout, Some(&signal)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restart_one(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<StatusCode> {
    let container = engine.container(&id)?;
    let (timeout, signal) = (params.number("t")?, params.get("signal").to_owned());
    let work = tokio::spawn(async move { stop::restart(&engine, &container, timeout, Some(&signal)).await });
    work.await.map_err(Error::internal)??;
    Ok(StatusCode::NO_CONTENT)
}

async fn kill_one(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<StatusCode> {
    let kill = async {
        // Before the container is looked for.
        stop::parse_signal(Some(params.get("signal")).filter(|s| !s.is_empty()).unwrap_or("SIGKILL"))?;
        stop::kill(&engine, &engine.container(&id)?, params.get("signal")).await
    };
    kill.await.map_err(|e| e.context(&format!("cannot kill container: {id}")))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pause_one(State(engine): Engined, Path(id): Path<String>) -> Result<StatusCode> {
    stop::pause(&engine, &engine.container(&id)?, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unpause_one(State(engine): Engined, Path(id): Path<String>) -> Result<StatusCode> {
    stop::pause(&engine, &engine.container(&id)?, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn rename_one(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<StatusCode> {
    let container = engine.container(&id)?;
    remove::rename(&engine, &container, params.get("name"))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn update_one(State(engine): Engined, Path(id): Path<String>, JsonBody(body): JsonBody) -> Result<Json<Value>> {
    let container = engine.container(&id)?;
    let asked: Value = extract::object(&body)?;
    let new = {
        // Only what the request gives a value other than zero is changed.
        let mut merged = serde_json::to_value(&container.data().host).map_err(Error::internal)?;
        const KEYS: &[&str] = &[
            "CpuShares",
            "Memory",
            "NanoCpus",
            "BlkioWeight",
            "CpuPeriod",
            "CpuQuota",
            "CpusetCpus",
            "CpusetMems",
            "MemoryReservation",
            "MemorySwap",
            "PidsLimit",
            "RestartPolicy",
        ];
        for key in KEYS {
            let value = &asked[*key];
            let empty = value.is_null() || *value == json!(0) || *value == json!("") || value["Name"] == json!("");
            if !empty {
                merged[*key] = value.clone();
            }
        }
        crate::types::from_go_json::<HostConfig>(merged).map_err(|e| extract::type_error(&e))?
    };
    resources::check(&new)?;
    if container.is_running() {
        let (runtime, c) = (crate::runtime::client(&engine.config.runtime), container.clone());
        let limits = Value::Object(resources::resources(&new));
        blocking(move || {
            let done = runtime.with_scratch(c.run_dir.clone()).update(&c.id, &limits);
            done.map_err(|e| Error::internal(format!("Cannot update container {}: {e}", c.id)))
        })
        .await?;
    }
    container.data().host = new;
    container.save()?;
    container.event(&engine, "update", &[]);
    Ok(Json(json!({ "Warnings": null })))
}

/// Columns and rows of a resize request. Both may be zero, as those of a terminal that nobody has told its size.
pub(super) fn size(params: &Params) -> Result<(u16, u16)> {
    let one = |key: &str, what: &str| {
        let text = params.get(key);
        text.parse().map_err(|e: std::num::ParseIntError| {
            let why =
                if matches!(e.kind(), IntErrorKind::PosOverflow) { "value out of range" } else { "invalid syntax" };
            Error::bad(format!("invalid resize {what} \"{text}\": {why}"))
        })
    };
    let height = one("h", "height")?;
    Ok((one("w", "width")?, height))
}

async fn resize_one(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<StatusCode> {
    let container = engine.container(&id)?;
    let (width, height) = size(&params)?;
    container.require_running().map_err(|_| Error::conflict(format!("Container {} is not running", container.id)))?;
    let request = Request::Resize { exec: None, width, height };
    client::request(&container.socket, &request).await.map_err(Error::internal)?;
    container.event(&engine, "resize", &[("height", height.to_string()), ("width", width.to_string())]);
    Ok(StatusCode::OK)
}

async fn wait_one(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<Response> {
    let container: Arc<Container> = engine.container(&id)?;
    let condition = params.get("condition").to_owned();
    if !matches!(condition.as_str(), "" | "not-running" | "next-exit" | "removed") {
        return Err(Error::bad(format!("invalid condition: \"{condition}\"")));
    }
    // Registered now; the headers go out at once and the status when it is known.
    let phases = container.phases();
    let answer = async move {
        let code = containers::wait(phases, &condition).await;
        Ok::<_, std::convert::Infallible>(format!("{}\n", json!({ "StatusCode": code })))
    };
    let mut response = Response::new(Body::from_stream(futures_util::stream::once(answer)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
