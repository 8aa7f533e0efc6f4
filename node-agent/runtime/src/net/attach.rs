//! The one thing both floors above do with these devices: connect a namespace to a bridge.

use std::{fs::File, net::Ipv4Addr, os::fd::AsRawFd, path::PathBuf};

use super::{Cidr, Error, Result, mac_of, run_in};

/// How a network namespace is connected to a bridge in the caller's namespace.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The namespace, as a path such as `/proc/PID/ns/net`.
    pub namespace: PathBuf,
    /// The bridge, which exists.
    pub bridge: String,
    /// Name of the outer end of the veth pair; at most 15 bytes.
    pub host_device: String,
    /// Name of the inner end, such as `eth0`.
    pub device: String,
    /// The inner end's address.
    pub address: Cidr,
    /// Where the default route inside leads.
    pub gateway: Ipv4Addr,
    /// MTU of both ends, bytes.
    pub mtu: u32,
}

/// Makes the veth pair, gives the inner end its address and default route, and sets both ends and `lo` up. Blocking.
///
/// # Errors
/// When a step fails; what was made before it is removed again.
pub fn attach(attachment: &Attachment) -> Result<()> {
    let Attachment { host_device, bridge, device, address, gateway, mtu, .. } = attachment;
    let namespace = File::open(&attachment.namespace)
        .map_err(|source| Error::Namespace { step: "open the network namespace", source })?;
    run_in(None, async |links| {
        links.add_veth(host_device, bridge, device, namespace.as_raw_fd(), mac_of(address.address), *mtu).await
    })?;
    let configured = run_in(Some(&attachment.namespace), async |links| {
        links.set_up("lo").await?;
        links.add_address(device, *address).await?;
        links.set_up(device).await?;
        links.add_default_route(*gateway).await
    });
    if configured.is_err() {
        // The first error is the one worth telling; a pair that cannot be removed goes with its namespace.
        let _ = run_in(None, async |links| links.remove(host_device).await);
    }
    configured
}
