//! Following a running container through its shim: what happens when its process ends, restart policies, and clean-up.

use std::sync::Arc;
use std::time::Duration;

use super::{Container, remove, start};
use crate::clock;
use crate::engine::Engine;
use crate::shim::client::Watch;
use crate::shim::protocol::{Event, Exit};
use crate::types::RestartPolicy;

/// A container that ran this long starts again without the growing delay.
const STEADY: Duration = Duration::from_secs(10);

/// Follows a shim until its container is gone.
pub(super) fn spawn(engine: Arc<Engine>, container: Arc<Container>, watch: Watch) {
    tokio::spawn(follow(engine, container, watch));
}

/// Returns a boxed future, since a restart follows the next run in turn.
fn follow(
    engine: Arc<Engine>,
    container: Arc<Container>,
    mut watch: Watch,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let exit = loop {
            match watch.next().await {
                Some(Event::Exit(exit)) => break exit,
                Some(Event::ExecExit { id, code }) => crate::exec::ended(&engine, &id, code),
                Some(Event::Gone) => {}
                None => break lost(&engine, &container).await,
            }
        };
        let _guard = container.operation.lock().await;
        ended(&engine, &container, &exit);
        // The shim says when the runtime has let go of the id.
        while !matches!(watch.next().await, Some(Event::Gone) | None) {}
        drop(watch);
        finish(&engine, &container).await;
    })
}

/// The shim has gone: its exit file tells the end, or nobody does.
pub(super) async fn lost(engine: &Arc<Engine>, container: &Arc<Container>) -> Exit {
    let text = std::fs::read(container.run_dir.join("exit.json")).ok();
    if let Some(exit) = text.and_then(|t| serde_json::from_slice(&t).ok()) {
        return exit;
    }
    let (runtime, id) = (crate::runtime::client(&engine.config.runtime), container.id.clone());
    // Whatever is left of it has lost its streams and its parent.
    let _ = tokio::task::spawn_blocking(move || runtime.delete(&id, true)).await;
    Exit { code: 255, oom_killed: false, at: clock::now_string() }
}

/// Records the end of the container's process and tells everybody.
pub(super) fn ended(engine: &Arc<Engine>, container: &Arc<Container>, exit: &Exit) {
    let (ran, again);
    {
        let mut data = container.data();
        let policy = data.host.restart_policy.clone();
        let record = &mut data.record;
        let started = clock::parse(&record.state.started_at);
        let finished = clock::parse(&exit.at);
        ran = started.zip(finished).map_or(0, |(s, f)| (f - s).whole_seconds().max(0));
        again = should_restart(&policy, exit.code, record.has_been_manually_stopped, record.restart_count);
        let state = &mut record.state;
        (state.running, state.paused, state.restarting, state.pid) = (again, false, again, 0);
        (state.exit_code, state.oom_killed) = (exit.code, exit.oom_killed);
        state.finished_at.clone_from(&exit.at);
    }
    if let Err(e) = container.save() {
        tracing::warn!("{e}");
    }
    if exit.oom_killed {
        container.event(engine, "oom", &[]);
    }
    container.event(engine, "die", &[("exitCode", exit.code.to_string()), ("execDuration", ran.to_string())]);
    container.set_phase(|p| {
        p.running = again;
        p.exits += 1;
        p.code = exit.code;
    });
    crate::exec::container_ended(engine, &container.id);
}

/// Gives back what the run held; then removes the container or starts it again, as configured. The caller holds the lock.
pub(super) async fn finish(engine: &Arc<Engine>, container: &Arc<Container>) {
    start::clean_up(engine, container).await;
    let (auto_remove, restarting) = {
        let data = container.data();
        (data.host.auto_remove, data.record.state.restarting)
    };
    if auto_remove {
        if let Err(e) = remove::dispose(engine, container, true).await {
            tracing::warn!("removing container {}: {e}", container.id);
        }
    } else if restarting {
        let (engine, container) = (engine.clone(), container.clone());
        tokio::spawn(async move { restart_later(&engine, &container).await });
    }
}

async fn restart_later(engine: &Arc<Engine>, container: &Arc<Container>) {
    let delay = {
        let data = container.data();
        let state = &data.record.state;
        let ran = clock::parse(&state.finished_at).zip(clock::parse(&state.started_at)).map(|(f, s)| f - s);
        backoff(data.record.restart_count, ran.is_some_and(|r| r > STEADY))
    };
    tokio::time::sleep(delay).await;
    let _guard = container.operation.lock().await;
    {
        let mut data = container.data();
        if !data.record.state.restarting || data.record.state.removal_in_progress {
            return;
        }
        data.record.restart_count += 1;
    }
    if let Err(e) = start::launch(engine, container).await {
        tracing::warn!("restarting container {}: {e}", container.id);
        container.set_phase(|p| p.running = false);
    }
}

/// Whether the policy asks for another run.
pub(super) fn should_restart(policy: &RestartPolicy, code: i32, stopped: bool, count: u32) -> bool {
    if stopped {
        return false;
    }
    match policy.name.as_str() {
        "always" | "unless-stopped" => true,
        "on-failure" => code != 0 && (policy.maximum_retry_count == 0 || i64::from(count) < policy.maximum_retry_count),
        _ => false,
    }
}

/// 100 ms, doubled each time, at most a minute; a steady run starts over.
fn backoff(count: u32, steady: bool) -> Duration {
    let first = Duration::from_millis(100);
    if steady { first } else { first.saturating_mul(1 << count.min(10)).min(Duration::from_secs(60)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_policies() {
        let policy = |name: &str, max| RestartPolicy { name: name.into(), maximum_retry_count: max };
        assert!(should_restart(&policy("always", 0), 0, false, 99));
        assert!(!should_restart(&policy("always", 0), 0, true, 0));
        assert!(!should_restart(&policy("on-failure", 0), 0, false, 0));
        assert!(should_restart(&policy("on-failure", 3), 1, false, 2));
        assert!(!should_restart(&policy("on-failure", 3), 1, false, 3));
        assert!(!should_restart(&policy("no", 0), 1, false, 0));
    }

    #[test]
    fn the_delay_doubles_up_to_a_minute() {
        assert_eq!(backoff(0, false), Duration::from_millis(100));
        assert_eq!(backoff(3, false), Duration::from_millis(800));
        assert_eq!(backoff(50, false), Duration::from_secs(60));
        assert_eq!(backoff(50, true), Duration::from_millis(100));
    }
}
