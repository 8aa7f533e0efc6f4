//! `/images`. Names contain slashes, so the routes below `/images/` are told apart by their last word.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use slipway_images::{Progress, Reference};
use tokio::sync::mpsc;

use super::extract::Params;
use super::peer::Peer;
use super::registry::{self, failure, line, progress_body};
use super::transfer::{body_reader, tar_body};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::images::{self, pull, remove};

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/images/json", get(list))
        .route("/images/create", post(create))
        .route("/images/load", post(load))
        .route("/images/get", get(save_many))
        .route("/images/prune", post(prune))
        .route("/images/{*rest}", get(get_below).post(post_below).delete(remove_one))
}

async fn list(State(engine): Engined, params: Params) -> Result<Json<Vec<Value>>> {
    let (all, filters) = (params.flag("all"), params.filters()?);
    blocking(move || images::list(&engine, all, &filters)).await.map(Json)
}

async fn get_below(State(engine): Engined, Path(rest): Path<String>) -> Result<Response> {
    let (name, word) = rest.rsplit_once('/').ok_or_else(|| Error::not_found("page not found"))?;
    let (name, word) = (name.to_owned(), word.to_owned());
    match word.as_str() {
        "json" => blocking(move || images::inspect(&engine, &name)).await.map(|v| Json(v).into_response()),
        "history" => blocking(move || images::history(&engine, &name)).await.map(|v| Json(v).into_response()),
        "get" => save(engine, vec![name]).await,
        _ => Err(Error::not_found("page not found")),
    }
}

async fn post_below(
    State(engine): Engined,
    Path(rest): Path<String>,
    params: Params,
    headers: HeaderMap,
    peer: Option<Extension<Peer>>,
) -> Result<Response> {
    match rest.rsplit_once('/') {
        Some((name, "tag")) => {
            let (name, repo, tag) = (name.to_owned(), params.get("repo").to_owned(), params.get("tag").to_owned());
            blocking(move || images::tag(&engine, &name, &repo, &tag)).await?;
            Ok(StatusCode::CREATED.into_response())
        }
        Some((name, "push")) => {
            registry::push(engine, name, params.get("tag"), &headers, peer.map(|peer| peer.0)).await
        }
        _ => Err(Error::not_found("page not found")),
    }
}

async fn remove_one(State(engine): Engined, Path(name): Path<String>, params: Params) -> Result<Json<Value>> {
    let (force, noprune) = (params.flag("force"), params.flag("noprune"));
    blocking(move || remove::remove(&engine, &name, force, noprune)).await.map(Json)
}

async fn prune(State(engine): Engined, params: Params) -> Result<Json<Value>> {
    let filters = params.filters()?;
    blocking(move || remove::prune(&engine, &filters)).await.map(Json)
}

async fn save_many(State(engine): Engined, params: Params) -> Result<Response> {
    save(engine, params.all("names").to_vec()).await
}

async fn save(engine: Arc<Engine>, names: Vec<String>) -> Result<Response> {
    if names.is_empty() {
        return Err(Error::bad("Missing image reference"));
    }
    // Looked up first: an error after the first byte could only break the connection off.
    for name in &names {
        images::find(&engine, name)?;
    }
    Ok(tar_body("application/x-tar", move |out| Ok(engine.store.save(&names, out)?)))
}

async fn create(
    State(engine): Engined,
    params: Params,
    headers: HeaderMap,
    peer: Option<Extension<Peer>>,
    body: Body,
) -> Result<Response> {
    let (repo, tag) = (params.get("repo").to_owned(), params.get("tag").to_owned());
    if !params.get("fromImage").is_empty() {
        return registry::pull(engine, &params, &headers, peer.map(|peer| peer.0)).await;
    }
    match params.get("fromSrc") {
        "-" => import(engine, repo, tag, &params, body).await,
        _ => Err(Error::unsupported("images are imported from the client's stream only (fromSrc=-), not from a URL")),
    }
}

async fn import(engine: Arc<Engine>, repo: String, tag: String, params: &Params, body: Body) -> Result<Response> {
    let (message, changes) = (params.get("message").to_owned(), params.all("changes").to_vec());
    let reader = body_reader(body);
    let id = blocking(move || pull::import(&engine, reader, &repo, &tag, &message, &changes)).await?;
    let (lines, receiver) = mpsc::unbounded_channel();
    let _ = lines.send(line(&json!({ "status": id.to_string() })));
    Ok(progress_body(receiver))
}

async fn load(State(engine): Engined, body: Body) -> Result<Response> {
    let reader = body_reader(body);
    let (lines, receiver) = mpsc::unbounded_channel();
    tokio::task::spawn_blocking(move || {
        let outcome = engine.store.load(reader, &mut |message: Progress| {
            let _ = lines.send(line(&message.to_json()));
        });
        match outcome {
            Ok(loaded) => {
                for image in loaded {
                    let name = image.names.first().map_or_else(|| image.id.to_string(), Reference::familiar_string);
                    images::event(&engine, "load", &image.id, &name);
                }
            }
            Err(e) => drop(lines.send(failure(&e.into()))),
        }
    });
    Ok(progress_body(receiver))
}
