//! A layer of an archive read step by step into a tree.

use super::archive::{Archive, CHUNK};
use super::error::Result;
use super::parts::Layer;
use super::tree::{Builder, Options, Tree};
use super::unpack::{Digests, Unpack, Unpacked};

/// How far reading a layer has come, in bytes of its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Reads one layer, [`CHUNK`] bytes a step. To cancel, drop it.
#[derive(Debug)]
pub struct LayerReader {
    unpack: Unpack<Builder>,
    buffer: Vec<u8>,
}

impl LayerReader {
    /// A reader at the layer's beginning. Reads nothing yet.
    pub fn new(archive: &Archive, layer: &Layer, digests: Digests, options: Options) -> Self {
        let builder = Builder::new(archive.limits(), options);
        let expected = (layer.digest.as_ref(), layer.diff_id.as_ref());
        Self {
            unpack: Unpack::new(archive.limits(), &layer.title(), digests, expected, builder),
            buffer: vec![0; CHUNK],
        }
    }

    /// Reads the next piece; `None` at the end.
    ///
    /// # Errors
    /// A missing or broken layer, a failing source; the reader is of no use then.
    pub fn step(&mut self, archive: &Archive, layer: &Layer) -> Result<Option<Progress>> {
        let read = archive.read_layer(layer, self.unpack.taken(), &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        self.unpack.feed(self.buffer.get(..read).unwrap_or_default())?;
        Ok(Some(Progress { done: self.unpack.taken(), total: layer.stored }))
    }

    /// Passes over content that nobody wants: that of a layer which is not compressed, when neither digests nor what files hold was asked for.
    pub fn pass(&mut self, layer: &Layer) {
        self.unpack.pass(layer.stored.saturating_sub(self.unpack.taken()));
    }

    /// The layer's tree, and what reading it found out.
    ///
    /// # Errors
    /// A layer that ends too early.
    pub fn finish(self) -> Result<(Unpacked, Tree)> {
        let (unpacked, builder) = self.unpack.finish()?;
        Ok((unpacked, builder.finish()))
    }
}

impl Archive {
    /// Reads a layer whole.
    ///
    /// # Errors
    /// A missing or broken layer, a failing source.
    pub fn read_tree(&self, layer: &Layer, digests: Digests, options: Options) -> Result<(Unpacked, Tree)> {
        let mut reader = LayerReader::new(self, layer, digests, options);
        while reader.step(self, layer)?.is_some() {}
        reader.finish()
    }
}
