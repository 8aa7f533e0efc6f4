//! The WebSocket of a terminal: the handshake; what follows is `terminals::view`'s.

use std::sync::Arc;

use axum::{
    extract::{Path, State, WebSocketUpgrade},
    response::{IntoResponse, Response},
};

use super::{ApiError, App};
use crate::terminals::{frame::PROTOCOL, view};

/// Most bytes of a client's frame: a paste.
const FRAME: usize = 1 << 20;

pub(super) async fn upgrade(
    State(app): State<App>,
    Path((id, node, number)): Path<(String, String, String)>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let number = number.parse().map_err(|_| {
        ApiError::bad_request("bad_terminal", format!("{number:?} is no terminal's number; write 1 to 16"))
    })?;
    let terminal = app.manager.terminal(&id, &node, number)?;
    let upgrade = upgrade.map_err(|rejection| {
        let message = format!("a terminal is a WebSocket with the subprotocol {PROTOCOL}: {rejection}");
        ApiError::bad_request("no_websocket", message)
    })?;
    let host = Arc::clone(app.manager.host()?);
    let manager = Arc::clone(&app.manager);
    let open = move || {
        let (host, manager, id, node) = (Arc::clone(&host), Arc::clone(&manager), id.clone(), node.clone());
        async move {
            let node = manager.node(&id, &node).map_err(|refusal| refusal.to_string())?;
            let shell = tokio::task::spawn_blocking(move || host.terminal(&node)).await;
            let shell =
                shell.map_err(|error| error.to_string()).and_then(|shell| shell.map_err(|error| error.to_string()));
            shell.map_err(|error| {
                tracing::error!(%error, "a terminal's shell could not be started");
                "the shell could not be started; the server's log says why, press Enter to try again".to_owned()
            })
        }
    };
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(FRAME).max_frame_size(FRAME);
    Ok(upgrade.on_upgrade(move |socket| view(socket, terminal, open)).into_response())
}
