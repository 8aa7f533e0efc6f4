//! Noticing that a client goes away while its answer has nothing to say. Half-closed connections are allowed here, so that
//! HTTP itself does not notice.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::net::UnixStream;

/// The socket of a request's client.
#[derive(Debug, Clone)]
pub(crate) struct Peer(Option<Arc<OwnedFd>>);

impl Peer {
    /// Of a connection; without descriptors to spare, of none.
    pub(crate) fn of(stream: &impl AsFd) -> Self {
        Self(stream.as_fd().try_clone_to_owned().ok().map(Arc::new))
    }

    /// Whether a request may work for long in silence, and for its client alone. Others need no watch, and streams that are
    /// taken over must not be kept open by one.
    pub(crate) fn matters<B>(request: &http::Request<B>) -> bool {
        let path = request.uri().path();
        request.method() == http::Method::POST && (path.starts_with("/images/") || path == "/build")
    }

    /// Ends when the client has closed its side.
    pub(crate) async fn gone(&self) {
        let watched = self.0.as_ref().and_then(|socket| socket.try_clone().ok());
        // Whatever its family: nothing but readiness is asked of it.
        let watched = watched.and_then(|socket| UnixStream::from_std(socket.into()).ok());
        let Some(watched) = watched else { return std::future::pending().await };
        while let Ok(ready) = watched.ready(Interest::READABLE).await {
            if ready.is_read_closed() {
                return;
            }
            // What came is for HTTP to read; only the next event matters here.
            let _ = watched.try_io(Interest::READABLE, || Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    #[tokio::test]
    async fn a_client_is_gone_when_it_has_closed_and_not_before() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let peer = Peer::of(&server);
        client.write_all(b"more").await.unwrap();
        let soon = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, peer.gone()).await.is_err());
        drop(client);
        tokio::time::timeout(std::time::Duration::from_secs(20), peer.gone()).await.unwrap();
    }
}
