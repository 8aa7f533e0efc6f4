//! `POST /images/create` and `POST /images/{name}/push`: to and from registries; or a root file system is imported.

use std::sync::Arc;

use serde_json::json;
use slipway_images::registry::{PullError, PushOptions, Wanted};
use slipway_images::{ImageId, Progress, Reference};
use tokio::sync::mpsc::UnboundedSender;

use super::event;
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// Pulls an image for this machine as nobody in particular, telling `progress` what Docker would.
///
/// # Errors
/// Docker's sentences of a failed pull.
pub async fn pull(engine: &Arc<Engine>, reference: &Reference, progress: UnboundedSender<Progress>) -> Result<ImageId> {
    pull_wanted(engine, &Wanted::new(reference.clone()), progress).await
}

/// Pulls what a client asks for, telling `progress` what Docker would.
///
/// # Errors
/// Docker's sentences of a failed pull.
pub async fn pull_wanted(
    engine: &Arc<Engine>,
    wanted: &Wanted,
    progress: UnboundedSender<Progress>,
) -> Result<ImageId> {
    let pulled = engine.registries.pull(engine.store.clone(), wanted, progress).await.map_err(|e| error_of(&e))?;
    transfer_event(engine, "pull", &wanted.reference, &pulled.id);
    Ok(pulled.id)
}

/// A failed pull with Docker's status.
pub(crate) fn error_of(e: &PullError) -> Error {
    if e.is_not_found() { Error::not_found(e.to_string()) } else { Error::internal(e) }
}

/// Pushes an image, or all tags of a repository, telling `progress` what Docker would.
///
/// # Errors
/// Docker's sentences of a failed push.
pub async fn push(engine: &Arc<Engine>, options: &PushOptions, progress: UnboundedSender<Progress>) -> Result<()> {
    engine.registries.push(engine.store.clone(), options, progress).await.map_err(Error::internal)?;
    if let Ok(id) = engine.store.resolve(&options.reference.clone().with_default_tag().familiar_string()) {
        transfer_event(engine, "push", &options.reference, &id);
    }
    Ok(())
}

/// Events of transfers are about the name, not about the image.
fn transfer_event(engine: &Engine, action: &str, reference: &Reference, id: &ImageId) {
    let mut attributes = engine.store.image(id).map(|i| i.config.config.labels.clone()).unwrap_or_default();
    attributes.insert("name".into(), reference.familiar_name());
    engine.events.log("image", action, &reference.familiar_string(), attributes);
}

/// Makes an image of one layer from a tar stream. Blocking.
///
/// # Errors
/// For an archive that is none, and changes that are none.
pub fn import(
    engine: &Engine,
    tar: impl std::io::Read,
    repo: &str,
    tag: &str,
    message: &str,
    changes: &[String],
) -> Result<ImageId> {
    let name = if repo.is_empty() { None } else { Some(super::new_name(repo, tag)?) };
    let mut config = crate::types::Config::default();
    super::changes::apply(&mut config, changes)?;
    let layer = engine.store.register_layer(None, tar, None)?;
    let created = clock::now_string();
    let comment = if message.is_empty() { "Imported from -" } else { message };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let image = json!({
        "architecture": architecture, "comment": comment, "config": config, "created": created, "docker_version": crate::VERSION,
        "history": [{ "created": created, "comment": comment }], "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": [layer.diff_id.to_string()] },
    });
    let bytes = serde_json::to_vec(&image).map_err(Error::internal)?;
    let id = engine.store.create_image(&bytes)?;
    if let Some(name) = &name {
        engine.store.tag(name, &id)?;
    }
    event(engine, "import", &id, &name.map(|n| n.familiar_string()).unwrap_or_default());
    Ok(id)
}
