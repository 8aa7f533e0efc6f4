//! `GET /containers/{id}/json` and `…/top`.

use serde_json::{Value, json};
use slipway_images::Error as StoreError;

use super::{Container, Data};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::types::Record;

/// Everything about a container. Blocking when sizes are asked for.
///
/// # Errors
/// When the layer cannot be read.
pub fn inspect(engine: &Engine, container: &Container, size: bool) -> Result<Value> {
    let Data { record, host } = container.data().clone();
    let mut state = json!({ "Status": record.state.status() });
    let rest = serde_json::to_value(&record.state).map_err(Error::internal)?;
    if let (Some(state), Some(rest)) = (state.as_object_mut(), rest.as_object()) {
        state.extend(rest.iter().filter(|(k, _)| *k != "RemovalInProgress").map(|(k, v)| (k.clone(), v.clone())));
    }
    let execs: Vec<String> = engine
        .execs()
        .values()
        .filter(|e| e.container == container.id && e.is_running())
        .map(|e| e.id.clone())
        .collect();
    let driver = match engine.store.rw_layer(&container.id) {
        Ok(layer) => {
            let lower: Vec<String> = layer.lower.iter().map(|p| p.to_string_lossy().into_owned()).collect();
            json!({ "Data": {
                "ID": container.id, "LowerDir": lower.join(":"), "MergedDir": layer.merged, "UpperDir": layer.upper, "WorkDir": layer.work,
            }, "Name": "overlay2" })
        }
        Err(_) => json!({ "Data": null, "Name": "overlay2" }),
    };
    let mut value = json!({
        "Id": record.id, "Created": record.created, "Path": record.path, "Args": record.args, "State": state, "Image": record.image,
        "ResolvConfPath": record.resolv_conf_path, "HostnamePath": record.hostname_path, "HostsPath": record.hosts_path,
        "LogPath": record.log_path, "Name": record.name, "RestartCount": record.restart_count, "Driver": record.driver,
        "Platform": "linux", "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "",
        "ExecIDs": if execs.is_empty() { Value::Null } else { json!(execs) },
        "HostConfig": host, "GraphDriver": driver,
    });
    if size {
        let (rw, root) = sizes(engine, &record)?;
        value["SizeRw"] = json!(rw);
        value["SizeRootFs"] = json!(root);
    }
    value["Mounts"] = json!(record.mount_points.values().collect::<Vec<_>>());
    value["Config"] = json!(record.config);
    if record.config.entrypoint.is_none() {
        value["Config"]["Entrypoint"] = Value::Null;
    }
    let mut settings = json!(record.network_settings);
    if record.state.running && !record.network_settings.sandbox_id.is_empty() {
        settings["SandboxKey"] = json!(format!("/proc/{}/ns/net", record.state.pid));
    }
    value["NetworkSettings"] = settings;
    Ok(value)
}

/// `SizeRw` and `SizeRootFs`. Nothing is counted of a container that is only being made, or being removed.
pub(super) fn sizes(engine: &Engine, record: &Record) -> Result<(u64, u64)> {
    let rw = match engine.store.rw_size(&record.id) {
        Err(StoreError::NoSuchRwLayer(_)) => 0,
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => 0,
        size => size?,
    };
    let image = engine.store.resolve(&record.image).ok().and_then(|id| engine.store.image(&id).ok());
    Ok((rw, rw + image.map_or(0, |i| i.size)))
}

/// `ps` over the processes of a container: those in its pid namespace. Blocking.
///
/// # Errors
/// When it does not run, or `ps` fails.
pub fn top(container: &Container, arguments: &str) -> Result<Value> {
    container.require_running()?;
    let pid = container.data().record.state.pid;
    let namespace = std::fs::read_link(format!("/proc/{pid}/ns/pid"))?;
    let arguments = if arguments.is_empty() { "-ef" } else { arguments };
    let output = std::process::Command::new("ps")
        .args(arguments.split_whitespace())
        .output()
        .map_err(|e| Error::internal(format!("error running ps: {e}")))?;
    if !output.status.success() {
        return Err(Error::internal(format!("error running ps: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let titles: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    let column = titles
        .iter()
        .position(|t| *t == "PID")
        .ok_or_else(|| Error::internal("Couldn't find PID field in ps output"))?;
    let mut processes = Vec::new();
    for line in lines {
        let mut fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let Some(pid) = fields.get(column) else { continue };
        if std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok().as_ref() != Some(&namespace) {
            continue;
        }
        if fields.len() > titles.len() {
            let rest = fields.split_off(titles.len() - 1).join(" ");
            fields.push(rest);
        }
        processes.push(fields);
    }
    Ok(json!({ "Processes": processes, "Titles": titles }))
}
