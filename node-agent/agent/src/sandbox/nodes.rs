//! A node's life: made in steps of which each is undone by the one teardown, whoever calls for it.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Error, Host, Node, Result, Settings, Started, Timings, at, bundle, device,
    firewall::{self, Port},
    idmap, network,
    rootfs::{self, Identity},
    tear_down, watch,
};

impl Host {
    /// Makes a node called `name` of `session` that can reach `peers` (its session's other nodes). Blocking.
    ///
    /// # Errors
    /// When a step fails; what was made before it is removed again.
    pub fn create(&self, session: &str, name: &str, peers: &[Node]) -> Result<Started> {
        let (slot, range) = {
            let mut pools = self.pools();
            let slot =
                pools.addresses.take().ok_or(Error::Exhausted { what: "address", remedy: "widen network.subnet" })?;
            match pools.ranges.take() {
                Some(range) => (slot, range),
                None => {
                    pools.addresses.give_back(slot);
                    return Err(Error::Exhausted { what: "id range", remedy: "use a second host" });
                }
            }
        };
        let tag = crate::random::hex::<4>();
        let mut node = Node { tag, name: name.to_owned(), address: self.address(slot), init: 0, slot, range };
        match self.build(session, &mut node, peers) {
            Ok((timings, exit)) => Ok(Started { node, timings, exit }),
            Err(error) => {
                for error in self.tear_down(&node.tag) {
                    tracing::error!(tag = %node.tag, %error, "clean-up after a failed start");
                }
                self.free(&node);
                Err(error)
            }
        }
    }

    fn build(&self, session: &str, node: &mut Node, peers: &[Node]) -> Result<(Timings, oneshot::Receiver<i32>)> {
        let mut timings = Timings::default();
        let mut last = Instant::now();
        let mut lap = |what| {
            timings.0.push((what, last.elapsed()));
            last = Instant::now();
        };
        let Settings { node_image, agent, config, .. } = &self.settings;
        let registry = self.registry.as_ref().map(|service| service.session(session));
        let layout = self.layout(&node.tag);
        let base = config.first_id + node.range * idmap::RANGE;
        fs::DirBuilder::new().mode(0o711).create(&layout.dir).map_err(at("create", &layout.dir))?;
        let identity = Identity {
            hostname: &node.name,
            address: node.address,
            dns: &self.dns,
            extra_ca: self.extra_ca.as_deref(),
        };
        rootfs::build(&layout, &self.template, node_image, base, &identity)?;
        if let Some(layers) = self.layers() {
            let (dir, namespace) = (layout.layers(), idmap::mapping(self.layer_ids, base)?);
            layers.open_node(&node.tag, &dir, base, namespace).map_err(at("make the socket for layers in", &dir))?;
        }
        lap("filesystem");
        self.cgroups.create(&node.tag, &config.limits)?;
        let plan = bundle::Plan {
            tag: &node.tag,
            hostname: &node.name,
            rootfs: &layout.rootfs,
            docker: &layout.docker(),
            agent,
            registry: registry.as_deref(),
            layers: &layout.layers(),
            base,
        };
        let path = layout.bundle.join("config.json");
        fs::write(&path, bundle::config(&plan).to_string()).map_err(at("write", &path))?;
        lap("limits");
        let id = device(&node.tag);
        node.init = self.runtime.create(&id, &layout.bundle)?;
        let exit = watch(node.init)?;
        lap("runtime create");
        let peers: Vec<Port> = peers.iter().map(Node::port).collect();
        std::thread::scope(|scope| {
            let filter = scope.spawn(|| firewall::admit(&node.port(), &peers));
            let linked = network::connect(&config.network, self.mtu, node.init, &id, node.address);
            let admitted = filter.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            linked.and(admitted)
        })?;
        lap("network");
        self.cgroups.delegate(&node.tag, base)?;
        self.runtime.start(&id, &layout.bundle)?;
        lap("runtime start");
        Ok((timings, exit))
    }

    fn free(&self, node: &Node) {
        let mut pools = self.pools();
        pools.addresses.give_back(node.slot);
        pools.ranges.give_back(node.range);
    }

    /// Ends everything in the node and removes all it had; goes on after an error, and may be called again. Blocking.
    ///
    /// # Errors
    /// When parts are left; the text lists them, and the next start of the agent tries again.
    pub fn destroy(&self, node: &Node, peers: &[Node]) -> Result<()> {
        let mut errors = self.tear_down(&node.tag);
        let peers: Vec<Port> = peers.iter().map(Node::port).collect();
        if let Err(error) = firewall::dismiss(&node.port(), &peers) {
            errors.push(error);
        }
        if errors.is_empty() {
            self.free(node);
            return Ok(());
        }
        // Its address and ids stay taken: something may still use them.
        Err(Error::Teardown { tag: node.tag.clone(), errors: errors.iter().map(ToString::to_string).collect() })
    }

    pub(super) fn tear_down(&self, tag: &str) -> Vec<Error> {
        let mut errors = Vec::new();
        errors.extend(self.cgroups.kill(tag, Duration::from_secs(10)).err());
        errors.extend(network::disconnect(&device(tag)).err());
        errors.extend(tear_down(&self.runtime, &self.cgroups, &self.layout(tag), tag));
        // Last: until now its mounts may have been there.
        if let Some(layers) = self.layers() {
            layers.close_node(tag);
        }
        errors
    }
}
