//! A layer in one pass: the blob's digest, decompression, the diff id, and the entries of the tar, fed piece by piece so that a caller
//! can show progress and stop at any time.

use super::decode::{Compression, Decoder};
use super::digest::{Digest, Hasher};
use super::error::Result;
use super::limits::Limits;
use super::tar::{Sink, Stream};

/// What reading a whole layer found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Of the blob as stored; `None` where it was not asked for.
    pub digest: Option<Digest>,
    /// Of the uncompressed tar; `None` where it was not asked for.
    pub diff_id: Option<Digest>,
    /// Bytes as stored.
    pub stored: u64,
    /// Bytes of the uncompressed tar.
    pub size: u64,
    /// How it is compressed.
    pub compression: Compression,
}

/// Which digests to compute along the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digests {
    /// None: fastest.
    #[default]
    Neither,
    /// The diff id.
    DiffId,
    /// The blob's and the diff id.
    Both,
}

/// Reads a layer that is fed to it and tells a [`Sink`] of its entries.
#[derive(Debug)]
pub struct Unpack<S> {
    decoder: Decoder,
    blob: Option<Hasher>,
    diff: Option<Hasher>,
    stream: Stream,
    sink: S,
    stored: u64,
    /// Whether both digests have the same algorithm.
    alike: bool,
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

impl<S: Sink> Unpack<S> {
    /// Before the first byte. `what` is how errors call the layer; `expected` are the blob's digest and the diff id, for their algorithms.
    pub fn new(
        limits: &Limits,
        what: &str,
        digests: Digests,
        expected: (Option<&Digest>, Option<&Digest>),
        sink: S,
    ) -> Self {
        let hasher = |wanted: bool, expected| wanted.then(|| Hasher::like(expected));
        Self {
            decoder: Decoder::new(limits, what),
            blob: hasher(digests == Digests::Both, expected.0),
            diff: hasher(digests != Digests::Neither, expected.1),
            stream: Stream::new(limits, what),
            sink,
            stored: 0,
            alike: expected.0.map_or("sha256", Digest::algorithm) == expected.1.map_or("sha256", Digest::algorithm),
        }
    }

    /// Bytes of the blob taken so far.
    pub fn taken(&self) -> u64 {
        self.stored
    }

    /// What has been told so far.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// Takes the next bytes of the blob.
    ///
    /// # Errors
    /// What is wrong with them; nothing may be fed after it.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.stored += bytes.len() as u64;
        // An uncompressed layer's two digests are of the same bytes and computed once.
        if let Some(blob) = &mut self.blob
            && (self.decoder.compression() != Some(Compression::None) || !self.alike)
        {
            blob.update(bytes);
        }
        let (diff, stream, sink) = (&mut self.diff, &mut self.stream, &mut self.sink);
        self.decoder.feed(bytes, &mut |plain| {
            if let Some(diff) = diff {
                diff.update(plain);
            }
            stream.feed(plain, sink)
        })
    }

    /// Passes over content that the sink does not want, `most` bytes of it, where nothing else looks at these: [`Self::taken`] says where to read on.
    pub fn pass(&mut self, most: u64) {
        if self.diff.is_none() && self.decoder.compression() == Some(Compression::None) {
            self.stream.pass(most);
            self.stored = self.stream.offset();
        }
    }

    /// Ends the layer.
    ///
    /// # Errors
    /// Where something is missing at its end.
    pub fn finish(mut self) -> Result<(Unpacked, S)> {
        let (diff, stream, sink) = (&mut self.diff, &mut self.stream, &mut self.sink);
        self.decoder.finish(&mut |plain| {
            if let Some(diff) = diff {
                diff.update(plain);
            }
            stream.feed(plain, sink)
        })?;
        self.stream.finish()?;
        let compression = self.decoder.compression().unwrap_or(Compression::None);
        let diff_id = self.diff.map(Hasher::finish);
        let digest = match compression {
            Compression::None if self.alike => diff_id.clone(),
            _ => self.blob.map(Hasher::finish),
        };
        let size = self.decoder.given();
        Ok((Unpacked { digest, diff_id, stored: self.stored, size, compression }, self.sink))
    }
}
