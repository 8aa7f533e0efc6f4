//! The labs' list and texts. A broken lab is in the list as broken; what is wrong is in the log and in `node-agent lab check`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{ApiError, App};

pub(super) async fn list(State(app): State<App>) -> Json<Vec<Value>> {
    let shown = app.shelf.labs.iter().map(|lab| {
        json!({
            "slug": lab.slug, "title": lab.title, "description": lab.description,
            "terms": lab.terms, "author": lab.author, "tags": lab.tags,
        })
    });
    let mut broken: Vec<&str> = app.shelf.errors.iter().filter_map(|error| slug_of(&error.file)).collect();
    broken.dedup();
    let broken = broken.into_iter().map(|slug| {
        json!({
            "slug": slug, "title": slug, "terms": 0, "broken": true,
            "description": "This lab has a mistake and cannot be shown; its author finds it with `node-agent lab check`.",
        })
    });
    Json(shown.chain(broken).collect())
}

fn slug_of(file: &std::path::Path) -> Option<&str> {
    let name = if file.ends_with("lab.md") { file.parent()?.file_name() } else { file.file_stem() };
    name?.to_str()
}

pub(super) async fn one(State(app): State<App>, Path(slug): Path<String>) -> Result<Json<Value>, ApiError> {
    if let Some(lab) = app.shelf.get(&slug) {
        return Ok(Json(json!(lab)));
    }
    let broken = app.shelf.errors.iter().any(|error| slug_of(&error.file) == Some(&slug));
    Err(if broken {
        let message = format!("the lab {slug} has a mistake and cannot be shown; `node-agent lab check` says which");
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "broken_lab", message)
    } else {
        ApiError::new(StatusCode::NOT_FOUND, "no_such_lab", format!("there is no lab {slug}; /api/v1/labs lists them"))
    })
}
