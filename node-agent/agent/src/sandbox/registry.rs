//! The process that serves the image library and keeps what sessions push. What students send it, it reads; so it runs as nodes do, as
//! nobody on the host: in a user namespace of its own, without a capability, without a network, and with nothing to see but the
//! node image and the library (both for reading only), its data and its sockets. It has a node's directories and is removed as a node is.

use std::{
    fs,
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::{DirBuilderExt, chown},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use http::Method;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::UnixStream, sync::oneshot};

use super::{
    Error, Result, at, idmap,
    rootfs::Layout,
    shut_in::{self, Bind, ShutIn},
};
use crate::{
    config::Limits,
    registry::{program::CONTROL, upstream},
};

/// What the process may use; its work is copying files.
const LIMITS: Limits = Limits { memory: 512 << 20, pids: 128, cpus: 2.0, disk: 0 };
/// How long it may take to answer its first question.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the service is and who it is on the host.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) tag: String,
    layout: Layout,
    base: u32,
}

impl Service {
    pub(crate) fn new(tag: String, layout: Layout, base: u32) -> Self {
        Self { tag, layout, base }
    }

    fn sockets(&self) -> PathBuf {
        self.layout.dir.join("sockets")
    }

    /// The directory with a session's socket, for its nodes' `/run/slipway`.
    pub(crate) fn session(&self, id: &str) -> PathBuf {
        self.sockets().join(id)
    }

    /// Makes directories, mounts and the bundle; `upstream` is the directory with the fetcher's socket, if there is a fetcher. On an
    /// error what was made stays for the teardown.
    pub(crate) fn prepare(
        &self,
        library: &Path,
        node_image: &Path,
        agent: &Path,
        quota: u64,
        upstream: Option<&Path>,
    ) -> Result<PathBuf> {
        let Layout { dir, lower, rootfs, bundle, .. } = &self.layout;
        let data = dir.join("data");
        for new in [dir, lower, rootfs, bundle] {
            fs::DirBuilder::new().mode(0o711).create(new).map_err(at("create", new))?;
        }
        for (new, mode) in [(&data, 0o700), (&self.sockets(), 0o711)] {
            fs::DirBuilder::new().mode(mode).create(new).map_err(at("create", new))?;
            chown(new, Some(self.base), Some(self.base)).map_err(at("change the owner of", new))?;
        }
        // The host root's files shown as the process's own, for reading only.
        let namespace = idmap::user_namespace(self.base)?;
        idmap::mount_idmapped(library, lower, namespace.as_fd())?;
        idmap::mount_idmapped(node_image, rootfs, namespace.as_fd())?;
        let config = self.config(agent, &data, quota, upstream);
        let path = bundle.join("config.json");
        fs::write(&path, config.to_string()).map_err(at("write", &path))?;
        Ok(bundle.clone())
    }

    pub(crate) fn limits() -> &'static Limits {
        &LIMITS
    }

    fn config(&self, agent: &Path, data: &Path, quota: u64, fetcher: Option<&Path>) -> Value {
        let (quota, upstream) = (quota.to_string(), format!("/run/upstream/{}", upstream::program::SOCKET));
        let mut args = vec!["registry", "--library", "/run/library", "--data", "/run/data"];
        args.extend(["--sockets", "/run/sockets", "--quota", &quota]);
        let mut binds = vec![
            Bind::reading("/run/library", &self.layout.lower),
            Bind::writing("/run/data", data),
            Bind::writing("/run/sockets", &self.sockets()),
        ];
        if let Some(dir) = fetcher {
            args.extend(["--upstream", &upstream]);
            // The directory, not the socket: a fetcher that had to be started again makes a new socket.
            binds.push(Bind::reading("/run/upstream", dir));
        }
        shut_in::config(ShutIn {
            tag: &self.tag,
            hostname: "registry",
            rootfs: &self.layout.rootfs,
            owner: self.base,
            agent,
            args: &args,
            capabilities: &[],
            umask: None,
            oom: 100,
            files: 16384,
            binds,
        })
    }

    /// Removes the control socket of a process that has ended.
    pub(crate) fn forget_control(&self) -> Result<()> {
        let control = self.sockets().join(CONTROL);
        match fs::remove_file(&control) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at("remove", &control)(error)),
            _ => Ok(()),
        }
    }

    /// Waits until it answers.
    pub(crate) fn wait_until_ready(&self, exit: &mut oneshot::Receiver<i32>) -> Result<()> {
        let begun = Instant::now();
        // A socket is there a moment before anybody listens.
        while !self.listens() {
            if let Ok(code) = exit.try_recv() {
                let text = format!("it ended with {code}; is the library {} readable?", self.layout.lower.display());
                return Err(Error::Tool { tool: "node-agent registry", text });
            }
            if begun.elapsed() > PATIENCE {
                let text = format!("it made no socket in {} seconds", PATIENCE.as_secs());
                return Err(Error::Tool { tool: "node-agent registry", text });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn listens(&self) -> bool {
        let Ok(held) = fs::File::open(self.sockets()) else { return false };
        let path = format!("/proc/self/fd/{}/{CONTROL}", held.as_raw_fd());
        std::os::unix::net::UnixStream::connect(path).is_ok()
    }

    /// Opens a session's registry, or finds it open.
    pub(crate) async fn open(&self, session: &str) -> Result<()> {
        self.ask(Method::PUT, session).await
    }

    /// Closes a session's registry and removes what it holds.
    pub(crate) async fn close(&self, session: &str) -> Result<()> {
        self.ask(Method::DELETE, session).await
    }

    async fn ask(&self, method: Method, session: &str) -> Result<()> {
        let asked = async {
            let sockets = self.sockets();
            // A socket's path has room for 107 bytes only; through /proc the directory's length does not matter.
            let held = fs::File::open(&sockets)?;
            let stream = UnixStream::connect(format!("/proc/self/fd/{}/{CONTROL}", held.as_raw_fd())).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
            let driver = tokio::spawn(connection);
            let request = http::Request::builder()
                .method(method)
                .uri(format!("/sessions/{session}"))
                .header(http::header::HOST, "registry")
                .body(Empty::<bytes::Bytes>::new())
                .map_err(std::io::Error::other)?;
            let response = sender.send_request(request).await.map_err(std::io::Error::other)?;
            let good = response.status().is_success();
            let body = response.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
            driver.abort();
            if good { Ok(()) } else { Err(std::io::Error::other(String::from_utf8_lossy(&body).into_owned())) }
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await;
        answered
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(|source| Error::System { step: format!("tell the registry of session {session}"), source })
    }
}
