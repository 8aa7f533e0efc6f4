//! `GET /v1/search`, which Docker's clients ask for `docker search`: the library's images and what the session pushed.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Registry;
use super::refusal::Refusal;

/// Results in one answer, unless fewer are asked for.
const MOST: usize = 100;

/// What is looked for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    n: Option<usize>,
    page: Option<usize>,
}

pub(super) async fn answer(registry: &Arc<Registry>, asked: Asked) -> Result<Response, Refusal> {
    let term = asked.q.to_lowercase();
    let term = term.strip_prefix("library/").unwrap_or(&term);
    let mut found: BTreeMap<(bool, String), (bool, String)> = BTreeMap::new();
    for name in registry.library.names().await? {
        let short = name.repository.strip_prefix("library/").unwrap_or(&name.repository).to_owned();
        // Exact names come first, as a person expects.
        let key = (short != term, short);
        if key.1.contains(term) && !found.contains_key(&key) {
            let official = name.repository.starts_with("library/");
            let description = registry.library.description(&name).await.unwrap_or_default();
            found.insert(key, (official, description));
        }
    }
    for name in registry.repositories().await? {
        let short = name.strip_prefix("library/").unwrap_or(&name).to_owned();
        let key = (short != term, short);
        if key.1.contains(term) {
            found.entry(key).or_insert((false, String::new()));
        }
    }
    let size = asked.n.unwrap_or(25).clamp(1, MOST);
    let first = asked.page.unwrap_or(1).saturating_sub(1).saturating_mul(size);
    let results: Vec<_> = found
        .iter()
        .skip(first)
        .take(size)
        .map(|((_, name), (official, description))| {
            json!({ "name": name, "description": description, "star_count": 0, "is_official": official,
                    "is_automated": false, "is_trusted": false })
        })
        .collect();
    let answer = json!({
        "query": asked.q,
        "num_results": found.len(),
        "num_pages": found.len().div_ceil(size),
        "page": asked.page.unwrap_or(1),
        "page_size": size,
        "results": results,
    });
    Ok(axum::Json(answer).into_response())
}
