//! `~/.docker/config.json`: the few settings that change what this client prints or listens for. Credentials have a
//! module of their own.

use serde::Deserialize;
use std::path::Path;

/// The settings that are read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Config {
    /// Default of `ps --format`.
    pub(crate) ps_format: String,
    /// Default of `images --format`.
    pub(crate) images_format: String,
    /// Default of `stats --format`.
    pub(crate) stats_format: String,
    /// Default of `volume ls --format`.
    pub(crate) volumes_format: String,
    /// Default of `network ls --format`.
    pub(crate) networks_format: String,
    /// Default of `--detach-keys`.
    pub(crate) detach_keys: String,
    /// Headers sent with every request.
    #[serde(rename = "HttpHeaders")]
    pub(crate) http_headers: std::collections::BTreeMap<String, String>,
    /// Name of the current context.
    pub(crate) current_context: String,
}

/// `DOCKER_CONFIG` or `~/.docker`.
pub(crate) fn default_dir() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    set("DOCKER_CONFIG").unwrap_or_else(|| format!("{}/.docker", set("HOME").unwrap_or_else(|| "/root".into())))
}

/// Reads the file in `dir`; a missing file is an empty one, a broken one earns a warning and counts as empty.
pub(crate) fn load(dir: &str) -> Config {
    let path = Path::new(dir).join("config.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Config::default();
    };
    serde_json::from_str(&text).unwrap_or_else(|e| {
        crate::output::error(&format!("WARNING: Error parsing config file ({}): {e}", path.display()));
        Config::default()
    })
}
