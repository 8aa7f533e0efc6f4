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
use slipway_images::Progress;
use slipway_images::registry::Platform;
use tokio::sync::mpsc;

use super::ApiVersion;
use super::disk_usage::{shared_size, virtual_size};
use super::extract::Params;
use super::peer::Peer;
use super::registry::{self, failure, line, progress_body};
use super::transfer::{body_reader, tar_body};
use crate::builder::remote;
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::images::pull::{self, Import};
use crate::images::{self, remove};

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

async fn list(
    State(engine): Engined,
    Extension(version): Extension<ApiVersion>,
    params: Params,
) -> Result<Json<Vec<Value>>> {
    let (all, filters) = (params.flag("all"), params.filters()?);
    let shared = params.flag("shared-size");
    blocking(move || {
        let mut list = images::list(&engine, all, &filters)?;
        if shared {
            let sharing = remove::Sharing::of(&engine);
            list.iter_mut().for_each(|image| shared_size(&engine, &sharing, image));
        }
        virtual_size(&mut list, version);
        Ok(Json(list))
    })
    .await
}

async fn get_below(State(engine): Engined, Path(rest): Path<String>, params: Params) -> Result<Response> {
    let (name, word) = rest.rsplit_once('/').ok_or_else(|| Error::not_found("page not found"))?;
    let (name, word) = (name.to_owned(), word.to_owned());
    let platform = platform(&params)?;
    if let Some(wanted) = platform.as_ref().filter(|_| word != "get") {
        images::check_platform(&name, &images::find(&engine, &name)?.1, wanted)?;
    }
    match word.as_str() {
        "json" => blocking(move || images::inspect(&engine, &name)).await.map(|v| Json(v).into_response()),
        "history" => blocking(move || images::history(&engine, &name)).await.map(|v| Json(v).into_response()),
        "get" => save(engine, vec![name], platform).await,
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
        Some((name, "push")) => registry::push(engine, name, &params, &headers, peer.map(|peer| peer.0)).await,
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
    save(engine, params.all("names").to_vec(), platform(&params)?).await
}

async fn save(engine: Arc<Engine>, names: Vec<String>, platform: Option<Platform>) -> Result<Response> {
    if names.is_empty() {
        return Err(Error::bad("Missing image reference"));
    }
    // Looked up first: an error after the first byte could only break the connection off.
    let ids = engine.store.saved_images(&names)?;
    if let Some(wanted) = platform {
        for id in &ids {
            if !wanted.is(&Platform::of(&engine.store.image(id)?.config)) {
                return Err(Error::internal(format!("no suitable export target found for platform {wanted}")));
            }
        }
    }
    Ok(tar_body("application/x-tar", move |out| {
        engine.store.save(&names, out)?;
        ids.iter().for_each(|id| images::event(&engine, "save", id, &id.to_string()));
        Ok(())
    }))
}

async fn create(
    State(engine): Engined,
    params: Params,
    headers: HeaderMap,
    peer: Option<Extension<Peer>>,
    body: Body,
) -> Result<Response> {
    if !params.get("fromImage").is_empty() {
        return registry::pull(engine, &params, &headers, peer.map(|peer| peer.0)).await;
    }
    let text = |key: &str| params.get(key).to_owned();
    let request = Import {
        source: text("fromSrc"),
        repo: text("repo"),
        tag: text("tag"),
        message: text("message"),
        changes: params.all("changes").to_vec(),
        platform: text("platform"),
    };
    // Read from now on, so that a client whose archive is not wanted can send it all and then reads why.
    let reader = body_reader(body);
    request.check()?;
    let (lines, receiver) = mpsc::unbounded_channel();
    let id = if request.source == "-" {
        blocking(move || pull::import(&engine, reader, &request)).await?
    } else {
        let url =
            if request.source.contains("://") { request.source.clone() } else { format!("http://{}", request.source) };
        let (dir, file) = remote::file(&engine, &url).await?;
        let _ = lines.send(line(&json!({ "status": format!("Downloading from {url}") })));
        blocking(move || {
            let id = pull::import(&engine, file, &request);
            drop(dir);
            id
        })
        .await?
    };
    let _ = lines.send(line(&json!({ "status": id.to_string() })));
    Ok(progress_body(receiver))
}

/// What `--platform` of `docker save`, `load`, `history` and `inspect` asks for.
fn platform(params: &Params) -> Result<Option<Platform>> {
    match params.all("platform") {
        [] => Ok(None),
        [one] if one.is_empty() => Ok(None),
        [one] => serde_json::from_str(one).map(Some).map_err(|e| Error::bad(format!("failed to parse platform: {e}"))),
        _ => Err(Error::bad("multiple platform parameters not supported")),
    }
}

async fn load(State(engine): Engined, params: Params, body: Body) -> Result<Response> {
    let platform = platform(&params)?;
    let reader = body_reader(body);
    let (lines, receiver) = mpsc::unbounded_channel();
    tokio::task::spawn_blocking(move || {
        let outcome = engine.store.load(reader, platform.as_ref(), &mut |message: Progress| {
            let _ = lines.send(line(&message.to_json()));
        });
        match outcome {
            Ok(loaded) => {
                for image in loaded {
                    images::event(&engine, "load", &image.id, &image.id.to_string());
                }
            }
            Err(e) => drop(lines.send(failure(&images::archive_error(&e)))),
        }
    });
    Ok(progress_body(receiver))
}
