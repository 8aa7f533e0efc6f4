//! `docker run` and `docker create`: flags become the body of `POST /containers/create`. What the flags need from the machine (files, the environment, the
//! terminal's size) is asked through [`Machine`].

use super::parse::Parsed;
use super::spec::Cmd;
use super::{check, gpus, mount, netopt, ports};
use serde_json::{Map, Value};

/// What making a body needs from the machine that the command runs on.
pub trait Machine {
    /// A file's text; the error in Go's words (`open x: no such file or directory`).
    ///
    /// # Errors
    /// Where the file cannot be read.
    fn read(&self, path: &str) -> Result<String, String>;
    /// An absolute path for one that starts with a dot.
    fn absolute(&self, path: &str) -> String;
    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The path of the engine's socket.
    fn socket(&self) -> String;
    /// Rows and columns of standard output, `[0, 0]` where it is no terminal.
    fn console(&self) -> [u16; 2];
}

/// A container to be created.
#[derive(Debug)]
pub struct Create {
    /// The API body.
    pub body: Value,
    /// The image as given.
    pub image: String,
    /// `--tty`.
    pub tty: bool,
    /// Attach standard input.
    pub stdin: bool,
    /// Attach standard output.
    pub stdout: bool,
    /// Attach standard error.
    pub stderr: bool,
    /// `--rm`.
    pub auto_remove: bool,
}

fn list(parsed: &Parsed, name: &str) -> Vec<String> {
    parsed.list(name).into_iter().map(str::to_owned).collect()
}

fn map(parsed: &Parsed, name: &str) -> Map<String, Value> {
    parsed
        .list(name)
        .into_iter()
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(k, v)| (k.to_owned(), v.into()))
        .collect()
}

fn cut_all(pairs: &[String]) -> Map<String, Value> {
    pairs.iter().map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (k.to_owned(), v.into())).collect()
}

fn number(parsed: &Parsed, name: &str) -> i64 {
    parsed.int(name).unwrap_or_default()
}

/// Builds the body. For `run`, `-d` detaches all streams.
///
/// # Errors
/// docker's reason, without its prefix and its pointer to help.
pub fn create(parsed: &Parsed, machine: &dyn Machine) -> Result<Create, String> {
    let attach = parsed.list("attach");
    let named = |stream: &str| attach.contains(&stream);
    let mut stdin = named("stdin") || parsed.switch("interactive");
    let mut stdout = named("stdout") || attach.is_empty();
    let mut stderr = named("stderr") || attach.is_empty();
    let detach = parsed.id() == Cmd::Run && parsed.switch("detach");

    if let Some(mac) = parsed.text("mac-address").filter(|m| !m.is_empty() && !is_mac(m.trim())) {
        return Err(format!("{mac} is not a valid mac address"));
    }
    let swappiness = parsed.int("memory-swappiness").unwrap_or(-1);
    if !(-1..=100).contains(&swappiness) {
        return Err(format!("invalid value: {swappiness}. Valid memory swappiness range is 0-100"));
    }
    let (binds, volumes) = volumes(parsed, machine);
    let tmpfs: Map<_, _> = parsed
        .list("tmpfs")
        .iter()
        .map(|t| t.split_once(':').unwrap_or((t, "")))
        .map(|(k, v)| (k.to_owned(), v.into()))
        .collect();
    let entrypoint = parsed.text("entrypoint").map(|e| vec![e.to_owned()]);
    let ports = ports::parse(&parsed.list("publish"), &parsed.list("expose"))?;
    let (devices, cdi) = devices(parsed)?;
    let env = key_values(parsed, "env-file", "env", machine, true)?;
    let labels = key_values(parsed, "label-file", "label", machine, false)?;
    let mode = |name: &str, good: fn(&str) -> bool, kind: &str| {
        let text = parsed.text_or_empty(name);
        if good(text) { Ok(text.to_owned()) } else { Err(format!("--{name}: invalid {kind} mode")) }
    };
    let pid = mode(
        "pid",
        |m| matches!(m, "" | "host") || m.strip_prefix("container:").is_some_and(|c| !c.is_empty()),
        "PID",
    )?;
    let uts = mode("uts", |m| matches!(m, "" | "host"), "UTS")?;
    let userns = mode("userns", |m| matches!(m, "" | "host"), "USER")?;
    let cgroupns = mode("cgroupns", |m| matches!(m, "" | "private" | "host"), "CGROUP")?;
    let restart = restart(parsed.text("restart").unwrap_or("no"))?;
    let log_driver = parsed.text_or_empty("log-driver");
    if log_driver == "none" && parsed.changed("log-opt") {
        return Err(format!("invalid logging opts for driver {log_driver}"));
    }
    let (security, unmasked) = security(parsed, machine)?;
    let mut storage = Map::new();
    for option in parsed.list("storage-opt") {
        let (k, v) = option.split_once('=').ok_or("invalid storage option")?;
        storage.insert(k.to_owned(), v.into());
    }
    let health = health(parsed)?;
    let mut requests = parsed.list("gpus").into_iter().map(gpus::request).collect::<Result<Vec<_>, _>>()?;
    if !cdi.is_empty() {
        requests.push(json!({ "Driver": "cdi", "Count": 0, "DeviceIDs": cdi, "Capabilities": null, "Options": null }));
    }
    let auto_remove = parsed.switch("rm");
    if auto_remove && !matches!(restart["Name"].as_str(), Some("no" | "")) {
        return Err("conflicting options: cannot specify both --restart and --rm".into());
    }
    let (network, endpoints) = netopt::attachments(parsed)?;
    let mut mounts = parsed.list("mount").into_iter().map(mount::parse).collect::<Result<Vec<_>, _>>()?;
    for mount in &mut mounts {
        if let Some(source) = mount.get("Source").and_then(Value::as_str).filter(|s| s.starts_with('.')) {
            let absolute = machine.absolute(source);
            mount.insert("Source".into(), absolute.into());
        }
    }
    if parsed.switch("use-api-socket") {
        let socket =
            json!({ "Type": "bind", "Source": machine.socket(), "Target": "/var/run/docker.sock", "BindOptions": {} });
        mounts.extend(socket.as_object().cloned());
    }
    if detach {
        (stdin, stdout, stderr) = (false, false, false);
    }

    let interactive = parsed.switch("interactive");
    let mut body = json!({
        "Hostname": parsed.text_or_empty("hostname"),
        "Domainname": parsed.text_or_empty("domainname"),
        "User": parsed.text_or_empty("user"),
        "AttachStdin": stdin,
        "AttachStdout": stdout,
        "AttachStderr": stderr,
        "ExposedPorts": ports.exposed,
        "Tty": parsed.switch("tty"),
        "OpenStdin": interactive,
        "StdinOnce": interactive && stdin,
        "Env": env,
        "Cmd": if parsed.args.len() > 1 { json!(parsed.args[1..]) } else { Value::Null },
        "Image": parsed.args[0],
        "Volumes": volumes,
        "WorkingDir": parsed.text_or_empty("workdir"),
        "Entrypoint": entrypoint,
        "Labels": cut_all(&labels),
    });
    let mut optional = |key: &str, value: Value| {
        if !value.is_null() {
            body[key] = value;
        }
    };
    optional("MacAddress", json!(parsed.text("mac-address").filter(|m| !m.is_empty())));
    optional("StopSignal", json!(parsed.text("stop-signal").filter(|s| !s.is_empty())));
    optional("StopTimeout", json!(parsed.int("stop-timeout")));
    optional("Healthcheck", health);

    let mut host = json!({
        "Binds": binds,
        "ContainerIDFile": parsed.text_or_empty("cidfile"),
        "LogConfig": { "Type": log_driver, "Config": map(parsed, "log-opt") },
        "NetworkMode": network,
        "PortBindings": ports.bindings,
        "RestartPolicy": restart,
        "AutoRemove": auto_remove,
        "VolumeDriver": parsed.text_or_empty("volume-driver"),
        "VolumesFrom": list(parsed, "volumes-from"),
        "ConsoleSize": machine.console(),
        "CapAdd": list(parsed, "cap-add"),
        "CapDrop": list(parsed, "cap-drop"),
        "CgroupnsMode": cgroupns,
        "Dns": list(parsed, "dns"),
        "DnsOptions": list(parsed, "dns-option"),
        "DnsSearch": list(parsed, "dns-search"),
        "ExtraHosts": list(parsed, "add-host"),
        "GroupAdd": list(parsed, "group-add"),
        "IpcMode": parsed.text_or_empty("ipc"),
        "Cgroup": "",
        "Links": list(parsed, "link"),
        "OomScoreAdj": number(parsed, "oom-score-adj"),
        "PidMode": pid,
        "Privileged": parsed.switch("privileged"),
        "PublishAllPorts": parsed.switch("publish-all"),
        "ReadonlyRootfs": parsed.switch("read-only"),
        "SecurityOpt": security,
        "UTSMode": uts,
        "UsernsMode": userns,
        "ShmSize": number(parsed, "shm-size"),
        "Isolation": parsed.text_or_empty("isolation"),
    });
    let mut extra = resources(parsed)?;
    extra.insert("Devices".into(), devices.into());
    extra.insert("DeviceRequests".into(), requests.into());
    let mut optional = |set: bool, key: &str, value: Value| {
        if set {
            extra.insert(key.into(), value);
        }
    };
    optional(!tmpfs.is_empty(), "Tmpfs", tmpfs.into());
    optional(parsed.changed("sysctl"), "Sysctls", map(parsed, "sysctl").into());
    optional(parsed.changed("annotation"), "Annotations", map(parsed, "annotation").into());
    optional(!storage.is_empty(), "StorageOpt", storage.into());
    optional(parsed.changed("runtime"), "Runtime", parsed.text_or_empty("runtime").into());
    optional(parsed.changed("init"), "Init", parsed.switch("init").into());
    optional(!mounts.is_empty(), "Mounts", json!(mounts));
    optional(unmasked, "MaskedPaths", json!([]));
    optional(unmasked, "ReadonlyPaths", json!([]));
    host.as_object_mut().expect("an object above").append(&mut extra);
    body["HostConfig"] = host;
    body["NetworkingConfig"] = json!({ "EndpointsConfig": endpoints });
    Ok(Create { body, image: parsed.args[0].clone(), tty: parsed.switch("tty"), stdin, stdout, stderr, auto_remove })
}

/// The limits that run, create and update share.
fn resources(parsed: &Parsed) -> Result<Map<String, Value>, String> {
    let throttle = |name: &str, field: &str, bytes: bool| -> Result<Value, String> {
        parsed
            .list(name)
            .into_iter()
            .map(|text| {
                let (path, amount) = text.split_once(':').unwrap_or((text, ""));
                let amount = if bytes {
                    crate::units::ram_in_bytes(amount).map_err(|e| e.to_string())?
                } else {
                    check::go_int(amount)?
                };
                Ok(json!({ "Path": path, field: amount }))
            })
            .collect::<Result<Vec<_>, String>>()
            .map(Value::from)
    };
    let mut ulimits = parsed.list("ulimit").into_iter().map(check::ulimit).collect::<Result<Vec<_>, _>>()?;
    ulimits.reverse();
    crate::order::sort_by(&mut ulimits, |a, b| a.0.cmp(&b.0));
    ulimits.dedup_by(|a, b| a.0 == b.0);
    let ulimits: Vec<_> =
        ulimits.into_iter().map(|(name, soft, hard)| json!({ "Name": name, "Soft": soft, "Hard": hard })).collect();
    let n = |name: &str| number(parsed, name);
    let body = json!({
        "CpuShares": n("cpu-shares"),
        "Memory": n("memory"),
        "NanoCpus": n("cpus"),
        "CgroupParent": parsed.text_or_empty("cgroup-parent"),
        "BlkioWeight": n("blkio-weight"),
        "BlkioWeightDevice": throttle("blkio-weight-device", "Weight", false)?,
        "BlkioDeviceReadBps": throttle("device-read-bps", "Rate", true)?,
        "BlkioDeviceWriteBps": throttle("device-write-bps", "Rate", true)?,
        "BlkioDeviceReadIOps": throttle("device-read-iops", "Rate", false)?,
        "BlkioDeviceWriteIOps": throttle("device-write-iops", "Rate", false)?,
        "CpuPeriod": n("cpu-period"),
        "CpuQuota": n("cpu-quota"),
        "CpuRealtimePeriod": n("cpu-rt-period"),
        "CpuRealtimeRuntime": n("cpu-rt-runtime"),
        "CpusetCpus": parsed.text_or_empty("cpuset-cpus"),
        "CpusetMems": parsed.text_or_empty("cpuset-mems"),
        "DeviceCgroupRules": list(parsed, "device-cgroup-rule"),
        "KernelMemory": n("kernel-memory"),
        "MemoryReservation": n("memory-reservation"),
        "MemorySwap": n("memory-swap"),
        "MemorySwappiness": parsed.int("memory-swappiness").unwrap_or(-1),
        "OomKillDisable": parsed.switch("oom-kill-disable"),
        "PidsLimit": n("pids-limit"),
        "Ulimits": ulimits,
        "CpuCount": n("cpu-count"),
        "CpuPercent": n("cpu-percent"),
        "IOMaximumIOps": n("io-maxiops"),
        "IOMaximumBandwidth": n("io-maxbandwidth"),
    });
    Ok(match body {
        Value::Object(map) => map,
        _ => Map::new(),
    })
}

/// The body of `POST /containers/{id}/update`.
///
/// # Errors
/// docker's reason.
pub fn update(parsed: &Parsed) -> Result<Value, String> {
    if parsed.command.flags.iter().all(|f| !parsed.changed(f.name)) {
        return Err("you must provide one or more flags when using this command".into());
    }
    let n = |name: &str| number(parsed, name);
    let mut body = json!({
        "BlkioWeight": n("blkio-weight"),
        "CpuPeriod": n("cpu-period"),
        "CpuQuota": n("cpu-quota"),
        "CpuRealtimePeriod": n("cpu-rt-period"),
        "CpuRealtimeRuntime": n("cpu-rt-runtime"),
        "CpuShares": n("cpu-shares"),
        "CpusetCpus": parsed.text_or_empty("cpuset-cpus"),
        "CpusetMems": parsed.text_or_empty("cpuset-mems"),
        "Memory": n("memory"),
        "MemoryReservation": n("memory-reservation"),
        "MemorySwap": n("memory-swap"),
        "NanoCpus": n("cpus"),
        "RestartPolicy": match parsed.text("restart") {
            Some(policy) if !policy.is_empty() => restart(policy)?,
            _ => json!({ "Name": "", "MaximumRetryCount": 0 }),
        },
    });
    if parsed.changed("pids-limit") {
        body["PidsLimit"] = n("pids-limit").into();
    }
    Ok(body)
}

fn is_mac(text: &str) -> bool {
    let groups = |separator: char, digits: usize, counts: &[usize]| {
        let parts: Vec<_> = text.split(separator).collect();
        counts.contains(&parts.len())
            && parts.iter().all(|p| p.len() == digits && p.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    groups(':', 2, &[6, 8, 20]) || groups('-', 2, &[6, 8, 20]) || groups('.', 4, &[3, 4, 10])
}

/// `--volume`: binds for those with a source, anonymous volumes for the others.
fn volumes(parsed: &Parsed, machine: &dyn Machine) -> (Vec<String>, Map<String, Value>) {
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
fn devices(parsed: &Parsed) -> Result<(Vec<Value>, Vec<String>), String> {
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

fn restart(policy: &str) -> Result<Value, String> {
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
fn security(parsed: &Parsed, machine: &dyn Machine) -> Result<(Vec<String>, bool), String> {
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

fn health(parsed: &Parsed) -> Result<Value, String> {
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
