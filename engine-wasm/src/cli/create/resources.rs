//! Limits: what run, create and update say of memory, processors, disks and processes.

use serde_json::{Map, Value};

use super::super::check;
use super::super::parse::Parsed;
use super::values::restart;
use super::{list, number, some};

/// The limits that run, create and update share.
pub(super) fn resources(parsed: &Parsed) -> Result<Map<String, Value>, String> {
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
        "DeviceCgroupRules": some(list(parsed, "device-cgroup-rule")),
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
