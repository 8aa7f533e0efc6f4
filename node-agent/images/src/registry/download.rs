//! One layer's way from the registry into a file: resumed where the connection broke, tried again while that can help,
//! and believed only when size and digest are right. Hashing and writing happen on a thread of their own.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::client::Client;
use super::fault::{Fault, Kind};
use super::manifest::Descriptor;
use super::pull::PullError;
use super::registries::Tell;
use super::transport::{Call, next_chunk};
use crate::digest::Digest;
use crate::error::Error;
use crate::store::Store;

/// Docker's clients see a layer's progress this often at most.
pub(crate) const REPORT_EVERY: Duration = Duration::from_millis(100);
/// Pieces between the network and the disk.
const BUFFERED: usize = 32;

/// What the file's thread is asked to do.
enum Order {
    Write(Bytes),
    /// Forget everything.
    Restart,
    /// Say what there is, after all before has been written.
    Check(oneshot::Sender<(Digest, u64)>),
}

/// A download in the making. What it has stays between tries.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) path: String,
    pub(crate) layer: &'a Descriptor,
    pub(crate) tell: &'a Tell,
    pub(crate) attempts: u32,
    pub(crate) second: Duration,
}

impl Download<'_> {
    /// The layer's file, read from its beginning.
    pub(crate) async fn run(&self, store: &Store) -> Result<File, PullError> {
        // Without a name from the start: whatever happens, nothing of it stays.
        let file = store.temporary_file()?;
        let (orders, inbox) = mpsc::channel(BUFFERED);
        let disk = tokio::task::spawn_blocking(move || keep(file, inbox));
        let outcome = self.tries(&orders).await;
        drop(orders);
        let kept = disk.await.map_err(|error| PullError::Registry(format!("the writing thread ended: {error}")))?;
        let mut file = kept.map_err(disk_error)?;
        outcome?;
        self.tell.layer(&self.layer.digest, "Download complete", None);
        file.seek(SeekFrom::Start(0)).map_err(disk_error)?;
        Ok(file)
    }

    async fn tries(&self, orders: &mpsc::Sender<Order>) -> Result<(), PullError> {
        let mut tried = 0;
        loop {
            let fault = match self.once(orders).await {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            };
            tried += 1;
            if !fault.passes() || tried >= self.attempts {
                return Err(match fault.kind {
                    Kind::NoCredentials => PullError::Registry(fault.bare),
                    Kind::Invalid => PullError::Invalid(fault.text),
                    _ => PullError::Registry(fault.text),
                });
            }
            self.tell.wait(&self.layer.digest.short(), tried, &fault, self.second).await;
        }
    }

    async fn once(&self, orders: &mpsc::Sender<Order>) -> Result<(), Fault> {
        let mut have = check(orders).await.map_or(0, |(_, length)| length);
        let mut call = Call::get(&self.path);
        if have > 0 {
            call = call.with(header::RANGE, &format!("bytes={have}-"));
        }
        let response = match self.client.send(&call).await {
            Err(fault) if have > 0 && fault.status == Some(StatusCode::RANGE_NOT_SATISFIABLE) => {
                restart(orders).await;
                return Err(Fault::new(Kind::Connection, fault.text));
            }
            Err(fault) if fault.code() == "BLOB_UNKNOWN" || fault.status == Some(StatusCode::NOT_FOUND) => {
                return Err(Fault::new(Kind::Invalid, "unknown blob"));
            }
            other => other?,
        };
        let resumed = response.status() == StatusCode::PARTIAL_CONTENT && {
            let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
            range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()) == Some(have)
        };
        if have > 0 && !resumed {
            restart(orders).await;
            have = 0;
        }
        let mut body = response.into_body();
        let mut told: Option<Instant> = None;
        let url = self.client.site.url(&self.path);
        while let Some(chunk) = next_chunk(&mut body).await.map_err(|fault| fault.during(&call.method, &url))? {
            have += chunk.len() as u64;
            // Longer than promised: the verification says so.
            let too_long = have > self.layer.size;
            if orders.send(Order::Write(chunk)).await.is_err() {
                return Ok(());
            }
            if too_long {
                break;
            }
            if told.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
                told = Some(Instant::now());
                self.tell.layer(&self.layer.digest, "Downloading", Some((have, self.layer.size)));
            }
        }
        let found = check(orders).await;
        self.tell.layer(&self.layer.digest, "Verifying Checksum", None);
        if found.is_none_or(|found| found == (self.layer.digest, self.layer.size)) {
            return Ok(());
        }
        let digest = self.layer.digest;
        let wrong = format!("filesystem layer verification failed for digest {digest}");
        if !resumed {
            return Err(Fault::invalid(wrong));
        }
        // The parts may be of different bodies: once more from the start.
        restart(orders).await;
        Err(Fault::new(Kind::Connection, wrong))
    }
}

/// What is on the disk; nothing when the disk fails, which its thread reports.
async fn check(orders: &mpsc::Sender<Order>) -> Option<(Digest, u64)> {
    let (answer, receiver) = oneshot::channel();
    let _ = orders.send(Order::Check(answer)).await;
    receiver.await.ok()
}

async fn restart(orders: &mpsc::Sender<Order>) {
    let _ = orders.send(Order::Restart).await;
}

/// The file's thread: writes and hashes until no more orders come.
fn keep(mut file: File, mut inbox: mpsc::Receiver<Order>) -> io::Result<File> {
    let (mut hash, mut length) = (Sha256::new(), 0);
    while let Some(order) = inbox.blocking_recv() {
        match order {
            Order::Write(bytes) => {
                hash.update(&bytes);
                file.write_all(&bytes)?;
                length += bytes.len() as u64;
            }
            Order::Restart => {
                (hash, length) = (Sha256::new(), 0);
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
            }
            Order::Check(answer) => {
                let digest = Digest::from_bytes(hash.clone().finalize().into());
                // Nobody waits for it when the pull is dropped.
                let _ = answer.send((digest, length));
            }
        }
    }
    Ok(file)
}

fn disk_error(source: io::Error) -> PullError {
    PullError::Store(Error::Io { action: "write a download under", path: "tmp".into(), source })
}
