//! `~/.docker/config.json`: the few settings that change what this client prints or listens for. Credentials have a
//! module of their own.

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine as _};
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
    /// Credentials by registry; here they are only checked.
    auths: std::collections::BTreeMap<String, Auth>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
}

impl Config {
    /// What docker would complain about.
    fn check(self) -> Result<Self, String> {
        for Auth { auth } in self.auths.values().filter(|entry| !entry.auth.is_empty()) {
            let text = STANDARD.decode(auth).map_err(|error| match error {
                DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => {
                    format!("illegal base64 data at input byte {at}")
                }
                _ => format!("illegal base64 data at input byte {}", auth.len()),
            })?;
            if !text.contains(&b':') {
                return Err("Invalid auth configuration file".into());
            }
        }
        Ok(self)
    }
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
    if text.trim().is_empty() {
        return Config::default();
    }
    let read = serde_json::from_str::<Config>(&text).map_err(|e| match e.is_eof() {
        true => "unexpected EOF".to_owned(),
        false => e.to_string(),
    });
    read.and_then(Config::check).unwrap_or_else(|e| {
        crate::output::error(&format!("WARNING: Error parsing config file ({}): {e}", path.display()));
        Config::default()
    })
}
