//! `docker load`: images out of an archive, in the layout of `docker save` (any age with a `manifest.json`) or of OCI.

use std::io::{self, Read};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::spool::{Part, Spool};
use crate::digest::{ChainId, DiffId, Digest, ImageId};
use crate::error::{Error, IoContext as _, Result};
use crate::image::ImageConfig;
use crate::progress::Progress;
use crate::reference::Reference;
use crate::registry::Platform;
use crate::registry::manifest::{Document, understand};
use crate::store::{Layer, Store};

/// An image that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The image.
    pub id: ImageId,
    /// The names that it got.
    pub names: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestItem {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
    #[serde(default)]
    parent: Option<String>,
}

/// An image as either layout describes it.
struct Described {
    config: Vec<u8>,
    names: Vec<String>,
    /// The archive's file for each layer, with the digest that the file must have when the layout says so.
    layers: Vec<(String, Option<Digest>)>,
    parent: Option<ImageId>,
}

fn invalid(text: impl Into<String>) -> Error {
    Error::Archive(text.into())
}

impl Store {
    /// Loads all images of an archive (plain, gzip, bzip2, xz or zstd), or those of them that are for `platform`. `progress` gets Docker's
    /// messages. An image that fails leaves nothing; those before it stay.
    pub fn load(
        &self,
        archive: impl Read,
        platform: Option<&Platform>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Loaded>> {
        let file = self.temporary_file()?;
        let mut spool = Spool::read(self, archive, file).map_err(|error| invalid(error.to_string()))?;
        let described = match spool.small("manifest.json").at("read", "manifest.json")? {
            Some(manifest) => docker_layout(&spool, &manifest)?,
            None => oci_layout(&spool, platform)?,
        };
        let mut loaded = Vec::new();
        for image in described {
            loaded.extend(self.load_one(&mut spool, image, platform, progress)?);
        }
        for image in &loaded {
            if image.names.is_empty() {
                progress(Progress::stream(format!("Loaded image ID: {}\n", image.id)));
            }
            for name in &image.names {
                progress(Progress::stream(format!("Loaded image: {}\n", name.familiar_string())));
            }
        }
        Ok(loaded)
    }

    /// Nothing if it is not for `platform`.
    fn load_one(
        &self,
        spool: &mut Spool,
        image: Described,
        platform: Option<&Platform>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Loaded>> {
        let names = image
            .names
            .iter()
            .map(|name| Ok(Reference::parse(name)?.with_default_tag()))
            .collect::<Result<Vec<_>>>()?;
        let config: Value =
            serde_json::from_slice(&image.config).map_err(|error| Error::InvalidConfig(error.to_string()))?;
        if !config["rootfs"].is_object() {
            return Err(invalid("invalid image JSON, no RootFS key"));
        }
        let config: ImageConfig =
            serde_json::from_value(config).map_err(|error| Error::InvalidConfig(error.to_string()))?;
        let diffs = &config.rootfs.diff_ids;
        if diffs.len() != image.layers.len() {
            return Err(invalid(format!(
                "invalid manifest, layers length mismatch: expected {}, got {}",
                image.layers.len(),
                diffs.len()
            )));
        }
        if !config.os.is_empty() && config.os != "linux" {
            return Err(invalid(format!("cannot load {} image on linux", config.os)));
        }
        if platform.is_some_and(|wanted| !wanted.is(&Platform::of(&config))) {
            return Ok(None);
        }
        let mut held: Vec<Layer> = Vec::new();
        let made = self.hurried(|| {
            self.load_layers(spool, diffs, &image.layers, &mut held, progress)?;
            self.create_image(&image.config)
        });
        let tops: Vec<ChainId> = held.iter().rev().map(|layer| layer.chain_id).collect();
        let made = made.and_then(|id| self.settle_on(&tops, &[id]).map(|()| id));
        drop(held);
        if made.is_err() {
            spool.forget_layers();
            self.release_layers(&tops)?;
        }
        let id = made?;
        if let Some(parent) = image.parent
            && self.image(&parent).is_ok()
            && parent != id
        {
            self.set_parent(&id, &parent)?;
        }
        for name in &names {
            if let Some(before) = self.tag(name, &id)? {
                progress(Progress::stream(format!(
                    "The image {} already exists, renaming the old one with ID {before} to empty string\n",
                    name.familiar_string()
                )));
            }
        }
        Ok(Some(Loaded { id, names }))
    }

    fn load_layers(
        &self,
        spool: &mut Spool,
        diffs: &[DiffId],
        files: &[(String, Option<Digest>)],
        held: &mut Vec<Layer>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        for (at, (diff, (file, digest))) in diffs.iter().zip(files).enumerate() {
            let parent = held.last().map(|layer| layer.chain_id);
            if let Some(existing) = self.layer(&ChainId::new(parent.as_ref(), diff)) {
                held.push(existing);
                continue;
            }
            let wrong = |error| match error {
                Error::WrongDiffId { expected, found } => {
                    invalid(format!("invalid diffID for layer {at}: expected \"{expected}\", got \"{found}\""))
                }
                other => other,
            };
            let found = if let Some(loose) = spool.layer(file) {
                held.push(loose.register(self, parent.as_ref(), diff).map_err(wrong)?);
                progress(Progress::layer(diff.short(), "Loading layer", Some((loose.size, loose.size))));
                loose.digest
            } else {
                let part = spool.open(file).ok_or_else(|| invalid(format!("invalid archive: no file {file}")))?;
                let total = part.len();
                let mut reader = Watched { part, hash: Sha256::new(), total, diff: *diff, told: 0, progress };
                held.push(self.register_layer(parent.as_ref(), &mut reader, Some(diff)).map_err(wrong)?);
                // What is behind the end of a compressed stream belongs to the blob, too.
                io::copy(&mut reader, &mut io::sink()).at("read", file)?;
                Some(Digest::from_bytes(reader.hash.finalize().into()))
            };
            if let (Some(expected), Some(found)) = (digest, found)
                && *expected != found
            {
                return Err(invalid(format!(
                    "layer verification failed: the archive's {file} has digest {found}, expected {expected}"
                )));
            }
        }
        Ok(())
    }
}

fn docker_layout(spool: &Spool, manifest: &[u8]) -> Result<Vec<Described>> {
    let items: Vec<ManifestItem> =
        serde_json::from_slice(manifest).map_err(|error| invalid(format!("invalid manifest.json: {error}")))?;
    let describe = |item: ManifestItem| {
        for name in item.repo_tags.iter().flatten() {
            if Reference::parse(name).is_ok_and(|parsed| parsed.tag().is_none()) {
                return Err(invalid(format!("invalid tag {name:?}")));
            }
        }
        let config = spool.small(&item.config).at("read", &item.config)?;
        Ok(Described {
            config: config.ok_or_else(|| invalid(format!("invalid archive: no file {}", item.config)))?,
            names: item.repo_tags.unwrap_or_default(),
            layers: item.layers.unwrap_or_default().into_iter().map(|file| (file, None)).collect(),
            parent: item.parent.and_then(|parent| parent.parse().ok()),
        })
    };
    items.into_iter().map(describe).collect()
}

fn blob(spool: &Spool, digest: &Digest) -> Result<Vec<u8>> {
    let name = format!("blobs/sha256/{}", digest.hex());
    let content = spool.small(&name).at("read", &name)?;
    let content = content.ok_or_else(|| invalid(format!("invalid archive: no file {name}")))?;
    let found = Digest::of(&content);
    if found != *digest {
        return Err(invalid(format!("invalid archive: {name} has digest {found}")));
    }
    Ok(content)
}

fn oci_layout(spool: &Spool, platform: Option<&Platform>) -> Result<Vec<Described>> {
    let best = Platform::best_of_host();
    let suits = |made_for: &Platform| platform.map_or_else(|| best.runs(made_for), |wanted| wanted.is(made_for));
    let index = spool.small("index.json").at("read", "index.json")?;
    let index = index.ok_or_else(|| invalid("invalid archive: does not contain a manifest.json"))?;
    let index: Value =
        serde_json::from_slice(&index).map_err(|error| invalid(format!("invalid index.json: {error}")))?;
    let mut images = Vec::new();
    for entry in index["manifests"].as_array().into_iter().flatten() {
        let made_for: Option<Platform> = serde_json::from_value(entry["platform"].clone())
            .map_err(|error| invalid(format!("invalid index.json: {error}")))?;
        if made_for.is_some_and(|made_for| !suits(&made_for)) {
            continue;
        }
        let digest: Digest = serde_json::from_value(entry["digest"].clone())
            .map_err(|error| invalid(format!("invalid index.json: {error}")))?;
        let mut document =
            understand(entry["mediaType"].as_str().unwrap_or_default(), &blob(spool, &digest)?, platform);
        if let Ok(Document::Index(chosen)) = &document {
            document = understand("", &blob(spool, &chosen.digest)?, None);
        }
        let Document::Image(manifest) = document.map_err(invalid)? else {
            return Err(invalid("invalid archive: an index within an index is not supported"));
        };
        let annotation = |name: &str| entry["annotations"][name].as_str().map(str::to_owned);
        // The reference name may be a tag alone, which names nothing by itself.
        let named = annotation("org.opencontainers.image.ref.name").filter(|name| name.contains([':', '/']));
        let file = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
        images.push(Described {
            config: blob(spool, &manifest.config.digest)?,
            names: annotation("io.containerd.image.name").or(named).into_iter().collect(),
            layers: manifest.layers.iter().map(|l| (file(&l.digest), Some(l.digest))).collect(),
            parent: None,
        });
    }
    if images.is_empty() {
        let wanted = platform.cloned().unwrap_or_else(Platform::host);
        return Err(invalid(format!("invalid archive: no image for {wanted} in index.json")));
    }
    Ok(images)
}

/// A layer of the archive being read: hashed as it is, and its progress told.
struct Watched<'a> {
    part: Part<'a>,
    hash: Sha256,
    total: u64,
    diff: DiffId,
    told: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.part.read(buffer)?;
        self.hash.update(&buffer[..read]);
        let done = self.total - self.part.len();
        // As often as Docker does: about every half megabyte, and at the end.
        if read > 0 && (done == self.total || done - self.told >= 512 * 1024) {
            self.told = done;
            (self.progress)(Progress::layer(self.diff.short(), "Loading layer", Some((done, self.total))));
        }
        Ok(read)
    }
}
