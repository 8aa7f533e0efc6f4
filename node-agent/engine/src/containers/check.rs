//! What a create request must be before anything is made of it: moby's checks in moby's words.

use super::create::Create;
use crate::error::{Error, Result};
use crate::spec::{caps, resources};

/// What `--log-opt` may be.
const LOG_OPTIONS: &[&str] = &["compress", "env", "env-regex", "labels", "labels-regex", "max-file", "max-size", "tag"];

/// Checks a request whose defaults are filled in.
///
/// # Errors
/// Docker's sentence for the first thing that cannot be.
pub(super) fn check(request: &Create) -> Result<()> {
    let (config, host) = (&request.config, &request.host);
    resources::check(host)?;
    if let Some(bad) = config.env.iter().find(|variable| variable.is_empty() || variable.starts_with('=')) {
        return Err(Error::bad(format!("invalid environment variable: {bad}")));
    }
    if host.shm_size.0 < 0 {
        return Err(Error::bad("SHM size can not be less than 0"));
    }
    if !host.storage_opt.is_empty() {
        return Err(Error::bad("--storage-opt is supported only for overlay over xfs with 'pquota' mount option"));
    }
    caps::effective(&host.cap_add.clone().unwrap_or_default(), &host.cap_drop.clone().unwrap_or_default(), false)?;
    if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
        return Err(Error::bad(format!(
            "the working directory '{}' is invalid, it needs to be an absolute path",
            config.working_dir
        )));
    }
    if !config.stop_signal.is_empty() {
        super::stop::parse_signal(&config.stop_signal)?;
    }
    if host.auto_remove && !matches!(host.restart_policy.name.as_str(), "" | "no") {
        return Err(Error::bad("can't create 'AutoRemove' container with restart policy"));
    }
    let policy = &host.restart_policy;
    match policy.name.as_str() {
        "no" | "always" | "unless-stopped" if policy.maximum_retry_count != 0 => {
            return Err(Error::bad("invalid restart policy: maximum retry count can only be used with 'on-failure'"));
        }
        "no" | "always" | "unless-stopped" => {}
        "on-failure" if policy.maximum_retry_count < 0 => {
            return Err(Error::bad("invalid restart policy: maximum retry count cannot be negative"));
        }
        "on-failure" => {}
        other => {
            return Err(Error::bad(format!(
                "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            )));
        }
    }
    match host.log_config.kind.as_str() {
        "json-file" | "none" => {}
        other => {
            return Err(Error::bad(format!("error looking up logging plugin {other}: plugin \"{other}\" not found")));
        }
    }
    if let Some(key) = host.log_config.config.keys().find(|k| !LOG_OPTIONS.contains(&k.as_str())) {
        return Err(Error::bad(format!("unknown log opt '{key}' for json-file log driver")));
    }
    super::start::log_limits(host)?;
    if !matches!(host.runtime.as_str(), "" | "runc" | "io.containerd.runc.v2") {
        return Err(Error::bad(format!("unknown or invalid runtime name: {}", host.runtime)));
    }
    if !matches!(host.isolation.as_str(), "" | "default") {
        return Err(Error::bad(format!("Invalid isolation: {:?} - linux only supports 'default'", host.isolation)));
    }
    if let Some(path) = host.tmpfs.keys().find(|p| !p.starts_with('/')) {
        return Err(Error::bad(format!("invalid mount path: '{path}' mount path must be absolute")));
    }
    if let Some(check) = &config.healthcheck {
        for (what, nanoseconds) in
            [("Interval", check.interval), ("Timeout", check.timeout), ("StartPeriod", check.start_period)]
        {
            if nanoseconds != 0 && nanoseconds < 1_000_000 {
                return Err(Error::bad(format!("{what} in Healthcheck cannot be less than 1ms")));
            }
        }
    }
    if config.healthcheck.as_ref().is_some_and(|check| check.retries < 0) {
        return Err(Error::bad("Retries in Healthcheck cannot be negative"));
    }
    if host.network_mode == "container:" {
        return Err(Error::bad("invalid network mode: invalid container format container:<name|id>"));
    }
    if !matches!(host.cgroupns_mode.as_str(), "" | "private" | "host") {
        return Err(Error::bad(format!("invalid cgroup namespace mode: {}", host.cgroupns_mode)));
    }
    for entry in host.extra_hosts.iter().flatten() {
        extra_host(entry)?;
    }
    if let Some(bad) = host.links.iter().flatten().find(|link| link.split(':').count() > 2) {
        return Err(Error::bad(format!("bad format for links: {bad}")));
    }
    // An unknown network is told at the start, as in moby: a 404 here would have the client pull the image.
    if host.network_mode.starts_with("container:") && (!host.port_bindings.is_empty() || host.publish_all_ports) {
        return Err(Error::bad("conflicting options: port publishing and the container type network mode"));
    }
    if host.init == Some(true) && super::start::init_program().is_none() {
        return Err(Error::bad(
            "--init needs the program docker-init or tini in the engine's PATH, and neither is there",
        ));
    }
    for option in host.security_opt.iter().flatten() {
        let key = option.split(['=', ':']).next().unwrap_or_default();
        if !matches!(key, "no-new-privileges" | "seccomp" | "apparmor" | "label" | "systempaths") {
            return Err(Error::bad(format!("invalid --security-opt 2: {option:?}")));
        }
    }
    crate::network::ports::check(host)
}

/// `NAME:ADDRESS`; the address of an IPv6 host may stand in brackets, and `host-gateway` stands for the engine's own.
fn extra_host(entry: &str) -> Result<()> {
    let Some((_, address)) = entry.split_once(':').filter(|(name, _)| !name.is_empty()) else {
        return Err(Error::bad(format!("bad format for add-host: {entry:?}")));
    };
    let plain = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
    if address != "host-gateway" && plain.parse::<std::net::IpAddr>().is_err() {
        return Err(Error::bad(format!("invalid IP address in add-host: {address:?}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Config, HostConfig};

    fn refusal(config: serde_json::Value, host: serde_json::Value) -> String {
        let config: Config = crate::types::from_go_json(config).unwrap();
        let mut host: HostConfig = crate::types::from_go_json(host).unwrap();
        host.apply_defaults(true);
        check(&Create { config, host, ..Create::default() }).map_or_else(|e| e.message, |()| "fine".into())
    }

    #[test]
    fn what_cannot_be_is_told_in_mobys_words() {
        use serde_json::json;
        let config = |config| refusal(config, json!({}));
        assert_eq!(config(json!({ "Env": ["A=b", "C"] })), "fine");
        assert_eq!(config(json!({ "Env": ["A=b", "=x"] })), "invalid environment variable: =x");
        assert_eq!(config(json!({ "Env": [""] })), "invalid environment variable: ");
        assert_eq!(config(json!({ "Healthcheck": { "Retries": -1 } })), "Retries in Healthcheck cannot be negative");
        let host = |host| refusal(json!({}), host);
        assert_eq!(host(json!({ "ShmSize": -1 })), "SHM size can not be less than 0");
        let range = "Invalid value: 101, valid memory swappiness range is 0-100";
        assert_eq!(host(json!({ "MemorySwappiness": 101 })), range);
        assert_eq!(host(json!({ "MemorySwappiness": -1, "PidsLimit": -1 })), "fine");
        assert_eq!(host(json!({ "CgroupnsMode": "nope" })), "invalid cgroup namespace mode: nope");
        let mode = "invalid network mode: invalid container format container:<name|id>";
        assert_eq!(host(json!({ "NetworkMode": "container:" })), mode);
        assert_eq!(host(json!({ "Links": ["a:b:c"] })), "bad format for links: a:b:c");
        assert!(host(json!({ "StorageOpt": { "size": "1G" } })).starts_with("--storage-opt is supported only"));
        assert_eq!(host(json!({ "ExtraHosts": ["x"] })), "bad format for add-host: \"x\"");
        assert_eq!(host(json!({ "ExtraHosts": [":1.2.3.4"] })), "bad format for add-host: \":1.2.3.4\"");
        assert_eq!(host(json!({ "ExtraHosts": ["x:y"] })), "invalid IP address in add-host: \"y\"");
        assert_eq!(host(json!({ "ExtraHosts": ["x:1.2.3.4", "y:::1", "z:[::1]", "h:host-gateway"] })), "fine");
    }
}
