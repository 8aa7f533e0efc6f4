//! `POST /commit`: an image from a container.

use std::sync::Arc;

use serde_json::json;
use slipway_images::{CommitOptions, ImageId};

use crate::clock;
use crate::containers::stop;
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::types::Config;

/// A commit request.
#[derive(Debug, Default)]
pub struct Commit {
    /// Container id or name.
    pub container: String,
    /// Repository to name the image.
    pub repo: String,
    /// Its tag.
    pub tag: String,
    /// Message.
    pub comment: String,
    /// Author.
    pub author: String,
    /// Dockerfile instructions.
    pub changes: Vec<String>,
    /// Pause the container meanwhile.
    pub pause: bool,
    /// Configuration to use instead of the container's (old clients).
    pub config: Option<Config>,
}

/// Commits a container.
///
/// # Errors
/// Docker's sentences.
pub async fn commit(engine: &Arc<Engine>, request: Commit) -> Result<ImageId> {
    let container = engine.container(&request.container)?;
    let name = if request.repo.is_empty() { None } else { Some(super::new_name(&request.repo, &request.tag)?) };
    let record = container.data().record.clone();
    let mut config = record.config.clone();
    if let Some(own) = &request.config {
        let mut own = own.clone();
        own.merge_image(&config);
        config = own;
    }
    super::changes::apply(&mut config, &request.changes)?;
    config.image = record.config.image.clone();
    let _guard = container.operation.lock().await;
    let pause = request.pause && record.state.running && !record.state.paused && !record.state.restarting;
    if pause {
        stop::hold(engine, &container, true).await?;
    }
    let options = CommitOptions {
        base: engine.store.resolve(&record.image).ok(),
        config: serde_json::to_value(&config).map_err(Error::internal)?,
        container_config: Some(serde_json::to_value(&record.config).map_err(Error::internal)?),
        container: container.id.clone(),
        author: request.author,
        comment: request.comment.clone(),
        created: clock::now_string(),
        created_by: record.config.argv().join(" "),
        docker_version: crate::VERSION.into(),
    };
    let (e, id) = (engine.clone(), container.id.clone());
    let outcome = blocking(move || {
        let image = e.store.commit(&id, &options)?;
        if let Some(name) = &name {
            super::give_name(&e, name, &image)?;
            super::event(&e, "tag", &image, &name.familiar_string());
        }
        Ok((image, name.map(|name| name.familiar_string()).unwrap_or_default()))
    })
    .await;
    if let Ok((image, name)) = &outcome {
        container.event(
            engine,
            "commit",
            &[("comment", request.comment), ("imageID", image.to_string()), ("imageRef", name.clone())],
        );
    }
    if pause {
        stop::hold(engine, &container, false).await?;
    }
    outcome.map(|(image, _)| image)
}

/// The answer to a commit.
#[must_use]
pub fn answer(id: &ImageId) -> serde_json::Value {
    json!({ "Id": id.to_string() })
}
