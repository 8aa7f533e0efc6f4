//! An image's configuration and how each instruction changes it, with the history entry that BuildKit writes (`dockerfile2llb`).
//! The JSON is canonical: the document's keys sorted, `config`'s in the order of docker's image specification, empty fields left out, `<`, `>` and `&` escaped as Go does. Fields unknown to these specifications are dropped, as BuildKit drops them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::dockerfile::instructions::{Command, CommandLine, Healthcheck, Pair, Test};
use crate::golang::quote::quote;
use crate::ignore::path;
use crate::image::Digest;

/// The comment of history entries, as BuildKit's frontend has it.
pub const HISTORY_COMMENT: &str = "buildkit.dockerfile.v0";

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

/// Why an instruction cannot be put into a configuration. The texts are BuildKit's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `EXPOSE` with something that is no port.
    #[error("invalid containerPort: {0}")]
    Port(String),
    /// `EXPOSE` with an unknown protocol.
    #[error("invalid port: {quoted}: invalid proto: {protocol}")]
    Protocol {
        /// The port as written, in quotes.
        quoted: String,
        /// The protocol.
        protocol: String,
    },
    /// `VOLUME ""`
    #[error("VOLUME specified can not be an empty string")]
    EmptyVolume,
    /// `STOPSIGNAL` with an unknown signal.
    #[error("invalid signal: {0}")]
    Signal(String),
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

    /// Adds a history entry; `created` is RFC 3339.
    pub fn add_history(&mut self, created_by: &str, layer: bool, created: &str) {
        let entry = json!({
            "created": created, "created_by": created_by, "comment": HISTORY_COMMENT, "empty_layer": !layer,
        });
        self.history.push(history_entry(&entry));
    }

    /// Applies an instruction that makes no layer and whose variables are filled in, and adds its history entry. `cmd_set` remembers whether this stage had a `CMD`, which an `ENTRYPOINT` then keeps.
    /// `ARG` is applied with the values in force. `ADD`, `COPY`, `RUN` and `WORKDIR` are the builder's (see [`ImageConfig::workdir`]) and change nothing here.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn apply(&mut self, command: &Command, cmd_set: &mut bool, created: &str) -> Result<(), ConfigError> {
        let run = &mut self.run;
        let created_by = match command {
            Command::Arg(arg) => {
                let pairs = arg.pairs.iter().map(|pair| match &pair.value {
                    Some(value) => format!("{}={}", pair.name.text, value.text),
                    None => pair.name.text.clone(),
                });
                format!("ARG {}", pairs.collect::<Vec<_>>().join(" "))
            }
            Command::Cmd(line) => {
                run.cmd = run.words(line);
                run.args_escaped = true;
                *cmd_set = true;
                format!("CMD {}", go_quoted(&run.cmd))
            }
            Command::Entrypoint(line) => {
                run.entrypoint = run.words(line);
                if !*cmd_set {
                    run.cmd.clear();
                }
                format!("ENTRYPOINT {}", go_quoted(&run.entrypoint))
            }
            Command::Env(pairs) => {
                for Pair { name, value, .. } in pairs {
                    run.set_env(&name.text, &value.text);
                }
                format!("ENV{}", go_pairs(pairs))
            }
            Command::Expose(words) => {
                let mut ports = Vec::new();
                for word in words {
                    ports.extend(self::ports(&word.text)?);
                }
                run.exposed_ports.extend(ports.iter().cloned());
                format!("EXPOSE [{}]", ports.join(" "))
            }
            Command::Healthcheck(check) => {
                let (map, text) = healthcheck(check);
                run.healthcheck = Some(map);
                format!("HEALTHCHECK {text}")
            }
            Command::Label(pairs) => {
                run.labels.extend(pairs.iter().map(|p| (p.name.text.clone(), p.value.text.clone())));
                format!("LABEL{}", go_pairs(pairs))
            }
            Command::Maintainer(name) => {
                self.author.clone_from(&name.text);
                format!("MAINTAINER {}", name.text)
            }
            Command::Onbuild(onbuild) => {
                run.on_build.push(onbuild.expression.clone());
                return Ok(());
            }
            Command::Shell(words) => {
                run.shell = words.iter().map(|word| word.text.clone()).collect();
                format!("SHELL [{}]", run.shell.join(" "))
            }
            Command::StopSignal(word) => {
                if !is_signal(&word.text) {
                    return Err(ConfigError::Signal(word.text.clone()));
                }
                run.stop_signal.clone_from(&word.text);
                format!("STOPSIGNAL {}", word.text)
            }
            Command::User(word) => {
                run.user.clone_from(&word.text);
                format!("USER {}", word.text)
            }
            Command::Volume(words) => {
                let volumes: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
                if volumes.iter().any(String::is_empty) {
                    return Err(ConfigError::EmptyVolume);
                }
                let text = format!("VOLUME [{}]", volumes.join(" "));
                run.volumes.extend(volumes);
                text
            }
            Command::Add(_) | Command::Copy(_) | Command::Run(_) | Command::Workdir(_) => return Ok(()),
        };
        self.add_history(&created_by, false, created);
        Ok(())
    }

    /// Changes the working directory and adds the history entry. Returns the directory that has to be there; none for `/`, which makes no layer.
    pub fn workdir(&mut self, dir: &str, created: &str) -> Option<String> {
        let base = if self.run.working_dir.is_empty() { "/" } else { self.run.working_dir.as_str() };
        let dir = if dir.starts_with('/') { path::clean(dir) } else { path::clean(&format!("/{base}/{dir}")) };
        self.run.working_dir.clone_from(&dir);
        let layer = dir != "/";
        self.add_history(&format!("WORKDIR {dir}"), layer, created);
        layer.then_some(dir)
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

    /// A command's words, with the shell in front where it is a shell's.
    fn words(&self, line: &CommandLine) -> Vec<String> {
        let words = line.words.iter().map(|word| word.text.clone());
        if !line.shell {
            return words.collect();
        }
        let default = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
        let mut out = if self.shell.is_empty() { default() } else { self.shell.clone() };
        out.push(words.collect::<Vec<_>>().join(" "));
        out
    }

    fn set_env(&mut self, name: &str, value: &str) {
        let entry = format!("{name}={value}");
        match self.env.iter_mut().find(|e| e.split_once('=').map_or(e.as_str(), |(n, _)| n) == name) {
            Some(old) => *old = entry,
            None => self.env.push(entry),
        }
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

/// `%q` of a list of strings.
fn go_quoted(words: &[String]) -> String {
    format!("[{}]", words.iter().map(quote).collect::<Vec<_>>().join(" "))
}

fn go_pairs(pairs: &[Pair]) -> String {
    pairs.iter().map(|pair| format!(" {}={}", pair.name.text, pair.value.text)).collect()
}

/// `[ip:[host]:]port[-end][/protocol]` as the container's ports.
fn ports(text: &str) -> Result<Vec<String>, ConfigError> {
    let spec = text.rsplit_once(':').map_or(text, |(_, container)| container);
    let (range, protocol) = match spec.split_once('/') {
        Some((range, protocol)) if !protocol.is_empty() => (range, crate::golang::case::lower(protocol)),
        Some((range, _)) => (range, "tcp".to_owned()),
        None => (spec, "tcp".to_owned()),
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(ConfigError::Protocol { quoted: quote(text), protocol });
    }
    let bad = || ConfigError::Port(range.to_owned());
    let port = |text: &str| text.parse::<u16>().map_err(|_| bad());
    let (start, end) = match range.split_once('-') {
        Some((start, end)) => (port(start)?, port(end)?),
        None => (port(range)?, port(range)?),
    };
    if end < start {
        return Err(bad());
    }
    Ok((start..=end).map(|port| format!("{port}/{protocol}")).collect())
}

fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 37] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
        "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
        "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX", "EMT",
    ];
    if let Ok(number) = text.parse::<i32>() {
        return number != 0;
    }
    let upper = crate::golang::case::upper(text);
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |prefix: &str, max: u32| {
        name.strip_prefix(prefix).and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| (1..=max).contains(&n))
    };
    NAMES.contains(&name) || real_time("RTMIN+", 15) || real_time("RTMAX-", 14)
}

/// Docker's form, and Go's `%+v` of it.
fn healthcheck(check: &Healthcheck) -> (Map<String, Value>, String) {
    let test: Vec<&str> = match &check.test {
        Test::None => vec!["NONE"],
        Test::Shell(word) => vec!["CMD-SHELL", &word.text],
        Test::Exec(words) => std::iter::once("CMD").chain(words.iter().map(|word| word.text.as_str())).collect(),
    };
    let text = format!(
        "{{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        test.join(" "),
        go_duration(check.interval),
        go_duration(check.timeout),
        go_duration(check.start_period),
        go_duration(check.start_interval),
        check.retries
    );
    let map = json!({
        "Test": test, "Interval": check.interval, "Timeout": check.timeout, "StartPeriod": check.start_period,
        "StartInterval": check.start_interval, "Retries": check.retries,
    });
    (map.as_object().cloned().unwrap_or_default(), text)
}

/// Go's `time.Duration.String`.
fn go_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let decimal = |unit: u64| {
        let text = format!("{}.{:0width$}", total / unit, total % unit, width = unit.ilog10() as usize);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let body = match total {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(1_000_000)),
        _ => {
            let minutes = total / 60_000_000_000;
            let rest = total % 60_000_000_000;
            let seconds = format!("{}.{:09}", rest / 1_000_000_000, rest % 1_000_000_000);
            let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, m) => format!("{m}m{seconds}s"),
                (h, m) => format!("{h}h{m}m{seconds}s"),
            }
        }
    };
    format!("{sign}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::{self, instructions};

    fn applied(text: &str) -> ImageConfig {
        let program = instructions::program(&dockerfile::parse(&format!("FROM x\n{text}")));
        assert!(program.errors.is_empty(), "{:?}", program.errors);
        let mut config = ImageConfig::scratch("linux", "amd64", "");
        let mut cmd_set = false;
        for instruction in &program.stages[0].commands {
            config.apply(&instruction.command, &mut cmd_set, "1970-01-01T00:00:00Z").unwrap();
        }
        config
    }

    #[test]
    fn history_is_worded_as_buildkit_words_it() {
        let config = applied(
            "ENV A=1 B=xy\nLABEL a=b\nEXPOSE 80 53/udp 1-3\nCMD echo hi\nENTRYPOINT [\"/a\", \"b\\\"c\"]\nVOLUME /d /e\nUSER u:g\n\
             HEALTHCHECK --interval=90s --retries=2 CMD true\nSTOPSIGNAL SIGTERM\nSHELL [\"/bin/bash\", \"-c\"]\nONBUILD RUN x\nMAINTAINER me\n",
        );
        let said: Vec<&str> = config.history.iter().filter_map(|h| h["created_by"].as_str()).collect();
        assert_eq!(
            said,
            [
                "ENV A=1 B=xy",
                "LABEL a=b",
                "EXPOSE [1/tcp 2/tcp 3/tcp 53/udp 80/tcp]",
                "CMD [\"/bin/sh\" \"-c\" \"echo hi\"]",
                "ENTRYPOINT [\"/a\" \"b\\\"c\"]",
                "VOLUME [/d /e]",
                "USER u:g",
                "HEALTHCHECK {Test:[CMD-SHELL true] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:2}",
                "STOPSIGNAL SIGTERM",
                "SHELL [/bin/bash -c]",
                "MAINTAINER me",
            ]
        );
        assert_eq!(config.run.on_build, ["RUN x"]);
        assert_eq!(config.run.cmd, ["/bin/sh", "-c", "echo hi"]);
    }

    #[test]
    fn the_document_is_canonical_and_survives_reading() {
        let mut config = applied("ENV A=<&>\nENTRYPOINT [\"/a\"]\nCMD [\"b\"]\nHEALTHCHECK NONE\n");
        assert_eq!(config.workdir("a/../b", "1970-01-01T00:00:00Z").as_deref(), Some("/b"));
        let bytes = config.to_bytes();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with("{\"architecture\":\"amd64\",\"config\":{\"Env\":[\"PATH=/usr/local/sbin:"));
        assert!(text.contains("\"A=\\u003c\\u0026\\u003e\"") && text.contains("\"Healthcheck\":{\"Test\":[\"NONE\"]}"));
        assert!(text.ends_with("\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"));
        let again = ImageConfig::from_json(&serde_json::from_slice(&bytes).unwrap());
        assert_eq!(again.to_bytes(), bytes);
    }

    #[test]
    fn durations_are_gos() {
        for (ns, text) in
            [(0, "0s"), (1_500, "1.5µs"), (20_000_000, "20ms"), (1_000_000_000, "1s"), (5_400_000_000_000, "1h30m0s")]
        {
            assert_eq!(go_duration(ns), text);
        }
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
    }
}
