//! An image's configuration and how each instruction changes it, with the history entry that BuildKit writes (`dockerfile2llb`).
//! The JSON is canonical: the document's keys sorted, `config`'s in the order of docker's image specification, empty fields left out, `<`, `>` and `&` escaped as Go does. Fields unknown to these specifications are dropped, as BuildKit drops them.

mod apply;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::image::Digest;

/// The comment of history entries, as BuildKit's frontend has it.
pub const HISTORY_COMMENT: &str = "buildkit.dockerfile.v0";

pub use apply::ConfigError;

/// An image's configuration (OCI image specification, "Image Configuration", with docker's additions).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageConfig {
    /// `amd64`
    pub architecture: String,
    /// `linux`
    pub os: String,
    /// `v8`; mostly empty.
    pub variant: String,
    /// Of Windows; mostly empty.
    pub os_version: String,
    /// `MAINTAINER`
    pub author: String,
    /// RFC 3339.
    pub created: String,
    /// What a container runs with.
    pub run: RunConfig,
    /// Digests of the uncompressed layers, lowest first.
    pub diff_ids: Vec<Digest>,
    /// The history's entries, oldest first, in canonical form.
    pub history: Vec<Value>,
}

/// `config`: what a container runs with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunConfig {
    /// `USER`
    pub user: String,
    /// `EXPOSE`: `80/tcp`.
    pub exposed_ports: BTreeSet<String>,
    /// `ENV`: `NAME=value`.
    pub env: Vec<String>,
    /// `ENTRYPOINT`
    pub entrypoint: Vec<String>,
    /// `CMD`
    pub cmd: Vec<String>,
    /// `VOLUME`
    pub volumes: BTreeSet<String>,
    /// `WORKDIR`
    pub working_dir: String,
    /// `LABEL`
    pub labels: BTreeMap<String, String>,
    /// `STOPSIGNAL`
    pub stop_signal: String,
    /// Whether a `CMD` was set by a builder; of meaning on Windows only.
    pub args_escaped: bool,
    /// `HEALTHCHECK`, in docker's form.
    pub healthcheck: Option<Map<String, Value>>,
    /// `ONBUILD`
    pub on_build: Vec<String>,
    /// `SHELL`
    pub shell: Vec<String>,
}

impl ImageConfig {
    /// The configuration of `FROM scratch`.
    pub fn scratch(os: &str, architecture: &str, variant: &str) -> Self {
        Self {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            variant: variant.to_owned(),
            run: RunConfig {
                env: vec![format!("PATH={}", crate::dockerfile::expand::DEFAULT_PATH)],
                working_dir: "/".to_owned(),
                ..RunConfig::default()
            },
            ..Self::default()
        }
    }

    /// Reads a configuration. What has another form than it should is taken as missing.
    pub fn from_json(document: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let keys = |value: &Value| -> BTreeSet<String> {
            crate::order::set(value.as_object().into_iter().flatten().map(|(k, _)| k.clone()))
        };
        let run = &document["config"];
        let labels = run["Labels"].as_object().into_iter().flatten();
        Self {
            architecture: text(&document["architecture"]),
            os: text(&document["os"]),
            variant: text(&document["variant"]),
            os_version: text(&document["os.version"]),
            author: text(&document["author"]),
            created: text(&document["created"]),
            run: RunConfig {
                user: text(&run["User"]),
                exposed_ports: keys(&run["ExposedPorts"]),
                env: list(&run["Env"]),
                entrypoint: list(&run["Entrypoint"]),
                cmd: list(&run["Cmd"]),
                volumes: keys(&run["Volumes"]),
                working_dir: text(&run["WorkingDir"]),
                labels: crate::order::map(labels.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))),
                stop_signal: text(&run["StopSignal"]),
                args_escaped: run["ArgsEscaped"].as_bool().unwrap_or(false),
                healthcheck: run["Healthcheck"].as_object().cloned(),
                on_build: list(&run["OnBuild"]),
                shell: list(&run["Shell"]),
            },
            diff_ids: list(&document["rootfs"]["diff_ids"]).iter().filter_map(|id| id.parse().ok()).collect(),
            history: document["history"].as_array().into_iter().flatten().map(history_entry).collect(),
        }
    }

    /// The canonical document.
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("architecture".into(), json!(self.architecture));
        insert(&mut out, "author", json!(self.author));
        out.insert("config".into(), self.run.to_json());
        insert(&mut out, "created", json!(self.created));
        out.insert("history".into(), json!(self.history));
        out.insert("os".into(), json!(self.os));
        insert(&mut out, "os.version", json!(self.os_version));
        let ids: Vec<&str> = self.diff_ids.iter().map(Digest::as_str).collect();
        out.insert("rootfs".into(), json!({"type": "layers", "diff_ids": ids}));
        insert(&mut out, "variant", json!(self.variant));
        Value::Object(out)
    }

    /// The canonical bytes, whose digest is the image's id.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical(&self.to_json())
    }
}

impl RunConfig {
    fn to_json(&self) -> Value {
        let set = |keys: &BTreeSet<String>| Value::Object(keys.iter().map(|key| (key.clone(), json!({}))).collect());
        let mut out = Map::new();
        insert(&mut out, "User", json!(self.user));
        insert(&mut out, "ExposedPorts", set(&self.exposed_ports));
        insert(&mut out, "Env", json!(self.env));
        insert(&mut out, "Entrypoint", json!(self.entrypoint));
        insert(&mut out, "Cmd", json!(self.cmd));
        insert(&mut out, "Volumes", set(&self.volumes));
        insert(&mut out, "WorkingDir", json!(self.working_dir));
        insert(&mut out, "Labels", json!(self.labels));
        insert(&mut out, "StopSignal", json!(self.stop_signal));
        if self.args_escaped {
            out.insert("ArgsEscaped".into(), json!(true));
        }
        if let Some(check) = &self.healthcheck {
            let mut ordered = Map::new();
            for key in ["Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"] {
                insert(&mut ordered, key, check.get(key).cloned().unwrap_or_default());
            }
            out.insert("Healthcheck".into(), Value::Object(ordered));
        }
        insert(&mut out, "OnBuild", json!(self.on_build));
        insert(&mut out, "Shell", json!(self.shell));
        Value::Object(out)
    }
}

/// JSON as Go writes it: no spaces, `<`, `>`, `&` and line separators escaped.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    for c in value.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.into_bytes()
}

/// A point in time as RFC 3339 in UTC, from seconds since 1970.
pub fn rfc3339(seconds: i64) -> String {
    let text = crate::cli::format::utc(seconds);
    match text.split_once(' ') {
        Some((date, rest)) => format!("{date}T{}Z", rest.split(' ').next().unwrap_or_default()),
        None => text,
    }
}

fn insert(map: &mut Map<String, Value>, key: &str, value: Value) {
    let empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(flag) => !flag,
    };
    if !empty {
        map.insert(key.to_owned(), value);
    }
}

fn history_entry(entry: &Value) -> Value {
    let mut out = Map::new();
    for key in ["created", "created_by", "author", "comment", "empty_layer"] {
        insert(&mut out, key, entry[key].clone());
    }
    Value::Object(out)
}
