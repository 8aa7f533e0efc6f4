//! Layers that the host keeps for all its nodes: what an engine and its host say to each other, and the engine's end of it. A layer
//! comes as two mounts, its files and its tar-split record, for reading only, that take no room on the engine's own disk.

mod flat;
pub mod protocol;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use flat::{Flat, Limits, unpack_flat};
use protocol::{Answer, Request, Wanted};

/// How long the host may take: it may have to unpack a large image first.
const PATIENCE: Duration = Duration::from_secs(600);

/// The host's end, as the engine sees it.
#[derive(Debug)]
pub(crate) struct Host {
    socket: PathBuf,
    gate: Mutex<()>,
    left: Mutex<Vec<String>>,
}

/// A layer as the host has handed it over.
#[derive(Debug)]
pub(crate) struct Handed {
    /// The host's own name for it, by which it is given back.
    pub(crate) name: String,
    /// Bytes in its files.
    pub(crate) size: u64,
    /// The mount of its files, which is nowhere yet.
    pub(crate) mount: OwnedFd,
    /// The same of its compressed tar-split record, one file.
    pub(crate) record: OwnedFd,
}

impl Host {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket, gate: Mutex::default(), left: Mutex::default() }
    }

    /// Taken for as long as it must not change which of the host's layers are in use here.
    pub(crate) fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gate, if nobody else has it.
    pub(crate) fn try_gate(&self) -> Option<MutexGuard<'_, ()>> {
        self.gate.try_lock().ok()
    }

    /// Notes layers that may not be in use any more.
    pub(crate) fn leave(&self, names: Vec<String>) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
    }

    /// Takes what has been noted.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut names = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Asks for the layers from `from` up of a stack, the lowest first. Gives as many as the host has, in order.
    pub(crate) fn get(&self, layers: Vec<Wanted>, from: usize) -> io::Result<Vec<Handed>> {
        self.ask(&Request::Get { layers, from })
    }

    /// Asks once more for layers that were handed over before.
    pub(crate) fn again(&self, names: Vec<String>) -> io::Result<Vec<Handed>> {
        self.ask(&Request::Again { names })
    }

    /// Tells that these are no longer in use.
    pub(crate) fn drop_layers(&self, names: Vec<String>) -> io::Result<()> {
        self.ask(&Request::Drop { names }).map(drop)
    }

    fn ask(&self, request: &Request) -> io::Result<Vec<Handed>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        protocol::send(&mut stream, request, &[])?;
        let (answer, fds): (Answer, _) = protocol::receive(&mut stream)?;
        if let Some(error) = answer.error {
            return Err(io::Error::other(error));
        }
        if fds.len() != answer.layers.len() * 2 {
            return Err(io::Error::other("the host has sent a wrong number of descriptors"));
        }
        let mut fds = fds.into_iter();
        let mut handed = Vec::new();
        for layer in answer.layers {
            if let (Some(mount), Some(record)) = (fds.next(), fds.next()) {
                handed.push(Handed { name: layer.name, size: layer.size, mount, record });
            }
        }
        Ok(handed)
    }
}
