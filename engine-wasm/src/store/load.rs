//! Loading archives: every layer is decompressed, its digest compared, and kept once.

use std::sync::Arc;

use super::{Error, Store, StoredLayer};
use crate::image::platform::rank;
use crate::image::tar::{Entry, Sink, Stream};
use crate::image::{Archive, CHUNK, Decoder, Digest, Image, Limits, Platform, TarProblem};
use crate::reference;

impl Store {
    /// [`Store::load_for`] `linux/amd64`, or what the archive's first image is for.
    ///
    /// # Errors
    /// As [`Store::load_for`].
    pub fn load(&mut self, archive: &Archive) -> Result<Vec<String>, Error> {
        self.load_for(archive, None)
    }

    /// Takes all images of an archive in that are for one platform, with their names. Returns the lines that `docker load` prints.
    ///
    /// # Errors
    /// No image for the platform, a broken archive, a layer that is not what it should be, too much data. What was loaded before stays.
    pub fn load_for(&mut self, archive: &Archive, platform: Option<&Platform>) -> Result<Vec<String>, Error> {
        let chosen = &archive.select(None, platform)?.platform;
        let mut said = Vec::new();
        for image in archive.images().iter().filter(|image| rank(chosen, &image.platform) == Some(0)) {
            let id = self.load_image(archive, image)?;
            let mut named = false;
            for name in &image.names {
                // A bare tag of an OCI layout names nothing.
                let Ok(full) = reference::parse_normalized(name) else { continue };
                let bare = !archive.format().docker && !name.contains(['/', ':']);
                if full.digest().is_some() || bare {
                    continue;
                }
                let full = full.with_default_tag();
                self.tags.insert(full.to_string(), id.clone());
                said.push(format!("Loaded image: {}", full.familiar_string()));
                named = true;
            }
            if !named {
                said.push(format!("Loaded image ID: {id}"));
            }
        }
        Ok(said)
    }

    fn load_image(&mut self, archive: &Archive, image: &Image) -> Result<Digest, Error> {
        let wanted = &image.config.rootfs.diff_ids;
        if wanted.len() != image.layers.len() {
            return Err(Error::LayerCount(image.title(), wanted.len(), image.layers.len()));
        }
        for (diff_id, layer) in wanted.iter().zip(&image.layers) {
            if self.layers.contains_key(diff_id) {
                continue;
            }
            let limits = Limits { layer: self.room(), ..archive.limits().clone() };
            let mut tar = Vec::new();
            let mut decoder = Decoder::new(&limits, layer.title());
            let mut take = |piece: &[u8]| {
                tar.extend_from_slice(piece);
                Ok(())
            };
            let mut buffer = vec![0; CHUNK];
            let mut offset = 0;
            loop {
                let read = archive.read_layer(layer, offset, &mut buffer)?;
                if read == 0 {
                    break;
                }
                offset += read as u64;
                decoder.feed(buffer.get(..read).unwrap_or_default(), &mut take)?;
            }
            decoder.finish(&mut take)?;
            self.add_layer(tar, diff_id)?;
        }
        let config = serde_json::from_slice(&image.config_json).unwrap_or_default();
        Ok(self.add(image.config_json.clone(), config, wanted.clone()))
    }

    /// Keeps a layer that is what it should be.
    fn add_layer(&mut self, tar: Vec<u8>, wanted: &Digest) -> Result<(), Error> {
        let found = Digest::of(&tar);
        if found != *wanted {
            return Err(Error::WrongLayer { wanted: wanted.to_string(), found: found.to_string() });
        }
        let mut total = Total(0);
        let mut stream = Stream::new(&Limits::default(), "layer");
        stream.feed(&tar, &mut total)?;
        stream.finish()?;
        self.layers.insert(found, StoredLayer { tar: Arc::new(tar), size: total.0 });
        Ok(())
    }
}

struct Total(u64);

impl Sink for Total {
    fn entry(&mut self, entry: &Entry) -> Result<bool, TarProblem> {
        self.0 = self.0.saturating_add(entry.size);
        Ok(false)
    }

    fn content(&mut self, _: &[u8]) {}

    fn end(&mut self) {}
}
