//! The packet filter of the nodes' bridge: two nftables tables named `slipway`. The one on the bridge lets a node speak only with
//! its own addresses and only to the gateway and to its session's other nodes; the one above it keeps nodes away from the host
//! and from denied networks and gives them the host's address outside.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::Ipv4Addr,
    process::{Command, Stdio},
};

use slipway_runtime::net::{Cidr, mac_of};

use super::{Error, Result};

/// A node as the filter knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) device: String,
    pub(crate) address: Ipv4Addr,
}

/// The whole rule set, replacing an earlier one.
pub(crate) fn ruleset(bridge: &str, subnet: Cidr, deny: &[Cidr]) -> String {
    let subnet = subnet.network();
    let denied = deny.iter().map(|cidr| cidr.network().to_string()).collect::<Vec<_>>().join(", ");
    let denied = if denied.is_empty() { String::new() } else { format!("elements = {{ {denied} }};") };
    format!(
        r#"
table inet slipway
delete table inet slipway
table bridge slipway
delete table bridge slipway
table bridge slipway {{
  set sources {{ type ifname . ether_addr . ipv4_addr; }}
  set peers {{ type ifname . ifname; }}
  chain prerouting {{
    type filter hook prerouting priority -300; policy accept;
    iifname "slw-*" jump from_node
  }}
  chain from_node {{
    ether type ip iifname . ether saddr . ip saddr @sources accept
    ether type arp iifname . ether saddr . arp saddr ip @sources accept
    drop
  }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname "slw-*" iifname . oifname != @peers drop
  }}
}}
table inet slipway {{
  set peers {{ type ipv4_addr . ipv4_addr; }}
  set denied {{ type ipv4_addr; flags interval; auto-merge; {denied} }}
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname "{bridge}" jump from_nodes
  }}
  chain from_nodes {{
    ct state established,related accept
    icmp type echo-request accept
    drop
  }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname "{bridge}" oifname "{bridge}" ip saddr . ip daddr @peers accept
    iifname "{bridge}" oifname "{bridge}" drop
    iifname "{bridge}" ip daddr @denied drop
    iifname "{bridge}" accept
    oifname "{bridge}" ct state established,related accept
    oifname "{bridge}" drop
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    ip saddr {subnet} oifname != "{bridge}" masquerade
  }}
}}
"#
    )
}

/// What lets `port` in, and lets it and its session's other nodes speak with each other; `verb` is `add` or `delete`.
fn elements(verb: &str, port: &Port, peers: &[Port]) -> String {
    let mac = mac_of(port.address).map(|byte| format!("{byte:02x}")).join(":");
    let mut text =
        format!("{verb} element bridge slipway sources {{ \"{}\" . {mac} . {} }}\n", port.device, port.address);
    for peer in peers {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "{verb} element bridge slipway peers {{ \"{0}\" . \"{1}\", \"{1}\" . \"{0}\" }}\n\
             {verb} element inet slipway peers {{ {2} . {3}, {3} . {2} }}\n",
            port.device, peer.device, port.address, peer.address
        );
    }
    text
}

/// Admits a node.
pub(crate) fn admit(port: &Port, peers: &[Port]) -> Result<()> {
    nft(&elements("add", port, peers))
}

/// Takes a node's elements out again; elements that are not there are no error.
pub(crate) fn dismiss(port: &Port, peers: &[Port]) -> Result<()> {
    let text = elements("delete", port, peers);
    nft(&text).or_else(|_| {
        // One missing element fails the whole transaction: add first, then delete.
        nft(&format!("{}{text}", elements("add", port, peers)))
    })
}

/// Removes both tables.
pub(crate) fn remove() -> Result<()> {
    nft("table inet slipway\ndelete table inet slipway\ntable bridge slipway\ndelete table bridge slipway\n")
}

/// Feeds `text` to nft as one transaction.
pub(crate) fn nft(text: &str) -> Result<()> {
    let failed = |source| Error::System { step: "run nft (package nftables)".into(), source };
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Tool { tool: "nft", text: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_admitted_with_its_own_addresses_and_its_peers_both_ways() {
        let port = Port { device: "slw-aa".into(), address: Ipv4Addr::new(10, 0, 0, 2) };
        let peer = Port { device: "slw-bb".into(), address: Ipv4Addr::new(10, 0, 0, 3) };
        assert_eq!(
            elements("add", &port, &[peer]),
            "add element bridge slipway sources { \"slw-aa\" . 02:42:0a:00:00:02 . 10.0.0.2 }\n\
             add element bridge slipway peers { \"slw-aa\" . \"slw-bb\", \"slw-bb\" . \"slw-aa\" }\n\
             add element inet slipway peers { 10.0.0.2 . 10.0.0.3, 10.0.0.3 . 10.0.0.2 }\n"
        );
    }
}
