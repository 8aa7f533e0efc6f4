//! The layers that this host keeps for all its nodes, each unpacked once. A node's engine asks for them through a socket of its node's
//! and gets read-only mounts. Only layers whose compressed blobs lie in sources that every session may read are given. Nothing here
//! looks into a layer: it is unpacked by a process that is nobody on the host, and its compressed bytes are hashed on the way there.

mod door;
mod entry;
mod handover;
mod name;
pub(crate) mod program;
mod shelf;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use slipway_images::{
    DiffId, Digest,
    shared::{
        Limits,
        protocol::{Answer, Layer, MAX_LAYERS, Request, Wanted},
    },
};

use entry::{Entry, Making, Root};
use name::Name;
use shelf::Shelf;

/// The name of a node's socket for layers.
pub(crate) const SOCKET: &str = "layers.sock";
/// Layers that are unpacked at a time.
const WORKERS: usize = 2;
/// How long a blob that could not be unpacked is not tried again.
const SULK: Duration = Duration::from_secs(30);
/// What one layer may amount to, whatever room there is.
const LIMITS: Limits = Limits { bytes: 32 << 30, entries: 4_000_000 };

/// What unpacks layers: outside of tests, a process of few rights for each.
pub(crate) trait Unpack: Send + Sync {
    /// Unpacks `input` into `out`'s directory `diff` and writes the tar-split record beside it, to `out`'s file `record`.
    fn unpack(&self, input: &mut (dyn Read + Send), out: &Path, has_parent: bool, limits: Limits)
    -> io::Result<Report>;

    /// Ends what is being unpacked, and unpacks nothing any more.
    fn stop(&self);
}

/// What the unpacking process says of a layer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub(crate) struct Report {
    pub(crate) diff_id: DiffId,
    /// Bytes in its files, as Docker counts a layer's size.
    pub(crate) size: u64,
}

/// All layers of one host.
pub(crate) struct Layers {
    /// Directories with `blobs/sha256/HEX`, which every session may read.
    sources: Vec<PathBuf>,
    /// Bytes of disk that layers may take.
    limit: u64,
    unpack: Box<dyn Unpack>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    shelf: Shelf,
    working: Vec<Name>,
    failed: HashMap<Name, Instant>,
    nodes: HashMap<String, Guest>,
    closed: bool,
}

/// A node that may ask.
struct Guest {
    /// Moves the ids of the layers' files into the node's range.
    namespace: Arc<OwnedFd>,
    listener: UnixListener,
}

impl Layers {
    /// Takes the directory, and what an earlier agent has left there whole. `owner` is the first of the host ids that own the files.
    pub(crate) fn open(
        dir: PathBuf,
        owner: u32,
        sources: Vec<PathBuf>,
        limit: u64,
        unpack: Box<dyn Unpack>,
    ) -> io::Result<Self> {
        let state = State {
            shelf: Shelf::open(dir, owner)?,
            working: Vec::new(),
            failed: HashMap::new(),
            nodes: HashMap::new(),
            closed: false,
        };
        Ok(Self { sources, limit, unpack, state: Mutex::new(state), changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one step on disk and one in memory; what a panic leaves between them the next open removes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a node's request.
    fn answer(&self, tag: &str, request: Request) -> (Answer, Vec<OwnedFd>) {
        let named = |names: Vec<String>| names.iter().filter_map(|name| name.parse::<Name>().ok()).collect::<Vec<_>>();
        let names = match request {
            Request::Get { layers, from } if layers.len() <= MAX_LAYERS => self.get(tag, &layers, from),
            Request::Get { .. } => Vec::new(),
            // In the order asked for, and no further than the first that this node has not been given.
            Request::Again { names } => {
                let state = self.lock();
                let held = |name: &Name| state.shelf.is_held_by(name, tag);
                named(names).into_iter().take(MAX_LAYERS).take_while(held).collect()
            }
            Request::Drop { names } => {
                let mut state = self.lock();
                named(names).iter().for_each(|name| state.shelf.release(name, tag));
                return Default::default();
            }
        };
        match self.hand_over(tag, &names) {
            Ok(handed) => handed,
            Err(error) => {
                tracing::error!(tag, %error, "layers cannot be handed to a node");
                (Answer { layers: Vec::new(), error: Some("the host cannot hand over its layers".into()) }, Vec::new())
            }
        }
    }

    /// The names of those of `layers` from `from` up that there are or come to be, held for the node.
    fn get(&self, tag: &str, layers: &[Wanted], from: usize) -> Vec<Name> {
        let mut names = Vec::new();
        let mut below: Option<Root> = None;
        for wanted in layers {
            let name = Name::new(wanted.digest, below);
            let hold = names.len() >= from;
            match self.ensure(tag, &name, wanted.diff_id, hold) {
                Some(root) => below = Some(root),
                None => break,
            }
            names.push(name);
        }
        names.split_off(from.min(names.len()))
    }

    /// Has the layer on the shelf, if that is possible. Gives the attributes of its root directory.
    fn ensure(&self, tag: &str, name: &Name, diff: DiffId, hold: bool) -> Option<Root> {
        let (blob, length) = self.blob(&name.digest)?;
        let mut state = self.lock();
        loop {
            if state.closed || !state.nodes.contains_key(tag) {
                return None;
            }
            if let Some(entry) = state.shelf.find(name) {
                let (fits, root) = (entry.diff_id == diff, entry.root);
                if fits {
                    state.shelf.touch(name, hold.then_some(tag));
                }
                return fits.then_some(root);
            }
            if state.failed.get(name).is_some_and(|at| at.elapsed() < SULK) {
                return None;
            }
            if !state.working.contains(name) && state.working.len() < WORKERS {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.shelf.make_room(self.limit, length) {
            // A node can ask as often as it likes, so this is not for every log.
            tracing::debug!(layer = %name, "no room for another layer: raise layers.disk");
            return None;
        }
        let (making, place) = (state.shelf.begin(name.root), state.shelf.path(name));
        state.working.push(name.clone());
        let gone = state.shelf.take_gone();
        drop(state);
        clear(gone);
        let made = making.and_then(|making| self.make(name, making, &place, blob));
        let mut state = self.lock();
        state.working.retain(|other| other != name);
        let put = made.and_then(|entry| state.shelf.put(name, entry, self.limit));
        if let Err(error) = put {
            tracing::warn!(layer = %name, %error, "a layer cannot be unpacked");
            state.failed.retain(|_, at| at.elapsed() < SULK);
            state.failed.insert(name.clone(), Instant::now());
        }
        let gone = state.shelf.take_gone();
        drop(state);
        clear(gone);
        self.changed.notify_all();
        // As if it had been there: that it fits, and that the node is still there, is looked at in one place.
        self.ensure(tag, name, diff, hold)
    }

    fn make(&self, name: &Name, making: Making, place: &Path, blob: std::fs::File) -> io::Result<Entry> {
        let started = Instant::now();
        let mut input = Hashing { inner: blob, hash: Sha256::new() };
        let limits = Limits { bytes: LIMITS.bytes.min(self.limit), ..LIMITS };
        let report = self.unpack.unpack(&mut input, making.dir(), name.root.is_some(), limits)?;
        io::copy(&mut input, &mut io::sink())?;
        let found = Digest::from_bytes(input.hash.finalize().into());
        if found != name.digest {
            return Err(io::Error::other(format!("the blob's digest is {found}")));
        }
        let entry = making.finish(place, report)?;
        tracing::info!(layer = %name, seconds = started.elapsed().as_secs_f64(), "a layer is unpacked");
        Ok(entry)
    }

    /// The compressed blob, if it lies where every session may read it. No link leads elsewhere.
    fn blob(&self, digest: &Digest) -> Option<(std::fs::File, u64)> {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
        let path = format!("blobs/sha256/{}", digest.hex());
        self.sources.iter().find_map(|source| {
            let dir = openat(CWD, source, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let file = std::fs::File::from(openat2(&dir, &path, flags, Mode::empty(), resolve).ok()?);
            let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((file, meta.len()))
        })
    }

    fn hand_over(&self, tag: &str, names: &[Name]) -> io::Result<(Answer, Vec<OwnedFd>)> {
        let (namespace, entries) = {
            let state = self.lock();
            let Some(guest) = state.nodes.get(tag) else { return Ok(Default::default()) };
            let entries: Option<Vec<_>> = names.iter().map(|name| state.shelf.place(name)).collect();
            (Arc::clone(&guest.namespace), entries.unwrap_or_default())
        };
        let places = entries.iter().flat_map(|(place, _)| [place.join(entry::DIFF), place.join(entry::RECORD)]);
        let mounts = handover::mounts(places, namespace.as_fd())?;
        let sizes = entries.iter().map(|(_, size)| *size);
        let layers = names.iter().zip(sizes).map(|(name, size)| Layer { name: name.to_string(), size }).collect();
        Ok((Answer { layers, error: None }, mounts))
    }

    /// Forgets a node: it gets nothing any more, and what it had may be pruned.
    pub(crate) fn close_node(&self, tag: &str) {
        let mut state = self.lock();
        if let Some(guest) = state.nodes.remove(tag) {
            door::shut(&guest.listener);
        }
        state.shelf.release_all(tag);
        drop(state);
        self.changed.notify_all();
    }

    /// Ends all work. What is on the shelf stays for the next agent.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.unpack.stop();
        let mut state = self.lock();
        while !state.working.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        for (_, guest) in state.nodes.drain() {
            door::shut(&guest.listener);
        }
        drop(state);
        self.changed.notify_all();
    }
}

fn clear(gone: Vec<PathBuf>) {
    for dir in gone {
        if let Err(error) = shelf::remove(&dir) {
            tracing::error!(dir = %dir.display(), %error, "a pruned layer is not wholly removed");
        }
    }
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
