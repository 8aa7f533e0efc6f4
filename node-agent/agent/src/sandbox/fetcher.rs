//! The process that fetches from the upstream registry what the library lacks: the only part of the registry that has a network, a node's,
//! behind the same filter. Otherwise it is shut in as the registry is: nobody on the host, no capability, nothing to see but the node
//! image (for reading only) and its cache. The cache outlives it; on the disk it is root's, whatever ids the process has this time.

use std::{
    fs,
    net::Ipv4Addr,
    os::{
        fd::AsFd,
        unix::fs::{DirBuilderExt, chown},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    Error, Result, at,
    firewall::Port,
    idmap,
    rootfs::Layout,
    shut_in::{self, Bind, ShutIn},
};
use crate::{
    config::{Limits, Registry},
    registry::upstream::program::SOCKET,
};

/// What the process may use; its work is copying from the network to the disk.
const LIMITS: Limits = Limits { memory: 512 << 20, pids: 128, cpus: 2.0, disk: 0 };
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the fetcher is and who it is on the host.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    pub(crate) tag: String,
    pub(crate) address: Ipv4Addr,
    layout: Layout,
    base: u32,
}

/// What it is told.
pub(crate) struct Plan<'a> {
    pub(crate) cache: &'a Path,
    pub(crate) node_image: &'a Path,
    pub(crate) agent: &'a Path,
    pub(crate) registry: &'a Registry,
    pub(crate) dns: &'a [Ipv4Addr],
    pub(crate) extra_ca: Option<&'a [u8]>,
}

impl Fetcher {
    pub(crate) fn new(tag: String, layout: Layout, base: u32, address: Ipv4Addr) -> Self {
        Self { tag, address, layout, base }
    }

    /// The directory with its socket, for the registry.
    pub(crate) fn sockets(&self) -> PathBuf {
        self.layout.dir.join("sockets")
    }

    pub(crate) fn port(&self) -> Port {
        Port { device: super::device(&self.tag), address: self.address }
    }

    pub(crate) fn limits() -> &'static Limits {
        &LIMITS
    }

    /// Makes directories, mounts and the bundle. On an error what was made stays for the teardown.
    pub(crate) fn prepare(&self, plan: &Plan<'_>) -> Result<()> {
        let Layout { dir, lower, rootfs, bundle, .. } = &self.layout;
        for new in [dir, lower, rootfs, bundle] {
            fs::DirBuilder::new().mode(0o711).create(new).map_err(at("create", new))?;
        }
        let sockets = self.sockets();
        fs::DirBuilder::new().mode(0o711).create(&sockets).map_err(at("create", &sockets))?;
        chown(&sockets, Some(self.base), Some(self.base)).map_err(at("change the owner of", &sockets))?;
        self.write_etc(plan)?;
        // What it writes is root's on the disk, where no other user comes near it.
        let above = plan.cache.parent().unwrap_or(plan.cache);
        fs::DirBuilder::new().mode(0o700).recursive(true).create(above).map_err(at("create", above))?;
        fs::DirBuilder::new().mode(0o755).recursive(true).create(plan.cache).map_err(at("create", plan.cache))?;
        let namespace = idmap::user_namespace(self.base)?;
        idmap::mount_idmapped_writable(plan.cache, lower, namespace.as_fd())?;
        idmap::mount_idmapped(plan.node_image, rootfs, namespace.as_fd())?;
        let path = bundle.join("config.json");
        fs::write(&path, self.config(plan).to_string()).map_err(at("write", &path))
    }

    /// A small `/etc` of its own: names are looked up and certificates checked by it.
    fn write_etc(&self, plan: &Plan<'_>) -> Result<()> {
        let certificates = self.layout.dir.join("etc/ssl/certs");
        fs::create_dir_all(&certificates).map_err(at("create", &certificates))?;
        let put = |relative: &str, bytes: &[u8]| {
            let path = self.layout.dir.join("etc").join(relative);
            fs::write(&path, bytes).map_err(at("write", &path))
        };
        let resolv: String = plan.dns.iter().map(|server| format!("nameserver {server}\n")).collect();
        put("resolv.conf", format!("{resolv}options timeout:2 attempts:2\n").as_bytes())?;
        put("hosts", b"127.0.0.1\tlocalhost\n")?;
        let bundle = "ssl/certs/ca-certificates.crt";
        let host = fs::read(Path::new("/etc").join(bundle));
        let mut all = host.or_else(|_| fs::read(plan.node_image.join("etc").join(bundle))).unwrap_or_default();
        all.push(b'\n');
        all.extend_from_slice(plan.extra_ca.unwrap_or_default());
        put(bundle, &all)
    }

    fn config(&self, plan: &Plan<'_>) -> Value {
        let upstream = plan.registry.upstream.as_ref().map(ToString::to_string).unwrap_or_default();
        let socket = format!("/run/sockets/{SOCKET}");
        let (limit, ttl) = (plan.registry.cache.to_string(), plan.registry.ttl.as_secs().to_string());
        let args = ["fetcher", "--upstream", &upstream, "--cache", "/run/cache", "--socket", &socket];
        let args: Vec<&str> = args.into_iter().chain(["--limit", &limit, "--ttl", &ttl]).collect();
        shut_in::config(ShutIn {
            tag: &self.tag,
            hostname: "fetcher",
            rootfs: &self.layout.rootfs,
            owner: self.base,
            agent: plan.agent,
            args: &args,
            capabilities: &[],
            umask: None,
            oom: 100,
            files: 16384,
            binds: vec![
                Bind::reading("/etc", &self.layout.dir.join("etc")),
                Bind::writing("/run/cache", &self.layout.lower),
                Bind::writing("/run/sockets", &self.sockets()),
            ],
        })
    }

    /// Removes the socket of a process that has ended.
    pub(crate) fn forget_socket(&self) -> Result<()> {
        let socket = self.sockets().join(SOCKET);
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at("remove", &socket)(error)),
            _ => Ok(()),
        }
    }

    /// Waits until it listens.
    pub(crate) fn wait_until_ready(&self, exit: &mut oneshot::Receiver<i32>) -> Result<()> {
        let (begun, socket) = (Instant::now(), self.sockets().join(SOCKET));
        let failed = |text: String| Error::Tool { tool: "node-agent fetcher", text };
        while !socket.exists() {
            if let Ok(code) = exit.try_recv() {
                return Err(failed(format!(
                    "it ended with {code}; is the cache {} writable?",
                    self.layout.lower.display()
                )));
            }
            if begun.elapsed() > PATIENCE {
                return Err(failed(format!("it made no socket in {} seconds", PATIENCE.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}
