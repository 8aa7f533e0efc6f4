//! Limits: the API's numbers as OCI `linux.resources`, and ulimits as OCI rlimits.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::types::HostConfig;

/// Below this, Docker refuses a memory limit.
const MIN_MEMORY: i64 = 6 << 20;

/// Checks the limits of a create or update request.
///
/// # Errors
/// Docker's sentences for limits that cannot be.
pub fn check(h: &HostConfig) -> Result<()> {
    if h.memory < 0 || (h.memory > 0 && h.memory < MIN_MEMORY) {
        return Err(Error::bad("Minimum memory limit allowed is 6MB"));
    }
    if h.memory > 0 && h.memory_swap > 0 && h.memory_swap < h.memory {
        return Err(Error::bad("Minimum memoryswap limit should be larger than memory limit, see usage"));
    }
    if h.memory == 0 && h.memory_swap > 0 {
        return Err(Error::bad("You should always set the Memory limit when using Memoryswap limit, see usage"));
    }
    if h.memory > 0 && h.memory_reservation > h.memory {
        return Err(Error::bad("Minimum memory limit can not be less than memory reservation limit, see usage"));
    }
    if let Some(given) = h.memory_swappiness.filter(|given| !(-1..=100).contains(given)) {
        return Err(Error::bad(format!("Invalid value: {given}, valid memory swappiness range is 0-100")));
    }
    if h.nano_cpus > 0 && (h.cpu_period > 0 || h.cpu_quota > 0) {
        return Err(Error::bad("Conflicting options: Nano CPUs and CPU Period cannot both be set."));
    }
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let limit = i64::try_from(cpus).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    if h.nano_cpus < 0 || h.nano_cpus > limit {
        return Err(Error::bad(format!(
            "Range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available"
        )));
    }
    if h.cpu_period != 0 && !(1000..=1_000_000).contains(&h.cpu_period) {
        return Err(Error::bad("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"));
    }
    if h.cpu_quota > 0 && h.cpu_quota < 1000 {
        return Err(Error::bad("CPU cfs quota can not be less than 1ms (i.e. 1000)"));
    }
    if !(-1000..=1000).contains(&h.oom_score_adj) {
        let given = h.oom_score_adj;
        return Err(Error::bad(format!("Invalid value {given}, range for oom score adj is [-1000, 1000]")));
    }
    check_set("CPUs", "cpus", &h.cpuset_cpus, "/sys/devices/system/cpu/online")?;
    check_set("memory nodes", "mems", &h.cpuset_mems, "/sys/devices/system/node/online")
}

fn check_set(what: &str, option: &str, wanted: &str, online: &str) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let set = parse_set(wanted)
        .ok_or_else(|| Error::bad(format!("Invalid value {wanted} for cpuset {option}: invalid format: {wanted}")))?;
    // Where the kernel does not tell, the cgroup does when the container starts.
    let Ok(available) = std::fs::read_to_string(online) else { return Ok(()) };
    let available = available.trim();
    let there = parse_set(available).unwrap_or_default();
    if set.iter().all(|(low, high)| there.iter().any(|(from, to)| from <= low && high <= to)) {
        return Ok(());
    }
    Err(Error::bad(format!("Requested {what} are not available - requested {wanted}, available: {available}")))
}

/// `0-2,4` as ranges.
fn parse_set(text: &str) -> Option<Vec<(u32, u32)>> {
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (low.parse().ok()?, high.parse().ok()?);
        (low <= high).then_some((low, high))
    };
    text.split(',').map(range).collect()
}

/// OCI `linux.resources`, without the device rules.
#[must_use]
pub fn resources(h: &HostConfig) -> Map<String, Value> {
    let mut memory = Map::new();
    let mut put = |key: &str, value: i64| {
        if value != 0 {
            memory.insert(key.into(), json!(value));
        }
    };
    put("limit", h.memory);
    put("reservation", h.memory_reservation);
    put("swap", h.memory_swap);
    if let Some(swappiness) = h.memory_swappiness.filter(|s| *s >= 0) {
        memory.insert("swappiness".into(), json!(swappiness));
    }
    if h.oom_kill_disable == Some(true) {
        memory.insert("disableOOMKiller".into(), json!(true));
    }
    let mut cpu = Map::new();
    if h.nano_cpus > 0 {
        cpu.insert("period".into(), json!(100_000));
        cpu.insert("quota".into(), json!(h.nano_cpus / 10_000));
    }
    for (key, value) in [("shares", h.cpu_shares), ("period", h.cpu_period), ("quota", h.cpu_quota)] {
        if value != 0 {
            cpu.insert(key.into(), json!(value));
        }
    }
    for (key, value) in [("cpus", &h.cpuset_cpus), ("mems", &h.cpuset_mems)] {
        if !value.is_empty() {
            cpu.insert(key.into(), json!(value));
        }
    }
    let mut all = Map::new();
    if !memory.is_empty() {
        all.insert("memory".into(), Value::Object(memory));
    }
    if !cpu.is_empty() {
        all.insert("cpu".into(), Value::Object(cpu));
    }
    if let Some(limit) = h.pids_limit.filter(|l| *l != 0) {
        all.insert("pids".into(), json!({ "limit": limit }));
    }
    if h.blkio_weight > 0 {
        all.insert("blockIO".into(), json!({ "weight": h.blkio_weight }));
    }
    all
}

/// OCI `process.rlimits`.
#[must_use]
pub fn rlimits(h: &HostConfig) -> Vec<Value> {
    let unsigned = |n: i64| u64::try_from(n).unwrap_or(u64::MAX);
    let one = |u: &crate::types::Ulimit| {
        json!({
            "type": format!("RLIMIT_{}", u.name.to_ascii_uppercase()),
            "soft": unsigned(u.soft),
            "hard": unsigned(u.hard),
        })
    };
    h.ulimits.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_become_oci_resources() {
        let h = HostConfig {
            memory: 64 << 20,
            memory_swap: 128 << 20,
            nano_cpus: 500_000_000,
            pids_limit: Some(20),
            ..HostConfig::default()
        };
        let r = Value::Object(resources(&h));
        assert_eq!(r["memory"]["limit"], 64 << 20);
        assert_eq!(r["cpu"], json!({"period": 100_000, "quota": 50_000}));
        assert_eq!(r["pids"]["limit"], 20);
        assert!(resources(&HostConfig::default()).is_empty());
    }

    #[test]
    fn sets_of_cpus_are_ranges() {
        assert_eq!(parse_set("0-2,4"), Some(vec![(0, 2), (4, 4)]));
        assert!(parse_set("abc").is_none() && parse_set("3-1").is_none() && parse_set("").is_none());
        let none = HostConfig { cpuset_cpus: "99999".into(), ..HostConfig::default() };
        assert!(check(&none).unwrap_err().message.starts_with("Requested CPUs are not available - requested 99999"));
    }

    #[test]
    fn impossible_limits_are_refused_with_dockers_sentences() {
        let small = HostConfig { memory: 1000, ..HostConfig::default() };
        assert_eq!(check(&small).unwrap_err().message, "Minimum memory limit allowed is 6MB");
        let swap = HostConfig { memory: 64 << 20, memory_swap: 32 << 20, ..HostConfig::default() };
        assert!(check(&swap).unwrap_err().message.starts_with("Minimum memoryswap limit"));
        assert!(check(&HostConfig { nano_cpus: 1 << 60, ..HostConfig::default() }).is_err());
    }
}
