//! The pull itself: manifest, configuration, layers in parallel, unpacked in order while later ones still come in. Dropping
//! the future stops it; the thread that unpacks then takes its unfinished work back.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Semaphore, oneshot};

use super::client::{Client, HttpError, Source, next_chunk};
use super::manifest::{Descriptor, Document, INDEX_TYPES, MANIFEST_TYPES, Manifest, understand};
use crate::digest::{ChainId, DiffId, Digest, ImageId};
use crate::error::Error;
use crate::image::ImageConfig;
use crate::progress::Progress;
use crate::reference::Reference;
use crate::store::{Layer, Store};

/// Docker's default for `--max-concurrent-downloads`.
const PARALLEL: usize = 3;
const MAX_MANIFEST: usize = 4 << 20;
const MAX_CONFIG: usize = 8 << 20;
/// Docker's clients see a layer's progress this often at most.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Why an image could not be pulled; where Docker has words of its own, these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The repository does not exist, or is not for us.
    #[error(
        "pull access denied for {0}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
    )]
    Denied(String),
    /// The repository exists, the tag or digest does not.
    #[error("manifest for {0} not found: manifest unknown: manifest unknown")]
    ManifestUnknown(String),
    /// The registry does not know the repository.
    #[error("repository {0} not found: name unknown: repository name not known to registry")]
    NameUnknown(String),
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

impl From<HttpError> for PullError {
    fn from(error: HttpError) -> Self {
        Self::Registry(error.to_string())
    }
}

/// A finished pull.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The image.
    pub id: ImageId,
    /// The digest of the manifest or index that the name stands for.
    pub digest: Digest,
    /// Whether anything is new: a layer, or where the name leads.
    pub newer: bool,
}

/// Pulls an image and names it. `progress` gets Docker's messages in Docker's order; nobody listening is no error.
pub async fn pull(
    store: Arc<Store>,
    source: Source,
    reference: &Reference,
    progress: UnboundedSender<Progress>,
) -> Result<Pulled, PullError> {
    let reference = reference.clone().with_default_tag();
    let wanted = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or("latest").to_owned(),
    };
    let tell = Tell(progress);
    let client = Client::new(source, reference.domain());
    let fetch = Fetch { client, reference: &reference };
    let (digest, manifest) = fetch.manifest(&wanted, &tell).await?;
    let id = ImageId::from_bytes(*manifest.config.digest.as_bytes());
    let mut newer = false;
    if store.image(&id).is_err() {
        newer = true;
        let config = fetch.config(&manifest.config).await?;
        fetch.layers(&store, &manifest, config, &tell).await?;
    }
    let names = [reference.clone(), reference.with_digest(digest)];
    let name_it = {
        let store = Arc::clone(&store);
        move || -> Result<bool, Error> {
            let mut moved = false;
            for (name, counts) in names.iter().zip([true, false]) {
                let was = store.resolve(&name.familiar_string()).ok();
                store.tag(name, &id)?;
                moved |= counts && was != Some(id);
            }
            Ok(moved)
        }
    };
    newer |= blocking(name_it).await??;
    tell.say(Progress::status(format!("Digest: {digest}")));
    let familiar = reference.familiar_string();
    tell.say(Progress::status(match newer {
        true => format!("Status: Downloaded newer image for {familiar}"),
        false => format!("Status: Image is up to date for {familiar}"),
    }));
    Ok(Pulled { id, digest, newer })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PullError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| PullError::Registry(format!("the unpacking thread ended: {error}")))
}

#[derive(Clone)]
struct Tell(UnboundedSender<Progress>);

impl Tell {
    fn say(&self, message: Progress) {
        // A client that has gone away does not stop a pull; dropping the future does.
        let _ = self.0.send(message);
    }

    fn layer(&self, digest: &Digest, text: &str, detail: Option<(u64, u64)>) {
        self.say(Progress::layer(digest.short(), text, detail));
    }
}

struct Fetch<'a> {
    client: Client,
    reference: &'a Reference,
}

impl Fetch<'_> {
    fn path(&self, kind: &str, which: &str) -> String {
        format!("/v2/{}/{kind}/{which}", self.reference.path())
    }

    /// The digest that the name stands for, and the manifest for this platform.
    async fn manifest(&self, wanted: &str, tell: &Tell) -> Result<(Digest, Manifest), PullError> {
        let (digest, document) = self.document(wanted).await?;
        tell.say(Progress::headline(wanted, format!("Pulling from {}", self.reference.path())));
        match document {
            Document::Image(manifest) => Ok((digest, manifest)),
            Document::Index(chosen) => match self.document(&chosen.digest.to_string()).await?.1 {
                Document::Image(manifest) => Ok((digest, manifest)),
                Document::Index(_) => Err(PullError::Invalid("an index within an index is not supported".into())),
            },
        }
    }

    async fn document(&self, which: &str) -> Result<(Digest, Document), PullError> {
        let accept = [&MANIFEST_TYPES[..], &INDEX_TYPES[..]].concat().join(", ");
        let path = self.path("manifests", which);
        let (headers, body) = match self.client.document(&path, &accept, MAX_MANIFEST).await {
            Ok(found) => found,
            Err(error) => return Err(self.translate(error)),
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let digest = Digest::of(&body);
        let stated = if which.starts_with("sha256:") { which } else { text("docker-content-digest") };
        if stated.starts_with("sha256:") && stated != digest.to_string() {
            return Err(PullError::Invalid(format!(
                "manifest verification failed for digest {stated}: the registry sent {digest}"
            )));
        }
        let document = understand(text("content-type"), &body).map_err(PullError::Invalid)?;
        Ok((digest, document))
    }

    /// Docker's words for a registry's refusal of a manifest.
    fn translate(&self, error: HttpError) -> PullError {
        let name = || self.reference.familiar_name();
        let HttpError::Refused { status, code, message } = error else {
            return error.into();
        };
        match (code.as_str(), status.as_u16()) {
            ("UNAUTHORIZED" | "DENIED", _) | (_, 401 | 403) => PullError::Denied(name()),
            // Docker Hub does not tell a missing repository from a private one.
            ("NAME_UNKNOWN", _) if self.reference.domain() == "docker.io" => PullError::Denied(name()),
            ("NAME_UNKNOWN", _) => PullError::NameUnknown(name()),
            ("MANIFEST_UNKNOWN", _) | (_, 404) => PullError::ManifestUnknown(self.reference.familiar_string()),
            ("TOOMANYREQUESTS", _) => PullError::Registry(format!("toomanyrequests: {message}")),
            _ => PullError::Registry(message),
        }
    }

    async fn config(&self, descriptor: &Descriptor) -> Result<Vec<u8>, PullError> {
        let path = self.path("blobs", &descriptor.digest.to_string());
        let (_, body) = self.client.document(&path, "*/*", MAX_CONFIG).await?;
        if Digest::of(&body) != descriptor.digest {
            return Err(PullError::Invalid(format!(
                "image config verification failed for digest {}",
                descriptor.digest
            )));
        }
        Ok(body.to_vec())
    }

    async fn layers(
        &self,
        store: &Arc<Store>,
        manifest: &Manifest,
        config: Vec<u8>,
        tell: &Tell,
    ) -> Result<(), PullError> {
        let parsed: ImageConfig = serde_json::from_slice(&config)
            .map_err(|error| PullError::Invalid(format!("invalid image configuration: {error}")))?;
        let diffs = parsed.rootfs.diff_ids;
        if diffs.len() != manifest.layers.len() {
            return Err(PullError::Invalid("invalid rootfs in image configuration".into()));
        }
        if !parsed.os.is_empty() && parsed.os != "linux" {
            return Err(PullError::Invalid(format!(
                "image operating system \"{}\" cannot be used on this platform",
                parsed.os
            )));
        }
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
        let missing = &manifest.layers[held.len()..];
        let mut incoming = Vec::new();
        let mut outgoing = Vec::new();
        for (diff, layer) in diffs[held.len()..].iter().zip(missing) {
            tell.layer(&layer.digest, "Pulling fs layer", None);
            let (sender, receiver) = oneshot::channel();
            incoming.push(Incoming { diff: *diff, digest: layer.digest, file: receiver });
            outgoing.push((layer, sender));
        }
        for layer in missing.iter().skip(PARALLEL) {
            tell.layer(&layer.digest, "Waiting", None);
        }
        let cancel = Cancel::default();
        let unpacking = {
            let (store, tell, flag) = (Arc::clone(store), tell.clone(), Arc::clone(&cancel.0));
            let repository = self.reference.full_name();
            blocking(move || Unpack { store, tell, flag, repository }.run(held, incoming, &config))
        };
        let slots = Semaphore::new(PARALLEL);
        let downloads = try_join_all(outgoing.into_iter().map(|(layer, sender)| {
            let slots = &slots;
            async move {
                let _slot = slots.acquire().await;
                let file = self.download(store, layer, tell).await?;
                // The unpacking side has failed when it does not listen any more; its error is reported.
                let _ = sender.send(file);
                Ok::<(), PullError>(())
            }
        }));
        // Both run: unpacking starts with the first layer that is there. A failed download closes the channels, and
        // with them the unpacking ends; its thread has cleaned up when it returns.
        let (downloaded, unpacked) = tokio::join!(downloads, unpacking);
        downloaded?;
        unpacked??;
        Ok(())
    }

    async fn download(&self, store: &Store, layer: &Descriptor, tell: &Tell) -> Result<File, PullError> {
        let path = self.path("blobs", &layer.digest.to_string());
        let response = self.client.get(&path, "*/*").await?;
        let mut body = response.into_body();
        // Without a name from the start: a crash leaves nothing.
        let mut file = store.temporary_file()?;
        let failed =
            |source| PullError::Store(Error::Io { action: "write a download under", path: "tmp".into(), source });
        let mut hash = Sha256::new();
        let mut received = 0;
        let mut told: Option<Instant> = None;
        while let Some(chunk) = next_chunk(&path, &mut body).await? {
            received += chunk.len() as u64;
            if received > layer.size {
                break;
            }
            hash.update(&chunk);
            file.write_all(&chunk).map_err(failed)?;
            if told.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
                told = Some(Instant::now());
                tell.layer(&layer.digest, "Downloading", Some((received, layer.size)));
            }
        }
        tell.layer(&layer.digest, "Verifying Checksum", None);
        let found = Digest::from_bytes(hash.finalize().into());
        if received != layer.size || found != layer.digest {
            return Err(PullError::Invalid(format!(
                "filesystem layer verification failed for digest {}",
                layer.digest
            )));
        }
        tell.layer(&layer.digest, "Download complete", None);
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(file)
    }
}

/// Tells the unpacking thread when the pull's future is dropped.
#[derive(Default)]
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

struct Incoming {
    diff: DiffId,
    digest: Digest,
    file: oneshot::Receiver<File>,
}

/// The blocking side: registers the layers one on the other, then the image. What it does not finish it takes back.
struct Unpack {
    store: Arc<Store>,
    tell: Tell,
    flag: Arc<AtomicBool>,
    repository: String,
}

impl Unpack {
    fn run(&self, mut held: Vec<Layer>, incoming: Vec<Incoming>, config: &[u8]) -> Result<(), PullError> {
        let outcome = self.unpack(&mut held, incoming, config);
        let tops: Vec<ChainId> = held.iter().rev().map(|layer| layer.chain_id).collect();
        drop(held);
        if outcome.is_err() {
            self.store.release_layers(&tops)?;
        }
        outcome
    }

    fn unpack(&self, held: &mut Vec<Layer>, incoming: Vec<Incoming>, config: &[u8]) -> Result<(), PullError> {
        for layer in incoming {
            let file = layer.file.blocking_recv().map_err(|_| stopped())?;
            let total = file.metadata().map_or(0, |metadata| metadata.len());
            let reader =
                Watched { file, flag: &self.flag, tell: &self.tell, digest: &layer.digest, at: 0, total, told: None };
            let parent = held.last().map(|layer| layer.chain_id);
            held.push(self.store.register_layer(parent.as_ref(), reader, Some(&layer.diff))?);
            self.store.note_blob(&layer.diff, &layer.digest, &self.repository)?;
            self.tell.layer(&layer.digest, "Pull complete", None);
        }
        if self.flag.load(Ordering::Acquire) {
            return Err(stopped());
        }
        self.store.create_image(config)?;
        Ok(())
    }
}

fn stopped() -> PullError {
    PullError::Registry("the pull was stopped".into())
}

/// A downloaded layer being read: reports how far it is, and fails when the pull is dropped.
struct Watched<'a> {
    file: File,
    flag: &'a AtomicBool,
    tell: &'a Tell,
    digest: &'a Digest,
    at: u64,
    total: u64,
    told: Option<Instant>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.flag.load(Ordering::Acquire) {
            return Err(io::Error::other("the pull was stopped"));
        }
        let read = self.file.read(buffer)?;
        self.at += read as u64;
        if read > 0 && (self.at == self.total || self.told.is_none_or(|at| at.elapsed() >= REPORT_EVERY)) {
            self.told = Some(Instant::now());
            self.tell.layer(self.digest, "Extracting", Some((self.at, self.total)));
        }
        Ok(read)
    }
}
