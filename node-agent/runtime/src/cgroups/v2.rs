//! `linux.resources` as values for version 2's files, converting version 1's units. Pure.

use oci_spec::runtime::LinuxResources;

use super::Setting;
use super::v1::pids_max;
use crate::error::{Error, Result};

/// The values to write, in order; `unified` comes last and wins.
pub(crate) fn settings(resources: &LinuxResources) -> Result<Vec<Setting>> {
    let mut out = Vec::new();
    let mut set =
        |controller, file: &str, value: Option<String>| out.extend(value.map(|v| Setting::new(controller, file, v)));
    let limit = |v: i64| {
        if v < 0 { "max".to_owned() } else { v.to_string() }
    };
    if let Some(memory) = resources.memory() {
        set("memory", "memory.max", memory.limit().filter(|v| *v != 0).map(limit));
        set("memory", "memory.swap.max", swap(memory.limit().unwrap_or(0), memory.swap().unwrap_or(0))?);
        set("memory", "memory.low", memory.reservation().filter(|v| *v != 0).map(limit));
    }
    if let Some(cpu) = resources.cpu() {
        set("cpu", "cpu.weight", cpu.shares().filter(|v| *v != 0).map(|v| weight(v).to_string()));
        set("cpu", "cpu.idle", cpu.idle().map(|v| v.to_string()));
        let quota = cpu.quota().filter(|v| *v != 0);
        if quota.is_some() || cpu.period().is_some_and(|p| p != 0) {
            let quota = quota.map_or("max".to_owned(), limit);
            set("cpu", "cpu.max", Some(format!("{quota} {}", cpu.period().filter(|p| *p != 0).unwrap_or(100_000))));
        }
        set("cpu", "cpu.max.burst", cpu.burst().map(|v| v.to_string()));
        set("cpuset", "cpuset.cpus", cpu.cpus().clone().filter(|v| !v.is_empty()));
        set("cpuset", "cpuset.mems", cpu.mems().clone().filter(|v| !v.is_empty()));
    }
    if let Some(pids) = resources.pids() {
        set("pids", "pids.max", pids_max(pids.limit()));
    }
    if let Some(io) = resources.block_io() {
        let io_weight = |w: u16| 1 + (u64::from(w) - 10) * 9_999 / 990;
        set("io", "io.weight", io.weight().filter(|w| *w >= 10).map(|w| io_weight(w).to_string()));
        let throttles = [
            ("rbps", io.throttle_read_bps_device()),
            ("wbps", io.throttle_write_bps_device()),
            ("riops", io.throttle_read_iops_device()),
            ("wiops", io.throttle_write_iops_device()),
        ];
        for (key, list) in throttles {
            for device in list.iter().flatten() {
                set("io", "io.max", Some(format!("{}:{} {key}={}", device.major(), device.minor(), device.rate())));
            }
        }
    }
    for huge in resources.hugepage_limits().iter().flatten() {
        set("hugetlb", &format!("hugetlb.{}.max", huge.page_size()), Some(huge.limit().to_string()));
    }
    for (file, value) in resources.unified().iter().flatten() {
        if file.contains('/') {
            return Err(Error::Spec(format!(
                "linux.resources.unified names {file:?}: a file name without a slash is wanted"
            )));
        }
        set("unified", file, Some(value.clone()));
    }
    Ok(out)
}

/// Version 1 counts memory and swap together, version 2 swap alone.
fn swap(limit: i64, both: i64) -> Result<Option<String>> {
    match (limit, both) {
        (_, 0) => Ok(None),
        (_, both) if both < 0 => Ok(Some("max".into())),
        (limit, both) if limit > 0 && both >= limit => Ok(Some((both - limit).to_string())),
        _ => Err(Error::Spec(format!(
            "memory.swap ({both}) counts memory and swap together: it needs memory.limit ({limit}) at or below it"
        ))),
    }
}

/// Shares 2…262144 onto weight 1…10000.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_units_are_converted() {
        let resources: LinuxResources = serde_json::from_str(
            r#"{"memory":{"limit":100,"swap":150},"cpu":{"shares":1024,"quota":-1,"period":50000},"pids":{"limit":-1},"unified":{"memory.high":"90"}}"#,
        )
        .unwrap();
        let lines: Vec<String> =
            settings(&resources).unwrap().iter().map(|s| format!("{}={}", s.file, s.value)).collect();
        assert_eq!(
            lines,
            [
                "memory.max=100",
                "memory.swap.max=50",
                "cpu.weight=39",
                "cpu.max=max 50000",
                "pids.max=max",
                "memory.high=90"
            ]
        );
    }

    #[test]
    fn swap_below_memory_is_refused() {
        assert!(swap(100, 50).is_err());
        assert_eq!(swap(100, -1).unwrap().as_deref(), Some("max"));
    }
}
