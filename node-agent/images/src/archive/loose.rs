//! Layers of an archive that is being loaded, unpacked while it comes in: which image they belong to, and what lies below them,
//! stands in the archive's last files only.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use crate::digest::{ChainId, DiffId, Digest};
use crate::error::{Error, Result};
use crate::layer::stream::is_compressed;
use crate::store::{Ahead, Layer, Store};

/// How much of a file says whether it is a layer: a tar header.
pub(super) const HEAD: usize = 512;

/// A file of the archive that began as a layer does.
pub(super) struct Loose {
    /// The sha256 of the file, if there was one to be told.
    pub(super) digest: Option<Digest>,
    /// Bytes of the file.
    pub(super) size: u64,
    content: Content,
}

enum Content {
    Unpacked(Result<Box<Ahead>>),
    /// Kept from being removed as long as the archive is read.
    Registered(Layer),
    /// Its error has been told.
    Failed,
}

/// Whether a file that begins so is unpacked at once. Anything else can be a layer, too, but not one that is worth it.
pub(super) fn looks_like_a_layer(head: &[u8]) -> bool {
    is_compressed(head) || head.get(257..262) == Some(b"ustar")
}

impl Loose {
    /// Unpacks a file that begins with `head` and goes on with `rest`, which is read to its end. What is wrong with the layer comes out
    /// when an image wants it.
    ///
    /// # Errors
    /// When `rest` cannot be read.
    pub(super) fn unpack(store: &Store, head: &[u8], rest: impl Read) -> io::Result<Self> {
        let mut file = Counted { inner: head.chain(rest), hash: is_compressed(head).then(Sha256::new), size: 0 };
        let unpacked = store.unpack_ahead(&mut file);
        // What is behind the end of a compressed stream belongs to the file, too.
        io::copy(&mut file, &mut io::sink())?;
        let digest = match (file.hash, &unpacked) {
            (Some(hash), _) => Some(Digest::from_bytes(hash.finalize().into())),
            (None, Ok(ahead)) => Some(Digest::from_bytes(*ahead.diff.as_bytes())),
            (None, Err(_)) => None,
        };
        Ok(Self { digest, size: file.size, content: Content::Unpacked(unpacked.map(Box::new)) })
    }

    /// Registers it on `parent`; another image may want it on other layers, too.
    pub(super) fn register(&mut self, store: &Store, parent: Option<&ChainId>, expect: &DiffId) -> Result<Layer> {
        let layer = match std::mem::replace(&mut self.content, Content::Failed) {
            Content::Unpacked(unpacked) => store.register_ahead(parent, *unpacked?, expect)?,
            Content::Registered(layer) if layer.diff_id == *expect => store.register_written(parent, |output| {
                store.write_layer_tar(&layer.chain_id, output).map_err(io::Error::other)
            })?,
            Content::Registered(layer) => {
                return Err(Error::WrongDiffId { expected: *expect, found: layer.diff_id });
            }
            Content::Failed => return Err(Error::Archive("a layer of the archive has failed before".into())),
        };
        self.content = store.layer(&layer.chain_id).map_or(Content::Failed, Content::Registered);
        Ok(layer)
    }
}

struct Counted<R> {
    inner: R,
    hash: Option<Sha256>,
    size: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..read]);
        }
        self.size += read as u64;
        Ok(read)
    }
}
