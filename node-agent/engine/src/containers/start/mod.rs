//! Starting a container: root, files, specification, shim, network, go. A start that fails leaves what Docker leaves:
//! the container as created, with exit code 126, 127 or 128 and the error in its state.

mod failure;
mod prepare;

use std::path::PathBuf;
use std::sync::Arc;

use super::{Container, monitor};
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::shim::client::{self, Watch};
use crate::shim::protocol::Request;

pub(crate) use failure::runc_wording;
pub use failure::translate;
use prepare::prepare;
pub(super) use prepare::{init_program, log_limits};

/// Starts a container for a client.
///
/// # Errors
/// 304 when it runs already; Docker's sentences otherwise.
pub async fn start(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<()> {
    let guard = container.operation.lock().await;
    {
        let mut data = container.data();
        let state = &data.record.state;
        if state.paused {
            return Err(Error::bad("cannot start a paused container, try unpause instead"));
        }
        if state.running {
            return Err(Error::not_modified());
        }
        if state.removal_in_progress || state.dead {
            return Err(Error::conflict("container is marked for removal and cannot be started"));
        }
        data.record.has_been_manually_stopped = false;
        data.record.restart_count = 0;
    }
    let outcome = launch(engine, container).await;
    if let Err(error) = &outcome {
        let remove = container.data().host.auto_remove;
        if remove && let Err(e) = crate::containers::remove::dispose(engine, container, true).await {
            tracing::warn!("removing container {} after a failed start: {e}", container.id);
        }
        drop(guard);
        return Err(error.clone());
    }
    drop(guard);
    outcome
}

/// Starts the container; the caller holds its operation lock.
pub(super) async fn launch(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<()> {
    let outcome = try_launch(engine, container).await;
    let Err(error) = outcome else { return Ok(()) };
    // Clients that attached in advance have nothing to wait for any more.
    drop(container.take_waiting());
    let (code, message) = translate(&error.message);
    {
        let mut data = container.data();
        let state = &mut data.record.state;
        (state.running, state.restarting, state.pid) = (false, false, 0);
        state.exit_code = code;
        state.error.clone_from(&message);
    }
    clean_up(engine, container).await;
    if let Err(e) = container.save() {
        tracing::warn!("{e}");
    }
    let status = if matches!(code, 126 | 127) { http::StatusCode::BAD_REQUEST } else { error.status };
    Err(Error::new(status, message))
}

async fn try_launch(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<()> {
    let shim = {
        let (engine, container) = (engine.clone(), container.clone());
        blocking(move || prepare(&engine, &container)).await?
    };
    let pid = client::spawn(&container.run_dir, &shim).await.map_err(create_failed)?;
    let mut watch = Watch::open(&container.socket).await.map_err(Error::internal)?;
    join_waiting(container).await;
    let started = connect_and_go(engine, container, pid).await;
    if let Err(error) = started {
        // The init still waits to be started: end it, and let the shim tidy up.
        let _ = client::request(&container.socket, &Request::Signal { signal: 9 }).await;
        while watch.next().await.is_some() {}
        return Err(error);
    }
    {
        let mut data = container.data();
        let record = &mut data.record;
        record.has_been_started_before = true;
        let state = &mut record.state;
        (state.running, state.restarting, state.paused, state.dead) = (true, false, false, false);
        (state.pid, state.exit_code, state.oom_killed) = (pid, 0, false);
        state.error.clear();
        state.started_at = clock::now_string();
    }
    container.save()?;
    container.set_phase(|p| p.running = true);
    container.event(engine, "start", &[]);
    monitor::spawn(engine.clone(), container.clone(), watch);
    Ok(())
}

/// Joins clients that attached before the start to the shim, before the process can write anything.
async fn join_waiting(container: &Arc<Container>) {
    for waiting in container.take_waiting() {
        let crate::containers::Waiting { stdin, stdout, stderr, stream } = waiting;
        let request = Request::Attach { exec: None, stdin, stdout, stderr };
        let Ok((_, shim)) = client::request(&container.socket, &request).await else { continue };
        tokio::spawn(async move {
            let (mut from_client, mut to_client) = stream.into_split();
            let (mut from_shim, mut to_shim) = shim.into_split();
            let input = tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_client, &mut to_shim).await;
                // Dropping the write half passes the client's half-close on.
            });
            let _ = tokio::io::copy(&mut from_shim, &mut to_client).await;
            input.abort();
        });
    }
}

async fn connect_and_go(engine: &Arc<Engine>, container: &Arc<Container>, pid: u32) -> Result<()> {
    let namespace = PathBuf::from(format!("/proc/{pid}/ns/net"));
    {
        let (engine, container) = (engine.clone(), container.clone());
        blocking(move || crate::network::connect(&engine, &container, &namespace)).await?;
    }
    client::request(&container.socket, &Request::Start).await.map(drop).map_err(create_failed)
}

/// Undoes everything a start has made. Goes on whatever fails.
pub(super) async fn clean_up(engine: &Arc<Engine>, container: &Arc<Container>) {
    let (engine, container) = (engine.clone(), container.clone());
    let done = blocking(move || {
        crate::network::disconnect(&engine, &container);
        if let Err(e) = engine.store.unmount_rw(&container.id) {
            tracing::warn!("unmounting the root of container {}: {e}", container.id);
        }
        let _ = std::fs::remove_dir_all(&container.run_dir);
        let _ = std::fs::remove_file(&container.socket);
        Ok(())
    });
    if let Err(e) = done.await {
        tracing::warn!("{e}");
    }
}

fn create_failed(message: String) -> Error {
    Error::internal(message)
}
