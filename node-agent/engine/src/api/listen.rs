//! Sockets: binding them, and one HTTP/1.1 connection after another.

use std::convert::Infallible;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tower_service::Service;

use super::peer::Peer;
use super::{add_headers, router, strip_version};
use crate::engine::Engine;
use crate::error::{Error, Result};

/// Where to listen.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// A TCP address; anyone who reaches it is root on this machine.
    Tcp(String),
}

impl Address {
    /// Parses `unix:///PATH` or `tcp://ADDRESS:PORT`.
    ///
    /// # Errors
    /// For anything else.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix://") {
            return Ok(Self::Unix(path.into()));
        }
        if let Some(address) = text.strip_prefix("tcp://") {
            return Ok(Self::Tcp(address.into()));
        }
        Err(Error::bad(format!("--host {text}: expected unix:///PATH or tcp://ADDRESS:PORT")))
    }

    /// Removes a unix socket's file.
    pub(crate) fn clean_up(&self) {
        if let Self::Unix(path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub(crate) enum Listener {
    /// A unix socket.
    Unix(UnixListener),
    /// A TCP socket.
    Tcp(TcpListener),
}

impl Listener {
    /// Binds; a socket file that nobody listens on is replaced.
    ///
    /// # Errors
    /// When the address is taken or cannot be bound.
    pub(crate) fn bind(address: &Address) -> Result<Self> {
        match address {
            Address::Unix(path) => {
                let fail = |e: std::io::Error| Error::internal(format!("listening on {}: {e}", path.display()));
                if std::os::unix::net::UnixStream::connect(path).is_ok() {
                    return Err(Error::internal(format!(
                        "listening on {}: another engine answers there",
                        path.display()
                    )));
                }
                let _ = std::fs::remove_file(path);
                if let Some(dir) = path.parent() {
                    std::fs::create_dir_all(dir).map_err(fail)?;
                }
                let listener = UnixListener::bind(path).map_err(fail)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(fail)?;
                Ok(Self::Unix(listener))
            }
            Address::Tcp(address) => {
                let fail = |e: std::io::Error| Error::internal(format!("listening on {address}: {e}"));
                let listener = std::net::TcpListener::bind(address).map_err(fail)?;
                listener.set_nonblocking(true).map_err(fail)?;
                TcpListener::from_std(listener).map(Self::Tcp).map_err(fail)
            }
        }
    }
}

/// Serves a listener for ever.
pub(crate) async fn serve(engine: Arc<Engine>, listener: Listener) {
    let app = router(engine);
    let quiet = Arc::new(tokio::sync::Notify::new());
    tokio::spawn(release_when_quiet(Arc::clone(&quiet)));
    loop {
        let accepted = match &listener {
            Listener::Unix(l) => l.accept().await.map(|(s, _)| connection(app.clone(), s)),
            Listener::Tcp(l) => l.accept().await.map(|(s, _)| connection(app.clone(), s)),
        };
        quiet.notify_one();
        if let Err(e) = accepted {
            // Out of descriptors, most likely: the next moment may be better.
            tracing::warn!("accepting a connection: {e}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

/// After the last connection for a while, gives back the pages of the code that it needed.
async fn release_when_quiet(activity: Arc<tokio::sync::Notify>) {
    const QUIET: std::time::Duration = std::time::Duration::from_secs(2);
    loop {
        while tokio::time::timeout(QUIET, activity.notified()).await.is_ok() {}
        slipway_runtime::memory::release_code();
        activity.notified().await;
    }
}

fn connection<S: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static>(app: Router, stream: S) {
    let peer = Peer::of(&stream);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let mut app = app.clone();
        let stripped = strip_version(&mut request);
        if Peer::matters(&request) {
            request.extensions_mut().insert(peer.clone());
        }
        async move {
            let mut response = match stripped {
                Ok(()) => match app.call(request.map(axum::body::Body::new)).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                Err(error) => error.into_response(),
            };
            add_headers(&mut response);
            Ok::<_, Infallible>(response)
        }
    });
    tokio::spawn(async move {
        let served = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        // Clients that go away in the middle are everyday life.
        if let Err(e) = served.await {
            tracing::debug!("connection: {e}");
        }
    });
}
