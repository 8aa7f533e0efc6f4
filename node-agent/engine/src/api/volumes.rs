//! `/volumes`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{self, JsonBody, Params};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::filters::label_matches;
use crate::volumes::{About, users};

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/volumes", get(list))
        .route("/volumes/create", post(create))
        .route("/volumes/prune", post(prune))
        .route("/volumes/{name}", get(inspect).delete(remove))
}

async fn list(State(engine): Engined, params: Params) -> Result<Json<Value>> {
    let filters = params.filters()?;
    filters.check(&["dangling", "driver", "label", "name"])?;
    let volumes: Vec<Value> = engine
        .volumes
        .list()
        .into_iter()
        .filter(|v| {
            filters.all(|key, value| match key {
                "name" => v.name.contains(value),
                "driver" => value == "local",
                "label" => label_matches(&v.about.labels, value),
                "dangling" => users(&engine, &v.name).is_empty() == matches!(value, "1" | "true"),
                _ => true,
            })
        })
        .map(|v| v.to_json())
        .collect();
    Ok(Json(json!({ "Volumes": volumes, "Warnings": null })))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Create {
    name: String,
    driver: String,
    driver_opts: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

async fn create(State(engine): Engined, JsonBody(body): JsonBody) -> Result<Response> {
    let request: Create = extract::json(&body)?;
    if !matches!(request.driver.as_str(), "" | "local") {
        let (name, driver) = (request.name, request.driver);
        return Err(Error::not_found(format!(
            "create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found"
        )));
    }
    let about = About { labels: request.labels, options: request.driver_opts, ..About::default() };
    let volume = blocking(move || engine.volumes.create(&engine, &request.name, about)).await?;
    Ok((StatusCode::CREATED, Json(volume.to_json())).into_response())
}

async fn inspect(State(engine): Engined, Path(name): Path<String>) -> Result<Json<Value>> {
    let volume = engine.volumes.get(&name).ok_or_else(|| Error::not_found(format!("get {name}: no such volume")))?;
    Ok(Json(volume.to_json()))
}

async fn remove(State(engine): Engined, Path(name): Path<String>, params: Params) -> Result<StatusCode> {
    let force = params.flag("force");
    blocking(move || engine.volumes.remove(&engine, &name, force)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn prune(State(engine): Engined, params: Params) -> Result<Json<Value>> {
    let filters = params.filters()?;
    blocking(move || engine.volumes.prune(&engine, &filters)).await.map(Json)
}
