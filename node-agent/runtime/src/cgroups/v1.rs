//! `linux.resources` as values for version 1's files. Pure.

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType, LinuxResources};

use super::Setting;

/// The values to write, in order.
pub(crate) fn settings(resources: &LinuxResources) -> Vec<Setting> {
    let mut out = Vec::new();
    let mut set =
        |controller, file: &str, value: Option<String>| out.extend(value.map(|v| Setting::new(controller, file, v)));
    if let Some(memory) = resources.memory() {
        let text = |v: Option<i64>| v.filter(|v| *v != 0).map(|v| v.to_string());
        set("memory", "memory.limit_in_bytes", text(memory.limit()));
        set("memory", "memory.memsw.limit_in_bytes", text(memory.swap()));
        set("memory", "memory.soft_limit_in_bytes", text(memory.reservation()));
        set("memory", "memory.kmem.tcp.limit_in_bytes", text(memory.kernel_tcp()));
        set("memory", "memory.swappiness", memory.swappiness().map(|v| v.to_string()));
        set("memory", "memory.oom_control", memory.disable_oom_killer().filter(|v| *v).map(|_| "1".to_owned()));
    }
    if let Some(cpu) = resources.cpu() {
        let text = |v: Option<u64>| v.filter(|v| *v != 0).map(|v| v.to_string());
        let signed = |v: Option<i64>| v.filter(|v| *v != 0).map(|v| v.to_string());
        set("cpu", "cpu.shares", text(cpu.shares()));
        set("cpu", "cpu.cfs_period_us", text(cpu.period()));
        set("cpu", "cpu.cfs_quota_us", signed(cpu.quota()));
        set("cpu", "cpu.cfs_burst_us", text(cpu.burst()));
        set("cpu", "cpu.idle", signed(cpu.idle()));
        set("cpu", "cpu.rt_period_us", text(cpu.realtime_period()));
        set("cpu", "cpu.rt_runtime_us", signed(cpu.realtime_runtime()));
        set("cpuset", "cpuset.cpus", cpu.cpus().clone().filter(|v| !v.is_empty()));
        set("cpuset", "cpuset.mems", cpu.mems().clone().filter(|v| !v.is_empty()));
    }
    if let Some(pids) = resources.pids() {
        set("pids", "pids.max", pids_max(pids.limit()));
    }
    if let Some(io) = resources.block_io() {
        set("blkio", "blkio.weight", io.weight().filter(|w| *w != 0).map(|w| w.to_string()));
        for device in io.weight_device().iter().flatten() {
            set(
                "blkio",
                "blkio.weight_device",
                device.weight().map(|w| format!("{}:{} {w}", device.major(), device.minor())),
            );
        }
        let throttles = [
            ("blkio.throttle.read_bps_device", io.throttle_read_bps_device()),
            ("blkio.throttle.write_bps_device", io.throttle_write_bps_device()),
            ("blkio.throttle.read_iops_device", io.throttle_read_iops_device()),
            ("blkio.throttle.write_iops_device", io.throttle_write_iops_device()),
        ];
        for (file, list) in throttles {
            for device in list.iter().flatten() {
                set("blkio", file, Some(format!("{}:{} {}", device.major(), device.minor(), device.rate())));
            }
        }
    }
    for limit in resources.hugepage_limits().iter().flatten() {
        set("hugetlb", &format!("hugetlb.{}.limit_in_bytes", limit.page_size()), Some(limit.limit().to_string()));
    }
    if let Some(network) = resources.network() {
        set("net_cls", "net_cls.classid", network.class_id().filter(|c| *c != 0).map(|c| c.to_string()));
        for priority in network.priorities().iter().flatten() {
            set("net_prio", "net_prio.ifpriomap", Some(format!("{} {}", priority.name(), priority.priority())));
        }
    }
    out
}

/// 0 asks for nothing; a negative limit means none.
pub(super) fn pids_max(limit: i64) -> Option<String> {
    match limit {
        0 => None,
        limit if limit < 0 => Some("max".into()),
        limit => Some(limit.to_string()),
    }
}

/// `devices.allow` and `devices.deny` lines, with what every container needs (as runc and crun add it): its basic devices, terminals and mknod.
pub(crate) fn device_lines(rules: &[LinuxDeviceCgroup]) -> Vec<(&'static str, String)> {
    rules
        .iter()
        .chain(&basic_devices())
        .map(|rule| (if rule.allow() { "devices.allow" } else { "devices.deny" }, device_line(rule)))
        .collect()
}

/// The rules that runc appends to every container's.
pub(super) fn basic_devices() -> Vec<LinuxDeviceCgroup> {
    let numbers = [
        (1, Some(3)),
        (1, Some(5)),
        (1, Some(7)),
        (1, Some(8)),
        (1, Some(9)),
        (5, Some(0)),
        (5, Some(1)),
        (5, Some(2)),
        (136, None),
    ];
    let mut rules: Vec<_> = [LinuxDeviceType::C, LinuxDeviceType::B].map(|typ| rule(typ, None, None, "m")).to_vec();
    rules.extend(numbers.map(|(major, minor)| rule(LinuxDeviceType::C, Some(major), minor, "rwm")));
    rules
}

fn rule(typ: LinuxDeviceType, major: Option<i64>, minor: Option<i64>, access: &str) -> LinuxDeviceCgroup {
    let mut rule = LinuxDeviceCgroup::default();
    rule.set_allow(true).set_typ(Some(typ)).set_major(major).set_minor(minor).set_access(Some(access.to_owned()));
    rule
}

fn device_line(rule: &LinuxDeviceCgroup) -> String {
    let number = |n: Option<i64>| n.filter(|n| *n >= 0).map_or("*".to_owned(), |n| n.to_string());
    let kind = match rule.typ() {
        Some(LinuxDeviceType::B) => "b",
        Some(LinuxDeviceType::C | LinuxDeviceType::U) => "c",
        _ => "a",
    };
    let access = rule.access().as_deref().filter(|a| !a.is_empty()).unwrap_or("rwm");
    format!("{kind} {}:{} {access}", number(rule.major()), number(rule.minor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_become_files() {
        let resources: LinuxResources = serde_json::from_str(
            r#"{"memory":{"limit":1048576,"swap":-1,"swappiness":0},"cpu":{"shares":512,"quota":50000,"period":100000,"cpus":"0"},"pids":{"limit":64}}"#,
        )
        .unwrap();
        let lines: Vec<String> = settings(&resources).iter().map(|s| format!("{}={}", s.file, s.value)).collect();
        assert_eq!(
            lines,
            [
                "memory.limit_in_bytes=1048576",
                "memory.memsw.limit_in_bytes=-1",
                "memory.swappiness=0",
                "cpu.shares=512",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=50000",
                "cpuset.cpus=0",
                "pids.max=64"
            ]
        );
        assert_eq!(pids_max(-1).as_deref(), Some("max"));
    }

    #[test]
    fn device_rules_keep_their_order_and_end_with_the_basic_ones() {
        let rules: Vec<LinuxDeviceCgroup> = serde_json::from_str(
            r#"[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"rw"}]"#,
        )
        .unwrap();
        let lines = device_lines(&rules);
        assert_eq!(lines[0], ("devices.deny", "a *:* rwm".into()));
        assert_eq!(lines[1], ("devices.allow", "c 10:229 rw".into()));
        assert!(lines.contains(&("devices.allow", "c 136:* rwm".into())));
    }
}
