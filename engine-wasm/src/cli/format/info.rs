//! `docker info`.

use super::Wrong;
use super::engine::Template;
use super::typed::{Kind, Struct, client_fields};
use super::{go_json, text};
use crate::units;
use serde_json::Value;
use std::fmt::Write;

/// The text of `docker info`; `info` is the answer of `GET /info`, where there was one.
///
/// # Errors
/// Go's text for a bad template.
pub fn show(format: &str, client_version: &str, debug: bool, info: Option<&Value>) -> Result<String, Wrong> {
    if format.is_empty() {
        let mut out =
            format!("Client:\n Version:    {client_version}\n Context:    default\n Debug Mode: {debug}\n\nServer:\n");
        if let Some(info) = info {
            out += &pretty(info);
            out.push('\n');
        }
        return Ok(out);
    }
    let mut value = info.cloned().unwrap_or_else(|| json!({}));
    value["ClientInfo"] =
        json!({ "Debug": debug, "Version": client_version, "Context": "default", "Plugins": [], "Warnings": null });
    if format == "json" || format.replace(' ', "") == "{{json.}}" {
        return Ok(go_json(&value, false) + "\n");
    }
    let template = Template::parse("", &text::unescape(format))
        .map_err(|e| Wrong::Template(format!("template parsing error: {e}")))?;
    template.render(&INFO.see(&value)).map(|t| t + "\n").map_err(|e| Wrong::Field(e.to_string()))
}

/// What docker 28.2 decodes the answer of `GET /info` into, with what the client adds.
static INFO: Struct = Struct {
    name: "system.dockerInfo",
    fields: &[
        ("ID", "ID", Kind::Text),
        ("Containers", "Containers", Kind::Number),
        ("ContainersRunning", "ContainersRunning", Kind::Number),
        ("ContainersPaused", "ContainersPaused", Kind::Number),
        ("ContainersStopped", "ContainersStopped", Kind::Number),
        ("Images", "Images", Kind::Number),
        ("Driver", "Driver", Kind::Text),
        ("DriverStatus", "DriverStatus", Kind::List),
        ("SystemStatus", "SystemStatus", Kind::List),
        ("Plugins", "Plugins", Kind::Of(&PLUGINS)),
        ("MemoryLimit", "MemoryLimit", Kind::Bool),
        ("SwapLimit", "SwapLimit", Kind::Bool),
        ("KernelMemory", "KernelMemory", Kind::Bool),
        ("KernelMemoryTCP", "KernelMemoryTCP", Kind::Bool),
        ("CPUCfsPeriod", "CpuCfsPeriod", Kind::Bool),
        ("CPUCfsQuota", "CpuCfsQuota", Kind::Bool),
        ("CPUShares", "CPUShares", Kind::Bool),
        ("CPUSet", "CPUSet", Kind::Bool),
        ("PidsLimit", "PidsLimit", Kind::Bool),
        ("IPv4Forwarding", "IPv4Forwarding", Kind::Bool),
        ("Debug", "Debug", Kind::Bool),
        ("NFd", "NFd", Kind::Number),
        ("OomKillDisable", "OomKillDisable", Kind::Bool),
        ("NGoroutines", "NGoroutines", Kind::Number),
        ("SystemTime", "SystemTime", Kind::Text),
        ("LoggingDriver", "LoggingDriver", Kind::Text),
        ("CgroupDriver", "CgroupDriver", Kind::Text),
        ("CgroupVersion", "CgroupVersion", Kind::Text),
        ("NEventsListener", "NEventsListener", Kind::Number),
        ("KernelVersion", "KernelVersion", Kind::Text),
        ("OperatingSystem", "OperatingSystem", Kind::Text),
        ("OSVersion", "OSVersion", Kind::Text),
        ("OSType", "OSType", Kind::Text),
        ("Architecture", "Architecture", Kind::Text),
        ("IndexServerAddress", "IndexServerAddress", Kind::Text),
        ("RegistryConfig", "RegistryConfig", Kind::To(&REGISTRIES)),
        ("NCPU", "NCPU", Kind::Number),
        ("MemTotal", "MemTotal", Kind::Number),
        ("GenericResources", "GenericResources", Kind::List),
        ("DockerRootDir", "DockerRootDir", Kind::Text),
        ("HTTPProxy", "HttpProxy", Kind::Text),
        ("HTTPSProxy", "HttpsProxy", Kind::Text),
        ("NoProxy", "NoProxy", Kind::Text),
        ("Name", "Name", Kind::Text),
        ("Labels", "Labels", Kind::List),
        ("ExperimentalBuild", "ExperimentalBuild", Kind::Bool),
        ("ServerVersion", "ServerVersion", Kind::Text),
        ("Runtimes", "Runtimes", Kind::Open),
        ("DefaultRuntime", "DefaultRuntime", Kind::Text),
        ("Swarm", "Swarm", Kind::Of(&SWARM)),
        ("LiveRestoreEnabled", "LiveRestoreEnabled", Kind::Bool),
        ("Isolation", "Isolation", Kind::Text),
        ("InitBinary", "InitBinary", Kind::Text),
        ("ContainerdCommit", "ContainerdCommit", Kind::Of(&COMMIT)),
        ("RuncCommit", "RuncCommit", Kind::Of(&COMMIT)),
        ("InitCommit", "InitCommit", Kind::Of(&COMMIT)),
        ("SecurityOptions", "SecurityOptions", Kind::List),
        ("ProductLicense", "ProductLicense", Kind::Text),
        ("DefaultAddressPools", "DefaultAddressPools", Kind::List),
        ("FirewallBackend", "FirewallBackend", Kind::Pointer),
        ("CDISpecDirs", "CDISpecDirs", Kind::List),
        ("DiscoveredDevices", "DiscoveredDevices", Kind::List),
        ("Containerd", "Containerd", Kind::Pointer),
        ("Warnings", "Warnings", Kind::List),
        ("ServerErrors", "ServerErrors", Kind::List),
        ("UserName", "", Kind::Text),
        ("ClientInfo", "ClientInfo", Kind::To(&CLIENT)),
        ("ClientErrors", "ClientErrors", Kind::List),
    ],
};

static CLIENT: Struct = Struct {
    name: "*system.clientInfo",
    fields: client_fields!(
        [("Debug", "Debug", Kind::Bool), ("Platform", "Platform", Kind::Pointer), ("Version", "Version", Kind::Text)],
        [("Plugins", "Plugins", Kind::List), ("Warnings", "Warnings", Kind::List)]
    ),
};

static PLUGINS: Struct = Struct {
    name: "system.PluginsInfo",
    fields: &[
        ("Volume", "Volume", Kind::List),
        ("Network", "Network", Kind::List),
        ("Authorization", "Authorization", Kind::List),
        ("Log", "Log", Kind::List),
    ],
};

static REGISTRIES: Struct = Struct {
    name: "*registry.ServiceConfig",
    fields: &[
        ("AllowNondistributableArtifactsCIDRs", "AllowNondistributableArtifactsCIDRs", Kind::List),
        ("AllowNondistributableArtifactsHostnames", "AllowNondistributableArtifactsHostnames", Kind::List),
        ("InsecureRegistryCIDRs", "InsecureRegistryCIDRs", Kind::List),
        ("IndexConfigs", "IndexConfigs", Kind::Open),
        ("Mirrors", "Mirrors", Kind::List),
    ],
};

static SWARM: Struct = Struct {
    name: "swarm.Info",
    fields: &[
        ("NodeID", "NodeID", Kind::Text),
        ("NodeAddr", "NodeAddr", Kind::Text),
        ("LocalNodeState", "LocalNodeState", Kind::Text),
        ("ControlAvailable", "ControlAvailable", Kind::Bool),
        ("Error", "Error", Kind::Text),
        ("RemoteManagers", "RemoteManagers", Kind::List),
        ("Nodes", "Nodes", Kind::Number),
        ("Managers", "Managers", Kind::Number),
        ("Cluster", "Cluster", Kind::Pointer),
        ("Warnings", "Warnings", Kind::List),
    ],
};

static COMMIT: Struct =
    Struct { name: "system.Commit", fields: &[("ID", "ID", Kind::Text), ("Expected", "Expected", Kind::Text)] };

fn pretty(i: &Value) -> String {
    let mut out = String::new();
    let s = |key: &str| i[key].as_str().unwrap_or_default();
    let n = |key: &str| i[key].as_i64().unwrap_or_default();
    let names = |v: &Value| v.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    // Writing to a string cannot fail.
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = writeln!(out, " {text}");
    };
    line(format_args!("Containers: {}", n("Containers")));
    line(format_args!(" Running: {}", n("ContainersRunning")));
    line(format_args!(" Paused: {}", n("ContainersPaused")));
    line(format_args!(" Stopped: {}", n("ContainersStopped")));
    line(format_args!("Images: {}", n("Images")));
    let optional = |name: &str, key: &str| {
        if s(key).is_empty() { None } else { Some(format!("{name}: {}", s(key))) }
    };
    let version = optional("Server Version", "ServerVersion");
    let driver = optional("Storage Driver", "Driver");
    for text in [version, driver].into_iter().flatten() {
        line(format_args!("{text}"));
    }
    for pair in i["DriverStatus"].as_array().into_iter().flatten() {
        line(format_args!(" {}: {}", pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default()));
    }
    for (name, key) in
        [("Logging Driver", "LoggingDriver"), ("Cgroup Driver", "CgroupDriver"), ("Cgroup Version", "CgroupVersion")]
    {
        if let Some(text) = optional(name, key) {
            line(format_args!("{text}"));
        }
    }
    line(format_args!("Plugins:"));
    line(format_args!(" Volume: {}", names(&i["Plugins"]["Volume"])));
    line(format_args!(" Network: {}", names(&i["Plugins"]["Network"])));
    if i["Plugins"]["Authorization"].as_array().is_some_and(|a| !a.is_empty()) {
        line(format_args!(" Authorization: {}", names(&i["Plugins"]["Authorization"])));
    }
    line(format_args!(" Log: {}", names(&i["Plugins"]["Log"])));
    line(format_args!(
        "Swarm: {}",
        i["Swarm"]["LocalNodeState"].as_str().filter(|s| !s.is_empty()).unwrap_or("inactive")
    ));
    if let Some(runtimes) = i["Runtimes"].as_object().filter(|r| !r.is_empty()) {
        let mut runtimes: Vec<_> = runtimes.keys().map(String::as_str).collect();
        crate::order::sort(&mut runtimes);
        line(format_args!("Runtimes: {}", runtimes.join(" ")));
        line(format_args!("Default Runtime: {}", s("DefaultRuntime")));
    }
    if s("OSType") == "linux" {
        line(format_args!("Init Binary: {}", s("InitBinary")));
        for (name, key) in [("containerd", "ContainerdCommit"), ("runc", "RuncCommit"), ("init", "InitCommit")] {
            line(format_args!("{name} version: {}", i[key]["ID"].as_str().unwrap_or_default()));
        }
        security(&i["SecurityOptions"], &mut line);
    }
    for (name, key) in [
        ("Kernel Version", "KernelVersion"),
        ("Operating System", "OperatingSystem"),
        ("OSType", "OSType"),
        ("Architecture", "Architecture"),
    ] {
        if let Some(text) = optional(name, key) {
            line(format_args!("{text}"));
        }
    }
    line(format_args!("CPUs: {}", n("NCPU")));
    #[allow(clippy::cast_precision_loss)] // a size for people
    line(format_args!("Total Memory: {}", units::bytes_size(n("MemTotal") as f64)));
    for (name, key) in [("Name", "Name"), ("ID", "ID")] {
        if let Some(text) = optional(name, key) {
            line(format_args!("{text}"));
        }
    }
    line(format_args!("Docker Root Dir: {}", s("DockerRootDir")));
    line(format_args!("Debug Mode: {}", i["Debug"] == true));
    for (name, key) in [("HTTP Proxy", "HttpProxy"), ("HTTPS Proxy", "HttpsProxy"), ("No Proxy", "NoProxy")] {
        if let Some(text) = optional(name, key) {
            line(format_args!("{text}"));
        }
    }
    if let Some(labels) = i["Labels"].as_array().filter(|l| !l.is_empty()) {
        line(format_args!("Labels:"));
        for label in labels {
            line(format_args!(" {}", label.as_str().unwrap_or_default()));
        }
    }
    line(format_args!("Experimental: {}", i["ExperimentalBuild"] == true));
    registries(&i["RegistryConfig"], &mut line);
    line(format_args!("Live Restore Enabled: {}", i["LiveRestoreEnabled"] == true));
    if let Some(text) = optional("Product License", "ProductLicense") {
        line(format_args!("{text}"));
    }
    out
}

fn security(options: &Value, line: &mut dyn FnMut(std::fmt::Arguments<'_>)) {
    let Some(options) = options.as_array().filter(|o| !o.is_empty()) else {
        return;
    };
    line(format_args!("Security Options:"));
    for option in options.iter().filter_map(Value::as_str) {
        let mut parts = option.split(',').map(|p| p.split_once('=').unwrap_or(("name", p)));
        let Some((_, name)) = parts.next() else {
            continue;
        };
        line(format_args!(" {name}"));
        for (key, value) in parts {
            let mut chars = key.chars();
            let title: String = chars.next().into_iter().map(crate::golang::case::upper_char).chain(chars).collect();
            line(format_args!("  {title}: {value}"));
        }
    }
}

fn registries(config: &Value, line: &mut dyn FnMut(std::fmt::Arguments<'_>)) {
    let mut insecure: Vec<_> = config["IndexConfigs"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, v)| v["Secure"] == false)
        .filter_map(|(_, v)| v["Name"].as_str())
        .collect();
    crate::order::sort(&mut insecure);
    insecure.extend(config["InsecureRegistryCIDRs"].as_array().into_iter().flatten().filter_map(Value::as_str));
    if !insecure.is_empty() {
        line(format_args!("Insecure Registries:"));
        for registry in insecure {
            line(format_args!(" {registry}"));
        }
    }
    let mirrors: Vec<_> = config["Mirrors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !mirrors.is_empty() {
        line(format_args!("Registry Mirrors:"));
        for mirror in mirrors {
            line(format_args!(" {mirror}"));
        }
    }
}
