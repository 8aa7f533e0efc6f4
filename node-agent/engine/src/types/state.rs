//! A container's record as it lies on disk (`config.v2.json`) and the state inside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Config, NetworkSettings};

/// Zero time as Go prints it: "never".
pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// Where a container is in its life. `status()` derives the one word that clients see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "as in the Engine API")]
pub struct State {
    pub running: bool,
    pub paused: bool,
    pub restarting: bool,
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    pub removal_in_progress: bool,
    pub dead: bool,
    pub pid: u32,
    pub exit_code: i32,
    pub error: String,
    pub started_at: String,
    pub finished_at: String,
}

impl Default for State {
    fn default() -> Self {
        Self {
            running: false,
            paused: false,
            restarting: false,
            oom_killed: false,
            removal_in_progress: false,
            dead: false,
            pid: 0,
            exit_code: 0,
            error: String::new(),
            started_at: NEVER.into(),
            finished_at: NEVER.into(),
        }
    }
}

impl State {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.running {
            return match (self.paused, self.restarting) {
                (true, _) => "paused",
                (_, true) => "restarting",
                _ => "running",
            };
        }
        if self.removal_in_progress {
            "removing"
        } else if self.dead {
            "dead"
        } else if self.started_at == NEVER {
            "created"
        } else {
            "exited"
        }
    }
}

/// One mounted path as `inspect` shows it under `Mounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "as in the Engine API")]
pub struct MountPoint {
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub source: String,
    pub destination: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    pub mode: String,
    #[serde(rename = "RW")]
    pub rw: bool,
    pub propagation: String,
}

/// `config.v2.json`: everything the engine knows of a container but its host configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "moby's on-disk names")]
pub struct Record {
    pub state: State,
    #[serde(rename = "ID")]
    pub id: String,
    pub created: String,
    pub path: String,
    pub args: Vec<String>,
    pub config: Config,
    /// Image id, `sha256:…`; empty when the container has no image.
    pub image: String,
    pub network_settings: NetworkSettings,
    pub log_path: String,
    /// With the leading slash, as everywhere in moby.
    pub name: String,
    pub driver: String,
    #[serde(rename = "OS")]
    pub os: String,
    pub restart_count: u32,
    pub has_been_started_before: bool,
    pub has_been_manually_stopped: bool,
    /// By destination.
    pub mount_points: BTreeMap<String, MountPoint>,
    /// Names of volumes made for this container alone (`-v /path`), removed with it on request.
    pub anonymous_volumes: Vec<String>,
    pub hostname_path: String,
    pub hosts_path: String,
    pub resolv_conf_path: String,
    pub no_new_privileges: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_follows_mobys_precedence() {
        let mut state = State::default();
        assert_eq!(state.status(), "created");
        state.started_at = "2026-01-01T00:00:00Z".into();
        assert_eq!(state.status(), "exited");
        state.running = true;
        assert_eq!(state.status(), "running");
        state.paused = true;
        assert_eq!(state.status(), "paused");
        state = State { removal_in_progress: true, ..state };
        state.running = false;
        assert_eq!(state.status(), "removing");
    }
}
