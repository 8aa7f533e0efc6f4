//! `docker run` and `docker create`: flags become the body of `POST /containers/create`. What the flags need from the machine (files, the environment, the
//! terminal's size) is asked through [`Machine`].

mod resources;
mod values;

use super::parse::Parsed;
use super::spec::Cmd;
use super::{gpus, mount, netopt, ports};
use serde_json::{Map, Value};

use resources::resources;
pub use resources::update;
pub use values::key_values;
use values::{capabilities, devices, health, restart, security, volumes};

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

/// A slice that Go leaves nil where nothing was put into it.
fn some<T: Into<Value>>(list: Vec<T>) -> Value {
    if list.is_empty() { Value::Null } else { list.into() }
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
        "Binds": some(binds),
        "ContainerIDFile": parsed.text_or_empty("cidfile"),
        "LogConfig": { "Type": log_driver, "Config": map(parsed, "log-opt") },
        "NetworkMode": network,
        "PortBindings": ports.bindings,
        "RestartPolicy": restart,
        "AutoRemove": auto_remove,
        "VolumeDriver": parsed.text_or_empty("volume-driver"),
        "VolumesFrom": some(list(parsed, "volumes-from")),
        "ConsoleSize": machine.console(),
        "CapAdd": some(capabilities(parsed, "cap-add")),
        "CapDrop": some(capabilities(parsed, "cap-drop")),
        "CgroupnsMode": cgroupns,
        "Dns": list(parsed, "dns"),
        "DnsOptions": list(parsed, "dns-option"),
        "DnsSearch": list(parsed, "dns-search"),
        "ExtraHosts": some(list(parsed, "add-host")),
        "GroupAdd": some(list(parsed, "group-add")),
        "IpcMode": parsed.text_or_empty("ipc"),
        "Cgroup": "",
        "Links": some(list(parsed, "link")),
        "OomScoreAdj": number(parsed, "oom-score-adj"),
        "PidMode": pid,
        "Privileged": parsed.switch("privileged"),
        "PublishAllPorts": parsed.switch("publish-all"),
        "ReadonlyRootfs": parsed.switch("read-only"),
        "SecurityOpt": some(security),
        "UTSMode": uts,
        "UsernsMode": userns,
        "ShmSize": number(parsed, "shm-size"),
        "Isolation": parsed.text_or_empty("isolation"),
    });
    let mut extra = resources(parsed)?;
    extra.insert("Devices".into(), devices.into());
    extra.insert("DeviceRequests".into(), some(requests));
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

fn is_mac(text: &str) -> bool {
    let groups = |separator: char, digits: usize, counts: &[usize]| {
        let parts: Vec<_> = text.split(separator).collect();
        counts.contains(&parts.len())
            && parts.iter().all(|p| p.len() == digits && p.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    groups(':', 2, &[6, 8, 20]) || groups('-', 2, &[6, 8, 20]) || groups('.', 4, &[3, 4, 10])
}
