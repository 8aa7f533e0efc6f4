//! Signals to running containers: stop, kill, restart, pause and unpause.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Container, start};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::shim::client;
use crate::shim::protocol::Request;

/// `TERM`, `SIGTERM`, `15`: a signal's number.
///
/// # Errors
/// Docker's sentence for an unknown one.
pub fn parse_signal(text: &str) -> Result<i32> {
    let unknown = || Error::bad(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<i32>() {
        return match number {
            1..=64 => Ok(number),
            0 => Err(unknown()),
            _ => Err(Error::bad(format!("the linux daemon does not support signal {number}"))),
        };
    }
    let upper = text.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    let real_time = || {
        let number = |text: &str, sign: char, most: i32| match text {
            "" => Some(0),
            text => text.strip_prefix(sign)?.parse().ok().filter(|n| (1..=most).contains(n)),
        };
        let (name, base) = (full.strip_prefix("SIGRT")?, (34, 64));
        name.strip_prefix("MIN")
            .and_then(|rest| Some(base.0 + number(rest, '+', 15)?))
            .or_else(|| Some(base.1 - number(name.strip_prefix("MAX")?, '-', 14)?))
    };
    full.parse::<Signal>().map(|s| s as i32).ok().or_else(real_time).ok_or_else(unknown)
}

async fn signal(engine: &Engine, container: &Container, number: i32) -> Result<()> {
    client::request(&container.socket, &Request::Signal { signal: number }).await.map_err(Error::internal)?;
    container.event(engine, "kill", &[("signal", number.to_string())]);
    Ok(())
}

/// Waits until the container's process has ended; false when `limit` passes first.
async fn ended_within(container: &Container, limit: Option<Duration>) -> bool {
    let mut phases = container.phases();
    let exits = phases.borrow().exits;
    let waited = async move { phases.wait_for(|p| !p.running || p.exits > exits || p.removed).await.is_ok() };
    match limit {
        Some(limit) => tokio::time::timeout(limit, waited).await.is_ok(),
        None => waited.await,
    }
}

/// `POST …/stop`: asks, waits, then kills. A negative timeout waits for ever.
///
/// # Errors
/// 304 when it does not run.
pub async fn stop(
    engine: &Engine,
    container: &Arc<Container>,
    timeout: Option<i64>,
    wanted: Option<&str>,
) -> Result<()> {
    let (number, limit) = {
        let mut data = container.data();
        if !data.record.state.running {
            return Err(Error::not_modified());
        }
        data.record.has_been_manually_stopped = true;
        let config = &data.record.config;
        let configured = if config.stop_signal.is_empty() { "SIGTERM" } else { &config.stop_signal };
        let number = parse_signal(wanted.filter(|s| !s.is_empty()).unwrap_or(configured))?;
        (number, timeout.or(config.stop_timeout).unwrap_or(10))
    };
    if container.data().record.state.restarting {
        cancel_restart(container)?;
        container.event(engine, "stop", &[]);
        return Ok(());
    }
    let paused = container.data().record.state.paused;
    // The process may end between the look and the signal; then there is nothing left to stop.
    let sent = signal(engine, container, number).await;
    if paused {
        pause(engine, container, false).await?;
    }
    let limit = u64::try_from(limit).ok().map(Duration::from_secs);
    if (sent.is_err() && !container.is_running()) || ended_within(container, limit).await {
        container.event(engine, "stop", &[]);
        return Ok(());
    }
    if let Err(e) = signal(engine, container, 9).await
        && container.is_running()
    {
        return Err(e.context(&format!("cannot stop container: {}", container.id)));
    }
    ended_within(container, Some(Duration::from_secs(30))).await;
    container.event(engine, "stop", &[]);
    note(container);
    Ok(())
}

fn cancel_restart(container: &Container) -> Result<()> {
    {
        let mut data = container.data();
        (data.record.state.running, data.record.state.restarting) = (false, false);
    }
    container.set_phase(|p| p.running = false);
    container.save()
}

/// `POST …/kill`; SIGKILL also waits for the end, as moby does.
///
/// # Errors
/// 409 when it does not run.
pub async fn kill(engine: &Engine, container: &Arc<Container>, wanted: &str) -> Result<()> {
    let number = parse_signal(if wanted.is_empty() { "SIGKILL" } else { wanted })?;
    if container.data().record.state.restarting {
        return cancel_restart(container);
    }
    container.require_running()?;
    let stops = {
        let config = &container.data().record.config;
        number == 9 || parse_signal(&config.stop_signal).unwrap_or(15) == number
    };
    if stops {
        container.data().record.has_been_manually_stopped = true;
    }
    signal(engine, container, number).await?;
    // What is frozen ends only once it is thawed. It may have ended already; then there is nothing to thaw.
    if stops
        && container.data().record.state.paused
        && let Err(e) = pause(engine, container, false).await
        && container.is_running()
    {
        return Err(e);
    }
    if number == 9 {
        ended_within(container, Some(Duration::from_secs(10))).await;
    }
    Ok(())
}

/// `POST …/restart`.
///
/// # Errors
/// Those of stopping and starting.
pub async fn restart(
    engine: &Arc<Engine>,
    container: &Arc<Container>,
    timeout: Option<i64>,
    wanted: Option<&str>,
) -> Result<()> {
    // Not removed in between, whatever `--rm` says.
    let auto_remove = std::mem::replace(&mut container.data().host.auto_remove, false);
    let stopped = match stop(engine, container, timeout, wanted).await {
        Err(e) if e.status != http::StatusCode::NOT_MODIFIED => Err(e),
        _ => Ok(()),
    };
    let started = match stopped {
        Ok(()) => start::start(engine, container).await,
        Err(e) => Err(e),
    };
    container.data().host.auto_remove = auto_remove;
    started?;
    container.event(engine, "restart", &[]);
    Ok(())
}

/// `POST …/pause` and `…/unpause`.
///
/// # Errors
/// 409 when the container is not in the other state.
pub async fn pause(engine: &Engine, container: &Arc<Container>, freeze: bool) -> Result<()> {
    hold(engine, container, freeze).await?;
    note(container);
    Ok(())
}

/// As [`pause`], but not to be remembered: should the engine end, the next one thaws the container ([`super::restore`]).
///
/// # Errors
/// Those of [`pause`].
pub async fn hold(engine: &Engine, container: &Arc<Container>, freeze: bool) -> Result<()> {
    {
        let data = container.data();
        let state = &data.record.state;
        if !state.running || state.restarting {
            return Err(Error::conflict(format!("container {} is not running", container.id)));
        }
        if state.paused == freeze {
            let what = if freeze { "already paused" } else { "not paused" };
            return Err(Error::conflict(format!("container {} is {what}", container.id)));
        }
    }
    let (runtime, id) = (crate::runtime::client(&engine.config.runtime), container.id.clone());
    let name = if freeze { "pause" } else { "unpause" };
    blocking(move || {
        let done = if freeze { runtime.pause(&id) } else { runtime.resume(&id) };
        done.map_err(|e| Error::internal(format!("cannot {name} container {id}: {e}")))
    })
    .await?;
    container.data().record.state.paused = freeze;
    container.event(engine, name, &[]);
    Ok(())
}

/// Writes down what has been done to a container already. Where that fails (the disk is full) it stays done, as with dockerd.
fn note(container: &Container) {
    if let Err(e) = container.save() {
        tracing::warn!("container {}: {e}", container.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (text, number) in [
            ("TERM", 15),
            ("SIGKILL", 9),
            ("hup", 1),
            ("15", 15),
            ("37", 37),
            ("SIGRTMIN+3", 37),
            ("rtmin", 34),
            ("RTMAX-14", 50),
            ("SIGRTMAX", 64),
        ] {
            assert_eq!(parse_signal(text).unwrap(), number);
        }
        assert_eq!(parse_signal("SIGFUN").unwrap_err().message, "invalid signal: SIGFUN");
        for wrong in ["0", "65", "RTMIN-1", "RTMIN+16", "RTMAX-15", "RTMAX+1", "RTMIN+", "RTMIN+x", "RT"] {
            assert!(parse_signal(wrong).is_err(), "{wrong}");
        }
    }
}
