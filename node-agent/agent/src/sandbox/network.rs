//! The nodes' network on the host: one bridge whose first address is the gateway, and a veth pair a node.

use std::{
    fs,
    io::ErrorKind,
    net::Ipv4Addr,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::{Path, PathBuf},
};

use slipway_runtime::net::{self, Attachment, Cidr};

use super::{Error, Result, at, firewall};
use crate::config::Network;

fn gateway(network: &Network) -> Cidr {
    // Every subnet that the configuration accepts has hosts.
    Cidr { address: Ipv4Addr::from(u32::from(network.subnet.network().address) + 1), ..network.subnet }
}

/// Takes this network namespace for one agent, as long as what this gives lives: the bridge's address and the packet filter's tables are
/// one agent's. The kernel keeps a socket's abstract name apart by network namespace and frees it however its owner ends.
pub(crate) fn claim() -> Result<UnixListener> {
    let step = "claim this network namespace";
    let name = SocketAddr::from_abstract_name("slipway-network").map_err(at(step, Path::new("@slipway-network")))?;
    UnixListener::bind_addr(&name).map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => Error::NetworkInUse,
        _ => at(step, Path::new("@slipway-network"))(source),
    })
}

/// Makes bridge and packet filter and switches forwarding on; gives the uplink's MTU. Forwarding stays on at the end: who else has come to
/// rely on it meanwhile (a container engine, a virtual network) cannot be told.
pub(crate) fn prepare(network: &Network) -> Result<u32> {
    let forward = Path::new("/proc/sys/net/ipv4/ip_forward");
    if fs::read_to_string(forward).map_err(at("read", forward))?.trim() != "1" {
        tracing::info!("switching net.ipv4.ip_forward on, nodes need it to reach the outside");
        fs::write(forward, "1").map_err(at("switch on", forward))?;
    }
    let mtu = net::run_in(None, async |links| {
        let mtu = links.uplink().await?.map_or(1500, |(_, mtu)| mtu);
        links.ensure_bridge(&network.bridge, gateway(network), mtu).await?;
        Ok(mtu)
    })?;
    firewall::nft(&firewall::ruleset(&network.bridge, network.subnet, &network.deny))?;
    Ok(mtu)
}

/// Connects the namespace of process `init` to the bridge.
pub(crate) fn connect(network: &Network, mtu: u32, init: u32, device: &str, address: Ipv4Addr) -> Result<()> {
    Ok(net::attach(&Attachment {
        namespace: PathBuf::from(format!("/proc/{init}/ns/net")),
        bridge: network.bridge.clone(),
        host_device: device.to_owned(),
        device: "eth0".into(),
        address: Cidr { address, ..network.subnet },
        gateway: gateway(network).address,
        mtu,
    })?)
}

/// Removes a device; one that is gone is no error.
pub(crate) fn disconnect(device: &str) -> Result<()> {
    Ok(net::run_in(None, async |links| links.remove(device).await)?)
}

/// The nameservers that `resolv_conf` lists and that nodes can reach; where it lists a local stub only, systemd-resolved's own
/// upstream servers.
pub fn host_nameservers(resolv_conf: &Path) -> Vec<Ipv4Addr> {
    for path in [resolv_conf, Path::new("/run/systemd/resolve/resolv.conf")] {
        let servers = parse_nameservers(&fs::read_to_string(path).unwrap_or_default());
        if !servers.is_empty() {
            return servers;
        }
    }
    Vec::new()
}

fn parse_nameservers(text: &str) -> Vec<Ipv4Addr> {
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok()).flatten()
    });
    servers.filter(|address: &Ipv4Addr| !address.is_loopback()).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_stub_is_no_nameserver_for_a_node() {
        assert!(parse_nameservers("nameserver 127.0.0.53\noptions edns0\n").is_empty());
        assert_eq!(parse_nameservers("# x\nnameserver ::1\nnameserver 192.0.2.1\n"), [Ipv4Addr::new(192, 0, 2, 1)]);
    }
}
