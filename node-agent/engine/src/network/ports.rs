//! Published ports: what `-p` and `-P` ask for, host ports held so that nobody else takes them, and the one nftables table
//! with masquerading and port forwarding, always loaded as a whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use serde_json::{Map, Value};

use super::Network;
use crate::error::{Error, Result};
use crate::types::{HostConfig, PortBinding};

/// One port to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Port in the container.
    pub container_port: u16,
    /// Address on the host; unspecified is all.
    pub host_ip: Ipv4Addr,
    /// Ports on the host to choose from; 0 to 0 is any.
    pub host_ports: (u16, u16),
}

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The container.
    pub address: Ipv4Addr,
    /// Port in the container.
    pub container_port: u16,
    /// Address on the host.
    pub host_ip: Ipv4Addr,
    /// Port on the host.
    pub host_port: u16,
}

impl Published {
    /// As `inspect` shows it.
    #[must_use]
    pub fn bindings(&self) -> Vec<PortBinding> {
        vec![PortBinding { host_ip: self.host_ip.to_string(), host_port: self.host_port.to_string() }]
    }
}

/// Checks the port options of a create request.
///
/// # Errors
/// For ports and addresses that are none.
pub fn check(host: &HostConfig) -> Result<()> {
    wanted(host, &Map::new()).map(drop)
}

/// What a container publishes.
///
/// # Errors
/// For ports and addresses that are none.
pub fn wanted(host: &HostConfig, exposed: &Map<String, Value>) -> Result<Vec<Wanted>> {
    let mut list = Vec::new();
    for (port, bindings) in &host.port_bindings {
        let (container_port, protocol) = parse_port(port)?;
        for binding in bindings {
            let host_ip = match binding.host_ip.as_str() {
                "" | "::" => Ipv4Addr::UNSPECIFIED,
                text => text.parse().map_err(|_| {
                    Error::bad(format!("invalid IP address: {text}: ports are published on IPv4 addresses"))
                })?,
            };
            let host_ports = parse_range(&binding.host_port)?;
            list.push(Wanted { protocol: protocol.clone(), container_port, host_ip, host_ports });
        }
    }
    if host.publish_all_ports {
        for port in exposed.keys() {
            let (container_port, protocol) = parse_port(port)?;
            if !list.iter().any(|w| w.container_port == container_port && w.protocol == protocol) {
                list.push(Wanted { protocol, container_port, host_ip: Ipv4Addr::UNSPECIFIED, host_ports: (0, 0) });
            }
        }
    }
    Ok(list)
}

fn parse_port(text: &str) -> Result<(u16, String)> {
    let invalid = || Error::bad(format!("invalid port specification: \"{text}\""));
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !matches!(protocol, "tcp" | "udp") {
        return Err(Error::bad(format!("invalid proto: {protocol}: ports are published for tcp and udp")));
    }
    let port = port.parse::<u16>().ok().filter(|p| *p > 0).ok_or_else(invalid)?;
    Ok((port, protocol.to_owned()))
}

fn parse_range(text: &str) -> Result<(u16, u16)> {
    let invalid = || Error::bad(format!("invalid port specification: \"{text}\""));
    if text.is_empty() {
        return Ok((0, 0));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = (first.parse().map_err(|_| invalid())?, last.parse().map_err(|_| invalid())?);
    if range.0 > range.1 { Err(invalid()) } else { Ok(range) }
}

/// Chooses and holds host ports for a container at `address`.
///
/// # Errors
/// Docker's "port is already allocated".
pub(super) fn reserve(
    wanted: &[Wanted],
    address: Ipv4Addr,
    name: &str,
    network: &str,
) -> Result<(Vec<Published>, Vec<OwnedFd>)> {
    let (mut list, mut held) = (Vec::new(), Vec::new());
    for w in wanted {
        let (first, last) = w.host_ports;
        let mut found = None;
        for host_port in first..=last {
            let candidate = Published {
                protocol: w.protocol.clone(),
                address,
                container_port: w.container_port,
                host_ip: w.host_ip,
                host_port,
            };
            if let Ok(socket) = hold(&candidate) {
                found = Some((candidate, socket));
                break;
            }
        }
        let (mut published, socket) = found.ok_or_else(|| {
            Error::internal(format!(
                "driver failed programming external connectivity on endpoint {name} ({network}): Bind for {}:{first} failed: \
                 port is already allocated",
                w.host_ip
            ))
        })?;
        if published.host_port == 0 {
            published.host_port = local_port(&socket)?;
        }
        list.push(published);
        held.push(socket);
    }
    Ok((list, held))
}

/// A bound socket that never listens: it keeps the port from others and sees no traffic.
pub(super) fn hold(p: &Published) -> std::io::Result<OwnedFd> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
    let kind = if p.protocol == "udp" { SocketType::DGRAM } else { SocketType::STREAM };
    let socket = socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrV4::new(p.host_ip, p.host_port))?;
    Ok(socket)
}

fn local_port(socket: &OwnedFd) -> Result<u16> {
    let address =
        rustix::net::getsockname(socket).map_err(|e| Error::internal(format!("reading a socket's port: {e}")))?;
    let address =
        SocketAddrV4::try_from(address).map_err(|e| Error::internal(format!("reading a socket's port: {e}")))?;
    Ok(address.port())
}

/// The published ports in a running container's record.
pub(super) fn from_bindings(ports: &BTreeMap<String, Option<Vec<PortBinding>>>, address: Ipv4Addr) -> Vec<Published> {
    let mut list = Vec::new();
    for (port, bindings) in ports {
        let Ok((container_port, protocol)) = parse_port(port) else { continue };
        for b in bindings.iter().flatten() {
            if let (Ok(host_ip), Ok(host_port)) = (b.host_ip.parse(), b.host_port.parse()) {
                list.push(Published { protocol: protocol.clone(), address, container_port, host_ip, host_port });
            }
        }
    }
    list
}

/// The whole table as nft reads it: deleted and made again in one transaction.
fn ruleset<'a>(table: &str, bridge: &str, subnet: &str, published: impl Iterator<Item = &'a Published>) -> String {
    let mut rules = String::new();
    for p in published {
        let daddr =
            if p.host_ip.is_unspecified() { "fib daddr type local".into() } else { format!("ip daddr {}", p.host_ip) };
        // Writing to a String cannot fail.
        let _ = writeln!(
            rules,
            "    {daddr} {} dport {} dnat to {}:{}",
            p.protocol, p.host_port, p.address, p.container_port
        );
    }
    format!(
        "table ip {table}\ndelete table ip {table}\ntable ip {table} {{\n  chain ports {{\n{rules}  }}\n  \
         chain prerouting {{\n    type nat hook prerouting priority dstnat; policy accept;\n    jump ports\n  }}\n  \
         chain output {{\n    type nat hook output priority -100; policy accept;\n    jump ports\n  }}\n  \
         chain postrouting {{\n    type nat hook postrouting priority srcnat; policy accept;\n    \
         ip saddr {subnet} oifname != \"{bridge}\" masquerade\n    \
         ip saddr 127.0.0.0/8 oifname \"{bridge}\" masquerade\n    \
         ip saddr {subnet} oifname \"{bridge}\" ct status dnat masquerade\n  }}\n}}\n"
    )
}

/// Loads the table with one run of nft.
pub(super) fn load<'a>(network: &Network, published: impl Iterator<Item = &'a Published>) -> Result<()> {
    let table = format!("slipway-{}", network.bridge);
    let rules = ruleset(&table, &network.bridge, &network.cidr.network().to_string(), published);
    let fail = |e: std::io::Error| {
        Error::internal(format!(
            "driver failed programming external connectivity: running nft: {e} (install the package nftables)"
        ))
    };
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut stdin = child.stdin.take().ok_or_else(|| Error::internal("nft has no stdin"))?;
    stdin.write_all(rules.as_bytes()).map_err(fail)?;
    drop(stdin);
    let output = child.wait_with_output().map_err(fail)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::internal(format!("driver failed programming external connectivity: nft: {}", said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(port: &str, ip: &str, host_port: &str) -> HostConfig {
        let binding = PortBinding { host_ip: ip.into(), host_port: host_port.into() };
        HostConfig { port_bindings: [(port.to_owned(), vec![binding])].into(), ..HostConfig::default() }
    }

    #[test]
    fn ports_ranges_and_addresses() {
        let list = wanted(&host("80/tcp", "127.0.0.1", "8080-8090"), &Map::new()).unwrap();
        assert_eq!(
            (list[0].container_port, list[0].host_ports, list[0].host_ip),
            (80, (8080, 8090), Ipv4Addr::LOCALHOST)
        );
        for (port, ip, host_port) in
            [("0/tcp", "", ""), ("80/sctp", "", ""), ("80", "x", ""), ("80", "", "9-8"), ("80", "", "70000")]
        {
            assert!(wanted(&host(port, ip, host_port), &Map::new()).is_err(), "{port} {ip} {host_port}");
        }
    }

    #[test]
    fn publish_all_takes_exposed_ports_that_are_not_bound() {
        let mut h = host("80/tcp", "", "8080");
        h.publish_all_ports = true;
        let exposed = [("80/tcp".to_owned(), Value::Null), ("53/udp".to_owned(), Value::Null)].into_iter().collect();
        let list = wanted(&h, &exposed).unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!((list[1].protocol.as_str(), list[1].host_ports), ("udp", (0, 0)));
    }

    #[test]
    fn a_port_in_use_is_refused_with_dockers_sentence() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let w = wanted(&host("80/tcp", "127.0.0.1", &port.to_string()), &Map::new()).unwrap();
        let error = reserve(&w, Ipv4Addr::new(172, 17, 0, 2), "web", "n").unwrap_err().message;
        assert!(error.ends_with(&format!("Bind for 127.0.0.1:{port} failed: port is already allocated")), "{error}");
    }

    #[test]
    fn the_ruleset_forwards_and_masquerades() {
        let p = Published {
            protocol: "tcp".into(),
            address: Ipv4Addr::new(172, 17, 0, 2),
            container_port: 80,
            host_ip: Ipv4Addr::UNSPECIFIED,
            host_port: 8080,
        };
        let rules = ruleset("slipway-docker0", "docker0", "172.17.0.0/16", [&p].into_iter());
        assert!(rules.contains("fib daddr type local tcp dport 8080 dnat to 172.17.0.2:80"));
        assert!(rules.contains("ip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade"));
    }
}
