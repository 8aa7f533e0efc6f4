//! The site's HTTP side: its own API, the labs, and the page. Every answer carries the security headers; every error has the same
//! JSON shape.

mod assets;
mod auth;
mod docker;
mod error;
mod headers;
mod labs;
mod meta;
mod nodes;
mod sessions;
mod terminal;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{delete, get, post},
    serve::{Listener, ListenerExt as _},
};
use tokio::net::{TcpListener, TcpStream};

pub use error::ApiError;

use crate::{labs::Shelf, sessions::Manager};

/// Most bytes of a JSON body.
const JSON: usize = 64 << 10;
/// Most bytes of a file put into or got from a node.
pub(crate) const FILE: usize = 64 << 20;

/// What requests work on.
#[derive(Clone, Debug)]
pub struct App {
    /// The sessions.
    pub manager: Arc<Manager>,
    /// The labs.
    pub shelf: Arc<Shelf>,
}

/// Every route of the API as OpenAPI writes it, with its methods; the router is built beside it and a test holds
/// `/api/openapi.json` to it.
pub const ROUTES: &[(&str, &[&str])] = &[
    ("/healthz", &["get"]),
    ("/metrics", &["get"]),
    ("/api/openapi.json", &["get"]),
    ("/api/v1/labs", &["get"]),
    ("/api/v1/labs/{slug}", &["get"]),
    ("/api/v1/sessions", &["post"]),
    ("/api/v1/sessions/{id}", &["get", "delete"]),
    ("/api/v1/sessions/{id}/extend", &["post"]),
    ("/api/v1/sessions/{id}/events", &["get"]),
    ("/api/v1/sessions/{id}/nodes", &["post"]),
    ("/api/v1/sessions/{id}/nodes/{node}", &["delete"]),
    ("/api/v1/sessions/{id}/nodes/{node}/exec", &["post"]),
    ("/api/v1/sessions/{id}/nodes/{node}/files", &["get", "put"]),
    ("/api/v1/sessions/{id}/nodes/{node}/terminals/{n}", &["get"]),
    ("/api/v1/sessions/{id}/nodes/{node}/docker/{path}", &["get"]),
];

/// `listener`, sending small packets at once: a keystroke's echo must not wait until the page has acknowledged the one before
/// (RFC 896 with delayed acknowledgements: 40 ms).
pub fn prompt(listener: TcpListener) -> impl Listener<Io = TcpStream, Addr = std::net::SocketAddr> {
    listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    })
}

/// The whole site.
pub fn router(app: App) -> Router {
    let files = get(nodes::get_file).put(nodes::put_file).layer(DefaultBodyLimit::max(FILE));
    let session = Router::new()
        .route("/", get(sessions::get).delete(sessions::delete))
        .route("/extend", post(sessions::extend))
        .route("/events", get(sessions::events))
        .route("/nodes", post(nodes::add))
        .route("/nodes/{node}", delete(nodes::remove))
        .route("/nodes/{node}/exec", post(nodes::exec))
        .route("/nodes/{node}/files", files)
        .route("/nodes/{node}/terminals/{n}", get(terminal::upgrade))
        .route("/nodes/{node}/docker/{*path}", get(docker::pass))
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::require));
    Router::new()
        .route("/healthz", get(meta::healthz))
        .route("/metrics", get(meta::metrics))
        .route("/api/openapi.json", get(meta::openapi))
        .route("/api/v1/labs", get(labs::list))
        .route("/api/v1/labs/{slug}", get(labs::one))
        .route("/api/v1/sessions", post(sessions::open))
        .nest("/api/v1/sessions/{id}", session)
        .fallback(assets::serve)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(DefaultBodyLimit::max(JSON))
        .layer(middleware::from_fn(headers::secure))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_connections_send_a_keystrokes_echo_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let page = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
        assert!(!page.nodelay().expect("the option"), "the kernel's default is Nagle's algorithm");
        let (accepted, _) = prompt(listener).accept().await;
        assert!(accepted.nodelay().expect("the option"));
    }
}
