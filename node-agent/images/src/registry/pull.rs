//! A pull: from a name to a manifest, its configuration and layers, and names in the store. Dropping the future stops it;
//! the thread that unpacks then takes its unfinished work back.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{HeaderMap, Method, header};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::auth::Credentials;
use super::client::Client;
use super::download::Download;
use super::fault::{Fault, Kind};
use super::manifest::{Descriptor, Document, INDEX_TYPES, MANIFEST_TYPES, Manifest, check_type, understand};
use super::platform::Platform;
use super::registries::{Registries, Tell};
use super::transport::Call;
use super::unpack::{Cancel, Incoming, Unpack};
use crate::digest::{ChainId, DiffId, Digest, ImageId};
use crate::error::Error;
use crate::image::ImageConfig;
use crate::progress::Progress;
use crate::reference::Reference;
use crate::shared::protocol::Wanted as WantedLayer;
use crate::store::{Held, Store};

pub(crate) const MAX_MANIFEST: usize = 4 << 20;
const MAX_CONFIG: usize = 8 << 20;

/// Why an image could not be pulled; where Docker has words of its own, these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The repository does not exist, or is not for us.
    #[error("pull access denied for {0}, repository does not exist or may require 'docker login': {1}")]
    Denied(String, String),
    /// The repository exists, the tag or digest does not.
    #[error("manifest for {0} not found: {1}")]
    ManifestUnknown(String, String),
    /// The registry does not know the repository.
    #[error("repository {0} not found: {1}")]
    NameUnknown(String, String),
    /// The registry refused for another reason, or spoke no HTTP.
    #[error("{0}")]
    Registry(String),
    /// What came is not what was asked for.
    #[error("{0}")]
    Invalid(String),
    /// The store could not keep it.
    #[error(transparent)]
    Store(#[from] Error),
}

impl PullError {
    /// Whether what was asked for does not exist, as far as we may know.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Denied(..) | Self::ManifestUnknown(..) | Self::NameUnknown(..))
    }
}

/// What to pull.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The name; `latest` where it has neither tag nor digest.
    pub reference: Reference,
    /// All tags of the name's repository.
    pub all_tags: bool,
    /// For which platform; this machine's if not given.
    pub platform: Option<Platform>,
    /// Who asks.
    pub credentials: Credentials,
}

impl Wanted {
    /// One image for this machine, asked for by nobody in particular.
    #[must_use]
    pub fn new(reference: Reference) -> Self {
        Self { reference, all_tags: false, platform: None, credentials: Credentials::default() }
    }
}

/// A finished pull.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The image.
    pub id: ImageId,
    /// The digest of the manifest or index that the name stands for.
    pub digest: Digest,
    /// Whether the name leads elsewhere than before.
    pub newer: bool,
}

impl Registries {
    /// Pulls an image, or all tags of a repository, and names what came. `progress` gets Docker's messages in Docker's
    /// order; nobody listening is no error. Gives the image, the last one of several.
    pub async fn pull(
        &self,
        store: Arc<Store>,
        wanted: &Wanted,
        progress: UnboundedSender<Progress>,
    ) -> Result<Pulled, PullError> {
        let tell = Tell(progress);
        let reference = match wanted.all_tags {
            true => wanted.reference.clone(),
            false => wanted.reference.clone().with_default_tag(),
        };
        let scope = format!("repository:{}:pull", reference.path());
        let opened = self.open(reference.domain(), &wanted.credentials, &[scope], false).await;
        let client = opened.map_err(|fault| PullError::Registry(fault.text))?;
        let fetch = Fetch { registries: self, client, reference: &reference, wanted, tell: &tell };
        let names = match wanted.all_tags {
            true => fetch.tags().await.map_err(|fault| fetch.translate(fault))?,
            false => vec![reference.clone()],
        };
        let (mut last, mut newer) = (None, false);
        for name in &names {
            let one = Fetch { reference: name, client: fetch.client.clone(), ..fetch };
            let pulled = one.one(&store).await?;
            newer |= pulled.newer;
            last = Some(pulled);
        }
        let pulled = last.ok_or_else(|| PullError::Registry(format!("no tags in {}", reference.familiar_name())))?;
        let familiar = reference.familiar_string();
        tell.say(Progress::status(match newer {
            true => format!("Status: Downloaded newer image for {familiar}"),
            false => format!("Status: Image is up to date for {familiar}"),
        }));
        Ok(Pulled { newer, ..pulled })
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PullError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| PullError::Registry(format!("the unpacking thread ended: {error}")))
}

#[derive(Clone)]
pub(crate) struct Fetch<'a> {
    pub(crate) registries: &'a Registries,
    pub(crate) client: Client,
    pub(crate) reference: &'a Reference,
    pub(crate) wanted: &'a Wanted,
    pub(crate) tell: &'a Tell,
}

impl Fetch<'_> {
    pub(crate) fn path(&self, kind: &str, which: &str) -> String {
        format!("/v2/{}/{kind}/{which}", self.reference.path())
    }

    /// Pulls what the reference names.
    async fn one(&self, store: &Arc<Store>) -> Result<Pulled, PullError> {
        let (digest, shown, got) = match (self.reference.digest(), self.reference.tag()) {
            (Some(digest), _) => (digest, self.reference.to_string(), None),
            (None, tag) => {
                let tag = tag.unwrap_or("latest");
                let (digest, got) = self.look_up(tag).await.map_err(|fault| self.translate(fault))?;
                (digest, tag.to_owned(), got)
            }
        };
        let headline = || self.tell.say(Progress::headline(&shown, format!("Pulling from {}", self.reference.path())));
        let id = match self.held(store, &digest) {
            Some(id) => {
                headline();
                id
            }
            None => {
                let found = self.fetched(&digest, got).await?;
                // What it is for is looked at after that, as in Docker.
                headline();
                let manifest = self.manifest(self.understood(&found)?).await?;
                let id = ImageId::from_bytes(*manifest.config.digest.as_bytes());
                if store.image(&id).is_err() {
                    check_type(&manifest.config.media_type).map_err(PullError::Invalid)?;
                    for layer in &manifest.layers {
                        check_type(&layer.media_type).map_err(PullError::Invalid)?;
                    }
                    let config = self.config(&manifest.config).await?;
                    self.layers(store, &manifest, config).await?;
                }
                id
            }
        };
        self.tell.say(Progress::status(format!("Digest: {digest}")));
        let newer = self.name(store, id, digest).await?;
        Ok(Pulled { id, digest, newer })
    }

    /// The image that this digest stands for, where an earlier pull has left it and it is for the platform.
    fn held(&self, store: &Store, digest: &Digest) -> Option<ImageId> {
        let id = store.resolve(&self.reference.with_digest(*digest).familiar_string()).ok()?;
        let image = store.image(&id).ok()?;
        let made_for = Platform::of(&image.config);
        let wanted = self.wanted.platform.clone().unwrap_or_else(Platform::best_of_host);
        (wanted.rank(&made_for) == Some(0) || (self.wanted.platform.is_none() && wanted.rank(&made_for).is_some()))
            .then_some(id)
    }

    async fn name(&self, store: &Arc<Store>, id: ImageId, digest: Digest) -> Result<bool, PullError> {
        let names = [self.reference.clone(), self.reference.with_digest(digest)];
        let store = Arc::clone(store);
        let name_it = move || -> Result<bool, Error> {
            let was = store.resolve(&names[0].familiar_string()).ok();
            for name in &names {
                store.tag(name, &id)?;
            }
            Ok(was != Some(id))
        };
        Ok(blocking(name_it).await??)
    }

    /// All tags of the repository, page by page.
    async fn tags(&self) -> Result<Vec<Reference>, Fault> {
        const MAX_PAGE: usize = 4 << 20;
        const MAX_TAGS: usize = 10_000;
        let mut names = Vec::new();
        let mut path = format!("/v2/{}/tags/list", self.reference.path());
        loop {
            let (headers, body) = self.client.document(&Call::get(&path), MAX_PAGE).await?;
            let page: serde_json::Value = serde_json::from_slice(&body)
                .map_err(|error| Fault::invalid(format!("invalid list of tags: {error}")))?;
            for tag in page["tags"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str) {
                names.push(self.reference.with_tag(tag).map_err(|error| Fault::invalid(error.to_string()))?);
            }
            let link = headers.get(header::LINK).and_then(|value| value.to_str().ok());
            let next =
                link.and_then(|link| link.strip_prefix('<')?.split_once('>')).filter(|(_, rest)| rest.contains("next"));
            let Some((next, _)) = next else { return Ok(names) };
            let next = self.client.own(&path, next)?;
            if next == path || names.len() > MAX_TAGS {
                return Err(Fault::invalid(format!("the registry's list of tags does not end: {next}")));
            }
            path = next;
        }
    }

    /// What a tag stands for: by HEAD where the registry can, which costs no pull in the books of a public one. Else
    /// what a GET gave comes along.
    async fn look_up(&self, tag: &str) -> Result<(Digest, Option<(HeaderMap, Bytes)>), Fault> {
        let path = self.path("manifests", tag);
        let stated = |headers: &HeaderMap| {
            headers.get("docker-content-digest").and_then(|value| value.to_str().ok()?.parse::<Digest>().ok())
        };
        let head = self.accepting(Call::new(Method::HEAD, &path));
        match self.client.send_again(&head).await {
            Ok(response) => {
                if let Some(digest) = stated(response.headers()) {
                    return Ok((digest, None));
                }
            }
            // The refusal of a GET has words.
            Err(fault) if fault.status.is_some() => {}
            Err(fault) => return Err(fault),
        }
        let (headers, body) = self.client.document(&self.accepting(Call::get(&path)), MAX_MANIFEST).await?;
        let digest = stated(&headers).unwrap_or_else(|| Digest::of(&body));
        Ok((digest, Some((headers, body))))
    }

    pub(crate) fn accepting(&self, call: Call) -> Call {
        let types = [&MANIFEST_TYPES[..], &INDEX_TYPES[..]].concat();
        call.with(header::ACCEPT, &types.join(", "))
    }

    /// The bytes of a manifest or index, which must have the digest.
    async fn fetched(&self, digest: &Digest, got: Option<(HeaderMap, Bytes)>) -> Result<(HeaderMap, Bytes), PullError> {
        let (headers, body) = match got {
            Some(got) => got,
            None => {
                let path = self.path("manifests", &digest.to_string());
                let found = self.client.document(&self.accepting(Call::get(&path)), MAX_MANIFEST).await;
                found.map_err(|fault| self.translate(fault))?
            }
        };
        if Digest::of(&body) != *digest {
            return Err(PullError::Invalid(format!("manifest verification failed for digest {digest}")));
        }
        Ok((headers, body))
    }

    fn understood(&self, (headers, body): &(HeaderMap, Bytes)) -> Result<Document, PullError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        understand(kind, body, self.wanted.platform.as_ref()).map_err(PullError::Invalid)
    }

    async fn manifest(&self, document: Document) -> Result<Manifest, PullError> {
        let document = match document {
            Document::Index(chosen) => self.understood(&self.fetched(&chosen.digest, None).await?)?,
            other => other,
        };
        match document {
            Document::Image(manifest) => Ok(manifest),
            Document::Index(_) => Err(PullError::Invalid("an index within an index is not supported".into())),
            Document::Schema1 => Err(PullError::Invalid(format!(
                "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of {} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/",
                self.reference
            ))),
        }
    }

    /// Docker's words for a registry's refusal.
    pub(crate) fn translate(&self, fault: Fault) -> PullError {
        let name = self.reference.familiar_name();
        match fault.code() {
            "DENIED" => PullError::Denied(name, fault.text),
            // Docker Hub does not tell a missing repository from a private one; neither does what stands for it.
            "NAME_UNKNOWN" if self.reference.domain() == "docker.io" => {
                PullError::Denied(name, "denied: requested access to the resource is denied".into())
            }
            "NAME_UNKNOWN" => PullError::NameUnknown(name, fault.text),
            "MANIFEST_UNKNOWN" => PullError::ManifestUnknown(self.reference.familiar_string(), fault.text),
            _ => PullError::Registry(fault.text),
        }
    }

    pub(crate) async fn config(&self, descriptor: &Descriptor) -> Result<Vec<u8>, PullError> {
        let path = self.path("blobs", &descriptor.digest.to_string());
        let wrap = |why: &str| format!("error pulling image configuration: {why}");
        let found = self.client.document(&Call::get(&path), MAX_CONFIG).await;
        let (_, body) = found.map_err(|fault| {
            PullError::Registry(wrap(match fault.kind {
                Kind::NoCredentials => &fault.bare,
                _ => &fault.text,
            }))
        })?;
        if Digest::of(&body) != descriptor.digest {
            let digest = descriptor.digest;
            return Err(PullError::Invalid(wrap(&format!("image config verification failed for digest {digest}"))));
        }
        Ok(body.to_vec())
    }

    /// Adds to `held` those next layers that the host has for its engines.
    async fn with_host_layers(
        &self,
        store: &Arc<Store>,
        manifest: &Manifest,
        diffs: &[DiffId],
        mut held: Held,
    ) -> Result<Held, PullError> {
        let before = held.len();
        if !store.has_host() || before == diffs.len() {
            return Ok(held);
        }
        let digests = manifest.layers.iter().map(|layer| layer.digest);
        let stack: Vec<WantedLayer> =
            digests.zip(diffs).map(|(digest, diff_id)| WantedLayer { digest, diff_id: *diff_id }).collect();
        let (store, repository) = (Arc::clone(store), self.reference.full_name());
        let held = blocking(move || -> Result<Held, Error> {
            held.add_from_host(stack.clone());
            for layer in &stack[before..held.len()] {
                store.note_blob(&layer.diff_id, &layer.digest, &repository)?;
            }
            Ok(held)
        });
        let held = held.await??;
        for layer in &manifest.layers[before..held.len()] {
            self.tell.layer(&layer.digest, "Pull complete", None);
        }
        Ok(held)
    }

    async fn layers(&self, store: &Arc<Store>, manifest: &Manifest, config: Vec<u8>) -> Result<(), PullError> {
        let parsed: ImageConfig = serde_json::from_slice(&config)
            .map_err(|error| PullError::Invalid(format!("invalid image configuration: {error}")))?;
        let diffs = parsed.rootfs.diff_ids;
        if diffs.len() != manifest.layers.len() {
            return Err(PullError::Invalid("layers from manifest don't match image configuration".into()));
        }
        if !parsed.os.is_empty() && parsed.os != "linux" {
            return Err(PullError::Invalid(format!(
                "image operating system \"{}\" cannot be used on this platform: operating system is not supported",
                parsed.os
            )));
        }
        let tell = self.tell;
        let mut held = Vec::new();
        for (id, layer) in ChainId::stack(&diffs).iter().zip(&manifest.layers) {
            match store.layer(id) {
                Some(existing) => {
                    tell.layer(&layer.digest, "Already exists", None);
                    held.push(existing);
                }
                None => break,
            }
        }
        for layer in &manifest.layers[held.len()..] {
            tell.layer(&layer.digest, "Pulling fs layer", None);
        }
        let held = self.with_host_layers(store, manifest, &diffs, Held::new(store, held)).await?.take();
        let missing = &manifest.layers[held.len()..];
        let (mut incoming, mut outgoing) = (Vec::new(), Vec::new());
        for (diff, layer) in diffs[held.len()..].iter().zip(missing) {
            let (sender, receiver) = oneshot::channel();
            incoming.push(Incoming { diff: *diff, digest: layer.digest, file: receiver });
            outgoing.push((layer, sender));
        }
        let slots = &self.registries.downloads;
        let started: Vec<_> = missing.iter().map(|_| slots.try_acquire().ok()).collect();
        for (layer, _) in missing.iter().zip(&started).filter(|(_, slot)| slot.is_none()) {
            tell.layer(&layer.digest, "Waiting", None);
        }
        let cancel = Cancel::default();
        let unpacking = {
            let (store, tell, flag) = (Arc::clone(store), tell.clone(), Arc::clone(&cancel.0));
            let repository = self.reference.full_name();
            blocking(move || Unpack { store, tell, flag, repository }.run(held, incoming, &config))
        };
        let downloads = try_join_all(outgoing.into_iter().zip(started).map(|((layer, sender), slot)| async move {
            let _slot = match slot {
                Some(slot) => Some(slot),
                None => slots.acquire().await.ok(),
            };
            let (path, options) = (self.path("blobs", &layer.digest.to_string()), &self.registries.options);
            let (attempts, second) = (options.attempts, options.second);
            let download = Download { client: &self.client, path, layer, tell, attempts, second };
            // The unpacking side has failed when it does not listen any more; its error is reported.
            let _ = sender.send(download.run(store).await?);
            Ok::<(), PullError>(())
        }));
        // Both run: unpacking starts with the first layer that is there. A failed download closes the channels, and
        // with them the unpacking ends; its thread has cleaned up when it returns.
        let (downloaded, unpacked) = tokio::join!(downloads, unpacking);
        downloaded?;
        unpacked?
    }
}
