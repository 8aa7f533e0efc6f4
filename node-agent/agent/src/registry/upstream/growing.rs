//! A blob on its way from the upstream registry: one download, and any number of readers of the file as it grows. The last byte is given
//! to nobody before the digest is right, so that no reader ever gets a whole blob that is wrong.

use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use sha2::{Digest as _, Sha256};
use slipway_images::registry::{Remote, RemoteError};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::watch;

use super::shelf::Shelf;
use crate::registry::digest::Digest;

/// Tries for one blob; each goes on where the last one broke off.
const TRIES: u32 = 5;
/// What is waited before the second; doubled each time.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes that a reader takes at a time.
const PIECE: usize = 128 * 1024;

/// How far a download has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Stand {
    /// Bytes in the file.
    pub(super) length: u64,
    /// All there will be, once that is known.
    pub(super) total: Option<u64>,
    /// How it ended.
    pub(super) ended: Option<Result<(), String>>,
}

/// A file that grows, and whoever waits for it.
#[derive(Debug)]
pub(super) struct Growing {
    path: PathBuf,
    stand: watch::Sender<Stand>,
    /// Why it failed, for who has not begun to read.
    failure: Mutex<Option<RemoteError>>,
}

impl Growing {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, stand: watch::Sender::new(Stand::default()), failure: Mutex::default() }
    }

    /// Waits until the length is known: the length and the file. `None` when the blob has become whole meanwhile, and lies on the shelf.
    ///
    /// # Errors
    /// Why there will be none.
    pub(super) async fn begun(&self) -> Result<Option<(u64, File)>, RemoteError> {
        let mut stand = self.stand.subscribe();
        let known = stand.wait_for(|stand| stand.total.is_some() || stand.ended.is_some()).await;
        let known = known.map(|stand| stand.clone()).unwrap_or_default();
        match (known.total, known.ended) {
            (_, Some(Ok(()))) => Ok(None),
            // Renamed a moment ago, it is whole as well.
            (Some(total), None) => Ok(File::open(&self.path).await.ok().map(|file| (total, file))),
            _ => {
                let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
                Err(failure.unwrap_or_else(|| RemoteError::Away("the download was given up".into())))
            }
        }
    }

    /// The bytes from `from` to the end, as they come.
    pub(super) fn read(self: Arc<Self>, file: File, from: u64) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
        let reader = Reader { stand: self.stand.subscribe(), _growing: self, file, at: from };
        futures_util::stream::try_unfold(reader, |mut reader| async move {
            Ok(reader.next().await?.map(|piece| (piece, reader)))
        })
    }

    fn advance(&self, length: u64, total: Option<u64>) {
        self.stand.send_modify(|stand| {
            stand.length = length;
            stand.total = stand.total.or(total);
        });
    }
}

/// Somebody who reads a growing file.
struct Reader {
    stand: watch::Receiver<Stand>,
    /// Keeps the sender alive.
    _growing: Arc<Growing>,
    file: File,
    at: u64,
}

impl Reader {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        let at = self.at;
        let more = self.stand.wait_for(|stand| stand.ended.is_some() || given(stand) > at).await;
        let stand = more.map_err(std::io::Error::other)?.clone();
        if let Some(Err(why)) = stand.ended {
            return Err(std::io::Error::other(why));
        }
        let left = given(&stand).saturating_sub(at);
        if left == 0 {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(at)).await?;
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        let count = self.file.read(&mut piece).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(count);
        self.at += count as u64;
        Ok(Some(piece.into()))
    }
}

/// Bytes that may be given.
fn given(stand: &Stand) -> u64 {
    match stand.ended {
        Some(_) => stand.length,
        None => stand.length.min(stand.total.unwrap_or(0).saturating_sub(1)),
    }
}

/// One blob's way onto the shelf.
pub(super) struct Download {
    pub(super) remote: Remote,
    pub(super) digest: Digest,
    pub(super) shelf: Arc<Shelf>,
    pub(super) name: String,
}

impl Download {
    /// Downloads, verifies, and tells everybody how it went.
    pub(super) async fn run(&self, growing: &Growing) {
        let done = self.tries(growing).await;
        if let Err(error) = &done {
            tracing::warn!("{}@{}: {error}", self.name, self.digest);
            *growing.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            // What is wrong or not whole is not kept.
            let _ = std::fs::remove_file(&growing.path);
        }
        growing.stand.send_modify(|stand| {
            stand.total = stand.total.or(done.is_ok().then_some(stand.length));
            stand.ended = Some(done.map_err(|error| error.to_string()));
        });
    }

    async fn tries(&self, growing: &Growing) -> Result<(), RemoteError> {
        let disk = |error: std::io::Error| RemoteError::Invalid(format!("the cache's disk: {error}"));
        let mut file = File::create(&growing.path).await.map_err(disk)?;
        let (mut hash, mut length, mut tried) = (Sha256::new(), 0, 0);
        loop {
            match self.once(growing, &mut file, &mut hash, &mut length).await {
                Ok(()) => break,
                Err(RemoteError::Away(why)) if tried + 1 < TRIES => {
                    tracing::info!("{}@{}: {why}; it goes on at byte {length}", self.name, self.digest);
                    tokio::time::sleep(PAUSE * 2_u32.pow(tried)).await;
                    tried += 1;
                }
                Err(error) => return Err(error),
            }
        }
        let found = Digest::sha256(hash);
        if found != self.digest {
            return Err(RemoteError::Invalid(format!("the upstream registry gave {found} for {}", self.digest)));
        }
        file.sync_all().await.map_err(disk)?;
        self.shelf.adopt(&growing.path, &self.digest).map_err(disk)?;
        self.shelf.link(&self.name, &self.digest).map_err(disk)
    }

    async fn once(
        &self,
        growing: &Growing,
        file: &mut File,
        hash: &mut Sha256,
        length: &mut u64,
    ) -> Result<(), RemoteError> {
        let disk = |error: std::io::Error| RemoteError::Invalid(format!("the cache's disk: {error}"));
        let mut blob = self.remote.blob(self.digest.as_str(), *length).await?;
        if blob.total.is_some_and(|total| total > self.shelf.limit()) {
            return Err(RemoteError::Invalid(format!("{} is larger than the whole cache", self.digest)));
        }
        if blob.from > *length {
            return Err(RemoteError::Invalid("the upstream registry left bytes out".into()));
        }
        // Bytes that are there already, from a registry that gives all again.
        let mut skip = *length - blob.from;
        growing.advance(*length, blob.total);
        while let Some(mut chunk) = blob.next().await? {
            let skipped = skip.min(chunk.len() as u64);
            skip -= skipped;
            let chunk = chunk.split_off(skipped as usize);
            if *length + chunk.len() as u64 > blob.total.unwrap_or(self.shelf.limit()) {
                return Err(RemoteError::Invalid("the upstream registry gave more than it said".into()));
            }
            file.write_all(&chunk).await.map_err(disk)?;
            hash.update(&chunk);
            *length += chunk.len() as u64;
            // Tokio writes on a thread of its own; readers must find what they are told of.
            file.flush().await.map_err(disk)?;
            growing.advance(*length, blob.total);
        }
        match blob.total {
            Some(total) if *length < total => {
                Err(RemoteError::Away(format!("it ended after {length} of {total} bytes")))
            }
            _ => Ok(()),
        }
    }
}
