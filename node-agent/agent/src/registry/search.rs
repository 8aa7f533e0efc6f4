//! `GET /v1/search`, which Docker's clients ask for `docker search`: the library's images, what the session pushed, and behind them what
//! the upstream registry finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use slipway_images::registry::{SearchResult, form};

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

impl Asked {
    /// What names must contain.
    pub(super) fn term(&self) -> String {
        let term = self.q.to_lowercase();
        term.strip_prefix("library/").unwrap_or(&term).to_owned()
    }

    /// Results on a page.
    fn size(&self) -> usize {
        self.n.unwrap_or(25).clamp(1, MOST)
    }

    /// Results that are needed for this page and those before it, as far as one answer has them.
    pub(super) fn limit(&self) -> u32 {
        self.size().saturating_mul(self.page.unwrap_or(1).max(1)).min(MOST) as u32
    }
}

pub(super) async fn answer(registry: &Arc<Registry>, asked: Asked) -> Result<Response, Refusal> {
    let term = asked.term();
    let term = term.as_str();
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
    let mut found: Vec<SearchResult> = found
        .into_iter()
        .map(|((_, name), (is_official, description))| SearchResult {
            name,
            is_official,
            description,
            ..SearchResult::default()
        })
        .collect();
    // What the library and this session have comes first.
    let query = form(&[("q", term), ("n", &asked.limit().to_string())]);
    for other in registry.upstream.search(&query).await {
        if !found.iter().any(|one| one.name == other.name) {
            found.push(other);
        }
    }
    let size = asked.size();
    let first = asked.page.unwrap_or(1).saturating_sub(1).saturating_mul(size);
    let results: Vec<_> = found
        .iter()
        .skip(first)
        .take(size)
        .map(|one| {
            json!({ "name": one.name, "description": one.description, "star_count": one.star_count,
                    "is_official": one.is_official, "is_automated": false, "is_trusted": false })
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
