//! The file as TOML has it: texts and numbers, not yet checked, with the defaults that are documented.

use std::{net::Ipv4Addr, path::PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) limits: FileLimits,
    pub(super) sessions: FileSessions,
    pub(super) network: FileNetwork,
    pub(super) layers: FileLayers,
    pub(super) registry: FileRegistry,
    pub(super) extra_ca: Option<PathBuf>,
    pub(super) first_id: u32,
    pub(super) runtime: Option<PathBuf>,
}

impl Default for File {
    fn default() -> Self {
        // 1,879,048,192 is the first id above the ranges that systemd hands to its own containers.
        Self {
            limits: FileLimits::default(),
            sessions: FileSessions::default(),
            network: FileNetwork::default(),
            layers: FileLayers::default(),
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
pub(super) struct FileLimits {
    pub(super) memory: String,
    pub(super) pids: u64,
    pub(super) cpus: f64,
    pub(super) disk: String,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { memory: "1GiB".into(), pids: 2048, cpus: 2.0, disk: "4GiB".into() }
    }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileSessions {
    pub(super) lifetime: String,
    pub(super) extension: String,
    pub(super) max_lifetime: String,
    pub(super) max: usize,
    pub(super) max_nodes: usize,
    pub(super) registry: String,
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
pub(super) struct FileLayers {
    pub(super) disk: String,
}

impl Default for FileLayers {
    fn default() -> Self {
        Self { disk: "20GiB".into() }
    }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileRegistry {
    pub(super) upstream: String,
    pub(super) cache: String,
    pub(super) ttl: String,
}

impl Default for FileRegistry {
    fn default() -> Self {
        Self { upstream: "https://registry-1.docker.io".into(), cache: "20GiB".into(), ttl: "5m".into() }
    }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileNetwork {
    pub(super) bridge: String,
    pub(super) subnet: String,
    pub(super) dns: Vec<Ipv4Addr>,
    pub(super) deny: Vec<String>,
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
