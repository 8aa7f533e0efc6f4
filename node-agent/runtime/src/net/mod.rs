//! Network devices: bridges, veth pairs, addresses and routes over rtnetlink, in whichever network namespace is asked for.
//! The same few steps give a node its link to the host and a container its link to the node. Packet filtering is not here:
//! callers own their nftables tables.

mod attach;
mod link;
mod namespace;

use std::{fmt, net::Ipv4Addr, str::FromStr};

pub use attach::{Attachment, attach};
pub use link::Links;
pub use namespace::{enter, run_in};

/// What went wrong with a network device; the text names the step and the device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a netlink request.
    #[error("cannot {step} {device}: {source}")]
    Netlink {
        /// The step, as a verb phrase ("create bridge").
        step: &'static str,
        /// The device or route it was tried on.
        device: String,
        /// The kernel's answer.
        source: Box<rtnetlink::Error>,
    },
    /// A device that should exist does not.
    #[error("no network device named {0}")]
    NoDevice(String),
    /// The network namespace could not be entered, or a socket in it not opened.
    #[error("cannot {step}: {source}")]
    Namespace {
        /// The step, as a verb phrase.
        step: &'static str,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A subnet is not written as `a.b.c.d/n`.
    #[error("{0:?} is not an IPv4 subnet: write it like 172.17.0.0/16")]
    Subnet(String),
}

/// The result of this module's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// An IPv4 address with the length of its network's prefix, in bits (`172.17.0.2/16`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The address, of a host or of the network.
    pub address: Ipv4Addr,
    /// Prefix length, 0 to 32 bits.
    pub prefix: u8,
}

impl Cidr {
    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0)
    }

    /// The network this address lies in, with the host bits cleared.
    pub fn network(self) -> Self {
        Self { address: Ipv4Addr::from(u32::from(self.address) & self.mask()), ..self }
    }

    /// Whether `address` lies in the same network.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.address) & self.mask()
    }

    /// The addresses that hosts may have: all but the network's own and the broadcast address.
    pub fn hosts(self) -> impl DoubleEndedIterator<Item = Ipv4Addr> {
        let first = u64::from(u32::from(self.network().address)) + 1;
        let last = u64::from(u32::from(self.network().address) | !self.mask());
        // `first < last <= u32::MAX` inside the range, so the cast keeps every bit.
        (first..last).map(|host| Ipv4Addr::from(host as u32))
    }
}

impl FromStr for Cidr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.split_once('/').and_then(|(address, prefix)| {
            let prefix: u8 = prefix.parse().ok()?;
            Some(Self { address: address.parse().ok()?, prefix }).filter(|_| prefix <= 32)
        });
        parsed.ok_or_else(|| Error::Subnet(text.to_owned()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A device's hardware address as Docker derives it from its IPv4 address: `02:42` and the four address bytes.
pub fn mac_of(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x02, 0x42, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_knows_its_hosts_and_its_network() {
        let cidr: Cidr = "172.17.0.5/30".parse().expect("valid");
        assert_eq!(cidr.network().to_string(), "172.17.0.4/30");
        assert_eq!(cidr.hosts().map(|h| h.to_string()).collect::<Vec<_>>(), ["172.17.0.5", "172.17.0.6"]);
        assert!(cidr.contains(Ipv4Addr::new(172, 17, 0, 7)) && !cidr.contains(Ipv4Addr::new(172, 17, 0, 8)));
        let all: Cidr = "0.0.0.0/0".parse().expect("valid");
        assert!(all.contains(Ipv4Addr::BROADCAST));
        assert_eq!(all.hosts().next_back(), Some(Ipv4Addr::new(255, 255, 255, 254)));
    }

    #[test]
    fn a_subnet_that_is_none_is_refused_with_an_example() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::1/64", "10.0.0.0/-1"] {
            let error = text.parse::<Cidr>().expect_err(text).to_string();
            assert!(error.contains("172.17.0.0/16"), "{error}");
        }
    }

    #[test]
    fn a_hardware_address_carries_the_ip_address() {
        assert_eq!(mac_of(Ipv4Addr::new(172, 17, 0, 2)), [2, 0x42, 172, 17, 0, 2]);
    }
}
