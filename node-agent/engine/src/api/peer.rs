//! Noticing that a client goes away while its answer has nothing to say. Half-closed connections are allowed here, so that
//! HTTP itself does not notice.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

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
        let watched = watched.and_then(|socket| AsyncFd::register_with_interest(socket, Interest::READABLE).ok());
        let Some(watched) = watched else { return std::future::pending().await };
        while let Ok(mut guard) = watched.ready(Interest::READABLE).await {
            if guard.ready().is_read_closed() {
                return;
            }
            guard.clear_ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixStream;

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
