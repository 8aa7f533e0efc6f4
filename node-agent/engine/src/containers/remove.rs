//! Removing, renaming and pruning containers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Container, names, stop};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::filters::Filters;

/// `DELETE /containers/{id}`.
///
/// # Errors
/// 409 for a running container without `force`.
pub async fn remove(engine: &Arc<Engine>, container: &Arc<Container>, force: bool, volumes: bool) -> Result<()> {
    let status = container.data().record.state.status();
    if matches!(status, "running" | "paused" | "restarting") {
        if !force {
            return Err(Error::conflict(format!(
                "cannot remove container \"{}\": container is {status}: stop the container before removing or force remove",
                container.data().record.name
            )));
        }
        // Another may end it first; what matters is that it has ended.
        let killed = stop::kill(engine, container, "SIGKILL").await;
        if container.is_running() {
            let not_heard = "could not kill: tried to kill container, but did not receive an exit event";
            let e = killed.err().unwrap_or_else(|| Error::internal(not_heard));
            return Err(e.context(&format!("cannot remove container \"{}\"", container.data().record.name)));
        }
    }
    let _guard = container.operation.lock().await;
    dispose(engine, container, volumes).await
}

/// Removes a container that does not run; the caller holds its operation lock. Removing twice is no error.
pub(super) async fn dispose(engine: &Arc<Engine>, container: &Arc<Container>, volumes: bool) -> Result<()> {
    if container.phases().borrow().removed {
        return Ok(());
    }
    {
        let mut data = container.data();
        data.record.state.removal_in_progress = true;
        (data.record.state.running, data.record.state.restarting) = (false, false);
    }
    let (e, c) = (engine.clone(), container.clone());
    blocking(move || {
        crate::network::disconnect(&e, &c);
        let removed = e.store.remove_rw(&c.id).map_err(|err| {
            Error::internal(format!("container {}: driver \"overlay2\" failed to remove root filesystem: {err}", c.id))
        });
        if removed.is_err() {
            c.data().record.state.dead = true;
            c.data().record.state.removal_in_progress = false;
        }
        removed?;
        match std::fs::remove_dir_all(&c.dir) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => return Err(err.into()),
            _ => {}
        }
        let _ = std::fs::remove_dir_all(&c.run_dir);
        Ok(())
    })
    .await?;
    engine.containers().remove(container);
    let anonymous = container.data().record.anonymous_volumes.clone();
    if volumes {
        for name in anonymous {
            // Another container may have taken it by --volumes-from: then it stays.
            let _ = engine.volumes.remove(engine, &name, false);
        }
    }
    container.event(engine, "destroy", &[]);
    container.set_phase(|p| (p.running, p.removed) = (false, true));
    Ok(())
}

/// `POST …/rename`.
///
/// # Errors
/// Docker's sentences for bad and taken names.
pub fn rename(engine: &Engine, container: &Container, new: &str) -> Result<()> {
    if new.is_empty() {
        return Err(Error::bad("Neither old nor new names may be empty"));
    }
    let new = new.strip_prefix('/').unwrap_or(new);
    let old = container.name();
    if new == old {
        return Err(Error::bad("Renaming a container with the same name as its current name"));
    }
    names::check(new)
        .map_err(|_| names::invalid(&format!("/{new}")))
        .map_err(|e| e.context("Error when allocating new name"))?;
    {
        let mut all = engine.containers();
        all.reserve(new, &container.id).map_err(|e| e.context("Error when allocating new name"))?;
        all.release(&old);
    }
    container.data().record.name = format!("/{new}");
    container.save()?;
    container.event(engine, "rename", &[("oldName", format!("/{old}"))]);
    Ok(())
}

/// `POST /containers/prune`.
///
/// # Errors
/// For unknown filters.
pub async fn prune(engine: &Arc<Engine>, filters: &Filters) -> Result<Value> {
    filters.check(&["label", "label!", "until"])?;
    let until = filters.until()?;
    let (mut deleted, mut space) = (Vec::new(), 0);
    for container in engine.all_containers() {
        let fits = {
            let data = container.data();
            let created = crate::clock::parse(&data.record.created);
            !data.record.state.running
                && until.is_none_or(|u| created.is_some_and(|c| c < u))
                && filters.labels_fit(&data.record.config.labels)
        };
        if !fits {
            continue;
        }
        let size = engine.store.rw_size(&container.id).unwrap_or(0);
        if remove(engine, &container, false, false).await.is_ok() {
            deleted.push(container.id.clone());
            space += size;
        }
    }
    engine.events.log("container", "prune", "", [("reclaimed".to_owned(), space.to_string())].into());
    let deleted = if deleted.is_empty() { Value::Null } else { json!(deleted) };
    Ok(json!({ "ContainersDeleted": deleted, "SpaceReclaimed": space }))
}
