//! Layers that a Worker lets the browser decompress and another Worker hash, before `verify` is asked: see [`Outside`].

use std::collections::BTreeSet;

use serde_json::Value;

use super::image::Opened;
use crate::image::{Compression, Outside, Unpacked, Verifier};

impl Opened {
    /// The gzipped layers of all images that may be read so, each once: its file, where that begins in the source, its size, and whether its
    /// blob's digest is wanted. None for an archive that was compressed as a whole. With the bytes that `verify` reads in all.
    pub fn gzipped(&self) -> Value {
        let layers = self.archive.images().iter().flat_map(|image| &image.layers);
        let mut seen = BTreeSet::new();
        let suitable = layers.filter_map(|layer| {
            let path = layer.path.as_deref().filter(|path| Outside::suits(layer) && seen.insert(*path))?;
            let offset = self.archive.files().offset(path).filter(|_| self.direct)?;
            let gzip = self.archive.compression(layer).is_ok_and(|kind| kind == Compression::Gzip);
            gzip.then(
                || json!({ "path": path, "offset": offset, "stored": layer.stored, "digest": layer.digest.is_some() }),
            )
        });
        json!({ "layers": suitable.collect::<Vec<_>>(), "total": Verifier::new(&self.archive).total() })
    }

    /// Takes what reading one of them found out, for the next `verify`: bytes of the blob and of the tar, and their digests.
    pub fn know(&mut self, path: &str, stored: u64, size: u64, digest: Option<&str>, diff_id: &str) {
        let digest = digest.map(str::parse).transpose();
        if let (Ok(digest), Ok(diff_id)) = (digest, diff_id.parse()) {
            let unpacked = Unpacked { digest, diff_id: Some(diff_id), stored, size, compression: Compression::Gzip };
            self.known.insert(path.to_owned(), unpacked);
        }
    }
}
