//! The configuration file of `serve`: TOML, every key optional, unknown keys refused. What is read here is turned into plain
//! numbers, durations and addresses once; everything below takes it as checked. `CONFIGURATION.md` beside the crate lists every key.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use slipway_images::registry::Source;
use slipway_runtime::net::Cidr;

/// Why a configuration was refused: where, what, and what to write instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is no TOML of the expected shape; the text has line and column.
    #[error("{place}: {message}")]
    Syntax {
        /// The file's name.
        place: String,
        /// The parser's text.
        message: String,
    },
    /// A value is out of range.
    #[error("{place}: {key} = {value}: {remedy}")]
    Value {
        /// The file's name.
        place: String,
        /// The key with its table, such as `limits.memory`.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        remedy: &'static str,
    },
}

/// Everything `serve` can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What one node may use.
    pub limits: Limits,
    /// How long sessions live and how many there may be.
    pub sessions: Sessions,
    /// The nodes' network.
    pub network: Network,
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

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
struct File {
    limits: FileLimits,
    sessions: FileSessions,
    network: FileNetwork,
    registry: FileRegistry,
    extra_ca: Option<PathBuf>,
    first_id: u32,
    runtime: Option<PathBuf>,
}

impl Default for File {
    fn default() -> Self {
        // 1,879,048,192 is the first id above the ranges that systemd hands to its own containers.
        Self {
            limits: FileLimits::default(),
            sessions: FileSessions::default(),
            network: FileNetwork::default(),
            registry: FileRegistry::default(),
            extra_ca: None,
            first_id: 1_879_048_192,
            runtime: None,
        }
    }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
struct FileLimits {
    memory: String,
    pids: u64,
    cpus: f64,
    disk: String,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { memory: "1GiB".into(), pids: 2048, cpus: 2.0, disk: "4GiB".into() }
    }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
struct FileSessions {
    lifetime: String,
    extension: String,
    max_lifetime: String,
    max: usize,
    max_nodes: usize,
    registry: String,
}

impl Default for FileSessions {
    fn default() -> Self {
        Self {
            lifetime: "4h".into(),
            extension: "1h".into(),
            max_lifetime: "12h".into(),
            max: 40,
            max_nodes: 5,
            registry: "4GiB".into(),
        }
    }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
struct FileNetwork {
    bridge: String,
    subnet: String,
    dns: Vec<Ipv4Addr>,
    deny: Vec<String>,
}

impl Default for FileNetwork {
    fn default() -> Self {
        Self {
            bridge: "slipway0".into(),
            subnet: "10.213.0.0/16".into(),
            dns: Vec::new(),
            deny: vec!["169.254.0.0/16".into()],
        }
    }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
struct FileRegistry {
    upstream: String,
    cache: String,
    ttl: String,
}

impl Default for FileRegistry {
    fn default() -> Self {
        Self { upstream: "https://registry-1.docker.io".into(), cache: "20GiB".into(), ttl: "5m".into() }
    }
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
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
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
            registry,
            extra_ca: file.extra_ca,
            first_id: file.first_id,
            runtime: file.runtime,
        })
    }
}

struct Check<'a> {
    place: &'a str,
}

impl Check<'_> {
    fn refuse(&self, key: &'static str, value: impl std::fmt::Debug, remedy: &'static str) -> Error {
        Error::Value { place: self.place.to_owned(), key, value: format!("{value:?}"), remedy }
    }

    fn that<T: std::fmt::Debug>(
        &self,
        key: &'static str,
        value: T,
        good: bool,
        remedy: &'static str,
    ) -> Result<T, Error> {
        if good { Ok(value) } else { Err(self.refuse(key, value, remedy)) }
    }

    fn bytes(&self, key: &'static str, text: &str, least: u64) -> Result<u64, Error> {
        let remedy = "write a size such as \"512MiB\" or \"4GiB\", at least 64MiB";
        parse_bytes(text).filter(|bytes| (least..1 << 50).contains(bytes)).ok_or_else(|| self.refuse(key, text, remedy))
    }

    fn duration(&self, key: &'static str, text: &str) -> Result<Duration, Error> {
        let remedy = "write a time such as \"90s\", \"45m\" or \"4h\", at most \"720h\"";
        parse_duration(text)
            .filter(|time| (1..=720 * 3600).contains(&time.as_secs()))
            .ok_or_else(|| self.refuse(key, text, remedy))
    }

    fn cidr(&self, key: &'static str, text: &str) -> Result<Cidr, Error> {
        text.parse().map_err(|_| self.refuse(key, text, "write a subnet such as \"10.213.0.0/16\""))
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let shift = match text[end..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    text[..end].parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let seconds = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gives_the_documented_defaults() {
        let config = Config::default();
        assert_eq!(config.limits, Limits { memory: 1 << 30, pids: 2048, cpus: 2.0, disk: 4 << 30 });
        assert_eq!(config.sessions.lifetime, Duration::from_secs(4 * 3600));
        assert_eq!(config.network.subnet.to_string(), "10.213.0.0/16");
    }

    #[test]
    fn values_are_read_with_their_units() {
        let config = Config::parse("[limits]\nmemory = \"512 MiB\"\ncpus = 0.5\n[sessions]\nlifetime = \"45m\"\n", "c")
            .expect("good");
        assert_eq!((config.limits.memory, config.limits.cpus), (512 << 20, 0.5));
        assert_eq!(config.sessions.lifetime, Duration::from_secs(2700));
    }

    #[test]
    fn an_upstream_registry_can_be_switched_off() {
        let upstream = |text: &str| Config::parse(text, "c").expect("good").registry.upstream;
        assert_eq!(upstream(""), Some(Source::Tls("registry-1.docker.io:443".into())));
        assert_eq!(upstream("[registry]\nupstream = \"\""), None);
        assert_eq!(upstream("[registry]\nupstream = \"http://mirror:5000\""), Some(Source::Tcp("mirror:5000".into())));
    }

    #[test]
    fn a_bad_value_is_refused_with_file_key_and_remedy() {
        for (text, key) in [
            ("[limits]\nmemory = \"much\"", "limits.memory"),
            ("[limits]\nmemory = \"1k\"", "limits.memory"),
            ("[limits]\ncpus = 0.0", "limits.cpus"),
            ("[sessions]\nlifetime = \"soon\"", "sessions.lifetime"),
            ("[sessions]\nmax_lifetime = \"1s\"", "sessions.max_lifetime"),
            ("[network]\nsubnet = \"10.0.0.0\"", "network.subnet"),
            ("[network]\nbridge = \"a b\"", "network.bridge"),
            ("[registry]\nupstream = \"docker.io\"", "registry.upstream"),
            ("[registry]\ncache = \"none\"", "registry.cache"),
            ("first_id = 0", "first_id"),
        ] {
            let error = Config::parse(text, "slipway.toml").expect_err(text).to_string();
            assert!(error.starts_with("slipway.toml: ") && error.contains(key) && error.contains("write"), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = Config::parse("[limits]\nmemoryy = \"1GiB\"\n", "slipway.toml").expect_err("typo").to_string();
        assert!(error.contains("line 2") && error.contains("memoryy") && error.contains("memory"), "{error}");
    }

    /// Every key with its default as TOML writes it, tables as `table.key`.
    fn keys() -> Vec<(String, String)> {
        let defaults = serde_json::to_value(File::default()).expect("plain data");
        let mut keys = Vec::new();
        for (name, value) in defaults.as_object().expect("a table") {
            match value.as_object() {
                Some(table) => {
                    keys.extend(table.iter().map(|(key, value)| (format!("{name}.{key}"), value.to_string())))
                }
                None => keys.push((name.clone(), value.to_string())),
            }
        }
        keys
    }

    #[test]
    fn the_reference_lists_every_key_with_its_default_and_no_other() {
        let reference = include_str!("../CONFIGURATION.md");
        let rows = reference.lines().filter(|line| line.starts_with("| `"));
        let mut listed: Vec<(String, String)> = rows
            .map(|row| {
                let cells: Vec<&str> = row.split('|').map(str::trim).collect();
                assert!(
                    cells.len() == 6 && cells[3].len() > 3 && cells[4].len() > 10,
                    "key, default, unit, meaning: {row}"
                );
                let default = if cells[2] == "none" { "null" } else { cells[2].trim_matches('`') };
                (cells[1].trim_matches('`').to_owned(), default.to_owned())
            })
            .collect();
        let mut keys = keys();
        keys.sort();
        listed.sort();
        assert_eq!(listed, keys);
    }

    #[test]
    fn the_references_example_is_a_good_configuration() {
        let reference = include_str!("../CONFIGURATION.md");
        let example =
            reference.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        let config = Config::parse(example, "CONFIGURATION.md").expect("good");
        assert_ne!(config, Config::default(), "it shows something");
    }
}
