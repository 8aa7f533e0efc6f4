//! The blocking half of a pull: layers are registered one on the other while later ones still come in. What is not
//! finished is taken back.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::oneshot;

use super::download::REPORT_EVERY;
use super::pull::PullError;
use super::registries::Tell;
use crate::digest::{ChainId, DiffId, Digest};
use crate::store::{Layer, Store};

/// Tells the unpacking thread when the pull's future is dropped.
#[derive(Default)]
pub(crate) struct Cancel(pub(crate) Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A layer on its way.
pub(crate) struct Incoming {
    pub(crate) diff: DiffId,
    pub(crate) digest: Digest,
    pub(crate) file: oneshot::Receiver<File>,
}

/// The blocking side: registers the layers one on the other, then the image. What it does not finish it takes back.
pub(crate) struct Unpack {
    pub(crate) store: Arc<Store>,
    pub(crate) tell: Tell,
    pub(crate) flag: Arc<AtomicBool>,
    /// Where the layers come from: `docker.io/library/ubuntu`.
    pub(crate) repository: String,
}

impl Unpack {
    pub(crate) fn run(&self, mut held: Vec<Layer>, incoming: Vec<Incoming>, config: &[u8]) -> Result<(), PullError> {
        let outcome = self.unpack(&mut held, incoming, config);
        let tops: Vec<ChainId> = held.iter().rev().map(|layer| layer.chain_id).collect();
        drop(held);
        if outcome.is_err() {
            self.store.release_layers(&tops)?;
        }
        outcome
    }

    fn unpack(&self, held: &mut Vec<Layer>, incoming: Vec<Incoming>, config: &[u8]) -> Result<(), PullError> {
        for layer in incoming {
            let file = layer.file.blocking_recv().map_err(|_| stopped())?;
            let total = file.metadata().map_or(0, |metadata| metadata.len());
            let reader =
                Watched { file, flag: &self.flag, tell: &self.tell, digest: &layer.digest, at: 0, total, told: None };
            let parent = held.last().map(|layer| layer.chain_id);
            held.push(self.store.register_layer(parent.as_ref(), reader, Some(&layer.diff))?);
            self.store.note_blob(&layer.diff, &layer.digest, &self.repository)?;
            self.tell.layer(&layer.digest, "Pull complete", None);
        }
        if self.flag.load(Ordering::Acquire) {
            return Err(stopped());
        }
        self.store.create_image(config)?;
        Ok(())
    }
}

fn stopped() -> PullError {
    PullError::Registry("the pull was stopped".into())
}

/// A downloaded layer being read: reports how far it is, and fails when the pull is dropped.
struct Watched<'a> {
    file: File,
    flag: &'a AtomicBool,
    tell: &'a Tell,
    digest: &'a Digest,
    at: u64,
    total: u64,
    told: Option<Instant>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.flag.load(Ordering::Acquire) {
            return Err(io::Error::other("the pull was stopped"));
        }
        let read = self.file.read(buffer)?;
        self.at += read as u64;
        if read > 0 && (self.at == self.total || self.told.is_none_or(|at| at.elapsed() >= REPORT_EVERY)) {
            self.told = Some(Instant::now());
            self.tell.layer(self.digest, "Extracting", Some((self.at, self.total)));
        }
        Ok(read)
    }
}
