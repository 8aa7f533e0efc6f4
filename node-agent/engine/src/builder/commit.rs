//! Images of steps: from a configuration alone, from what was copied, or from what a container has written.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use slipway_images::{BuildStep, DiffId, ImageId};

use super::Build;
use super::epoch::Epoch;
use super::state::State;
use crate::clock;
use crate::containers::names::random_hex;
use crate::engine::{Engine, lock};
use crate::error::{Error, Result};
use crate::types::Config;

/// A writable root on an image for the builder itself, mounted while this lives.
#[derive(Debug)]
pub(crate) struct Root {
    engine: Arc<Engine>,
    name: String,
    /// Where it is mounted.
    pub(crate) path: PathBuf,
    mounted: bool,
}

impl Root {
    /// Mounts one. Blocking, as all here.
    ///
    /// # Errors
    /// When the image is gone or the disk is full.
    pub(crate) fn mount(engine: &Arc<Engine>, image: Option<&ImageId>) -> Result<Self> {
        let name = format!("build-{}", random_hex(16));
        engine.store.create_bare_rw(&name, image)?;
        let mut root = Self { engine: Arc::clone(engine), name, path: PathBuf::new(), mounted: false };
        root.path = engine.store.mount_rw(&root.name)?;
        root.mounted = true;
        Ok(root)
    }

    fn unmount(&mut self) -> Result<()> {
        if std::mem::take(&mut self.mounted) {
            self.engine.store.unmount_rw(&self.name)?;
        }
        Ok(())
    }

    /// Makes an image's layer of what was written into it, and the image of the step.
    ///
    /// # Errors
    /// When the disk is full; nothing stays then.
    pub(crate) fn commit(mut self, build: &Build, state: &State, step: &Config, container: &str) -> Result<ImageId> {
        self.unmount()?;
        take(build, &self.name, state, step, container)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let done = self.unmount().and_then(|()| Ok(self.engine.store.remove_rw(&self.name)?));
        if let Err(e) = done {
            tracing::warn!("removing the build's root {}: {e}", self.name);
        }
    }
}

/// Makes the image of a step from the writable layer `name`.
///
/// # Errors
/// When the disk is full; nothing stays then.
pub(crate) fn take(build: &Build, name: &str, state: &State, step: &Config, container: &str) -> Result<ImageId> {
    set_times(build, name)?;
    let layer = build.engine.store.hurried(|| build.engine.store.take_rw(name))?;
    finish(build, state, step, container, layer)
}

/// As [`take`], for a container that is to stay: its files are copied.
///
/// # Errors
/// When the disk is full; nothing stays then.
pub(crate) fn copy(build: &Build, container: &str, state: &State, step: &Config) -> Result<ImageId> {
    set_times(build, container)?;
    let layer = build.engine.store.hurried(|| build.engine.store.copy_rw(container))?;
    finish(build, state, step, container, layer)
}

fn set_times(build: &Build, name: &str) -> Result<()> {
    match build.epoch {
        Some(epoch) => Ok(build.engine.store.set_rw_times(name, epoch.seconds())?),
        None => Ok(()),
    }
}

fn finish(
    build: &Build,
    state: &State,
    step: &Config,
    container: &str,
    layer: Option<slipway_images::Layer>,
) -> Result<ImageId> {
    let made = image(build, state, step, container, layer.as_ref().map(|layer| &layer.diff_id));
    if let (Err(_), Some(layer)) = (&made, layer) {
        build.engine.store.drop_layer(layer)?;
    }
    made
}

/// Makes the image of a step. It becomes durable when the build ends.
///
/// # Errors
/// When the disk is full.
pub(crate) fn image(
    build: &Build,
    state: &State,
    step: &Config,
    container: &str,
    layer: Option<&DiffId>,
) -> Result<ImageId> {
    let made = BuildStep {
        parent: state.image,
        config: document(&state.config)?,
        container_config: Some(document(step)?),
        // Random, so no part of an image that is to be the same each time.
        container: if build.epoch.is_some() { String::new() } else { container.to_owned() },
        author: state.author.clone(),
        created: build.epoch.map_or_else(clock::now_string, Epoch::text),
        created_by: step.cmd.clone().unwrap_or_default().join(" "),
        docker_version: crate::VERSION.into(),
        architecture: super::architecture().into(),
        ..BuildStep::default()
    };
    let id = build.engine.store.hurried(|| build.engine.store.build_image(&made, layer))?;
    lock(&build.made).push(id);
    Ok(id)
}

/// A configuration as dockerd writes it: without labels it says `null`, unless it was a container's, which has a name and an empty object.
pub(crate) fn document(config: &Config) -> Result<Value> {
    let mut value = serde_json::to_value(config).map_err(Error::internal)?;
    if config.labels.is_empty() && config.hostname.is_empty() {
        value["Labels"] = Value::Null;
    }
    Ok(value)
}
