//! Values that name something: hosts, labels, devices, limits.

use std::net::IpAddr;

use super::go::number_error;
use crate::golang::quote::quote;

pub(super) fn label(value: &str) -> Result<String, String> {
    let key = value.split_once('=').map_or(value, |(k, _)| k).trim_start_matches([' ', '\t']);
    if key.is_empty() {
        return Err(format!("invalid label '{value}': empty name"));
    }
    if key.contains([' ', '\t']) {
        return Err(format!("label '{key}' contains whitespaces"));
    }
    Ok(value.to_owned())
}

pub(super) fn ip(value: &str) -> Result<String, String> {
    value
        .trim()
        .parse::<IpAddr>()
        .map(|a| a.to_string())
        .map_err(|_| format!("IP address is not correctly formatted: {value}"))
}

pub(super) fn dns_search(value: &str) -> Result<String, String> {
    let value = value.trim_matches(' ');
    if value == "." {
        return Ok(value.to_owned());
    }
    let name = value.trim_end().strip_suffix('.').unwrap_or(value.trim_end());
    let part = |p: &str| {
        !p.is_empty()
            && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !p.starts_with('-')
            && !p.ends_with('-')
    };
    if value.bytes().any(|b| b.is_ascii_alphabetic()) && name.len() < 255 && name.split('.').all(part) {
        return Ok(name.to_owned());
    }
    Err(format!("{value} is not a valid domain"))
}

pub(super) fn extra_host(value: &str) -> Result<String, String> {
    let (name, address) = value
        .split_once('=')
        .or_else(|| value.split_once(':'))
        .filter(|(name, _)| !name.is_empty() && !name.contains(':'))
        .ok_or_else(|| format!("bad format for add-host: {}", quote(value)))?;
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).filter(|a| !a.is_empty()).unwrap_or(address);
    if address != "host-gateway" && ip(bare).is_err() {
        return Err(format!("invalid IP address in add-host: {}", quote(bare)));
    }
    Ok(format!("{name}:{bare}"))
}

pub(super) fn sysctl(value: &str) -> Result<String, String> {
    const KERNEL: [&str; 8] = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"];
    let allowed = value.split_once('=').is_some_and(|(key, _)| {
        key.strip_prefix("kernel.").is_some_and(|k| KERNEL.contains(&k))
            || key.starts_with("net.")
            || key.starts_with("fs.mqueue.")
    });
    if allowed { Ok(value.to_owned()) } else { Err(format!("sysctl '{value}' is not allowed")) }
}

/// `^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$`
pub(super) fn device_cgroup_rule(value: &str) -> bool {
    let number = |s: &str| s == "*" || (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()));
    match value.split(' ').collect::<Vec<_>>()[..] {
        [kind, numbers, mode] => {
            matches!(kind, "a" | "b" | "c")
                && numbers.split_once(':').is_some_and(|(major, minor)| number(major) && number(minor))
                && (1..=3).contains(&mode.len())
                && mode.bytes().all(|b| b"rwm".contains(&b))
        }
        _ => false,
    }
}

pub(super) fn device(value: &str, good: impl Fn(&str) -> bool, before: &str, after: &str) -> Result<String, String> {
    let (path, amount) =
        value.split_once(':').filter(|(p, _)| !p.is_empty()).ok_or_else(|| format!("bad format: {value}"))?;
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {value}"));
    }
    if good(amount) { Ok(value.to_owned()) } else { Err(format!("{before}{value}{after}")) }
}

/// `--ulimit name=soft[:hard]`: name, soft and hard limit.
pub(in crate::cli) fn ulimit(value: &str) -> Result<(String, i64, i64), String> {
    const NAMES: [&str; 16] = [
        "as",
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    let Some((name, limits)) = value.split_once('=') else {
        return Err(format!("invalid ulimit argument: {value}"));
    };
    if !NAMES.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let parts: Vec<_> = limits.split(':').collect();
    if parts.len() > 2 {
        return Err(format!("too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`"));
    }
    let number = |s: &str| s.parse::<i64>().map_err(|e| number_error("ParseInt", s, &e));
    let soft = number(parts[0])?;
    let hard = parts.get(1).map_or(Ok(soft), |s| number(s))?;
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!(
            "ulimit soft limit must be less than or equal to hard limit: {} > {hard}",
            if soft == -1 { "-1".into() } else { soft.to_string() }
        ));
    }
    Ok((name.to_owned(), soft, hard))
}
