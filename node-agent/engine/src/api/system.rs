//! `/_ping`, `/version`, `/info`, `/events`, `/system/df`, and what is not offered.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::extract::Params;
use super::{API_VERSION, MIN_API_VERSION, disk_usage};
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::events;

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/_ping", get(ping))
        .route("/version", get(version))
        .route("/info", get(info))
        .route("/events", get(event_stream))
        .route("/system/df", get(disk_usage::disk_usage))
}

async fn ping() -> Response {
    let headers = [
        ("Builder-Version", "1"),
        ("Swarm", "inactive"),
        ("Cache-Control", "no-cache, no-store, must-revalidate"),
        ("Pragma", "no-cache"),
    ];
    (headers, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "OK").into_response()
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn kernel() -> String {
    nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned()).unwrap_or_default()
}

/// The kind of file system that a directory is on, by the names that moby has for them.
fn file_system(dir: &std::path::Path) -> &'static str {
    // The numbers are those of `linux/magic.h` and of statfs(2).
    match nix::sys::statfs::statfs(dir).map(|found| i128::from(found.filesystem_type().0)) {
        Ok(0xef53) => "extfs",
        Ok(0x5846_5342) => "xfs",
        Ok(0x9123_683e) => "btrfs",
        Ok(0x0102_1994) => "tmpfs",
        Ok(0x794c_7630) => "overlayfs",
        Ok(0x2fc1_2fc1) => "zfs",
        Ok(0xf2f5_2010) => "f2fs",
        _ => "<unknown>",
    }
}

async fn version() -> Json<Value> {
    let details = json!({
        "ApiVersion": API_VERSION, "Arch": architecture(), "BuildTime": "", "Experimental": "false", "GitCommit": "", "GoVersion": "none (Rust)",
        "KernelVersion": kernel(), "MinAPIVersion": MIN_API_VERSION, "Os": "linux",
    });
    Json(json!({
        "Platform": { "Name": "Slipway" },
        "Components": [{ "Name": "Engine", "Version": crate::VERSION, "Details": details }],
        "Version": crate::VERSION, "ApiVersion": API_VERSION, "MinAPIVersion": MIN_API_VERSION, "GitCommit": "", "GoVersion": "none (Rust)",
        "Os": "linux", "Arch": architecture(), "KernelVersion": kernel(), "BuildTime": "",
    }))
}

async fn info(State(engine): Engined) -> Json<Value> {
    let (mut running, mut paused, mut stopped) = (0, 0, 0);
    let all = engine.all_containers();
    for container in &all {
        match container.data().record.state.status() {
            "running" | "restarting" => running += 1,
            "paused" => paused += 1,
            _ => stopped += 1,
        }
    }
    let memory = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|t| t.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |kb| kb * 1024);
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let os = release
        .lines()
        .find_map(|l| l.strip_prefix("PRETTY_NAME="))
        .map_or("Linux", |v| v.trim_matches('"'))
        .to_owned();
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let host = nix::unistd::gethostname().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let v2 = crate::containers::create::cgroup_v2();
    let mirrors: Vec<String> = engine.registries.mirror().iter().map(ToString::to_string).collect();
    let insecure = engine.registries.insecure();
    let networks: Vec<&String> = insecure.iter().filter(|entry| entry.contains('/')).collect();
    let mut indexes =
        json!({ "docker.io": { "Name": "docker.io", "Mirrors": mirrors, "Secure": true, "Official": true } });
    for host in insecure.iter().filter(|entry| !entry.contains('/')) {
        indexes[host] = json!({ "Name": host, "Mirrors": [], "Secure": false, "Official": false });
    }
    Json(json!({
        "ID": engine.id, "Containers": all.len(), "ContainersRunning": running, "ContainersPaused": paused, "ContainersStopped": stopped,
        "Images": engine.store.images().len(), "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", file_system(&engine.config.data_root)], ["Supports d_type", "true"], ["Native Overlay Diff", "true"], ["userxattr", slipway_images::in_user_namespace().to_string()]],
        "Plugins": { "Volume": ["local"], "Network": ["bridge", "host", "null"], "Authorization": null, "Log": ["json-file", "none"] },
        "MemoryLimit": true, "SwapLimit": true, "CpuCfsPeriod": true, "CpuCfsQuota": true, "CPUShares": true, "CPUSet": true, "PidsLimit": true,
        "IPv4Forwarding": true, "Debug": false, "NFd": 0, "OomKillDisable": !v2, "NGoroutines": 0, "SystemTime": clock::now_string(),
        "LoggingDriver": "json-file", "CgroupDriver": "cgroupfs", "CgroupVersion": if v2 { "2" } else { "1" }, "NEventsListener": 0,
        "KernelVersion": kernel(), "OperatingSystem": os, "OSVersion": "", "OSType": "linux", "Architecture": std::env::consts::ARCH,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": { "InsecureRegistryCIDRs": networks, "IndexConfigs": indexes, "Mirrors": mirrors },
        "NCPU": cpus, "MemTotal": memory, "GenericResources": null, "DockerRootDir": engine.config.data_root, "HttpProxy": "", "HttpsProxy": "",
        "NoProxy": "", "Name": host, "Labels": [], "ExperimentalBuild": false, "ServerVersion": crate::VERSION,
        "Runtimes": { "runc": { "path": engine.config.runtime.program } }, "DefaultRuntime": "runc",
        "Swarm": { "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "", "RemoteManagers": null },
        "LiveRestoreEnabled": true, "Isolation": "", "InitBinary": "docker-init", "ContainerdCommit": { "ID": "" }, "RuncCommit": { "ID": "" },
        "InitCommit": { "ID": "" }, "SecurityOptions": ["name=seccomp,profile=builtin"], "Warnings": [],
    }))
}

async fn event_stream(State(engine): Engined, params: Params) -> Result<Response> {
    let filters = params.filters()?;
    let time = |key: &str| match params.get(key) {
        "" => Ok(None),
        text => clock::parse_api(text)
            .map(|t| Some(t.unix_timestamp_nanos()))
            .ok_or_else(|| Error::bad(format!("invalid {key}: {text}"))),
    };
    let (since, until) = (time("since")?, time("until")?);
    if let (Some(from), Some(to)) = (since, until)
        && from > to
    {
        return Err(Error::bad(format!(
            "`since` time ({}) cannot be after `until` time ({})",
            params.get("since"),
            params.get("until")
        )));
    }
    let since = since.or(until.map(|_| 0));
    let (past, mut live) = engine.events.subscribe(since);
    let (sender, receiver) = mpsc::channel::<String>(64);
    tokio::spawn(async move {
        let line = |event: &events::Event| format!("{}\n", events::to_json(event));
        for event in past.iter().filter(|e| events::matches(&filters, e) && until.is_none_or(|u| e.time_nano <= u)) {
            if sender.send(line(event)).await.is_err() {
                return;
            }
        }
        let end = until.map(|u| u - clock::now().unix_timestamp_nanos());
        let end = end.map(|ns| std::time::Duration::from_nanos(u64::try_from(ns.max(0)).unwrap_or(u64::MAX)));
        let deadline = async move {
            match end {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        let mut deadline = std::pin::pin!(deadline);
        loop {
            let event = tokio::select! {
                event = live.recv() => event,
                () = &mut deadline => return,
                () = sender.closed() => return,
            };
            match event {
                Ok(event) if events::matches(&filters, &event) => {
                    if sender.send(line(&event)).await.is_err() {
                        return;
                    }
                }
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(_) => return,
            }
        }
    });
    let stream = futures_util::stream::unfold(receiver, |mut r| async move {
        r.recv().await.map(|l| (Ok::<_, std::convert::Infallible>(l), r))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response())
}
