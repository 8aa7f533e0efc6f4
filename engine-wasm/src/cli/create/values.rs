//! Flags whose values are read in a way of their own: mounts, devices, variables, restart policies, security options, health checks.

use serde_json::{Map, Value};

use super::super::check;
use super::super::parse::Parsed;
use super::{Machine, list, number};

/// `--cap-add` or `--cap-drop`: capabilities by their full names.
pub(super) fn capabilities(parsed: &Parsed, flag: &str) -> Vec<String> {
    let full = |name: &str| {
        let name = name.trim().to_uppercase();
        if name == "ALL" || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
    };
    parsed.list(flag).into_iter().map(full).collect()
}

/// `--volume`: binds for those with a source, anonymous volumes for the others.
pub(super) fn volumes(parsed: &Parsed, machine: &dyn Machine) -> (Vec<String>, Map<String, Value>) {
    let (mut binds, mut volumes) = (Vec::new(), Map::new());
    let mut seen: Vec<&str> = Vec::new();
    for spec in parsed.list("volume") {
        if seen.contains(&spec) {
            continue;
        }
        seen.push(spec);
        // One letter before `:/` is a Windows drive, even here.
        let bytes = spec.as_bytes();
        let drive =
            bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'/' | b'\\');
        let from = if drive { 2 } else { 0 };
        let cut = spec[from..].find(':').map(|at| spec.split_at(from + at));
        let Some((source, target)) = cut.map(|(s, t)| (s, &t[1..])) else {
            volumes.insert(spec.to_owned(), json!({}));
            continue;
        };
        binds.push(if source.starts_with('.') {
            format!("{}:{target}", machine.absolute(source))
        } else {
            spec.to_owned()
        });
    }
    (binds, volumes)
}

fn device_mode(mode: &str) -> bool {
    !mode.is_empty() && mode.chars().all(|c| "rwm".contains(c)) && "rwm".chars().all(|c| mode.matches(c).count() <= 1)
}

/// `--device`: mappings, and the names of CDI devices (`vendor/class=name`).
pub(super) fn devices(parsed: &Parsed) -> Result<(Vec<Value>, Vec<String>), String> {
    let (mut mappings, mut cdi) = (Vec::new(), Vec::new());
    for text in parsed.list("device") {
        if !text.starts_with('/')
            && text.split_once('=').is_some_and(|(kind, name)| kind.contains('/') && !name.is_empty())
        {
            cdi.push(text.to_owned());
            continue;
        }
        let parts: Vec<_> = text.split(':').collect();
        if parts.len() > 3 || parts[0].is_empty() {
            return Err(format!("bad format for path: {text}"));
        }
        let (target, mode) = match parts[..] {
            [source] => (source, "rwm"),
            [source, mode] if device_mode(mode) => (source, mode),
            [_, target] => (target, "rwm"),
            [_, target, mode] if device_mode(mode) => (target, mode),
            _ => return Err(format!("bad mode specified: {}", parts[2])),
        };
        if !target.starts_with('/') {
            return Err(format!("{target} is not an absolute path"));
        }
        mappings.push(json!({ "PathOnHost": parts[0], "PathInContainer": target, "CgroupPermissions": mode }));
    }
    Ok((mappings, cdi))
}

/// Lines of the files named by one flag, then the values of another: variables or labels.
///
/// # Errors
/// An unreadable file, or a line without a name.
pub fn key_values(
    parsed: &Parsed,
    file_flag: &str,
    flag: &str,
    machine: &dyn Machine,
    from_env: bool,
) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    for file in parsed.list(file_flag) {
        let text = machine.read(file)?;
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once('=').map_or((line, None), |(n, v)| (n, Some(v)));
            if name.is_empty() {
                return Err(format!("poorly formatted environment: no variable name on line '{line}'"));
            }
            if name.contains([' ', '\t']) {
                return Err(format!("poorly formatted environment: variable '{name}' contains whitespaces"));
            }
            match value {
                Some(_) => out.push(line.to_owned()),
                None if from_env => out.extend(machine.env(name).map(|v| format!("{name}={v}"))),
                None => out.push(line.to_owned()),
            }
        }
    }
    out.extend(list(parsed, flag));
    Ok(out)
}

pub(super) fn restart(policy: &str) -> Result<Value, String> {
    if policy.is_empty() {
        return Ok(json!({ "Name": "", "MaximumRetryCount": 0 }));
    }
    let (name, count) = policy.split_once(':').unwrap_or((policy, ""));
    if name.is_empty() {
        return Err("invalid restart policy format: no policy provided before colon".into());
    }
    let count: i64 = match count {
        "" => 0,
        text => text.parse().map_err(|_| "invalid restart policy format: maximum retry count must be an integer")?,
    };
    Ok(json!({ "Name": name, "MaximumRetryCount": count }))
}

/// `--security-opt`: the options for the daemon, and whether `systempaths=unconfined` was among them.
pub(super) fn security(parsed: &Parsed, machine: &dyn Machine) -> Result<(Vec<String>, bool), String> {
    let (mut out, mut unmasked) = (Vec::new(), false);
    for option in parsed.list("security-opt") {
        let cut = option
            .split_once('=')
            .or_else(|| if option.starts_with("no-new-privileges") { None } else { option.split_once(':') });
        let (key, value) = cut.unwrap_or((option, ""));
        if value.is_empty() && key != "no-new-privileges" {
            if key.starts_with("no-new-privileges:") {
                out.push(option.to_owned());
                continue;
            }
            return Err(format!("invalid --security-opt: {}", check::quote(option)));
        }
        if option == "systempaths=unconfined" {
            unmasked = true;
        } else if key == "seccomp" && !matches!(value, "unconfined" | "builtin") {
            let text = machine.read(value).map_err(|e| format!("opening seccomp profile ({value}) failed: {e}"))?;
            let profile: Value = serde_json::from_str(&text)
                .map_err(|e| format!("compacting json for seccomp profile ({value}) failed: {e}"))?;
            out.push(format!("seccomp={profile}"));
        } else {
            out.push(option.to_owned());
        }
    }
    Ok((out, unmasked))
}

pub(super) fn health(parsed: &Parsed) -> Result<Value, String> {
    const NUMBERS: [&str; 5] =
        ["health-interval", "health-timeout", "health-retries", "health-start-period", "health-start-interval"];
    let command = parsed.text_or_empty("health-cmd");
    let any = !command.is_empty() || NUMBERS.iter().any(|n| number(parsed, n) != 0);
    if parsed.switch("no-healthcheck") {
        if any {
            return Err("--no-healthcheck conflicts with --health-* options".into());
        }
        return Ok(json!({ "Test": ["NONE"] }));
    }
    if !any {
        return Ok(Value::Null);
    }
    if let Some(name) = NUMBERS.iter().find(|n| number(parsed, n) < 0) {
        return Err(format!("--{name} cannot be negative"));
    }
    let mut out = Map::new();
    if !command.is_empty() {
        out.insert("Test".into(), json!(["CMD-SHELL", command]));
    }
    for (name, key) in NUMBERS.iter().zip(["Interval", "Timeout", "Retries", "StartPeriod", "StartInterval"]) {
        if number(parsed, name) != 0 {
            out.insert(key.into(), number(parsed, name).into());
        }
    }
    Ok(out.into())
}
