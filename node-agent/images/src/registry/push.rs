//! A push: the layers that the registry lacks, the configuration, the manifest; in Docker's order and words.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use http::{Method, header};
use tokio::sync::mpsc::UnboundedSender;

use super::auth::Credentials;
use super::candidates;
use super::fault::{Fault, Kind};
use super::manifest::{PUSHED, Pushed, write};
use super::platform::Platform;
use super::registries::{Registries, Tell};
use super::transport::Call;
use super::upload::{Begun, Source, Target};
use crate::digest::{ChainId, DiffId, Digest, ImageId};
use crate::error::Error;
use crate::progress::{Progress, Text};
use crate::reference::Reference;
use crate::store::{BlobSource, Store};

/// What to push.
#[derive(Debug, Clone)]
pub struct PushOptions {
    /// A name with a tag; without one, all tags of the repository are pushed.
    pub reference: Reference,
    /// Who asks.
    pub credentials: Credentials,
    /// What the images must be for, if it matters.
    pub platform: Option<Platform>,
}

/// Why an image could not be pushed, in Docker's words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// There is no such image here.
    #[error("{0}")]
    Missing(String),
    /// The registry refused, or was not to be reached.
    #[error("{0}")]
    Registry(String),
    /// The store could not give it.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<Fault> for PushError {
    fn from(fault: Fault) -> Self {
        Self::Registry(if fault.kind == Kind::NoCredentials { fault.bare } else { fault.text })
    }
}

impl Registries {
    /// Pushes an image, or all tags of a repository. `progress` gets Docker's messages; nobody listening is no error.
    pub async fn push(
        &self,
        store: Arc<Store>,
        options: &PushOptions,
        progress: UnboundedSender<Progress>,
    ) -> Result<(), PushError> {
        let tell = Tell(progress);
        let reference = &options.reference;
        let names = store.tags_of(reference);
        if let Some(platform) = &options.platform {
            let fits = |(name, _): &&(Reference, ImageId)| reference.tag().is_none() || name.tag() == reference.tag();
            names.iter().filter(fits).try_for_each(|(name, id)| check_platform(&store, name, id, platform))?;
        }
        tell.say(Progress::status(format!("The push refers to repository [{}]", reference.full_name())));
        if names.is_empty() {
            return Err(PushError::Missing(format!(
                "An image does not exist locally with the tag: {}",
                reference.familiar_name()
            )));
        }
        if reference.digest().is_some() {
            return Err(PushError::Missing("cannot push a digest reference".into()));
        }
        let wanted: Vec<(Reference, ImageId)> = match reference.tag() {
            Some(tag) => names.into_iter().filter(|(name, _)| name.tag() == Some(tag)).collect(),
            None => names,
        };
        if wanted.is_empty() {
            return Err(PushError::Missing(format!("tag does not exist: {}", reference.familiar_string())));
        }
        let scope = format!("repository:{}:push,pull", reference.path());
        let client = self.open(reference.domain(), &options.credentials, &[scope], false).await?;
        let target = Target { client: &client, path: reference.path() };
        let mut there = HashMap::new();
        for (name, id) in wanted {
            let pusher =
                Pusher { registries: self, store: &store, target, repository: reference.full_name(), tell: &tell };
            pusher.one(&name, &id, &mut there).await?;
        }
        Ok(())
    }
}

fn check_platform(store: &Store, name: &Reference, id: &ImageId, wanted: &Platform) -> Result<(), PushError> {
    let made_for = Platform::of(&store.image(id)?.config);
    if wanted.clone().normal().rank(&made_for).is_some() {
        return Ok(());
    }
    let name = name.familiar_string();
    Err(PushError::Missing(format!(
        "image with reference {name} was found but does not match the specified platform: wanted {wanted}, actual: {made_for}"
    )))
}

struct Pusher<'a> {
    registries: &'a Registries,
    store: &'a Arc<Store>,
    target: Target<'a>,
    /// `docker.io/library/ubuntu`.
    repository: String,
    tell: &'a Tell,
}

impl Pusher<'_> {
    async fn one(&self, name: &Reference, id: &ImageId, there: &mut HashMap<DiffId, Pushed>) -> Result<(), PushError> {
        let image = self.store.image(id)?;
        // Held, so that nobody removes them meanwhile.
        let mut layers = Vec::new();
        for chain in ChainId::stack(&image.layers) {
            layers.push(self.store.layer(&chain).ok_or(Error::NoSuchLayer(chain))?);
        }
        let mut distinct: Vec<(DiffId, Source)> = Vec::new();
        for layer in layers.iter().rev() {
            let source = Source { chain: layer.chain_id, id: layer.diff_id.short(), size: layer.size };
            self.say(&source.id, "Preparing");
            if !distinct.iter().any(|(diff, _)| *diff == layer.diff_id) {
                distinct.push((layer.diff_id, source));
            }
        }
        let slots = &self.registries.uploads;
        let started: Vec<_> = distinct.iter().map(|_| slots.try_acquire().ok()).collect();
        for ((_, source), _) in distinct.iter().zip(&started).filter(|(_, slot)| slot.is_none()) {
            self.say(&source.id, "Waiting");
        }
        let known = &*there;
        let pushed = try_join_all(distinct.iter().zip(started).map(|((diff, source), slot)| async move {
            let _slot = match slot {
                Some(slot) => Some(slot),
                None => slots.acquire().await.ok(),
            };
            if let Some(blob) = known.get(diff) {
                self.say(&source.id, "Layer already exists");
                return Ok((*diff, *blob));
            }
            self.layer(diff, source).await.map(|blob| (*diff, blob))
        }))
        .await?;
        there.extend(pushed);
        let config = self.target.small(&image.raw).await?;
        let blobs: Vec<Pushed> = image.layers.iter().filter_map(|diff| there.get(diff).copied()).collect();
        let manifest = write(config, &blobs);
        let tag = name.tag().unwrap_or("latest");
        let mut call = Call::new(Method::PUT, format!("/v2/{}/manifests/{tag}", self.target.path))
            .with(header::CONTENT_TYPE, PUSHED);
        call.body = manifest.clone().into();
        self.target.client.send_again(&call).await?;
        let (digest, size) = (Digest::of(&manifest), manifest.len());
        self.tell.say(Progress::status(format!("{tag}: digest: {digest} size: {size}")));
        self.store.tag(&name.with_digest(digest), id)?;
        self.tell.say(Progress {
            id: None,
            text: Text::Aux(serde_json::json!({"Tag": tag, "Digest": digest, "Size": size})),
            detail: None,
        });
        Ok(())
    }

    fn say(&self, id: &str, text: &str) {
        self.tell.say(Progress::layer(id, text, None));
    }

    async fn layer(&self, diff: &DiffId, source: &Source) -> Result<Pushed, PushError> {
        let (mut tried, mut renewed) = (0, false);
        loop {
            let fault = match self.try_layer(diff, source).await {
                Ok(blob) => {
                    let entry = BlobSource { digest: blob.digest, repository: self.repository.clone() };
                    self.store.note_blob(diff, &entry.digest, &entry.repository)?;
                    return Ok(blob);
                }
                Err(fault) => fault,
            };
            if fault.kind == Kind::TokenEnded && !renewed {
                renewed = true;
                continue;
            }
            tried += 1;
            if !fault.passes() || tried >= self.registries.options.attempts {
                return Err(fault.into());
            }
            self.tell.wait(&source.id, tried, &fault, self.registries.options.second).await;
        }
    }

    async fn try_layer(&self, diff: &DiffId, source: &Source) -> Result<Pushed, Fault> {
        let known = self.store.blobs_of(diff);
        let own: Vec<BlobSource> = known.iter().filter(|blob| blob.repository == self.repository).cloned().collect();
        if let Some(blob) = self.find(&own, source).await? {
            return Ok(blob);
        }
        let mut location = None;
        for mount in candidates::mounts(&self.repository, &known) {
            match self.target.begin(Some(&mount)).await {
                Ok(Begun::Mounted) => {
                    let from = mount.repository.split_once('/').map_or("", |(_, path)| path);
                    if let Some(blob) = self.target.find(mount.digest).await? {
                        self.say(&source.id, &format!("Mounted from {from}"));
                        return Ok(blob);
                    }
                }
                Ok(Begun::At(at)) => {
                    // The other repository has it no more.
                    self.store.forget_blob(diff, &mount);
                    location = Some(at);
                }
                // Not ours to read: it is sent instead.
                Err(fault) if matches!(fault.kind, Kind::Refused(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        if let Some(blob) = self.find(&candidates::checks(&self.repository, &known), source).await? {
            return Ok(blob);
        }
        let location = match location {
            Some(location) => location,
            None => match self.target.begin(None).await? {
                Begun::At(location) => location,
                Begun::Mounted => return Err(Fault::invalid("the registry mounted what nobody asked for")),
            },
        };
        let blob = self.target.layer(self.store, source, &location, self.tell).await?;
        self.say(&source.id, "Pushed");
        Ok(blob)
    }

    async fn find(&self, blobs: &[BlobSource], source: &Source) -> Result<Option<Pushed>, Fault> {
        for blob in blobs {
            if let Some(found) = self.target.find(blob.digest).await? {
                self.say(&source.id, "Layer already exists");
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
