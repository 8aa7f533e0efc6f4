//! `container.Config`: the part of a container's configuration that does not depend on the host, and that images carry too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The portable configuration of a container (moby's `container.Config`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the fields are those of the Engine API's Config, by the same names")]
pub struct Config {
    pub hostname: String,
    pub domainname: String,
    pub user: String,
    pub attach_stdin: bool,
    pub attach_stdout: bool,
    pub attach_stderr: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub exposed_ports: Map<String, Value>,
    pub tty: bool,
    pub open_stdin: bool,
    pub stdin_once: bool,
    #[serde(serialize_with = "null_when_empty")]
    pub env: Vec<String>,
    #[serde(deserialize_with = "string_or_list")]
    pub cmd: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    pub image: String,
    #[serde(serialize_with = "null_when_empty")]
    pub volumes: Map<String, Value>,
    pub working_dir: String,
    #[serde(deserialize_with = "string_or_list")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub network_disabled: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac_address: String,
    pub on_build: Option<Vec<String>>,
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
}

/// An image's or container's health check as configured; times are nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the fields are those of the Engine API, by the same names")]
pub struct Healthcheck {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// As Go writes a list or a map that nobody made.
fn null_when_empty<'a, T: Serialize, S: serde::Serializer>(some: &'a T, s: S) -> Result<S::Ok, S::Error>
where
    &'a T: IntoIterator,
{
    if some.into_iter().next().is_none() { s.serialize_none() } else { some.serialize(s) }
}

/// Docker's `StrSlice`: a list of strings, or one string standing for a list of one.
fn string_or_list<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    Ok(Option::<Either>::deserialize(d)?.map(|e| match e {
        Either::One(s) => vec![s],
        Either::Many(v) => v,
    }))
}

impl Config {
    /// Fills what the request left out from the image's configuration, as moby's `merge` does.
    pub fn merge_image(&mut self, image: &Config) {
        if self.user.is_empty() {
            self.user.clone_from(&image.user);
        }
        for (port, value) in &image.exposed_ports {
            self.exposed_ports.entry(port.clone()).or_insert_with(|| value.clone());
        }
        let set: Vec<String> = self.env.iter().map(|e| env_key(e).to_owned()).collect();
        for entry in &image.env {
            if !set.iter().any(|k| k == env_key(entry)) {
                self.env.push(entry.clone());
            }
        }
        for (key, value) in &image.labels {
            self.labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
        if self.entrypoint.is_none() {
            if self.cmd.as_ref().is_none_or(Vec::is_empty) {
                self.cmd.clone_from(&image.cmd);
                self.args_escaped = image.args_escaped;
            }
            self.entrypoint.clone_from(&image.entrypoint);
        }
        // `--entrypoint ""` arrives as a list with one empty string: it resets the image's entry point.
        if self.entrypoint.as_ref().is_some_and(|e| e.len() == 1 && e[0].is_empty()) {
            self.entrypoint = None;
        }
        if self.working_dir.is_empty() {
            self.working_dir.clone_from(&image.working_dir);
        }
        for (path, value) in &image.volumes {
            self.volumes.entry(path.clone()).or_insert_with(|| value.clone());
        }
        if self.stop_signal.is_empty() {
            self.stop_signal.clone_from(&image.stop_signal);
        }
        if self.healthcheck.is_none() {
            self.healthcheck.clone_from(&image.healthcheck);
        }
        if self.shell.is_none() {
            self.shell.clone_from(&image.shell);
        }
    }

    /// Entry point and command together: what the container executes.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        let entry = self.entrypoint.iter().flatten();
        entry.chain(self.cmd.iter().flatten()).cloned().collect()
    }
}

fn env_key(entry: &str) -> &str {
    entry.split('=').next().unwrap_or(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Option<Vec<String>> {
        Some(items.iter().map(|s| (*s).to_owned()).collect())
    }

    #[test]
    fn the_images_command_is_used_only_without_entrypoint_and_command() {
        let image = Config { cmd: list(&["sh"]), entrypoint: list(&["/e"]), ..Config::default() };
        let mut plain = Config::default();
        plain.merge_image(&image);
        assert_eq!(plain.argv(), ["/e", "sh"]);
        let mut own = Config { entrypoint: list(&["/own"]), ..Config::default() };
        own.merge_image(&image);
        assert_eq!(own.argv(), ["/own"]);
        let mut reset = Config { entrypoint: list(&[""]), cmd: list(&["ls"]), ..Config::default() };
        reset.merge_image(&image);
        assert_eq!(reset.argv(), ["ls"]);
    }

    #[test]
    fn the_images_environment_comes_after_the_requests_and_never_overrides_it() {
        let image = Config { env: vec!["PATH=/bin".into(), "A=image".into()], ..Config::default() };
        let mut config = Config { env: vec!["A=own".into()], ..Config::default() };
        config.merge_image(&image);
        assert_eq!(config.env, ["A=own", "PATH=/bin"]);
    }

    #[test]
    fn a_string_stands_for_a_list_of_one() {
        let config: Config = serde_json::from_str(r#"{"Cmd":"ls","Entrypoint":["a","b"]}"#).unwrap();
        assert_eq!(config.cmd, list(&["ls"]));
        assert_eq!(config.entrypoint, list(&["a", "b"]));
    }
}
