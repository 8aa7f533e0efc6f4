//! A node's socket for layers. Only the node's root is answered, one request at a time, by a thread of the node's own.

use std::{
    fs, io,
    os::{
        fd::{AsFd, AsRawFd},
        unix::{
            fs::{DirBuilderExt, PermissionsExt, chown},
            net::{UnixListener, UnixStream},
        },
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use nix::sys::socket::{Shutdown, getsockopt, shutdown, sockopt::PeerCredentials};
use slipway_images::shared::protocol;

use super::{Guest, Layers, SOCKET};

/// How long a node may take to say what it wants, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

impl Layers {
    /// Makes `dir` with the node's socket in it. `root` is the node's root on the host, `namespace` has the mapping that shows
    /// the layers' files as the node's.
    pub(crate) fn open_node(
        self: &Arc<Self>,
        tag: &str,
        dir: &Path,
        root: u32,
        namespace: std::os::fd::OwnedFd,
    ) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o711).create(dir)?;
        // A socket's path has room for 107 bytes only; through /proc the directory's length does not matter.
        let held = fs::File::open(dir)?;
        let path = format!("/proc/self/fd/{}/{SOCKET}", held.as_raw_fd());
        let listener = UnixListener::bind(&path)?;
        chown(&path, Some(root), Some(root))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let guest = Guest { namespace: Arc::new(namespace), listener: listener.try_clone()? };
        self.lock().nodes.insert(tag.to_owned(), guest);
        let (layers, owned) = (Arc::clone(self), tag.to_owned());
        let thread = std::thread::Builder::new().name(format!("layers-{tag}")).stack_size(256 << 10);
        thread.spawn(move || serve(&layers, &owned, root, &listener)).map(drop)
    }
}

fn serve(layers: &Layers, tag: &str, root: u32, listener: &UnixListener) {
    while let Ok((mut stream, _)) = listener.accept() {
        let peer = getsockopt(&stream, PeerCredentials).map(|peer| peer.uid());
        if peer != Ok(root) {
            continue;
        }
        if let Err(error) = once(layers, tag, &mut stream) {
            tracing::debug!(tag, %error, "a node's request for layers");
        }
    }
}

fn once(layers: &Layers, tag: &str, stream: &mut UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // Descriptors that come along are closed.
    let (request, _) = protocol::receive(stream)?;
    let (answer, fds) = layers.answer(tag, request);
    let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    protocol::send(stream, &answer, &fds)
}

/// Wakes the thread that waits at a node's socket, which ends then.
pub(crate) fn shut(listener: &UnixListener) {
    // It fails only where nobody waits.
    let _ = shutdown(listener.as_raw_fd(), Shutdown::Both);
}
