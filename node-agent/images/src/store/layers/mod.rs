//! The layer database: which chain ids there are, and in which directory each one's files are. A layer comes into being by
//! one rename and goes by one rename.

mod dirs;
mod records;
mod register;

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::{State, Store, lock};
use crate::digest::{ChainId, DiffId};
use crate::error::{Error, IoContext as _, Result};
use crate::layer::assemble;

pub(super) use dirs::{make_cache, mark_committed, remove_cache};
pub(super) use records::{TAR_SPLIT, leave_out_broken, load, remove_record, retire};
pub(crate) use register::Ahead;
pub(super) use register::Origin;

/// Docker's limit on the layers of an image.
pub(crate) const MAX_DEPTH: usize = 125;

#[derive(Debug, Clone)]
pub(super) struct LayerRecord {
    pub(super) diff: DiffId,
    pub(super) parent: Option<ChainId>,
    pub(super) cache_id: String,
    pub(super) size: u64,
    /// The host's name for it, where its files are the host's.
    pub(super) shared: Option<String>,
}

/// A layer in the store. As long as the value lives, the layer is not removed.
#[derive(Debug)]
pub struct Layer {
    /// The sha256 of its uncompressed tar stream.
    pub diff_id: DiffId,
    /// Its identity together with all layers below.
    pub chain_id: ChainId,
    /// Bytes in its own files.
    pub size: u64,
    state: Arc<Mutex<State>>,
}

impl Drop for Layer {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(count) = state.leases.get_mut(&self.chain_id) {
            *count -= 1;
            if *count == 0 {
                state.leases.remove(&self.chain_id);
                // Its image may have been removed meanwhile.
                state.idle.insert(self.chain_id);
            }
        }
    }
}

impl Store {
    /// A layer by its chain id.
    pub fn layer(&self, id: &ChainId) -> Option<Layer> {
        let mut state = self.state();
        let record = state.layers.get(id)?.clone();
        Some(self.lease(&mut state, *id, &record))
    }

    /// Whether some layer has this content, whatever lies below it.
    pub(crate) fn has_content(&self, diff: &DiffId) -> bool {
        self.state().layers.values().any(|record| record.diff == *diff)
    }

    /// The directory that holds a layer's own files.
    pub fn layer_dir(&self, id: &ChainId) -> Result<PathBuf> {
        let state = self.state();
        let record = state.layers.get(id).ok_or(Error::NoSuchLayer(*id))?;
        Ok(self.paths.diff(&record.cache_id))
    }

    /// The length of a layer's tar stream.
    pub fn layer_tar_size(&self, id: &ChainId) -> Result<u64> {
        let (split, path) = self.tar_split(id)?;
        assemble::size(split).at("read", path)
    }

    /// Writes a layer's tar stream, byte for byte as it was registered.
    pub fn write_layer_tar(&self, id: &ChainId, output: &mut dyn Write) -> Result<()> {
        let (split, path) = self.tar_split(id)?;
        assemble::write(split, &self.layer_dir(id)?, output).at("reproduce the layer of", path)
    }

    fn tar_split(&self, id: &ChainId) -> Result<(fs::File, PathBuf)> {
        let path = self.paths.layer(id).join(TAR_SPLIT);
        Ok((fs::File::open(&path).at("open", &path)?, path))
    }

    fn lease(&self, state: &mut State, id: ChainId, record: &LayerRecord) -> Layer {
        *state.leases.entry(id).or_default() += 1;
        Layer { diff_id: record.diff, chain_id: id, size: record.size, state: Arc::clone(&self.state) }
    }

    /// Removes those of these layers, and of the layers below them, that no image, container or lease needs; tells them
    /// with their sizes.
    pub(crate) fn release_layers(&self, ids: &[ChainId]) -> Result<Vec<(ChainId, u64)>> {
        let mut state = self.state();
        let needed = needed_layers(&state);
        let ids: Vec<ChainId> = ids.iter().copied().chain(std::mem::take(&mut state.idle)).collect();
        let mut removed = Vec::new();
        let mut gone = Vec::new();
        let mut shared = Vec::new();
        for id in ids {
            let mut next = Some(id);
            while let Some(id) = next.filter(|id| !needed.contains(id)) {
                let Some(record) = state.layers.get(&id).cloned() else {
                    break;
                };
                gone.push((retire(&self.paths, &id)?, self.paths.cache(&record.cache_id)));
                state.layers.remove(&id);
                removed.push((id, record.size));
                shared.extend(record.shared);
                next = record.parent;
            }
        }
        drop(state);
        for (record, dir) in gone {
            remove_record(&record)?;
            remove_cache(&self.paths.links(), &dir)?;
        }
        self.give_back(shared);
        Ok(removed)
    }
}

/// Every layer that an image, a container or a lease needs, with all below it.
pub(super) fn needed_layers(state: &State) -> HashSet<ChainId> {
    let tops = state.images.values().filter_map(|image| image.chain_id());
    let mounts = state.rw.values().filter_map(|rw| rw.parent);
    let mut needed = HashSet::new();
    for top in tops.chain(mounts).chain(state.leases.keys().copied()) {
        let mut next = Some(top);
        while let Some(id) = next.filter(|id| needed.insert(*id)) {
            next = state.layers.get(&id).and_then(|record| record.parent);
        }
    }
    needed
}

/// The directories of a layer and of all below it, the top one first.
pub(super) fn lower_ids(state: &State, top: &ChainId) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut next = Some(*top);
    while let Some(id) = next {
        let record = state.layers.get(&id).ok_or(Error::NoSuchLayer(id))?;
        ids.push(record.cache_id.clone());
        next = record.parent;
    }
    Ok(ids)
}
