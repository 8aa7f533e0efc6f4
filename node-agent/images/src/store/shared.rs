//! Layers whose files are the host's: taken in as mounts, mounted again when the store is opened, given back when they go.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::mount::{MoveMountFlags, move_mount};

use super::layers::{LayerRecord, Origin, TAR_SPLIT, leave_out_broken};
use super::paths::Paths;
use super::{Layer, State, Store};
use crate::digest::{ChainId, DiffId};
use crate::error::{IoContext as _, Result};
use crate::layer::Unpacked;
use crate::layer::overlay::is_mounted;
use crate::shared::protocol::{MAX_LAYERS, Wanted};
use crate::shared::{Handed, Host};

/// Layers on the way to an image, the lowest first. Dropped before they are taken, those that nothing else needs are removed.
pub(crate) struct Held {
    store: Arc<Store>,
    layers: Vec<Layer>,
}

impl Held {
    pub(crate) fn new(store: &Arc<Store>, layers: Vec<Layer>) -> Self {
        Self { store: Arc::clone(store), layers }
    }

    pub(crate) fn len(&self) -> usize {
        self.layers.len()
    }

    pub(crate) fn take(mut self) -> Vec<Layer> {
        std::mem::take(&mut self.layers)
    }

    /// Adds what the host has of the layers that come next, up to the first that it has not. A host that does not answer has none.
    pub(crate) fn add_from_host(&mut self, stack: Vec<Wanted>) {
        let Some(host) = self.store.host.as_ref().filter(|_| stack.len() <= MAX_LAYERS) else { return };
        let gate = host.gate();
        let Ok(handed) = host.get(stack.clone(), self.layers.len()) else { return };
        let names: Vec<String> = handed.iter().map(|layer| layer.name.clone()).collect();
        for layer in handed {
            let Some(wanted) = stack.get(self.layers.len()) else { break };
            let parent = self.layers.last().map(|layer| layer.chain_id);
            match self.store.register_shared(parent.as_ref(), wanted.diff_id, layer) {
                Ok(layer) => self.layers.push(layer),
                // Then it is downloaded, which reports what is wrong with this disk.
                Err(_) => break,
            }
        }
        host.leave(names);
        self.store.flush(host);
        drop(gate);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let tops: Vec<ChainId> = self.layers.iter().rev().map(|layer| layer.chain_id).collect();
        self.layers.clear();
        // The next open sweeps what stays.
        let _ = self.store.release_layers(&tops);
    }
}

impl Store {
    /// Whether a host may have layers for this store.
    pub(crate) fn has_host(&self) -> bool {
        self.host.is_some()
    }

    fn register_shared(&self, parent: Option<&ChainId>, diff: DiffId, handed: Handed) -> Result<Layer> {
        let Handed { name, size, mount, record } = handed;
        let staged = self.stage(parent)?;
        attach(mount, &staged.dir.join("diff"))?;
        // What the record is mounted on takes no room.
        let unpacked = Unpacked { size, tar_split: Some(Vec::new()), own_root: true, whiteouts: false };
        self.adopt(staged, parent, diff, unpacked, Origin::Host(name, record))
    }

    /// Gives layers back to the host, unless others here have the same files.
    pub(super) fn give_back(&self, names: Vec<String>) {
        let Some(host) = self.host.as_ref().filter(|_| !names.is_empty()) else { return };
        host.leave(names);
        // Where layers are being taken in meanwhile, whoever does that gives these back, too.
        if let Some(_gate) = host.try_gate() {
            self.flush(host);
        }
    }

    /// Tells the host what is not in use any more; the caller has the gate.
    fn flush(&self, host: &Host) {
        let mut names = host.left();
        names.retain(|name| !self.state().layers.values().any(|record| record.shared.as_ref() == Some(name)));
        if !names.is_empty() {
            // It gets all of them back when this node ends.
            let _ = host.drop_layers(names);
        }
    }
}

/// Mounts what the host has handed over.
pub(super) fn attach(mount: OwnedFd, target: &Path) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(mount.as_fd(), "", rustix::fs::CWD, target, flags).at("mount the host's layer at", target)
}

/// Mounts what an earlier engine has mounted and somebody has unmounted since. Layers that the host has no more are left out.
pub(super) fn restore(paths: &Paths, state: &mut State, host: Option<&Host>) {
    let places = |id: &ChainId, record: &LayerRecord| (paths.diff(&record.cache_id), paths.layer(id).join(TAR_SPLIT));
    let wanted: Vec<(ChainId, PathBuf, PathBuf, String)> = state
        .layers
        .iter()
        .filter_map(|(id, record)| {
            let (diff, tar_split) = places(id, record);
            let name = record.shared.clone().filter(|_| !is_mounted(&diff) || !is_mounted(&tar_split))?;
            Some((*id, diff, tar_split, name))
        })
        .collect();
    let put_back = |mount: OwnedFd, target: &Path| is_mounted(target) || attach(mount, target).is_ok();
    for some in wanted.chunks(MAX_LAYERS) {
        let names = some.iter().map(|(.., name)| name.clone()).collect();
        let mut handed = host.and_then(|host| host.again(names).ok()).unwrap_or_default().into_iter();
        for (id, diff, tar_split, _) in some {
            let mounted =
                handed.next().is_some_and(|layer| put_back(layer.mount, diff) && put_back(layer.record, tar_split));
            if !mounted {
                state.layers.remove(id);
            }
        }
    }
    leave_out_broken(state);
}
