//! Docker's default bridge: made at the first bridged container, an address and a veth pair for each, masquerading for all.
//! `host`, `none` and `container:` need nothing from here but the files in `/etc`.

pub mod files;
pub mod ports;
mod restore;
mod show;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;
use slipway_runtime::net::{self, Attachment, Cidr};

use crate::containers::Container;
use crate::containers::names::random_hex;
use crate::engine::{Engine, lock};
use crate::error::{Error, Result};
use crate::types::{EndpointSettings, HostConfig};

pub(crate) use restore::restore;
use show::id_of;
pub use show::{find, list};

/// The default bridge and who has which address on it.
#[derive(Debug)]
pub struct Network {
    /// Bridge device.
    pub bridge: String,
    /// The bridge's address with its subnet.
    pub cidr: Cidr,
    /// This network's id.
    pub id: String,
    state: Mutex<NetworkState>,
}

#[derive(Debug, Default)]
struct NetworkState {
    /// MTU, once the bridge is up.
    ready: Option<u32>,
    leases: HashMap<Ipv4Addr, String>,
    published: HashMap<String, (Vec<ports::Published>, Vec<OwnedFd>)>,
}

impl Network {
    /// The network with nobody on it.
    #[must_use]
    pub fn new(bridge: String, cidr: Cidr, id: String) -> Self {
        Self { bridge, cidr, id, state: Mutex::default() }
    }

    /// The lowest free address.
    fn lease(&self, id: &str, wanted: Option<Ipv4Addr>) -> Result<Ipv4Addr> {
        let mut state = lock(&self.state);
        if let Some((address, _)) = state.leases.iter().find(|(_, owner)| *owner == id) {
            return Ok(*address);
        }
        let free = |a: &Ipv4Addr| *a != self.cidr.address && !state.leases.contains_key(a);
        let address = wanted.filter(|a| self.cidr.contains(*a) && free(a)).or_else(|| self.cidr.hosts().find(free));
        let address = address.ok_or_else(|| {
            Error::internal(format!(
                "no available IPv4 addresses on this network's address pools: bridge ({})",
                self.id
            ))
        })?;
        state.leases.insert(address, id.to_owned());
        Ok(address)
    }
}

/// Name of the outer end of a container's veth pair.
fn veth(id: &str) -> String {
    format!("veth{}", &id[..7.min(id.len())])
}

/// Gives the container its address and fills in what `inspect` shows. Blocking.
pub(crate) fn plan(engine: &Engine, container: &Container) -> Result<()> {
    let mode = container.data().host.network_mode.clone();
    if !matches!(mode.as_str(), "bridge" | "host" | "none") && !mode.starts_with("container:") {
        return Err(Error::not_found(format!("network {mode} not found")));
    }
    let mut endpoint = container.data().record.network_settings.networks.get(&mode).cloned().unwrap_or_default();
    endpoint.endpoint_id = random_hex(32);
    endpoint.network_id = id_of(engine, &mode);
    if mode == "bridge" {
        let address = engine.network.lease(&container.id, None)?;
        endpoint.ip_address = address.to_string();
        endpoint.ip_prefix_len = engine.network.cidr.prefix;
        endpoint.gateway = engine.network.cidr.address.to_string();
        endpoint.mac_address = net::mac_of(address).map(|b| format!("{b:02x}")).join(":");
    }
    let mut data = container.data();
    let settings = &mut data.record.network_settings;
    settings.sandbox_id = random_hex(32);
    if mode == "bridge" {
        settings.endpoint_id.clone_from(&endpoint.endpoint_id);
        settings.gateway.clone_from(&endpoint.gateway);
        settings.ip_address.clone_from(&endpoint.ip_address);
        settings.ip_prefix_len = endpoint.ip_prefix_len;
        settings.mac_address.clone_from(&endpoint.mac_address);
    }
    if !mode.starts_with("container:") {
        settings.networks.insert(mode, endpoint);
    }
    Ok(())
}

/// Connects the created container's namespace. Blocking.
pub(crate) fn connect(engine: &Engine, container: &Container, namespace: &Path) -> Result<()> {
    let (mode, address, host, exposed) = {
        let data = container.data();
        let address = data.record.network_settings.ip_address.parse::<Ipv4Addr>().ok();
        (data.host.network_mode.clone(), address, data.host.clone(), data.record.config.exposed_ports.clone())
    };
    let cause = |e: net::Error| Error::internal(format!("driver failed programming external connectivity: {e}"));
    match mode.as_str() {
        "bridge" => {
            let address =
                address.ok_or_else(|| Error::internal("driver failed programming: no address was assigned"))?;
            let mtu = ensure_bridge(&engine.network)?;
            let attachment = Attachment {
                namespace: namespace.to_owned(),
                bridge: engine.network.bridge.clone(),
                host_device: veth(&container.id),
                device: "eth0".into(),
                address: Cidr { address, prefix: engine.network.cidr.prefix },
                gateway: engine.network.cidr.address,
                mtu,
            };
            net::attach(&attachment).map_err(cause)?;
            publish(engine, container, &host, &exposed, address)?;
            container_network_event(engine, container, "connect");
        }
        "none" => net::run_in(Some(namespace), async |links| links.set_up("lo").await).map_err(cause)?,
        _ => {}
    }
    Ok(())
}

fn publish(
    engine: &Engine,
    container: &Container,
    host: &HostConfig,
    exposed: &serde_json::Map<String, Value>,
    address: Ipv4Addr,
) -> Result<()> {
    let wanted = ports::wanted(host, exposed)?;
    let shown = wanted.iter().map(|w| (format!("{}/{}", w.container_port, w.protocol), None)).collect();
    let mut map: std::collections::BTreeMap<String, Option<Vec<crate::types::PortBinding>>> = shown;
    map.extend(exposed.keys().filter(|k| !map.contains_key(*k)).map(|k| (k.clone(), None)).collect::<Vec<_>>());
    if !wanted.is_empty() {
        let (published, reserved) = ports::reserve(&wanted, address, &container.name(), &engine.network.id)?;
        for p in &published {
            map.entry(format!("{}/{}", p.container_port, p.protocol))
                .or_default()
                .get_or_insert_default()
                .extend(p.bindings());
        }
        lock(&engine.network.state).published.insert(container.id.clone(), (published, reserved));
        apply(&engine.network)?;
    }
    container.data().record.network_settings.ports = map;
    Ok(())
}

/// Brings the bridge up and the packet filter in place, once. Returns the MTU.
fn ensure_bridge(network: &Network) -> Result<u32> {
    // Held throughout: two first containers must not both do it.
    let mut state = lock(&network.state);
    if let Some(mtu) = state.ready {
        return Ok(mtu);
    }
    let fail = |e: net::Error| Error::internal(format!("driver failed programming external connectivity: {e}"));
    let mtu = net::run_in(None, async |links| {
        let mtu = links.uplink().await?.map_or(1500, |(_, mtu)| mtu);
        links.set_up("lo").await?;
        links.ensure_bridge(&network.bridge, network.cidr, mtu).await?;
        Ok(mtu)
    })
    .map_err(fail)?;
    enable("net/ipv4/ip_forward")?;
    enable(&format!("net/ipv4/conf/{}/route_localnet", network.bridge))?;
    ports::load(network, state.published.values().flat_map(|(p, _)| p))?;
    state.ready = Some(mtu);
    Ok(mtu)
}

fn enable(key: &str) -> Result<()> {
    let path = Path::new("/proc/sys").join(key);
    if std::fs::read_to_string(&path).is_ok_and(|v| v.trim() == "1") {
        return Ok(());
    }
    std::fs::write(&path, "1")
        .map_err(|e| Error::internal(format!("driver failed programming external connectivity: setting {key}: {e}")))
}

fn apply(network: &Network) -> Result<()> {
    let state = lock(&network.state);
    ports::load(network, state.published.values().flat_map(|(p, _)| p))
}

/// Gives address and ports back; the veth pair goes with the container's namespace, or here if that still is there. Blocking.
pub(crate) fn disconnect(engine: &Engine, container: &Container) {
    let bridged = {
        let mut state = lock(&engine.network.state);
        let before = state.leases.len();
        state.leases.retain(|_, owner| *owner != container.id);
        state.leases.len() != before
    };
    if !bridged {
        return;
    }
    let had_ports = lock(&engine.network.state).published.remove(&container.id).is_some();
    if had_ports && let Err(e) = apply(&engine.network) {
        tracing::warn!("taking back the ports of container {}: {e}", container.id);
    }
    // The kernel removes it together with the namespace, but later: the name must be free for the next start.
    let device = veth(&container.id);
    if Path::new("/sys/class/net").join(&device).exists() {
        let _ = net::run_in(None, async |links| links.remove(&device).await);
    }
    container_network_event(engine, container, "disconnect");
    let mut data = container.data();
    let settings = &mut data.record.network_settings;
    let networks = std::mem::take(&mut settings.networks);
    *settings = Default::default();
    settings.networks = networks;
    for endpoint in settings.networks.values_mut() {
        *endpoint = EndpointSettings {
            ipam_config: endpoint.ipam_config.take(),
            aliases: endpoint.aliases.take(),
            network_id: endpoint.network_id.clone(),
            ..Default::default()
        };
    }
}

fn container_network_event(engine: &Engine, container: &Container, action: &str) {
    let attributes = [("container", container.id.as_str()), ("name", "bridge"), ("type", "bridge")];
    let attributes = attributes.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    engine.events.log("network", action, &engine.network.id, attributes);
}
