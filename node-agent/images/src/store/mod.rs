//! The image store on disk, laid out as Docker's overlay2 graph. One process at a time has it open; its methods block and may
//! be called from many threads. After any crash the next `open` sweeps what was not finished.

mod build;
mod commit;
mod distribution;
pub(crate) mod durable;
mod images;
mod layers;
pub(crate) mod paths;
mod references;
mod remove;
mod rw;
mod shared;
mod sweep;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, flock};

use crate::digest::{ChainId, ImageId};
use crate::error::{Error, IoContext as _, Result};
use crate::image::Image;
use crate::layer::in_user_namespace;
use crate::shared::Host;

pub use build::BuildStep;
pub use commit::CommitOptions;
pub use distribution::BlobSource;
pub use images::ImageSummary;
pub(crate) use layers::Ahead;
pub use layers::Layer;
pub use remove::{ImageUser, Removed};
pub use rw::RwLayer;
pub(crate) use shared::Held;

use layers::LayerRecord;
use paths::Paths;
use references::References;
use rw::RwRecord;

/// The image store under one data root.
#[derive(Debug)]
pub struct Store {
    paths: Paths,
    userns: bool,
    state: Arc<Mutex<State>>,
    /// Who keeps layers for this engine and others. With one, nothing waits until it is on the platter: this store ends with its
    /// node, at the latest when the host does.
    host: Option<Host>,
    /// Holds the lock that keeps other processes out.
    _lock: File,
}

/// What is known of the disk's content. Every change is made on disk first.
#[derive(Debug, Default)]
struct State {
    layers: HashMap<ChainId, LayerRecord>,
    /// Layers that somebody is about to use; they are kept although no image names them yet.
    leases: HashMap<ChainId, usize>,
    /// Layers whose last lease has ended: where nothing else needs them, the next removal takes them along.
    idle: HashSet<ChainId>,
    images: HashMap<ImageId, Arc<Image>>,
    parents: HashMap<ImageId, ImageId>,
    references: References,
    rw: HashMap<String, RwRecord>,
}

impl Store {
    /// Opens the store under `data_root`, making it if it is not there, and sweeps what an interrupted run has left.
    pub fn open(data_root: &Path) -> Result<Self> {
        Self::open_with(data_root, None)
    }

    /// As [`Self::open`], with the socket of a host that keeps layers for several engines.
    pub fn open_with(data_root: &Path, host: Option<&Path>) -> Result<Self> {
        let host = host.map(|socket| Host::new(socket.to_owned()));
        paths::mkdir_all(data_root, 0o710)?;
        let data_root = &fs::canonicalize(data_root).at("resolve", data_root)?;
        let lock = File::open(data_root).at("open", data_root)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| Error::InUse(data_root.clone()))?;
        let paths = Paths::new(data_root);
        paths.create()?;
        paths.mark_backing_device();
        let mut state = State::default();
        sweep::temporaries(&paths)?;
        layers::load(&paths, &mut state)?;
        shared::restore(&paths, &mut state, host.as_ref());
        rw::load(&paths, &mut state)?;
        images::load(&paths, &mut state)?;
        state.references = References::load(&paths.repositories(), host.is_none())?;
        sweep::unused(&paths, &mut state)?;
        Ok(Self { paths, userns: in_user_namespace(), host, state: Arc::new(Mutex::new(state)), _lock: lock })
    }

    /// The state; a panic elsewhere leaves it usable, since memory follows the disk step by step.
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
