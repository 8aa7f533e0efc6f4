//! Running a step's command in a container of its own: its output goes to the client as it comes, and whatever happens the
//! container does not outlive the build.

use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use super::output::{Output, cancelled};
use crate::containers::create::{self, Create};
use crate::containers::{Container, Waiting, remove, start, stop};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::types::{Config, HostConfig};

/// Marks a container as a build's, so that one that an ended engine has left is swept.
pub(crate) const MARK: &str = "slipway.build";

/// Makes a container for a step; it is not started.
///
/// # Errors
/// As `POST /containers/create`.
pub(crate) async fn container(engine: &Arc<Engine>, config: Config, mut host: HostConfig) -> Result<Arc<Container>> {
    host.annotations.insert(MARK.into(), "step".into());
    let engine = Arc::clone(engine);
    blocking(move || create::create(&engine, Create { config, host, ..Create::default() })).await
}

/// Takes the mark off a container that is to stay.
pub(crate) fn keep(container: &Container) {
    container.data().host.annotations.remove(MARK);
    if let Err(e) = container.save() {
        tracing::warn!("{e}");
    }
}

/// Removes a container in whatever state.
pub(crate) async fn discard(engine: &Arc<Engine>, container: &Arc<Container>) {
    if let Err(e) = remove::remove(engine, container, true, true).await {
        tracing::warn!("removing the build's container {}: {e}", container.id);
    }
}

/// Starts a step's container and passes its output on until it has ended; returns its exit status. When it returns, nothing
/// uses the container's root any more.
///
/// # Errors
/// When it cannot be started, and when the build is cancelled.
pub(crate) async fn run(
    engine: &Arc<Engine>,
    container: &Arc<Container>,
    output: &Output,
    cancel: &CancellationToken,
) -> Result<i32> {
    let (mut ours, theirs) = tokio::net::UnixStream::pair()?;
    container.attach_at_start(Waiting { stdin: false, stdout: true, stderr: true, stream: theirs });
    let mut phases = container.phases();
    start::start(engine, container).await?;
    let told = tokio::select! {
        told = pass_on(&mut ours, output) => told,
        () = cancel.cancelled() => Err(cancelled()),
    };
    if told.is_err() {
        // It may have ended by itself meanwhile.
        let _ = stop::kill(engine, container, "SIGKILL").await;
    }
    // Output can be closed long before the end.
    let ended = tokio::select! {
        ended = phases.wait_for(|phase| !phase.running || phase.removed) => ended.map(|phase| phase.clone()).ok(),
        () = cancel.cancelled(), if told.is_ok() => None,
    };
    let Some(phase) = ended else {
        let _ = stop::kill(engine, container, "SIGKILL").await;
        return Err(cancelled());
    };
    told?;
    // The monitor holds this until it has unmounted the root.
    let _released = container.operation.lock().await;
    if phase.removed {
        return Err(Error::internal(format!("the container {} of this step was removed from outside", container.id)));
    }
    Ok(phase.code)
}

/// Reads the framed output of a process without terminal.
async fn pass_on(stream: &mut tokio::net::UnixStream, output: &Output) -> Result<()> {
    let (mut normal, mut error) = (Vec::new(), Vec::new());
    let mut header = [0; 8];
    while stream.read_exact(&mut header).await.is_ok() {
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let mut bytes = vec![0; length as usize];
        if stream.read_exact(&mut bytes).await.is_err() {
            break;
        }
        let is_error = header[0] == 2;
        let rest = if is_error { &mut error } else { &mut normal };
        rest.extend_from_slice(&bytes);
        let text = whole_characters(rest);
        if text.is_empty() {
            continue;
        }
        if is_error { output.red(&text).await? } else { output.text(text).await? }
    }
    if !normal.is_empty() {
        output.text(String::from_utf8_lossy(&normal)).await?;
    }
    if !error.is_empty() {
        output.red(&String::from_utf8_lossy(&error)).await?;
    }
    Ok(())
}

/// Takes text off the front of `bytes`; a character that has not come whole stays.
fn whole_characters(bytes: &mut Vec<u8>) -> String {
    let keep = match std::str::from_utf8(bytes) {
        Ok(_) => 0,
        Err(e) if e.error_len().is_none() => bytes.len() - e.valid_up_to(),
        // Broken in the middle; the end may still be the beginning of a character.
        Err(_) => {
            let tail = bytes.iter().rev().take(3).position(|b| *b >= 0xc0).map_or(0, |at| at + 1);
            let start = bytes.len() - tail;
            match std::str::from_utf8(&bytes[start..]) {
                Err(e) if e.error_len().is_none() => tail,
                _ => 0,
            }
        }
    };
    let rest = bytes.split_off(bytes.len() - keep);
    let text = String::from_utf8_lossy(bytes).into_owned();
    *bytes = rest;
    text
}

/// Removes what builds of an engine that was killed have left: containers and directories.
pub async fn sweep(engine: &Arc<Engine>) {
    for container in engine.all_containers() {
        if container.data().host.annotations.contains_key(MARK) {
            discard(engine, &container).await;
        }
    }
    let _ = std::fs::remove_dir_all(super::scratch_dir(engine));
    let _ = std::fs::remove_dir_all(super::secrets::dir(engine));
    let _ = std::fs::remove_dir_all(super::ssh::dir(engine));
    super::caches::sweep(engine);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_torn() {
        let mut bytes = "aé".as_bytes()[..2].to_vec();
        assert_eq!(whole_characters(&mut bytes), "a");
        bytes.push("é".as_bytes()[1]);
        assert_eq!(whole_characters(&mut bytes), "é");
        assert!(bytes.is_empty());
        let mut broken = vec![b'x', 0xff, b'y', 0xe2, 0x82];
        assert_eq!(whole_characters(&mut broken), "x\u{fffd}y");
        assert_eq!(broken, [0xe2, 0x82]);
        let mut never = vec![0x80, 0x80];
        assert_eq!(whole_characters(&mut never), "\u{fffd}\u{fffd}");
    }
}
