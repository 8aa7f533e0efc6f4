//! Blobs on their way to a registry: asked for, mounted from another repository, or sent. A layer is made again from the
//! store and compressed on a thread of its own while it is sent.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::unfold;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::client::Client;
use super::download::REPORT_EVERY;
use super::fault::{Fault, Kind};
use super::manifest::Pushed;
use super::registries::Tell;
use super::transport::Call;
use crate::digest::{ChainId, Digest};
use crate::progress::Progress;
use crate::store::{BlobSource, Store};

const PIECE: usize = 64 * 1024;
const BUFFERED: usize = 16;

/// How an upload began.
pub(crate) enum Begun {
    /// The registry took the blob from another repository.
    Mounted,
    /// It is to be sent there.
    At(String),
}

/// One repository as a place for blobs.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) client: &'a Client,
    /// Without the domain: `library/ubuntu`.
    pub(crate) path: &'a str,
}

impl Target<'_> {
    /// Whether the repository has a blob.
    pub(crate) async fn find(&self, digest: Digest) -> Result<Option<Pushed>, Fault> {
        let call = Call::new(Method::HEAD, format!("/v2/{}/blobs/{digest}", self.path));
        let response = match self.client.send_again(&call).await {
            Err(fault) if fault.status == Some(StatusCode::NOT_FOUND) => return Ok(None),
            other => other?,
        };
        let length = response.headers().get(header::CONTENT_LENGTH);
        let size = length.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(size.map(|size| Pushed { digest, size }))
    }

    /// Begins an upload, and offers to take the blob from elsewhere.
    pub(crate) async fn begin(&self, mount: Option<&BlobSource>) -> Result<Begun, Fault> {
        let mut path = format!("/v2/{}/blobs/uploads/", self.path);
        if let Some(mount) = mount {
            let from = mount.repository.split_once('/').map_or("", |(_, path)| path).replace('/', "%2F");
            path += &format!("?from={from}&mount={}", mount.digest);
        }
        let response = self.client.send(&Call::new(Method::POST, path.as_str())).await?;
        match response.status() {
            StatusCode::CREATED => Ok(Begun::Mounted),
            _ => Ok(Begun::At(self.location(&path, &response)?)),
        }
    }

    /// Where to go on, as the answer to a request for `asked` says.
    fn location<T>(&self, asked: &str, response: &http::Response<T>) -> Result<String, Fault> {
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        self.client.own(asked, location.ok_or_else(|| Fault::invalid("the registry did not say where to upload to"))?)
    }

    /// Ends an upload.
    async fn finish(&self, location: &str, digest: Digest, rest: Bytes) -> Result<(), Fault> {
        let separator = if location.contains('?') { '&' } else { '?' };
        let mut call = Call::new(Method::PUT, format!("{location}{separator}digest={digest}"))
            .with(header::CONTENT_TYPE, "application/octet-stream");
        call.body = rest;
        self.client.send(&call).await.map(drop)
    }

    /// Sends a small blob in one piece, unless it is there.
    pub(crate) async fn small(&self, content: &[u8]) -> Result<Pushed, Fault> {
        let blob = Pushed { digest: Digest::of(content), size: content.len() as u64 };
        if self.find(blob.digest).await?.is_none()
            && let Begun::At(location) = self.begin(None).await?
        {
            self.finish(&location, blob.digest, Bytes::copy_from_slice(content)).await?;
        }
        Ok(blob)
    }

    /// Sends a layer to where an upload has begun.
    pub(crate) async fn layer(
        &self,
        store: &Arc<Store>,
        layer: &Source,
        location: &str,
        tell: &Tell,
    ) -> Result<Pushed, Fault> {
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(BUFFERED);
        let making = {
            let (store, tell, layer) = (Arc::clone(store), tell.clone(), layer.clone());
            tokio::task::spawn_blocking(move || make(&store, &layer, &tell, sender))
        };
        let stream = unfold(receiver, |mut receiver| async move {
            let piece: io::Result<Bytes> = receiver.recv().await?;
            Some((piece.map(Frame::data), receiver))
        });
        let call = Call::new(Method::PATCH, location).with(header::CONTENT_TYPE, "application/octet-stream");
        let sent = self.client.upload(&call, StreamBody::new(stream).boxed_unsync()).await;
        let made = making.await.map_err(|error| Fault::invalid(format!("the compressing thread ended: {error}")))?;
        // What the store could not give explains why sending failed; that nobody took it does not.
        let blob = match (made, &sent) {
            (Ok(blob), _) => Some(blob),
            (Err(error), Err(_)) if error.kind() == io::ErrorKind::BrokenPipe => None,
            (Err(error), _) => return Err(Fault::new(Kind::Invalid, error.to_string())),
        };
        let location = self.location(location, &sent?)?;
        let blob = blob.ok_or_else(|| Fault::new(Kind::Connection, "the registry ended the upload early"))?;
        self.finish(&location, blob.digest, Bytes::new()).await?;
        Ok(blob)
    }
}

/// A layer to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) chain: ChainId,
    /// What messages call it.
    pub(crate) id: String,
    /// Bytes in its files, for the bar.
    pub(crate) size: u64,
}

fn make(store: &Store, layer: &Source, tell: &Tell, sender: mpsc::Sender<io::Result<Bytes>>) -> io::Result<Pushed> {
    let sink = Sink { sender, piece: Vec::with_capacity(PIECE), hash: Sha256::new(), size: 0 };
    let mut counted = Counted { inner: GzEncoder::new(sink, Compression::default()), layer, tell, done: 0, told: None };
    let written = store.write_layer_tar(&layer.chain, &mut counted);
    let (layer, done) = (counted.layer, counted.done);
    match written.map_err(into_io).and_then(|()| counted.inner.finish()).and_then(|mut sink| sink.end().map(|()| sink))
    {
        Ok(sink) => {
            tell.say(Progress::layer(&layer.id, "Pushing", Some((done, layer.size))));
            Ok(Pushed { digest: Digest::from_bytes(sink.hash.finalize().into()), size: sink.size })
        }
        Err(error) => Err(error),
    }
}

/// Keeps what the kind of an error says.
fn into_io(error: crate::error::Error) -> io::Error {
    match &error {
        crate::error::Error::Io { source, .. } => io::Error::new(source.kind(), error.to_string()),
        _ => io::Error::other(error),
    }
}

/// Uncompressed bytes on their way, counted for the bar.
struct Counted<'a> {
    inner: GzEncoder<Sink>,
    layer: &'a Source,
    tell: &'a Tell,
    done: u64,
    told: Option<Instant>,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.done += written as u64;
        if self.told.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            self.told = Some(Instant::now());
            self.tell.say(Progress::layer(&self.layer.id, "Pushing", Some((self.done, self.layer.size))));
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Compressed bytes, hashed and handed to the connection in pieces.
struct Sink {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
    hash: Sha256,
    size: u64,
}

impl Sink {
    fn end(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.hash.update(&piece);
        self.size += piece.len() as u64;
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.end()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end()
    }
}
