//! Nodes on this host: each is a sandbox with namespaces, a disk, an address and limits of its own, made through the OCI runtime.
//! Everything a node has is named after its tag or lies in `<data-dir>/nodes/<tag>`, which is made first and removed last; so a
//! new agent finds by the directories alone what one that was killed left behind. Nothing here reads what is inside a node.

mod bundle;
mod cgroup;
mod disk;
mod error;
mod exec;
mod fetcher;
mod firewall;
mod idmap;
mod network;
mod nodes;
mod oci;
mod reap;
mod registry;
mod rootfs;
mod shut_in;
mod unpacker;

use std::{
    fs::{self, File},
    net::Ipv4Addr,
    os::unix::{fs::DirBuilderExt, net::UnixListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use error::at;
pub use error::{Error, Result};
pub use exec::{ExecFiles, Shell};
pub use network::host_nameservers;
pub use oci::Runtime;

use tokio::sync::oneshot;

use crate::{config::Config, layers::Layers};
use cgroup::Hierarchies;
use fetcher::Fetcher;
use firewall::Port;
use idmap::Pool;
use registry::Service;
use rootfs::Layout;
use unpacker::Unpacker;

/// Where things are and what is allowed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The agent's own directory.
    pub data_dir: PathBuf,
    /// The node image: a directory that is a root filesystem.
    pub node_image: PathBuf,
    /// The `node-agent` binary that is bound into nodes and, without a `runtime` in the configuration, runs them.
    pub agent: PathBuf,
    /// The image library, an OCI layout, if there is one.
    pub library: Option<PathBuf>,
    /// Limits, network and so on.
    pub config: Config,
}

/// One running node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Names everything the node has on the host.
    pub tag: String,
    /// The host name, `node1` and so on.
    pub name: String,
    /// Its address on the nodes' network.
    pub address: Ipv4Addr,
    /// Host process id of its PID 1.
    pub init: u32,
    slot: u32,
    range: u32,
}

impl Node {
    fn port(&self) -> Port {
        Port { device: device(&self.tag), address: self.address }
    }
}

fn device(tag: &str) -> String {
    format!("slw-{tag}")
}

fn watch(pid: u32) -> Result<oneshot::Receiver<i32>> {
    reap::watch(pid).map_err(|source| Error::System { step: format!("watch process {pid}"), source })
}

/// How long each part of a node's making took.
#[derive(Clone, Debug, Default)]
pub struct Timings(pub Vec<(&'static str, Duration)>);

/// A node that has just been made.
#[derive(Debug)]
pub struct Started {
    /// The node.
    pub node: Node,
    /// How long its parts took.
    pub timings: Timings,
    /// Gives the exit code of its PID 1 when that has ended, and with it all that runs in the node.
    pub exit: oneshot::Receiver<i32>,
}

struct Pools {
    addresses: Pool,
    ranges: Pool,
}

/// All nodes of one agent.
pub struct Host {
    settings: Settings,
    runtime: Runtime,
    cgroups: Hierarchies,
    template: PathBuf,
    dns: Vec<Ipv4Addr>,
    extra_ca: Option<Vec<u8>>,
    registry: Option<Service>,
    /// What nodes share of their images; set before the first node is made.
    layers: Option<Arc<Layers>>,
    /// First host id of the files of layers.
    layer_ids: u32,
    fetcher: Option<Fetcher>,
    mtu: u32,
    pools: Mutex<Pools>,
    // Held for its lock, which keeps a second agent off this data directory.
    _lock: File,
    // Held for its name, which keeps a second agent off this network namespace's bridge and packet filter.
    _claim: UnixListener,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Gives the calling thread, and all threads it starts afterwards, a mount namespace in which nodes are mounted, and makes orphans
/// of the OCI runtime children of this process. To be called before other threads start.
///
/// # Errors
/// When the kernel refuses (not root).
pub fn isolate() -> Result<()> {
    use nix::{mount, sched};
    let failed = |step: &str| {
        let step = step.to_owned();
        move |errno: nix::errno::Errno| Error::System { step, source: errno.into() }
    };
    nix::sys::prctl::set_child_subreaper(true).map_err(failed("become a child subreaper"))?;
    sched::unshare(sched::CloneFlags::CLONE_NEWNS).map_err(failed("make a mount namespace (root is needed)"))?;
    let flags = mount::MsFlags::MS_REC | mount::MsFlags::MS_SLAVE;
    mount::mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).map_err(failed("keep mounts to this process"))
}

impl Host {
    /// Takes the data directory, removes what an earlier agent left in it, and makes ready what all nodes share: disk template,
    /// bridge, packet filter. [`isolate`] comes first. Blocking.
    ///
    /// # Errors
    /// When another agent uses the directory or a step fails. Leftovers that cannot be removed are logged and stay.
    pub fn open(settings: Settings) -> Result<Self> {
        let data = &settings.data_dir;
        for dir in [data.clone(), data.join("nodes")] {
            // Nodes' roots pass through to their own directories, hence 0711.
            fs::DirBuilder::new().mode(0o711).recursive(true).create(&dir).map_err(at("create", &dir))?;
        }
        let lock_path = data.join("lock");
        let lock = File::create(&lock_path).map_err(at("create", &lock_path))?;
        lock.try_lock()
            .map_err(|error| at("use the data directory, another node-agent serve has it:", data)(error.into()))?;
        let state = data.join("runtime");
        let runtime = match &settings.config.runtime {
            Some(program) => Runtime::new(program.clone(), Vec::new(), state),
            None => Runtime::new(settings.agent.clone(), vec!["runtime".into()], state),
        };
        let extra_ca = match &settings.config.extra_ca {
            Some(path) => Some(fs::read(path).map_err(at("read extra_ca", path))?),
            None => None,
        };
        let dns = match settings.config.network.dns.as_slice() {
            [] => host_nameservers(Path::new("/etc/resolv.conf")),
            given => given.to_vec(),
        };
        if dns.is_empty() {
            tracing::warn!("no nameserver is known for nodes; set network.dns in the configuration");
        }
        let claim = network::claim()?;
        let template = disk::ensure_template(data, settings.config.limits.disk)?;
        let mtu = network::prepare(&settings.config.network)?;
        let addresses = (1u64 << (32 - settings.config.network.subnet.prefix)).saturating_sub(3);
        let mut ranges = Pool::new(idmap::RANGES);
        // The first range, in every run of the agent: layers' files keep their owners.
        let range = ranges.take().ok_or(Error::Exhausted { what: "id range", remedy: "use a second host" })?;
        let mut host = Self {
            layers: None,
            layer_ids: settings.config.first_id + range * idmap::RANGE,
            runtime,
            cgroups: Hierarchies::discover()?,
            template,
            dns,
            extra_ca,
            registry: None,
            fetcher: None,
            mtu,
            pools: Mutex::new(Pools { addresses: Pool::new(u32::try_from(addresses).unwrap_or(u32::MAX)), ranges }),
            _lock: lock,
            _claim: claim,
            settings,
        };
        host.sweep();
        host.registry = host.new_registry()?;
        host.layers = Some(Arc::new(host.open_layers()?));
        host.fetcher = host.new_fetcher()?;
        Ok(host)
    }

    /// The layers that nodes share: those of the library, and of what the registry has pulled for all.
    fn open_layers(&self) -> Result<Layers> {
        let Settings { data_dir, node_image, agent, library, config } = &self.settings;
        let unpacker = Unpacker {
            runtime: self.runtime.clone(),
            cgroups: self.cgroups.clone(),
            nodes: data_dir.join("nodes"),
            node_image: node_image.clone(),
            agent: agent.clone(),
            owner: self.layer_ids,
            running: Mutex::new(Some(std::collections::HashSet::new())),
        };
        let sources = library.iter().cloned().chain([data_dir.join("registry/cache")]).collect();
        let dir = data_dir.join("layers");
        Layers::open(dir.clone(), self.layer_ids, sources, config.layers.disk, Box::new(unpacker))
            .map_err(at("use the layers in", &dir))
    }

    fn layers(&self) -> Option<&Arc<Layers>> {
        self.layers.as_ref()
    }

    /// Names and ids for the registry's process, which is not started yet.
    fn new_registry(&self) -> Result<Option<Service>> {
        if self.settings.library.is_none() {
            return Ok(None);
        }
        let range = self.pools().ranges.take();
        let range = range.ok_or(Error::Exhausted { what: "id range", remedy: "use a second host" })?;
        let tag = crate::random::hex::<4>();
        let base = self.settings.config.first_id + range * idmap::RANGE;
        Ok(Some(Service::new(tag.clone(), self.layout(&tag), base)))
    }

    /// As [`Host::new_registry`] for the fetcher, which has an address besides.
    fn new_fetcher(&self) -> Result<Option<Fetcher>> {
        if self.registry.is_none() || self.settings.config.registry.upstream.is_none() {
            return Ok(None);
        }
        let exhausted = |what| Error::Exhausted { what, remedy: "widen network.subnet or use a second host" };
        let mut pools = self.pools();
        let range = pools.ranges.take().ok_or_else(|| exhausted("id range"))?;
        let slot = pools.addresses.take().ok_or_else(|| exhausted("address"))?;
        let tag = crate::random::hex::<4>();
        let base = self.settings.config.first_id + range * idmap::RANGE;
        Ok(Some(Fetcher::new(tag.clone(), self.layout(&tag), base, self.address(slot))))
    }

    /// Slot 0 is the address after the gateway's; the pool is no larger than the subnet has hosts.
    fn address(&self, slot: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.settings.config.network.subnet.address) + 2 + slot)
    }

    /// Starts the fetcher's process, or starts it again. Gives its exit code when it has ended; `None` without an upstream registry.
    /// It comes before [`Host::start_registry`]. Blocking.
    ///
    /// # Errors
    /// When a step fails; what was made goes with [`Host::close`].
    pub fn start_fetcher(&self) -> Result<Option<oneshot::Receiver<i32>>> {
        let Some(fetcher) = &self.fetcher else { return Ok(None) };
        let (id, layout) = (device(&fetcher.tag), self.layout(&fetcher.tag));
        let Settings { node_image, agent, config, data_dir, .. } = &self.settings;
        if layout.dir.exists() {
            self.cgroups.kill(&fetcher.tag, Duration::from_secs(10))?;
            self.runtime.delete(&id, &layout.dir)?;
            network::disconnect(&id)?;
            fetcher.forget_socket()?;
        } else {
            let plan = fetcher::Plan {
                cache: &data_dir.join("registry/cache"),
                node_image,
                agent,
                registry: &config.registry,
                dns: &self.dns,
                extra_ca: self.extra_ca.as_deref(),
            };
            fetcher.prepare(&plan)?;
            self.cgroups.create(&fetcher.tag, Fetcher::limits())?;
        }
        let init = self.runtime.create(&id, &layout.bundle)?;
        let mut exit = watch(init)?;
        firewall::admit(&fetcher.port(), &[])?;
        network::connect(&config.network, self.mtu, init, &id, fetcher.address)?;
        self.runtime.start(&id, &layout.bundle)?;
        fetcher.wait_until_ready(&mut exit)?;
        Ok(Some(exit))
    }

    /// Starts the registry's process, or starts it again: then sessions find what they pushed. Gives its exit code when it has ended;
    /// `None` without a library. Blocking.
    ///
    /// # Errors
    /// When a step fails; what was made goes with [`Host::close`].
    pub fn start_registry(&self) -> Result<Option<oneshot::Receiver<i32>>> {
        let (Some(service), Some(library)) = (&self.registry, &self.settings.library) else { return Ok(None) };
        let (id, layout) = (device(&service.tag), self.layout(&service.tag));
        if layout.dir.exists() {
            self.cgroups.kill(&service.tag, Duration::from_secs(10))?;
            self.runtime.delete(&id, &layout.dir)?;
            service.forget_control()?;
        } else {
            let Settings { node_image, agent, config, .. } = &self.settings;
            let upstream = self.fetcher.as_ref().map(Fetcher::sockets);
            service.prepare(library, node_image, agent, config.sessions.registry, upstream.as_deref())?;
            self.cgroups.create(&service.tag, Service::limits())?;
        }
        let init = self.runtime.create(&id, &layout.bundle)?;
        let mut exit = watch(init)?;
        self.runtime.start(&id, &layout.bundle)?;
        service.wait_until_ready(&mut exit)?;
        Ok(Some(exit))
    }

    /// Makes ready what the session's nodes find under `/run/slipway`; nothing without a library.
    ///
    /// # Errors
    /// When the registry does not answer or cannot make it.
    pub async fn open_registry(&self, session: &str) -> Result<()> {
        match &self.registry {
            Some(service) => service.open(session).await,
            None => Ok(()),
        }
    }

    /// Removes what the session pushed.
    ///
    /// # Errors
    /// When the registry does not answer or cannot remove it.
    pub async fn close_registry(&self, session: &str) -> Result<()> {
        match &self.registry {
            Some(service) => service.close(session).await,
            None => Ok(()),
        }
    }

    /// Whether the host can limit `controller` (`memory`, `pids`, `cpu`).
    pub fn limits(&self, controller: &str) -> bool {
        self.cgroups.has(controller)
    }

    /// The settings it was opened with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        // The pools are plain sets: a panic elsewhere cannot leave them half changed.
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn layout(&self, tag: &str) -> Layout {
        Layout::of(&self.settings.data_dir.join("nodes").join(tag))
    }

    /// Removes the nodes whose directories are there from an earlier life.
    fn sweep(&self) {
        let dir = self.settings.data_dir.join("nodes");
        let Ok(entries) = fs::read_dir(&dir) else { return };
        for tag in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            tracing::info!(%tag, "removing a node that an earlier node-agent left behind");
            let errors = self.tear_down(&tag);
            for error in errors {
                tracing::error!(%tag, %error, "a part of a leftover node could not be removed");
            }
        }
    }

    /// Removes what all nodes share: packet filter and bridge. For an orderly end, after the last node.
    ///
    /// # Errors
    /// When a part cannot be removed; the others are.
    pub fn close(&self) -> Result<()> {
        if let Some(layers) = self.layers() {
            layers.close();
        }
        let tags =
            self.registry.iter().map(|service| &service.tag).chain(self.fetcher.iter().map(|fetcher| &fetcher.tag));
        for error in tags.flat_map(|tag| self.tear_down(tag)) {
            tracing::error!(%error, "a part of the registry could not be removed");
        }
        self.cgroups.remove_parent();
        let filter = firewall::remove();
        let bridge = network::disconnect(&self.settings.config.network.bridge);
        filter.and(bridge)
    }
}

/// Ends everything in a container of ours and removes all it had but its network; goes on after an error.
fn tear_down(runtime: &Runtime, cgroups: &Hierarchies, layout: &Layout, tag: &str) -> Vec<Error> {
    let mut errors = Vec::new();
    errors.extend(cgroups.kill(tag, Duration::from_secs(10)).err());
    errors.extend(runtime.delete(&device(tag), &layout.dir).err());
    errors.extend(rootfs::unmount(layout));
    errors.extend(cgroups.remove(tag).err());
    errors.extend(rootfs::remove(layout));
    errors
}
