//! The configuration file of `serve`: TOML, every key optional, unknown keys refused. What is read here is turned into plain
//! numbers, durations and addresses once; everything below takes it as checked. `CONFIGURATION.md` beside the crate lists every key.

mod error;
mod file;
#[cfg(test)]
mod tests;
mod values;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use slipway_images::registry::Source;
use slipway_runtime::net::Cidr;

pub use error::Error;
use file::File;
use values::Check;

/// Everything `serve` can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What one node may use.
    pub limits: Limits,
    /// How long sessions live and how many there may be.
    pub sessions: Sessions,
    /// The nodes' network.
    pub network: Network,
    /// The layers that nodes share.
    pub layers: Layers,
    /// Where images come from that the library lacks.
    pub registry: Registry,
    /// A PEM file with certificates that nodes trust besides the usual ones (`extra_ca`).
    pub extra_ca: Option<PathBuf>,
    /// First host id of the nodes' user namespaces (`first_id`); 65,536 ids a node follow from here.
    pub first_id: u32,
    /// An OCI runtime to run nodes with instead of our own (`runtime`).
    pub runtime: Option<PathBuf>,
}

/// `[limits]`: what one node may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Memory in bytes (`memory`, default `1GiB`).
    pub memory: u64,
    /// Processes and threads (`pids`, default 2048).
    pub pids: u64,
    /// Processors, fractions allowed (`cpus`, default 2.0).
    pub cpus: f64,
    /// Writable disk in bytes (`disk`, default `4GiB`).
    pub disk: u64,
}

/// `[sessions]`: lifetime and number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sessions {
    /// How long a session lives (`lifetime`, default `4h`).
    pub lifetime: Duration,
    /// How much one extension adds (`extension`, default `1h`).
    pub extension: Duration,
    /// How old a session can get by extensions (`max_lifetime`, default `12h`).
    pub max_lifetime: Duration,
    /// How many sessions there may be at a time (`max`, default 40).
    pub max: usize,
    /// How many nodes a session may have (`max_nodes`, default 5).
    pub max_nodes: usize,
    /// What one session may push to its registry in bytes (`registry`, default `4GiB`).
    pub registry: u64,
}

/// `[layers]`: what the host keeps of images for all its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    /// Bytes of disk that they may take (`disk`, default `20GiB`).
    pub disk: u64,
}

/// `[registry]`: the registry behind the library, and what is kept of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Registry {
    /// The upstream registry (`upstream`, default `https://registry-1.docker.io`); none when it is set to `""`.
    pub upstream: Option<Source>,
    /// Bytes that are kept at most (`cache`, default `20GiB`).
    pub cache: u64,
    /// How long a tag is believed before it is asked for again (`ttl`, default `5m`).
    pub ttl: Duration,
}

/// `[network]`: the nodes' addresses and what they may reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Name of the bridge (`bridge`, default `slipway0`).
    pub bridge: String,
    /// The nodes' subnet (`subnet`, default `10.213.0.0/16`); its first address is the gateway.
    pub subnet: Cidr,
    /// Nameservers for the nodes (`dns`, default: those of the host).
    pub dns: Vec<Ipv4Addr>,
    /// Networks that nodes cannot reach (`deny`, default `["169.254.0.0/16"]`, the clouds' metadata services).
    pub deny: Vec<Cidr>,
}

impl Default for Config {
    fn default() -> Self {
        Self::parse("", "defaults").unwrap_or_else(|error| unreachable!("the built-in defaults are tested: {error}"))
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML of this shape, or a value is out of range; the text has place and remedy.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|cause| Error::Read { path: path.to_owned(), cause })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Checks `text`; `place` names it in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text)
            .map_err(|error| Error::Syntax { place: place.to_owned(), message: error.to_string() })?;
        let check = Check { place };
        let limits = Limits {
            memory: check.bytes("limits.memory", &file.limits.memory, 64 << 20)?,
            pids: check.that(
                "limits.pids",
                file.limits.pids,
                (32..=4_194_304).contains(&file.limits.pids),
                "write a number of at least 32",
            )?,
            cpus: check.that(
                "limits.cpus",
                file.limits.cpus,
                (0.05..=1024.0).contains(&file.limits.cpus),
                "write a number of processors such as 1.5, at least 0.05",
            )?,
            disk: check.bytes("limits.disk", &file.limits.disk, 64 << 20)?,
        };
        let sessions = Sessions {
            lifetime: check.duration("sessions.lifetime", &file.sessions.lifetime)?,
            extension: check.duration("sessions.extension", &file.sessions.extension)?,
            max_lifetime: check.duration("sessions.max_lifetime", &file.sessions.max_lifetime)?,
            max: check.that(
                "sessions.max",
                file.sessions.max,
                (1..=4000).contains(&file.sessions.max),
                "write a number from 1 to 4000",
            )?,
            max_nodes: check.that(
                "sessions.max_nodes",
                file.sessions.max_nodes,
                (1..=100).contains(&file.sessions.max_nodes),
                "write a number from 1 to 100",
            )?,
            registry: check.bytes("sessions.registry", &file.sessions.registry, 64 << 20)?,
        };
        check.that(
            "sessions.max_lifetime",
            &file.sessions.max_lifetime,
            sessions.max_lifetime >= sessions.lifetime,
            "write at least sessions.lifetime",
        )?;
        let upstream = match file.registry.upstream.trim() {
            "" => None,
            text => match text.parse::<Source>() {
                Ok(Source::Tls(host) | Source::Tcp(host)) if is_loopback(&host) => {
                    let remedy = "what asks there has a network of its own, in which that is itself: write an address that nodes can reach, \
                                  on another machine, or use `node-agent library add` for images of this one";
                    return Err(check.refuse("registry.upstream", text, remedy));
                }
                Ok(source @ (Source::Tls(_) | Source::Tcp(_))) => Some(source),
                _ => {
                    let remedy = "write https://HOST[:PORT] or http://HOST[:PORT], or \"\" for none";
                    return Err(check.refuse("registry.upstream", text, remedy));
                }
            },
        };
        let registry = Registry {
            upstream,
            cache: check.bytes("registry.cache", &file.registry.cache, 64 << 20)?,
            ttl: check.duration("registry.ttl", &file.registry.ttl)?,
        };
        let bridge = file.network.bridge;
        let named = (1..=15).contains(&bridge.len())
            && bridge.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let subnet = check.cidr("network.subnet", &file.network.subnet)?;
        check.that(
            "network.subnet",
            subnet,
            (8..=28).contains(&subnet.prefix),
            "write a subnet with a prefix from /8 to /28",
        )?;
        check.that(
            "first_id",
            file.first_id,
            (65_536..=u32::MAX - 65_536 * 4096).contains(&file.first_id),
            "write an id of at least 65536 with room for 4096 ranges of 65536 above it",
        )?;
        Ok(Self {
            limits,
            sessions,
            network: Network {
                bridge: check.that(
                    "network.bridge",
                    bridge,
                    named,
                    "write a device name of at most 15 letters, digits, '-' and '_'",
                )?,
                subnet: subnet.network(),
                dns: file.network.dns,
                deny: file
                    .network
                    .deny
                    .iter()
                    .map(|text| check.cidr("network.deny", text))
                    .collect::<Result<_, _>>()?,
            },
            layers: Layers { disk: check.bytes("layers.disk", &file.layers.disk, 64 << 20)? },
            registry,
            extra_ca: file.extra_ca,
            first_id: file.first_id,
            runtime: file.runtime,
        })
    }
}

/// Whether `HOST:PORT` is the machine that asks.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
