//! Taking a connection over: 101 for clients that ask to upgrade, and copying bytes between client and shim with half-closes
//! kept and detach keys watched for.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use super::ApiVersion;
use crate::error::{Error, Result};

/// What a hijack needs of its request.
pub(crate) struct Hijack {
    upgrade: OnUpgrade,
    asked: bool,
    version: ApiVersion,
}

impl Hijack {
    /// Takes the connection out of a request.
    pub(crate) fn new(request: &mut Request) -> Result<Self> {
        let asked = request.headers().contains_key(header::UPGRADE);
        let version = request.extensions().get::<ApiVersion>().copied().unwrap_or(ApiVersion(51));
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let upgrade = upgrade.ok_or_else(|| Error::bad("this connection cannot be taken over: use HTTP/1.1"))?;
        Ok(Self { upgrade, asked, version })
    }

    /// Whether the client sent `Upgrade`.
    pub(crate) fn asked(&self) -> bool {
        self.asked
    }

    /// The media type of a stream.
    pub(crate) fn media_type(version: ApiVersion, tty: bool) -> &'static str {
        if !tty && version >= ApiVersion(42) {
            "application/vnd.docker.multiplexed-stream"
        } else {
            "application/vnd.docker.raw-stream"
        }
    }

    /// Answers 101 and copies between client and shim in the background; `first` goes to the client before anything else.
    /// `on_detach` is called when the client typed the detach keys.
    pub(crate) fn connect(
        self,
        shim: UnixStream,
        tty: bool,
        first: Vec<u8>,
        keys: Vec<u8>,
        on_detach: impl FnOnce() + Send + 'static,
    ) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Self::media_type(self.version, tty)));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("tcp"));
        let upgrade = self.upgrade;
        tokio::spawn(async move {
            match upgrade.await {
                Ok(client) => copy(TokioIo::new(client), shim, &first, keys, on_detach).await,
                Err(e) => tracing::debug!("taking a connection over: {e}"),
            }
        });
        response
    }

    /// The answer to a client that did not ask to upgrade: 200 and the output as a body.
    pub(crate) fn plain(&self, shim: UnixStream, tty: bool, first: Vec<u8>) -> Response {
        use futures_util::StreamExt;
        let head = futures_util::stream::iter((!first.is_empty()).then(|| Ok::<_, std::io::Error>(first.into())));
        let rest = tokio_util::io::ReaderStream::new(shim);
        let mut response = Response::new(Body::from_stream(head.chain(rest)));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(Self::media_type(self.version, tty)));
        response
    }
}

async fn copy<C>(client: C, shim: UnixStream, first: &[u8], keys: Vec<u8>, on_detach: impl FnOnce())
where
    C: AsyncRead + AsyncWrite + Send,
{
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_shim, mut to_shim) = shim.into_split();
    let output = async {
        if to_client.write_all(first).await.is_ok() {
            let _ = tokio::io::copy(&mut from_shim, &mut to_client).await;
        }
        // The process has ended, or the client has gone: either way the client learns that nothing follows.
        let _ = to_client.shutdown().await;
    };
    let input = async {
        let mut watcher = DetachKeys::new(keys);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = match from_client.read(&mut buffer).await {
                Ok(0) => break false,
                Err(_) => break false,
                Ok(n) => n,
            };
            let (bytes, detached) = watcher.filter(&buffer[..count]);
            if to_shim.write_all(&bytes).await.is_err() {
                break false;
            }
            if detached {
                break true;
            }
        }
    };
    let mut output = std::pin::pin!(output);
    tokio::select! {
        () = &mut output => return,
        detached = input => {
            if detached {
                on_detach();
                return;
            }
        }
    }
    // Half-close: the process sees the end of its stdin while its output goes on.
    let _ = to_shim.shutdown().await;
    output.await;
}

/// Looks for the detach sequence in what a client types.
struct DetachKeys {
    keys: Vec<u8>,
    matched: usize,
}

impl DetachKeys {
    fn new(keys: Vec<u8>) -> Self {
        Self { keys, matched: 0 }
    }

    /// The bytes to pass on, and whether the sequence is complete. A part of it is held back until it is known to be none.
    fn filter(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        if self.keys.is_empty() {
            return (bytes.to_vec(), false);
        }
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if *byte != self.keys[self.matched] && self.matched > 0 {
                out.extend_from_slice(&self.keys[..self.matched]);
                self.matched = 0;
            }
            if *byte == self.keys[self.matched] {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return (out, true);
                }
            } else {
                out.push(*byte);
            }
        }
        (out, false)
    }
}

/// Parses `--detach-keys`: `ctrl-p,ctrl-q` or plain characters; the default when empty.
pub(crate) fn parse_keys(text: &str) -> Result<Vec<u8>> {
    if text.is_empty() {
        return Ok(vec![16, 17]);
    }
    let key = |k: &str| -> Option<u8> {
        if let [byte] = k.as_bytes() {
            return Some(*byte);
        }
        match k.strip_prefix("ctrl-")?.as_bytes() {
            [c @ b'a'..=b'z'] => Some(c - b'a' + 1),
            [b'@'] => Some(0),
            [c @ (b'[' | b'\\' | b']' | b'^' | b'_')] => Some(c - b'[' + 27),
            _ => None,
        }
    };
    let invalid = || Error::bad(format!("invalid detach keys ({text}) provided"));
    text.split(',').map(|k| key(k).ok_or_else(invalid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detach_keys_are_parsed_and_found_across_reads() {
        assert_eq!(parse_keys("").unwrap(), [16, 17]);
        assert_eq!(parse_keys("ctrl-x,q").unwrap(), [24, b'q']);
        assert!(parse_keys("ctrl-").is_err());
        let mut keys = DetachKeys::new(vec![16, 17]);
        assert_eq!(keys.filter(b"ab\x10"), (b"ab".to_vec(), false));
        assert_eq!(keys.filter(b"c\x10\x10"), (b"\x10c\x10".to_vec(), false));
        assert_eq!(keys.filter(b"\x11rest"), (vec![], true));
    }
}
