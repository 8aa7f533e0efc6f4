//! How layers come into the database: unpacked from a tar stream onto the layers below, or ahead of knowing what these are.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::dirs::{inherit, make_cache, mark_committed, put_on, remove_cache};
use super::records::{TAR_SPLIT, remove_record, retire, write_record};
use super::{Layer, LayerRecord, MAX_DEPTH, lower_ids};
use crate::digest::{ChainId, DiffId};
use crate::error::{Error, IoContext as _, Result};
use crate::fsutil::{random_hex, sync_dir};
use crate::layer::stream::{PipeSink, PipeWriter};
use crate::layer::{Rules, UnpackError, Unpacked, assemble, stream, unpack};
use crate::store::Store;
use crate::store::shared::attach;

/// Whose a layer's files are.
pub(in crate::store) enum Origin {
    /// This store's.
    Own,
    /// The host's, by its name for them; with the mount of its tar-split record.
    Host(String, OwnedFd),
}

/// A layer that has been unpacked before it was known which layers lie below it.
#[derive(Debug)]
pub(crate) struct Ahead {
    staged: Staged,
    /// The sha256 of its uncompressed tar stream.
    pub(crate) diff: DiffId,
    unpacked: Unpacked,
}

impl Store {
    /// Unpacks a layer's tar stream (plain, gzip, bzip2, xz or zstd, told by its first bytes) on top of `parent`.
    ///
    /// With `expect`, content of another diff id is refused. A layer that is there already is returned as it is, after
    /// the stream has been verified. Nothing is left behind by a failure.
    pub fn register_layer(&self, parent: Option<&ChainId>, tar: impl Read, expect: Option<&DiffId>) -> Result<Layer> {
        let mut input = stream::decompress(tar).map_err(UnpackError::Stream)?;
        self.register_from(parent, expect, |pipe, hash| pipe.pump(&mut *input, |chunk| hash.update(chunk)))
    }

    /// As `register_layer`, for a stream that is written by `produce`.
    pub(crate) fn register_written(
        &self,
        parent: Option<&ChainId>,
        produce: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<Layer> {
        self.register_from(parent, None, |pipe, hash| {
            let mut sink = PipeSink::new(pipe, |chunk| hash.update(chunk));
            let outcome = produce(&mut sink);
            sink.end(outcome);
        })
    }

    fn register_from(
        &self,
        parent: Option<&ChainId>,
        expect: Option<&DiffId>,
        feed: impl FnOnce(PipeWriter, &mut Sha256),
    ) -> Result<Layer> {
        // The parent must not go while we build on it.
        let parent_layer = parent.map(|parent| self.layer(parent).ok_or(Error::NoSuchLayer(*parent))).transpose()?;
        let staged = self.stage(parent)?;
        let (diff, unpacked) = self.fill(&staged, parent.is_some(), feed)?;
        check(expect, diff)?;
        let layer = self.adopt(staged, parent, diff, unpacked, Origin::Own)?;
        drop(parent_layer);
        Ok(layer)
    }

    /// Unpacks what `feed` writes and hashes into a staged directory.
    fn fill(
        &self,
        staged: &Staged,
        has_parent: bool,
        feed: impl FnOnce(PipeWriter, &mut Sha256),
    ) -> Result<(DiffId, Unpacked)> {
        let rules = Rules { userns: self.userns, has_parent, record: true, entries: u64::MAX };
        let root = staged.dir.join("diff");
        let (writer, reader) = stream::pipe();
        let mut hash = Sha256::new();
        let unpacked = std::thread::scope(|scope| {
            let unpacking = scope.spawn(|| unpack(reader, &root, rules));
            feed(writer, &mut hash);
            unpacking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        Ok((DiffId::from_bytes(hash.finalize().into()), unpacked))
    }

    /// Unpacks a layer's tar stream before it is known on which layers it lies. Dropped before it is registered, it vanishes.
    pub(crate) fn unpack_ahead(&self, tar: impl Read) -> Result<Ahead> {
        let mut input = stream::decompress(tar).map_err(UnpackError::Stream)?;
        let staged = self.stage(None)?;
        // Most layers lie on others; `register_ahead` knows what to do with one that does not.
        let (diff, unpacked) =
            self.fill(&staged, true, |pipe, hash| pipe.pump(&mut *input, |chunk| hash.update(chunk)))?;
        Ok(Ahead { staged, diff, unpacked })
    }

    /// Puts a layer that was unpacked ahead on `parent`; one of another diff id is refused.
    pub(crate) fn register_ahead(&self, parent: Option<&ChainId>, ahead: Ahead, expect: &DiffId) -> Result<Layer> {
        let Ahead { staged, diff, unpacked } = ahead;
        check(Some(expect), diff)?;
        let parent_layer = parent.map(|parent| self.layer(parent).ok_or(Error::NoSuchLayer(*parent))).transpose()?;
        if parent.is_none() && unpacked.whiteouts {
            // On nothing they mean nothing, and must not be there: unpacked once more by the rules for such a layer.
            let tar_split = unpacked.tar_split.as_deref().unwrap_or_default();
            return self.register_written(None, |output| assemble::write(tar_split, &staged.dir.join("diff"), output));
        }
        if let Some(parent) = parent {
            let lower = self.lower(parent)?;
            if let Some(below) = lower.first().filter(|_| !unpacked.own_root) {
                inherit(&self.paths, &staged.cache_id, below)?;
            }
            put_on(&self.paths, &staged.cache_id, &lower)?;
        }
        let layer = self.adopt(staged, parent, diff, unpacked, Origin::Own)?;
        drop(parent_layer);
        Ok(layer)
    }

    /// The directories of a layer and of all below it, the top one first, if another may lie on them.
    fn lower(&self, parent: &ChainId) -> Result<Vec<String>> {
        let lower = lower_ids(&self.state(), parent)?;
        if lower.len() >= MAX_DEPTH { Err(Error::TooManyLayers) } else { Ok(lower) }
    }

    /// Makes an empty layer directory whose content is not yet known.
    pub(in crate::store) fn stage(&self, parent: Option<&ChainId>) -> Result<Staged> {
        let cache_id = random_hex::<32>();
        let lower = parent.map(|parent| self.lower(parent)).transpose()?.unwrap_or_default();
        let staged = Staged { dir: self.paths.cache(&cache_id), links: self.paths.links(), cache_id, keep: false };
        make_cache(&self.paths, &staged.cache_id, &lower)?;
        Ok(staged)
    }

    /// Turns a filled directory into a layer of the database, unless the same layer is there by now.
    pub(in crate::store) fn adopt(
        &self,
        mut staged: Staged,
        parent: Option<&ChainId>,
        diff: DiffId,
        unpacked: Unpacked,
        origin: Origin,
    ) -> Result<Layer> {
        let id = ChainId::new(parent, &diff);
        let transaction = self.paths.layer_transactions().join(format!("write-set-{}", random_hex::<8>()));
        let (shared, mount) = match origin {
            Origin::Own => (None, None),
            Origin::Host(name, record) => (Some(name), Some(record)),
        };
        let (parent, cache_id) = (parent.copied(), staged.cache_id.clone());
        let record = LayerRecord { diff, parent, cache_id, size: unpacked.size, shared };
        let mut written = write_record(&transaction, &record, unpacked.tar_split.as_deref());
        if let (Ok(()), Some(mount)) = (&written, mount) {
            written = attach(mount, &transaction.join(TAR_SPLIT));
        }
        let mut state = self.state();
        if written.is_err() || state.layers.contains_key(&id) {
            let existing = state.layers.get(&id).cloned().map(|record| self.lease(&mut state, id, &record));
            drop(state);
            remove_record(&transaction)?;
            written?;
            return existing.ok_or(Error::NoSuchLayer(id));
        }
        let target = self.paths.layer(&id);
        if target.exists() {
            // A damaged record that was left out when the store was opened.
            remove_record(&retire(&self.paths, &id)?)?;
        }
        if let Some(below) = record.parent.and_then(|parent| state.layers.get(&parent)) {
            mark_committed(&self.paths, &below.cache_id)?;
        }
        fs::rename(&transaction, &target).at("rename", &transaction)?;
        if record.shared.is_none() {
            sync_dir(&self.paths.layers()).at("sync", &target)?;
        }
        staged.keep = true;
        state.layers.insert(id, record.clone());
        Ok(self.lease(&mut state, id, &record))
    }
}

fn check(expect: Option<&DiffId>, found: DiffId) -> Result<()> {
    match expect.filter(|expected| **expected != found) {
        Some(expected) => Err(Error::WrongDiffId { expected: *expected, found }),
        None => Ok(()),
    }
}

/// A layer directory under construction; dropped before it is kept, it vanishes.
#[derive(Debug)]
pub(in crate::store) struct Staged {
    pub(in crate::store) dir: PathBuf,
    pub(in crate::store) cache_id: String,
    links: PathBuf,
    keep: bool,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.keep {
            // The failure that brought us here is the one to report; the next open sweeps what stays.
            let _ = remove_cache(&self.links, &self.dir);
        }
    }
}
