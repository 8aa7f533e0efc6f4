//! `POST /images/create`: pull from the mirror, or import a root file system.

use std::str::FromStr;
use std::sync::Arc;

use serde_json::json;
use slipway_images::registry::{self, Source};
use slipway_images::{ImageId, Progress, Reference};
use tokio::sync::mpsc::UnboundedSender;

use super::event;
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// The registry that a name leads to.
///
/// # Errors
/// When there is none that this engine can reach.
pub fn source(engine: &Engine, reference: &Reference) -> Result<Source> {
    if reference.domain() == "docker.io" {
        let Some(mirror) = &engine.config.registry_mirror else {
            return Err(Error::internal(format!(
                "cannot pull {}: this engine has no registry for docker.io; start it with --registry-mirror",
                reference.familiar_string()
            )));
        };
        return Source::from_str(mirror).map_err(Error::internal);
    }
    Source::from_str(&format!("http://{}", reference.domain())).map_err(Error::internal)
}

/// Pulls an image, telling `progress` what Docker would.
///
/// # Errors
/// Docker's sentences of a failed pull.
pub async fn pull(engine: &Arc<Engine>, reference: &Reference, progress: UnboundedSender<Progress>) -> Result<ImageId> {
    let source = source(engine, reference)?;
    let pulled = registry::pull(engine.store.clone(), source, reference, progress).await.map_err(|e| {
        let text = e.to_string();
        let status = if text.contains("denied") || text.contains("not found") {
            http::StatusCode::NOT_FOUND
        } else {
            http::StatusCode::INTERNAL_SERVER_ERROR
        };
        Error::new(status, text)
    })?;
    event(engine, "pull", &pulled.id, &reference.familiar_string());
    Ok(pulled.id)
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
