//! The OCI runtime specification of a container, as Docker would write it. Pure: everything that must be looked up on
//! disk or in the kernel comes in through [`Input`].

pub mod caps;
mod mounts;
pub mod resources;
pub mod user;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::types::{Config, HostConfig, Record};
use user::User;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a specification is made from.
#[derive(Debug)]
pub struct Input<'a> {
    /// The container.
    pub record: &'a Record,
    /// Its host configuration.
    pub host: &'a HostConfig,
    /// Its mounted root.
    pub rootfs: PathBuf,
    /// Whom its process runs as.
    pub user: User,
    /// The seccomp profile, already in OCI form.
    pub seccomp: Option<Value>,
    /// Devices beside the runtime's default ones, as OCI `linux.devices`.
    pub devices: Vec<Value>,
    /// The network namespace to join (`--network container:…`).
    pub network_namespace: Option<PathBuf>,
    /// The pid and IPC namespaces to join.
    pub pid_namespace: Option<PathBuf>,
    /// As above.
    pub ipc_namespace: Option<PathBuf>,
    /// This engine runs in a user namespace, where devices cannot be filtered by cgroup.
    pub in_user_namespace: bool,
}

/// `process.env`: PATH, HOSTNAME, TERM with a terminal, then what is configured, then HOME.
#[must_use]
pub fn environment(config: &Config, own: &[String], hostname: Option<&str>, home: &str) -> Vec<String> {
    let mut env = vec![PATH.to_owned()];
    if let Some(hostname) = hostname {
        env.push(format!("HOSTNAME={hostname}"));
    }
    if config.tty {
        env.push("TERM=xterm".into());
    }
    for entry in config.env.iter().chain(own) {
        let key = entry.split('=').next().unwrap_or_default();
        let position = env.iter().position(|e| e.split('=').next() == Some(key));
        match (position, entry.contains('=')) {
            (Some(at), true) => env[at].clone_from(entry),
            // A name alone removes the variable.
            (Some(at), false) => drop(env.remove(at)),
            (None, true) => env.push(entry.clone()),
            (None, false) => {}
        }
    }
    if !env.iter().any(|e| e.starts_with("HOME=")) {
        env.push(format!("HOME={home}"));
    }
    env
}

/// Whether `--security-opt no-new-privileges` is among the options.
#[must_use]
pub fn no_new_privileges(host: &HostConfig) -> bool {
    let options = host.security_opt.iter().flatten();
    options
        .map(String::as_str)
        .any(|o| matches!(o, "no-new-privileges" | "no-new-privileges=true" | "no-new-privileges:true"))
}

/// The seccomp option: `None` is the default profile, `Some("unconfined")` none at all, anything else a profile's JSON.
#[must_use]
pub fn seccomp_option(host: &HostConfig) -> Option<&str> {
    if host.privileged {
        return Some("unconfined");
    }
    host.security_opt.iter().flatten().find_map(|o| o.strip_prefix("seccomp=").or_else(|| o.strip_prefix("seccomp:")))
}

/// `process` of the container's init.
///
/// # Errors
/// An unknown capability.
pub fn process(input: &Input<'_>) -> Result<Value> {
    let (config, host) = (&input.record.config, input.host);
    let hostname = Some(config.hostname.as_str()).filter(|h| !h.is_empty());
    let env = environment(config, &[], hostname, &input.user.home);
    let mut args = vec![input.record.path.clone()];
    args.extend(input.record.args.iter().cloned());
    base_process(host, &input.user, config.tty, args, env, cwd(&config.working_dir))
}

/// The directory a process starts in.
#[must_use]
pub fn cwd(configured: &str) -> &str {
    if configured.is_empty() { "/" } else { configured }
}

/// An OCI process with the container's privileges: the init's, or an exec's.
///
/// # Errors
/// An unknown capability.
pub fn base_process(
    host: &HostConfig,
    user: &User,
    tty: bool,
    args: Vec<String>,
    env: Vec<String>,
    cwd: &str,
) -> Result<Value> {
    let add = host.cap_add.clone().unwrap_or_default();
    let set = caps::effective(&add, &host.cap_drop.clone().unwrap_or_default(), host.privileged)?;
    // A user other than root starts with nothing but may gain through set-uid files what the bounding set allows.
    let held: &[String] = if user.uid == 0 { &set } else { &[] };
    let mut process = json!({
        "terminal": tty,
        "user": { "uid": user.uid, "gid": user.gid, "additionalGids": user.groups, "umask": 18 },
        "args": args,
        "env": env,
        "cwd": cwd,
        "capabilities": { "bounding": set, "effective": held, "permitted": held },
        "noNewPrivileges": no_new_privileges(host),
        "oomScoreAdj": host.oom_score_adj,
        "rlimits": resources::rlimits(host),
    });
    let [height, width] = host.console_size;
    if tty && height > 0 && width > 0 {
        process["consoleSize"] = json!({ "height": height, "width": width });
    }
    Ok(process)
}

/// The whole specification.
///
/// # Errors
/// An unknown capability.
pub fn generate(input: &Input<'_>) -> Result<Value> {
    let (record, host) = (input.record, input.host);
    let mut linux = Map::new();
    let mut limits = resources::resources(host);
    if !input.in_user_namespace {
        limits.insert("devices".into(), Value::Array(device_rules(host, &input.devices)));
    }
    linux.insert("resources".into(), Value::Object(limits));
    let parent = if host.cgroup_parent.is_empty() { "/docker" } else { host.cgroup_parent.trim_end_matches('/') };
    linux.insert("cgroupsPath".into(), json!(format!("{parent}/{}", record.id)));
    linux.insert("namespaces".into(), Value::Array(namespaces(input)));
    linux.insert("devices".into(), json!(input.devices));
    if let Some(profile) = &input.seccomp {
        linux.insert("seccomp".into(), profile.clone());
    }
    for (key, list) in [("maskedPaths", &host.masked_paths), ("readonlyPaths", &host.readonly_paths)] {
        if let Some(paths) = list {
            linux.insert(key.into(), json!(paths));
        }
    }
    let mut sysctls = Map::new();
    if host.network_mode != "host" && input.network_namespace.is_none() && !input.in_user_namespace {
        sysctls.insert("net.ipv4.ip_unprivileged_port_start".into(), json!("0"));
        sysctls.insert("net.ipv4.ping_group_range".into(), json!("0 2147483647"));
    }
    sysctls.extend(host.sysctls.iter().map(|(k, v)| (k.clone(), json!(v))));
    linux.insert("sysctl".into(), Value::Object(sysctls));
    let mut spec = json!({
        "ociVersion": "1.2.0",
        "process": process(input)?,
        "root": { "path": input.rootfs, "readonly": host.readonly_rootfs },
        "mounts": mounts::mounts(input),
        "linux": linux,
    });
    if host.uts_mode != "host" {
        spec["hostname"] = json!(record.config.hostname);
        if !record.config.domainname.is_empty() {
            spec["domainname"] = json!(record.config.domainname);
        }
    }
    Ok(spec)
}

fn namespaces(input: &Input<'_>) -> Vec<Value> {
    let host = input.host;
    let mut list = vec![json!({ "type": "mount" })];
    let mut add = |kind: &str, join: &Option<PathBuf>, from_host: bool| match join {
        Some(path) => list.push(json!({ "type": kind, "path": path })),
        None if !from_host => list.push(json!({ "type": kind })),
        None => {}
    };
    add("network", &input.network_namespace, host.network_mode == "host");
    add("uts", &None, host.uts_mode == "host");
    add("pid", &input.pid_namespace, host.pid_mode == "host");
    add("ipc", &input.ipc_namespace, host.ipc_mode == "host");
    add("cgroup", &None, host.cgroupns_mode != "private");
    list
}

/// Docker's device rules: everything is denied but the default devices, terminals, and those asked for.
fn device_rules(host: &HostConfig, devices: &[Value]) -> Vec<Value> {
    if host.privileged {
        return vec![json!({ "allow": true, "access": "rwm" })];
    }
    let mut rules = vec![json!({ "allow": false, "access": "rwm" })];
    let chars = [(1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1), (1, 7), (5, 2)];
    rules.extend(
        chars.map(
            |(major, minor)| json!({ "allow": true, "type": "c", "major": major, "minor": minor, "access": "rwm" }),
        ),
    );
    rules.push(json!({ "allow": true, "type": "c", "major": 136, "access": "rwm" }));
    rules.push(json!({ "allow": true, "type": "c", "access": "m" }));
    rules.push(json!({ "allow": true, "type": "b", "access": "m" }));
    for device in devices {
        rules.push(json!({
            "allow": true, "type": device["type"], "major": device["major"], "minor": device["minor"], "access": "rwm",
        }));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let config = Config { hostname: "abc".into(), tty: true, env: vec!["A=1".into()], ..Config::default() };
        Record { id: "f".repeat(64), path: "sh".into(), args: vec!["-c".into()], config, ..Record::default() }
    }

    fn input<'a>(record: &'a Record, host: &'a HostConfig) -> Input<'a> {
        let user = User { uid: 0, gid: 0, groups: vec![0], home: "/root".into() };
        Input {
            record,
            host,
            rootfs: "/merged".into(),
            user,
            seccomp: None,
            devices: vec![],
            network_namespace: None,
            pid_namespace: None,
            ipc_namespace: None,
            in_user_namespace: false,
        }
    }

    fn defaults() -> HostConfig {
        let mut host = HostConfig::default();
        host.apply_defaults(false);
        host
    }

    #[test]
    fn the_environment_has_dockers_order() {
        let config =
            Config { tty: true, env: vec!["A=1".into(), "PATH=/own".into(), "TERM".into()], ..Config::default() };
        let env = environment(&config, &["A=2".into()], Some("box"), "/root");
        assert_eq!(env, ["PATH=/own", "HOSTNAME=box", "A=2", "HOME=/root"]);
        let plain = environment(&Config::default(), &[], Some("box"), "/");
        assert_eq!(plain, [PATH, "HOSTNAME=box", "HOME=/"]);
    }

    #[test]
    fn an_ordinary_container_has_its_own_namespaces_and_dockers_masks() {
        let (record, host) = (record(), defaults());
        let spec = generate(&input(&record, &host)).unwrap();
        let kinds: Vec<&str> =
            spec["linux"]["namespaces"].as_array().unwrap().iter().filter_map(|n| n["type"].as_str()).collect();
        assert_eq!(kinds, ["mount", "network", "uts", "pid", "ipc"]);
        assert_eq!(spec["process"]["args"], json!(["sh", "-c"]));
        assert_eq!(spec["linux"]["cgroupsPath"], format!("/docker/{}", record.id));
        assert!(spec["linux"]["maskedPaths"].as_array().unwrap().contains(&json!("/proc/kcore")));
        assert_eq!(spec["linux"]["resources"]["devices"][0]["allow"], false);
        let parsed: oci_spec::runtime::Spec = serde_json::from_value(spec).expect("a valid OCI specification");
        assert_eq!(parsed.hostname().as_deref(), Some("abc"));
    }

    #[test]
    fn privileged_host_network_and_security_options() {
        let record = record();
        let mut host = HostConfig { privileged: true, network_mode: "host".into(), ..HostConfig::default() };
        host.apply_defaults(true);
        let spec = generate(&input(&record, &host)).unwrap();
        assert!(spec["linux"].get("maskedPaths").is_none());
        assert_eq!(spec["process"]["capabilities"]["effective"].as_array().unwrap().len(), caps::ALL.len());
        assert!(!spec["linux"]["namespaces"].to_string().contains("network"));
        let host = HostConfig {
            security_opt: Some(vec!["no-new-privileges".into(), "seccomp=unconfined".into()]),
            ..defaults()
        };
        assert!(no_new_privileges(&host));
        assert_eq!(seccomp_option(&host), Some("unconfined"));
    }

    #[test]
    fn a_plain_user_holds_no_capabilities() {
        let (record, host) = (record(), defaults());
        let mut given = input(&record, &host);
        given.user = User { uid: 1000, gid: 1000, groups: vec![1000], home: "/".into() };
        let process = process(&given).unwrap();
        assert_eq!(process["capabilities"]["effective"], json!([]));
        assert_eq!(process["capabilities"]["bounding"].as_array().unwrap().len(), 14);
    }
}
