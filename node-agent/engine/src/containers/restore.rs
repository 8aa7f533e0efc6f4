//! After a start of the engine: containers that run are taken over, ends that happened meanwhile are finished, restart policies
//! honoured, and leftovers of interrupted work swept.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use slipway_runtime::Status;

use super::{Container, Data, monitor, start};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::shim::client::Watch;
use crate::types::{HostConfig, Record};

/// Loads every container on disk and brings engine and reality together.
///
/// # Errors
/// When the containers' directory cannot be read.
pub async fn restore(engine: &Arc<Engine>) -> Result<()> {
    let dir = engine.config.data_root.join("containers");
    for entry in std::fs::read_dir(&dir)?.flatten() {
        match load(&entry.path()) {
            Ok(data) => {
                let container = Container::new(&engine.config, data);
                let name = container.name();
                let mut all = engine.containers();
                if let Err(e) = all.reserve(&name, &container.id) {
                    tracing::warn!("container {}: {e}", container.id);
                }
                all.insert(container);
            }
            Err(e) => {
                // A creation or removal that was cut short.
                tracing::info!("sweeping {}: {e}", entry.path().display());
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
    sweep(engine);
    for container in engine.all_containers() {
        take_over(engine, &container).await;
    }
    crate::network::restore(engine).await;
    for container in engine.all_containers() {
        resume_policy(engine, &container).await;
    }
    Ok(())
}

fn load(dir: &Path) -> Result<Data> {
    let read = |name: &str| -> Result<serde_json::Value> {
        let path = dir.join(name);
        let text = std::fs::read(&path).map_err(|e| Error::internal(format!("reading {}: {e}", path.display())))?;
        serde_json::from_slice(&text).map_err(|e| Error::internal(format!("parsing {}: {e}", path.display())))
    };
    let fail = |e: serde_json::Error| Error::internal(format!("parsing {}: {e}", dir.display()));
    let record: Record = crate::types::from_go_json(read("config.v2.json")?).map_err(fail)?;
    let host: HostConfig = crate::types::from_go_json(read("hostconfig.json")?).map_err(fail)?;
    Ok(Data { record, host })
}

/// Layers and runtime directories that belong to no container.
fn sweep(engine: &Arc<Engine>) {
    let known: HashSet<String> = engine.all_containers().iter().map(|c| c.id.clone()).collect();
    for id in engine.store.rw_layers() {
        if !known.contains(&id) {
            let _ = engine.store.unmount_rw(&id);
            if let Err(e) = engine.store.remove_rw(&id) {
                tracing::warn!("removing the layer of container {id}: {e}");
            }
        }
    }
    let Ok(entries) = std::fs::read_dir(engine.config.exec_root.join("containers")) else { return };
    let runtime = crate::runtime::client(&engine.config.runtime);
    for entry in entries.flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if !known.contains(&id) {
            let _ = runtime.delete(&id, true);
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

async fn take_over(engine: &Arc<Engine>, container: &Arc<Container>) {
    let recorded = container.data().record.state.clone();
    if recorded.removal_in_progress || recorded.dead {
        let _guard = container.operation.lock().await;
        if let Err(e) = super::remove::dispose(engine, container, false).await {
            tracing::warn!("removing container {}: {e}", container.id);
        }
        return;
    }
    let pid = recorded.pid;
    if let Ok(watch) = Watch::open(&container.socket).await {
        if recorded.running && pid != 0 {
            // Counts the mount that the last engine made, so that the end of the container takes it away.
            if let Err(e) = engine.store.mount_rw(&container.id) {
                tracing::warn!("root of container {}: {e}", container.id);
            }
            if !recorded.paused {
                thaw(engine, &container.id).await;
            }
            monitor::spawn(engine.clone(), container.clone(), watch);
            return;
        }
        // Killed between creating and recording: nobody has been told that it runs.
        let mut watch = watch;
        let kill = crate::shim::protocol::Request::Signal { signal: 9 };
        let _ = crate::shim::client::request(&container.socket, &kill).await;
        while watch.next().await.is_some() {}
        start::clean_up(engine, container).await;
        return;
    }
    if recorded.running && !recorded.restarting {
        let exit = monitor::lost(engine, container).await;
        monitor::ended(engine, container, &exit);
    }
    // Also where nothing should be left: a mount or a directory may be.
    start::clean_up(engine, container).await;
}

/// A container that nobody asked to pause is frozen where the last engine ended in the middle of a commit.
async fn thaw(engine: &Engine, id: &str) {
    let (runtime, name) = (crate::runtime::client(&engine.config.runtime), id.to_owned());
    let thawed = blocking(move || {
        if runtime.state(&name).is_ok_and(|state| state.status == Status::Paused) {
            runtime.resume(&name).map_err(Error::internal)?;
        }
        Ok(())
    });
    if let Err(e) = thawed.await {
        tracing::warn!("thawing container {id}: {e}");
    }
}

/// Containers that should run and do not.
async fn resume_policy(engine: &Arc<Engine>, container: &Arc<Container>) {
    let (auto_remove, restarting, manual, policy, state) = {
        let data = container.data();
        let record = &data.record;
        (
            data.host.auto_remove,
            record.state.restarting,
            record.has_been_manually_stopped,
            data.host.restart_policy.name.clone(),
            record.state.clone(),
        )
    };
    let _guard = container.operation.lock().await;
    if state.running && !restarting {
        return;
    }
    if auto_remove && state.status() != "created" {
        if let Err(e) = super::remove::dispose(engine, container, true).await {
            tracing::warn!("removing container {}: {e}", container.id);
        }
        return;
    }
    let wanted = restarting || policy == "always" || (policy == "unless-stopped" && !manual);
    let wanted = wanted && (restarting || container.data().record.has_been_started_before);
    if wanted && let Err(e) = start::launch(engine, container).await {
        tracing::warn!("starting container {}: {e}", container.id);
        container.set_phase(|p| p.running = false);
    }
}
