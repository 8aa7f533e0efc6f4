//! `/networks`: the predefined ones.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::extract::Params;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::network;

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/create", post(refuse))
        .route("/networks/prune", post(prune))
        .route("/networks/{id}", get(inspect).delete(remove))
        .route("/networks/{id}/connect", post(refuse))
        .route("/networks/{id}/disconnect", post(refuse))
}

async fn list(State(engine): Engined, params: Params) -> Result<Json<Vec<Value>>> {
    let filters = params.filters()?;
    filters.check(&["dangling", "driver", "id", "label", "name", "scope", "type"])?;
    let fits = |n: &Value| {
        filters.all(|key, value| match key {
            "driver" => n["Driver"] == value,
            "id" => n["Id"].as_str().is_some_and(|id| id.starts_with(value)),
            "name" => n["Name"].as_str().is_some_and(|name| name.contains(value)),
            "scope" => value == "local",
            "type" => value == "builtin",
            "label" => false,
            "dangling" => !matches!(value, "1" | "true"),
            _ => true,
        })
    };
    Ok(Json(network::list(&engine).into_iter().filter(fits).collect()))
}

async fn inspect(State(engine): Engined, Path(id): Path<String>) -> Result<Json<Value>> {
    network::find(&engine, &id).map(Json)
}

async fn remove(State(engine): Engined, Path(id): Path<String>) -> Result<()> {
    let found = network::find(&engine, &id)?;
    let name = found["Name"].as_str().unwrap_or(&id);
    Err(Error::new(http::StatusCode::FORBIDDEN, format!("{name} is a pre-defined network and cannot be removed")))
}

/// There are no others than the predefined ones, which are never pruned; what is asked is read all the same.
async fn prune(params: Params) -> Result<Json<Value>> {
    let filters = params.filters()?;
    filters.check(&["label", "label!", "until"])?;
    filters.until()?;
    Ok(Json(json!({ "NetworksDeleted": null })))
}

async fn refuse() -> Error {
    Error::unsupported(
        "this engine has the networks bridge, host and none only; networks of one's own are not supported yet",
    )
}
