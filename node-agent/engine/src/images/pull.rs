//! `POST /images/create` and `POST /images/{name}/push`: to and from registries; or a root file system is imported.

use std::sync::Arc;

use slipway_images::registry::{Platform, PullError, PushOptions, Wanted};
use slipway_images::{ImageId, ImportOptions, Progress, Reference};
use tokio::sync::mpsc::UnboundedSender;

use super::{check_platform, event};
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::types::Config;

/// Pulls what a client asks for, telling `progress` what Docker would.
///
/// # Errors
/// Docker's sentences of a failed pull.
pub async fn pull(engine: &Arc<Engine>, wanted: &Wanted, progress: UnboundedSender<Progress>) -> Result<ImageId> {
    let tell = progress.clone();
    let pulled = engine.registries.pull(engine.store.clone(), wanted, progress).await.map_err(|e| error_of(&e))?;
    transfer_event(engine, "pull", &wanted.reference, &pulled.id);
    // A name that leads to one image gives it whatever it was made for; Docker tells.
    if let Some(platform) = wanted.platform.as_ref().filter(|_| !wanted.all_tags)
        && let Ok(image) = engine.store.image(&pulled.id)
        && let Err(e) = check_platform(&wanted.reference.clone().with_default_tag().to_string(), &image, platform)
    {
        let _ = tell.send(Progress::status(format!("WARNING: {}", e.message)));
    }
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

/// What an import makes of an archive.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// Where the archive comes from: `-`, or a URL.
    pub source: String,
    /// Repository to name the image; none when empty.
    pub repo: String,
    /// Its tag.
    pub tag: String,
    /// `--message`; empty for one that names the source.
    pub message: String,
    /// `--change`.
    pub changes: Vec<String>,
    /// `--platform`; empty for this machine's.
    pub platform: String,
}

impl Import {
    /// Checks what can be checked before the archive is read.
    ///
    /// # Errors
    /// For names, changes and platforms that are none.
    pub fn check(&self) -> Result<(Option<Reference>, Config, Platform)> {
        let name = if self.repo.is_empty() { None } else { Some(super::new_name(&self.repo, &self.tag)?) };
        let mut config = Config::default();
        super::changes::apply(&mut config, &self.changes)?;
        let platform = match self.platform.as_str() {
            "" => Platform::host(),
            text => text.parse::<Platform>().map_err(|e| Error::bad(e.to_string()))?,
        };
        if platform.os != "linux" {
            return Err(Error::bad("operating system is not supported"));
        }
        Ok((name, config, platform))
    }
}

/// Makes an image of one layer from a tar stream. Blocking.
///
/// # Errors
/// For an archive that is none, and changes that are none.
pub fn import(engine: &Engine, tar: impl std::io::Read, request: &Import) -> Result<ImageId> {
    let (name, config, platform) = request.check()?;
    let message =
        if request.message.is_empty() { format!("Imported from {}", request.source) } else { request.message.clone() };
    let mut config = serde_json::to_value(&config).map_err(Error::internal)?;
    for key in ["Env", "Labels"] {
        // As Go writes what was never set.
        if config[key].as_array().is_some_and(Vec::is_empty)
            || config[key].as_object().is_some_and(serde_json::Map::is_empty)
        {
            config[key] = serde_json::Value::Null;
        }
    }
    let options = ImportOptions {
        config,
        message,
        created: clock::now_string(),
        docker_version: crate::VERSION.into(),
        platform,
    };
    let id = engine.store.import(tar, &options).map_err(|e| super::archive_error(&e))?;
    if let Some(name) = &name {
        super::give_name(engine, name, &id)?;
    }
    event(engine, "import", &id, &id.to_string());
    Ok(id)
}
