//! How instructions change a configuration, and the history entry that BuildKit writes for each.

use serde_json::{Map, Value};

use super::{HISTORY_COMMENT, ImageConfig, RunConfig, history_entry};
use crate::dockerfile::instructions::{Command, CommandLine, Healthcheck, Pair, Test};
use crate::golang::duration::duration;
use crate::golang::quote::quote;
use crate::ignore::path;
use crate::image::Digest;

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
    /// Adds a history entry of a step without a layer; `created` is RFC 3339.
    pub fn add_history(&mut self, created_by: &str, created: &str) {
        self.history.push(history_entry(&json!({
            "created": created, "created_by": created_by, "comment": HISTORY_COMMENT, "empty_layer": true,
        })));
    }

    /// Adds a layer, which the last step has made.
    pub fn add_layer(&mut self, diff_id: Digest) {
        self.diff_ids.push(diff_id);
        if let Some(Value::Object(entry)) = self.history.last_mut() {
            entry.remove("empty_layer");
        }
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
        self.add_history(&created_by, created);
        Ok(())
    }

    /// Changes the working directory and adds the history entry. Returns the directory that has to be there; none for `/`.
    pub fn workdir(&mut self, dir: &str, created: &str) -> Option<String> {
        let base = if self.run.working_dir.is_empty() { "/" } else { self.run.working_dir.as_str() };
        let dir = if dir.starts_with('/') { path::clean(dir) } else { path::clean(&format!("/{base}/{dir}")) };
        self.run.working_dir.clone_from(&dir);
        self.add_history(&format!("WORKDIR {dir}"), created);
        (dir != "/").then_some(dir)
    }
}

impl RunConfig {
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
        duration(check.interval),
        duration(check.timeout),
        duration(check.start_period),
        duration(check.start_interval),
        check.retries
    );
    let map = json!({
        "Test": test, "Interval": check.interval, "Timeout": check.timeout, "StartPeriod": check.start_period,
        "StartInterval": check.start_interval, "Retries": check.retries,
    });
    (map.as_object().cloned().unwrap_or_default(), text)
}
