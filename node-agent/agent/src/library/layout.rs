//! An OCI image layout (image-spec, "OCI Image Layout") on disk: blobs by digest, and an index whose annotations name the images.
//! Blobs are written beside their place and renamed; the index is replaced last, so a reader never sees half an image.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::recipe::STAND_IN;

/// containerd's annotation for the full name of an image.
pub(crate) const IMAGE_NAME: &str = "io.containerd.image.name";
/// OCI's annotation for the tag alone.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// OCI's annotation, and label, for a sentence on the image.
pub(super) const DESCRIPTION: &str = "org.opencontainers.image.description";
/// Ours: digest of the recipe that an image was made from.
pub(super) const RECIPE: &str = "slipway.recipe";

/// An OCI layout directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    dir: PathBuf,
}

/// What `list` shows of an image.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) digest: String,
    /// Bytes of its layers as they lie in the library (compressed).
    pub(super) size: u64,
    pub(super) created: Option<String>,
    /// `linux/amd64`.
    pub(super) platform: String,
    pub(super) stand_in: Option<String>,
}

impl Layout {
    /// A layout that is there.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let layout = Self { dir: dir.to_owned() };
        layout.index()?;
        Ok(layout)
    }

    /// A layout that may be there; made empty if it is not.
    pub(super) fn create(dir: &Path) -> Result<Self, Error> {
        let layout = Self { dir: dir.to_owned() };
        let blobs = layout.blobs();
        fs::create_dir_all(&blobs).map_err(Error::io("making", &blobs))?;
        let marker = dir.join("oci-layout");
        if !marker.exists() {
            layout.replace(&marker, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        }
        if !layout.index_path().exists() {
            layout.write_index(&[])?;
        }
        Ok(layout)
    }

    /// One builder at a time, the next waits; the lock goes with the file handle.
    pub(super) fn lock(&self) -> Result<File, Error> {
        let path = self.dir.join(".lock");
        let file = File::create(&path).map_err(Error::io("making", &path))?;
        if file.try_lock().is_err() {
            eprintln!("waiting for another `library build` in {}", self.dir.display());
            file.lock().map_err(Error::io("locking", &path))?;
        }
        Ok(file)
    }

    /// What a build that was interrupted left behind. Call it under the lock.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        let partial = self.partial();
        let begun = Instant::now();
        loop {
            match fs::remove_dir_all(&partial) {
                // What a killed build had started is ended by the kernel, but may write for a moment yet.
                Err(error)
                    if error.kind() == ErrorKind::DirectoryNotEmpty && begun.elapsed() < Duration::from_secs(30) =>
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("removing", &partial)(error));
                }
                _ => return fs::create_dir_all(&partial).map_err(Error::io("making", &partial)),
            }
        }
    }

    /// Where files grow until they are whole; on the same filesystem as the blobs.
    pub(super) fn partial(&self) -> PathBuf {
        self.dir.join(".partial")
    }

    /// Where the engine keeps its data while it builds images for the library.
    pub(super) fn workshop(&self) -> PathBuf {
        self.dir.join(".workshop")
    }

    /// The directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn blobs(&self) -> PathBuf {
        self.dir.join("blobs/sha256")
    }

    fn index_path(&self) -> PathBuf {
        self.dir.join("index.json")
    }

    /// The path of a blob, or `None` when `digest` is not `sha256:` and 64 lower-case hex digits. Nothing else can get into a path.
    pub(crate) fn blob_path(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:")?;
        let sound = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        sound.then(|| self.blobs().join(hex))
    }

    /// Moves a finished file among the blobs.
    pub(super) fn adopt(&self, file: &Path, digest: &str) -> Result<(), Error> {
        let place = self.blobs().join(digest.trim_start_matches("sha256:"));
        fs::rename(file, &place).map_err(Error::io("making", &place))
    }

    /// Adds a small blob; returns its descriptor.
    pub(super) fn add_json(&self, media_type: &str, value: &Value) -> Result<Value, Error> {
        self.add_bytes(media_type, value.to_string().as_bytes())
    }

    /// As [`Layout::add_json`] for bytes that must stay as they are.
    pub(super) fn add_bytes(&self, media_type: &str, bytes: &[u8]) -> Result<Value, Error> {
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
        let place = self.blobs().join(&digest["sha256:".len()..]);
        self.replace(&place, bytes)?;
        Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
    }

    /// The index, checked for its shape.
    pub(crate) fn index(&self) -> Result<ImageIndex, Error> {
        let path = self.index_path();
        let bytes = fs::read(&path).map_err(|error| self.no_layout(format!("index.json: {error}")))?;
        serde_json::from_slice(&bytes).map_err(|error| self.no_layout(format!("index.json: {error}")))
    }

    /// The index's entries as JSON, for a builder that keeps what it does not know.
    pub(super) fn entries(&self) -> Result<Vec<Value>, Error> {
        self.index()?
            .manifests()
            .iter()
            .map(|entry| serde_json::to_value(entry).map_err(|error| self.no_layout(error.to_string())))
            .collect()
    }

    /// Replaces the index. Entries are sorted by name, so that equal libraries have equal indexes.
    pub(super) fn write_index(&self, entries: &[Value]) -> Result<(), Error> {
        let mut entries = entries.to_vec();
        for entry in &mut entries {
            // Entries that were read back have their annotations in the order of a hash map.
            if let Some(annotations) = entry["annotations"].as_object_mut() {
                annotations.sort_keys();
            }
        }
        entries.sort_by_key(|entry| entry["annotations"][IMAGE_NAME].as_str().unwrap_or_default().to_owned());
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": entries,
        });
        self.replace(&self.index_path(), format!("{index:#}\n").as_bytes())
    }

    /// Removes blobs that no entry of the index reaches.
    pub(super) fn collect_garbage(&self) -> Result<u64, Error> {
        let mut used = std::collections::HashSet::new();
        for entry in self.index()?.manifests() {
            let manifest = self.manifest(entry)?;
            used.insert(entry.digest().digest().to_owned());
            used.insert(manifest.config().digest().digest().to_owned());
            used.extend(manifest.layers().iter().map(|layer| layer.digest().digest().to_owned()));
        }
        let blobs = self.blobs();
        let mut freed = 0;
        for blob in fs::read_dir(&blobs).map_err(Error::io("listing", &blobs))? {
            let blob = blob.map_err(Error::io("listing", &blobs))?;
            if !used.contains(&*blob.file_name().to_string_lossy()) {
                freed += blob.metadata().map_or(0, |meta| meta.len());
                fs::remove_file(blob.path()).map_err(Error::io("removing", &blob.path()))?;
            }
        }
        Ok(freed)
    }

    /// Every image with what a person wants to know of it.
    pub(super) fn images(&self) -> Result<Vec<Listed>, Error> {
        let mut listed = Vec::new();
        for entry in self.index()?.manifests() {
            let Some(name) = annotation(entry, IMAGE_NAME) else { continue };
            let manifest = self.manifest(entry)?;
            let config: ImageConfiguration = self.read_json(manifest.config())?;
            let labels = config.config().as_ref().and_then(|config| config.labels().as_ref());
            listed.push(Listed {
                name: name.to_owned(),
                digest: entry.digest().to_string(),
                size: manifest.layers().iter().map(Descriptor::size).sum(),
                created: config.created().clone(),
                platform: format!("{}/{}", config.os(), config.architecture()),
                stand_in: labels.and_then(|labels| labels.get(STAND_IN)).cloned(),
            });
        }
        Ok(listed)
    }

    /// What the image of a manifest's digest says of itself: what it stands in for, or its description.
    pub(crate) fn description(&self, digest: &str) -> Option<String> {
        let index = self.index().ok()?;
        let entry = index.manifests().iter().find(|entry| entry.digest().as_ref() == digest)?;
        if let Some(text) = annotation(entry, DESCRIPTION) {
            return Some(text.to_owned());
        }
        let config: ImageConfiguration = self.read_json(self.manifest(entry).ok()?.config()).ok()?;
        let labels = config.config().as_ref()?.labels().as_ref()?.clone();
        labels.get(STAND_IN).or_else(|| labels.get(DESCRIPTION)).cloned()
    }

    /// The manifest that an entry of the index names.
    pub(super) fn manifest(&self, entry: &Descriptor) -> Result<ImageManifest, Error> {
        self.read_json(entry)
    }

    /// Whether an entry and everything it reaches is there in full length.
    pub(super) fn complete(&self, entry: &Descriptor) -> bool {
        let there = |blob: &Descriptor| {
            self.blob_path(blob.digest().as_ref())
                .and_then(|path| fs::metadata(path).ok())
                .is_some_and(|meta| meta.len() == blob.size())
        };
        there(entry)
            && self
                .manifest(entry)
                .is_ok_and(|manifest| there(manifest.config()) && manifest.layers().iter().all(there))
    }

    /// A blob that is JSON.
    pub(super) fn read_json<T: serde::de::DeserializeOwned>(&self, blob: &Descriptor) -> Result<T, Error> {
        let digest = blob.digest();
        let path =
            self.blob_path(digest.as_ref()).ok_or_else(|| self.no_layout(format!("unsupported digest {digest}")))?;
        let bytes = fs::read(&path).map_err(Error::io("reading", &path))?;
        serde_json::from_slice(&bytes).map_err(|error| self.no_layout(format!("blob {digest}: {error}")))
    }

    /// Writes beside the place, flushes, renames.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let partial = path.with_extension("partial");
        let write = || {
            let mut file = File::create(&partial)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&partial, path)
        };
        write().map_err(Error::io("writing", path))
    }

    fn no_layout(&self, what: String) -> Error {
        Error::NoLayout { path: self.dir.clone(), what }
    }
}

/// An annotation of an index entry.
pub(crate) fn annotation<'a>(entry: &'a Descriptor, key: &str) -> Option<&'a str> {
    entry.annotations().as_ref()?.get(key).map(String::as_str)
}
