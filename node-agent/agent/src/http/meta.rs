//! What machines ask: health, numbers, and the API's description.

use std::fmt::Write;

use axum::{extract::State, http::header, response::IntoResponse};

use super::App;

/// The API's description, kept by hand; a test holds it to the routes.
pub const OPENAPI: &str = include_str!("openapi.json");

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let (sessions, counters) = app.manager.counters();
    let rows: [(&str, &str, &str, f64); 7] = [
        ("slipway_sessions", "gauge", "Sessions that are open.", sessions as f64),
        ("slipway_sessions_opened_total", "counter", "Sessions opened.", counters.sessions_opened as f64),
        ("slipway_nodes_started_total", "counter", "Nodes started.", counters.nodes_started as f64),
        (
            "slipway_node_start_failures_total",
            "counter",
            "Nodes that could not be started.",
            counters.node_start_failures as f64,
        ),
        ("slipway_node_start_seconds_total", "counter", "Time spent starting nodes.", counters.node_start_seconds),
        ("slipway_teardown_failures_total", "counter", "Nodes not wholly removed.", counters.teardown_failures as f64),
        ("slipway_labs_broken", "gauge", "Mistakes in labs.", app.shelf.errors.len() as f64),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in rows {
        // Writing into a String cannot fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::OPENAPI;
    use crate::http::ROUTES;

    #[test]
    fn the_description_has_exactly_the_routes_of_the_server() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).expect("valid JSON");
        let methods = ["get", "put", "post", "delete"];
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, item)| {
                let item = item.as_object().expect("a path item");
                let names = item.keys().filter(|name| methods.contains(&name.as_str()));
                names.map(|name| (path.clone(), name.clone())).collect::<Vec<_>>()
            })
            .collect();
        let routed =
            ROUTES.iter().flat_map(|(path, names)| names.iter().map(|name| ((*path).to_owned(), (*name).to_owned())));
        assert_eq!(described, routed.collect());
    }
}
