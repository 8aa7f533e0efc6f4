//! A file's content out of a layer: read at once where the layer is not compressed, otherwise by decompressing up to it, step by step.

use super::archive::{Archive, CHUNK};
use super::decode::{Compression, Decoder};
use super::error::{Error, Result};
use super::layer::Progress;
use super::parts::Layer;
use super::tree::{NodeId, Tree};

/// Reads a file's content. To cancel, drop it.
#[derive(Debug)]
pub struct ContentReader {
    decoder: Option<Decoder>,
    /// Bytes of the layer's blob taken.
    taken: u64,
    /// Where the content stands in the uncompressed tar, and its wanted end.
    from: u64,
    to: u64,
    /// Bytes of the uncompressed tar gone by.
    passed: u64,
    stored: Vec<u8>,
    buffer: Vec<u8>,
    /// Bytes wanted of the file, holes included.
    wanted: u64,
    sparse: Option<Vec<(u64, u64)>>,
}

/// A file's content, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The file's size, of which `bytes` may be the beginning only.
    pub size: u64,
}

impl ContentReader {
    /// A reader of the first `most` bytes of a file; see [`super::Merged::content`] for layer and node.
    ///
    /// # Errors
    /// More than [`super::Limits::content`] wanted, a missing layer, a failing source.
    pub fn new(archive: &Archive, layer: &Layer, tree: &Tree, node: NodeId, most: u64) -> Result<Self> {
        let file = tree.node(node);
        let wanted = file.size.min(most);
        let limit = archive.limits().content;
        if wanted > limit {
            let what = String::from_utf8_lossy(&tree.path(node)).into_owned();
            return Err(Error::Limit { what, subject: "the size of the content", limit });
        }
        let sparse = tree.extra(node).and_then(|extra| extra.sparse.clone());
        let stored = match &sparse {
            None => wanted,
            Some(map) => map.iter().map(|(offset, length)| wanted.saturating_sub(*offset).min(*length)).sum(),
        };
        let plain = archive.compression(layer)? == Compression::None;
        Ok(Self {
            decoder: (!plain).then(|| Decoder::new(archive.limits(), layer.title())),
            taken: if plain { file.data } else { 0 },
            from: file.data,
            to: file.data.saturating_add(stored),
            passed: if plain { file.data } else { 0 },
            stored: Vec::new(),
            buffer: vec![0; CHUNK],
            wanted,
            sparse,
        })
    }

    /// Reads the next piece; `None` when all is there.
    ///
    /// # Errors
    /// A layer that ends before the content does, or is broken; a failing source.
    pub fn step(&mut self, archive: &Archive, layer: &Layer) -> Result<Option<Progress>> {
        if self.passed >= self.to {
            return Ok(None);
        }
        let most = if self.decoder.is_none() { self.to - self.taken } else { CHUNK as u64 };
        let most = usize::try_from(most).unwrap_or(CHUNK).min(CHUNK);
        let read = archive.read_layer(layer, self.taken, &mut self.buffer[..most])?;
        if read == 0 {
            let error = std::io::ErrorKind::UnexpectedEof.into();
            return Err(Error::Io { what: layer.title(), error });
        }
        self.taken += read as u64;
        let Self { decoder, passed, from, to, stored, buffer, .. } = self;
        let mut take = |bytes: &[u8]| {
            let start = from.saturating_sub(*passed).min(bytes.len() as u64) as usize;
            let end = to.saturating_sub(*passed).min(bytes.len() as u64) as usize;
            stored.extend_from_slice(bytes.get(start..end).unwrap_or_default());
            *passed += bytes.len() as u64;
            Ok(())
        };
        match decoder {
            None => take(&buffer[..read])?,
            Some(decoder) => decoder.feed(&buffer[..read], &mut take)?,
        }
        let total = if self.decoder.is_none() { self.to } else { layer.stored };
        Ok(Some(Progress { done: self.taken, total }))
    }

    /// The content, once [`Self::step`] gave `None`. `size` is the file's.
    pub fn finish(self, size: u64) -> Content {
        let Some(map) = self.sparse else { return Content { bytes: self.stored, size } };
        let mut bytes = vec![0; usize::try_from(self.wanted).unwrap_or_default()];
        let mut at = 0;
        for (offset, length) in map {
            let Ok(offset) = usize::try_from(offset) else { break };
            let Some(room) = bytes.get_mut(offset..) else { break };
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(room.len());
            let piece = self.stored.get(at..at + length).unwrap_or_default();
            room[..piece.len()].copy_from_slice(piece);
            at += length;
        }
        Content { bytes, size }
    }
}

impl Archive {
    /// The first `most` bytes of a file's content.
    ///
    /// # Errors
    /// As [`ContentReader::new`] and [`ContentReader::step`].
    pub fn read_content(&self, layer: &Layer, tree: &Tree, node: NodeId, most: u64) -> Result<Content> {
        let mut reader = ContentReader::new(self, layer, tree, node, most)?;
        while reader.step(self, layer)?.is_some() {}
        Ok(reader.finish(tree.node(node).size))
    }
}
