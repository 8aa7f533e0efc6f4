//! Images in memory: loaded from archives, listed, tagged, inspected, saved and removed as docker does it, and built from Dockerfiles that run no commands.
//! What a layer's tar and a configuration look like byte for byte is specified in [`layer`] and [`config`]; builders elsewhere in the project use the same pieces.
//!
//! ```
//! use engine_wasm::store::{BuildOptions, ContextFile, Store, context};
//! let mut store = Store::default();
//! let files = context([ContextFile::file("hello", 0o644, b"hi".to_vec())]).unwrap();
//! let options = BuildOptions { tags: vec!["hello".to_owned()], ..BuildOptions::default() };
//! let built = store.build("FROM scratch\nCOPY hello /\nCMD [\"/hello\"]\n", &files, &options).unwrap();
//! assert_eq!(store.resolve("hello:latest").unwrap(), &built.id);
//! ```

mod build;
pub mod config;
mod copy;
mod error;
mod fs;
pub mod layer;
#[cfg(test)]
mod limit_tests;
mod list;
mod load;
mod mode;
pub mod recipe;
mod remove;
mod save;
#[cfg(test)]
mod tests;
mod unpack;
mod users;

use std::sync::Arc;

use serde_json::Value;

pub use build::{BuildError, BuildOptions, Built, ContextFile, context};
pub use copy::{CopyOptions, copy, sources as copy_sources};
pub use error::Error;
pub use fs::{Body, Content, Fs, Node};
pub use mode::{Mode, ModeError};
pub use remove::Removed;
pub use save::SaveFormat;
pub use users::owner;

use crate::image::Digest;
use crate::reference::{self, AnyReference};
use crate::small::Map;

/// A layer, uncompressed.
#[derive(Debug, Clone)]
struct StoredLayer {
    tar: Arc<Vec<u8>>,
    /// Bytes of all files in it.
    size: u64,
}

/// An image.
#[derive(Debug, Clone)]
struct StoredImage {
    /// The configuration's bytes as they came, whose digest is the id.
    config_json: Vec<u8>,
    config: Value,
    diff_ids: Vec<Digest>,
}

/// Images, their layers (each once) and their names.
#[derive(Debug, Clone)]
pub struct Store {
    images: Map<Digest, StoredImage>,
    layers: Map<Digest, StoredLayer>,
    /// Full names (`docker.io/library/debian:12`) and what they name.
    tags: Map<String, Digest>,
    /// Bytes that all layers may take, uncompressed.
    most: u64,
}

/// Bytes that a store's layers may take, and the files of a build's context likewise.
pub const MAX_BYTES: u64 = 1 << 30;

impl Default for Store {
    fn default() -> Self {
        Self { images: Map::default(), layers: Map::default(), tags: Map::default(), most: MAX_BYTES }
    }
}

impl Store {
    /// The image that a name, an id or the beginning of an id means.
    ///
    /// # Errors
    /// [`Error::NoImage`] in docker's words, and names that are none.
    pub fn resolve(&self, name: &str) -> Result<&Digest, Error> {
        let missing = || Error::NoImage(name.to_owned());
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        let is_hex = !hex.is_empty() && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let parsed = reference::parse_any(name);
        if let Ok(AnyReference::Named(named)) = &parsed {
            let full = named.clone().with_default_tag();
            if let Some(id) = self.tags.get(&full.to_string()) {
                return Ok(id);
            }
            if !is_hex {
                return Err(Error::NoImage(full.familiar_string()));
            }
        }
        if is_hex {
            let mut found = self.images.keys().filter(|id| id.hex().starts_with(hex));
            if let (Some(id), None) = (found.next(), found.next()) {
                return Ok(id);
            }
        }
        parsed.map_err(|error| Error::Reference(name.to_owned(), error))?;
        Err(missing())
    }

    /// The names of an image in docker's short form, sorted.
    pub fn names(&self, id: &Digest) -> Vec<String> {
        self.tags.iter().filter(|(_, named)| *named == id).map(|(name, _)| familiar(name)).collect()
    }

    /// The ids of all images.
    pub fn ids(&self) -> impl Iterator<Item = &Digest> {
        self.images.keys()
    }

    /// The configuration's bytes of an image.
    pub fn config(&self, id: &Digest) -> Option<&[u8]> {
        self.images.get(id).map(|image| image.config_json.as_slice())
    }

    /// A layer's uncompressed tar.
    pub fn layer(&self, diff_id: &Digest) -> Option<&[u8]> {
        self.layers.get(diff_id).map(|layer| layer.tar.as_slice())
    }

    /// Bytes of all layers' files, each layer counted once.
    pub fn disk_usage(&self) -> u64 {
        self.layers.values().map(|layer| layer.size).sum()
    }

    /// Gives an image another name: `docker tag`.
    ///
    /// # Errors
    /// A source that is not there, a name that is none or has a digest.
    pub fn tag(&mut self, source: &str, target: &str) -> Result<(), Error> {
        let id = self.resolve(source)?.clone();
        let name = reference::parse_normalized(target).map_err(|error| Error::Repository(target.to_owned(), error))?;
        if name.digest().is_some() {
            return Err(Error::TagDigest);
        }
        self.tags.insert(name.with_default_tag().to_string(), id);
        Ok(())
    }

    /// Bytes that further layers may take.
    fn room(&self) -> u64 {
        self.most.saturating_sub(self.layers.values().map(|layer| layer.tar.len() as u64).sum())
    }

    fn add(&mut self, config_json: Vec<u8>, config: Value, diff_ids: Vec<Digest>) -> Digest {
        let id = Digest::of(&config_json);
        self.images.insert(id.clone(), StoredImage { config_json, config, diff_ids });
        id
    }

    /// What an image's layers unpack to.
    ///
    /// # Errors
    /// A layer that cannot be read.
    pub fn files(&self, id: &Digest) -> Result<Fs, Error> {
        let mut fs = Fs::default();
        for diff_id in self.images.get(id).map_or(&[][..], |image| &image.diff_ids) {
            if let Some(layer) = self.layers.get(diff_id) {
                unpack::layer(&mut fs, &layer.tar)?;
            }
        }
        fs.settle();
        Ok(fs)
    }
}

/// A full name in docker's short form.
fn familiar(full: &str) -> String {
    reference::parse_normalized(full).map_or_else(|_| full.to_owned(), |name| name.familiar_string())
}
