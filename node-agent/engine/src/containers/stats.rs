//! `GET /containers/{id}/stats`: numbers of the container's cgroups (v1 and v2) and of its network device.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use serde_json::{Value, json};

use super::Container;
use crate::clock;
use crate::types::NEVER;

/// One sample, or two a second apart so that a client can tell CPU use.
pub async fn once(container: &Arc<Container>, one_shot: bool) -> Value {
    let mut first = sample(container);
    if one_shot || !container.is_running() {
        return finish(container, first, None);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = sample(container);
    finish(container, second, Some(first.take()))
}

/// A sample a second while the client listens and the container exists.
pub fn stream(container: Arc<Container>) -> impl Stream<Item = Result<String, std::convert::Infallible>> {
    futures_util::stream::unfold((container, None::<Value>), |(container, before)| async move {
        if container.phases().borrow().removed {
            return None;
        }
        if before.is_some() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let now = sample(&container);
        let line = format!("{}\n", finish(&container, now.clone(), before));
        Some((Ok(line), (container, Some(now))))
    })
}

fn finish(container: &Container, now: Value, before: Option<Value>) -> Value {
    let name = container.data().record.name.clone();
    let empty = json!({ "read": NEVER, "cpu_stats": { "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 }, "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 } } });
    let before = before.unwrap_or(empty);
    let mut value = json!({
        "name": name, "id": container.id, "read": now["read"], "preread": before["read"], "pids_stats": now["pids_stats"],
        "blkio_stats": { "io_service_bytes_recursive": null, "io_serviced_recursive": null }, "num_procs": 0, "storage_stats": {},
        "cpu_stats": now["cpu_stats"], "precpu_stats": before["cpu_stats"], "memory_stats": now["memory_stats"],
    });
    if !now["networks"].is_null() {
        value["networks"] = now["networks"].clone();
    }
    value
}

fn read_number(paths: &[PathBuf]) -> Option<u64> {
    paths.iter().find_map(|p| std::fs::read_to_string(p).ok()?.trim().parse().ok())
}

fn sample(container: &Container) -> Value {
    let read = clock::now_string();
    if !container.is_running() {
        return json!({ "read": NEVER, "pids_stats": {}, "cpu_stats": { "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 }, "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 } }, "memory_stats": {} });
    }
    let pid = container.data().record.state.pid;
    let group = |controller: &str, file: &str| cgroup_file(pid, controller, file);
    let usage_v1 = group("cpuacct", "cpuacct.usage").and_then(|p| read_number(&[p]));
    let stat_v2 = |key: &str| -> Option<u64> {
        let text = std::fs::read_to_string(group("", "cpu.stat")?).ok()?;
        text.lines().find_map(|l| l.strip_prefix(key)?.trim().parse::<u64>().ok()).map(|us| us * 1000)
    };
    // Under v1 the unified hierarchy holds other groups than the container's, so its numbers are not asked for there.
    let part = |v1: &str, v2: &str| match usage_v1 {
        Some(_) => group("cpuacct", v1).and_then(|p| read_number(&[p])),
        None => stat_v2(v2),
    };
    let (kernel, user) = (part("cpuacct.usage_sys", "system_usec "), part("cpuacct.usage_user", "user_usec "));
    let total = usage_v1.or_else(|| stat_v2("usage_usec ")).unwrap_or(0);
    let memory = |v1: &str, v2: &str| {
        let paths: Vec<PathBuf> = [group("memory", v1), group("", v2)].into_iter().flatten().collect();
        read_number(&paths)
    };
    let total_memory = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|t| t.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |kb| kb * 1024);
    let limit = memory("memory.limit_in_bytes", "memory.max").filter(|l| *l < total_memory).unwrap_or(total_memory);
    let stat = group("memory", "memory.stat")
        .into_iter()
        .chain(group("", "memory.stat"))
        .find_map(|p| std::fs::read_to_string(p).ok());
    let details: serde_json::Map<String, Value> = stat
        .iter()
        .flat_map(|t| t.lines())
        .filter_map(|l| l.split_once(' ').and_then(|(k, v)| Some((k.to_owned(), json!(v.parse::<u64>().ok()?)))))
        .collect();
    let pids: Vec<PathBuf> = [group("pids", "pids.current"), group("", "pids.current")].into_iter().flatten().collect();
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    json!({
        "read": read,
        "pids_stats": { "current": read_number(&pids).unwrap_or(0) },
        "cpu_stats": {
            "cpu_usage": { "total_usage": total, "usage_in_kernelmode": kernel.unwrap_or(0), "usage_in_usermode": user.unwrap_or(total) },
            "system_cpu_usage": system_usage(), "online_cpus": cpus, "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
        },
        "memory_stats": { "usage": memory("memory.usage_in_bytes", "memory.current").unwrap_or(0), "stats": details, "limit": limit },
        "networks": networks(pid),
    })
}

/// A file of the process's cgroup: of a v1 controller, or of v2 for the empty name.
fn cgroup_file(pid: u32, controller: &str, file: &str) -> Option<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|l| {
        let mut parts = l.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let fits = if controller.is_empty() {
            controllers.is_empty()
        } else {
            controllers.split(',').any(|c| c == controller)
        };
        fits.then(|| path.trim_start_matches('/').to_owned())
    })?;
    let root = PathBuf::from("/sys/fs/cgroup");
    let base = if controller.is_empty() {
        if root.join("cgroup.controllers").exists() { root } else { root.join("unified") }
    } else {
        root.join(controller)
    };
    Some(base.join(path).join(file)).filter(|p| p.exists())
}

/// Nanoseconds that all CPUs have spent since boot.
fn system_usage() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: u64 = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .take(7)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    ticks * 10_000_000
}

fn networks(pid: u32) -> Value {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
    let mut map = serde_json::Map::new();
    for line in text.lines().skip(2) {
        let Some((name, numbers)) = line.split_once(':') else { continue };
        let n: Vec<u64> = numbers.split_whitespace().filter_map(|x| x.parse().ok()).collect();
        if name.trim() != "lo" && n.len() >= 12 {
            map.insert(
                name.trim().into(),
                json!({
                    "rx_bytes": n[0], "rx_packets": n[1], "rx_errors": n[2], "rx_dropped": n[3],
                    "tx_bytes": n[8], "tx_packets": n[9], "tx_errors": n[10], "tx_dropped": n[11],
                }),
            );
        }
    }
    if map.is_empty() { Value::Null } else { Value::Object(map) }
}
