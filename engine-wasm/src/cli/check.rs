//! Checks of single flag values, made while the command line is read, with docker's error texts.

mod go;
mod values;

use std::net::IpAddr;

pub(crate) use crate::golang::quote::quote;
pub(crate) use go::{csv, go_bool, go_duration, go_int};
pub(super) use values::ulimit;

use super::spec::Kind;
use super::{mount, netopt};
use crate::units;
use go::{go_uint, nano_cpus};
use values::{device, device_cgroup_rule, dns_search, extra_host, ip, label, sysctl};

/// Checks `value` for a flag of `kind` and returns it as docker keeps it.
///
/// # Errors
/// The reason, as docker words it after `invalid argument … for … flag:`.
pub(super) fn check(kind: Kind, value: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let ok = || Ok(value.to_owned());
    match kind {
        Kind::Text | Kind::List | Kind::Map | Kind::Strings => ok(),
        Kind::Bool => go_bool(value)
            .map(|b| b.to_string())
            .ok_or_else(|| format!("strconv.ParseBool: parsing {}: invalid syntax", quote(value))),
        Kind::Int => go_int(value).map(|n| n.to_string()),
        Kind::Uint => go_uint(value, u64::MAX).map(|n| n.to_string()),
        Kind::Uint16 => go_uint(value, u64::from(u16::MAX)).map(|n| n.to_string()),
        Kind::Duration => go_duration(value).map(|n| n.to_string()),
        Kind::SwapBytes if value == "-1" => ok(),
        Kind::Bytes | Kind::SwapBytes => units::ram_in_bytes(value).map(|n| n.to_string()).map_err(|e| e.to_string()),
        Kind::Cpus => nano_cpus(value).map(|n| n.to_string()),
        Kind::Filter => {
            if !value.is_empty() && !value.contains('=') {
                return Err("bad format of filter (expected name=value)".into());
            }
            ok()
        }
        Kind::Env => match value.split_once('=') {
            Some(("", _)) => Err(format!("invalid environment variable: {value}")),
            None if value.is_empty() => Err(format!("invalid environment variable: {value}")),
            Some(_) => ok(),
            None => Ok(env(value).map_or_else(|| value.to_owned(), |found| format!("{value}={found}"))),
        },
        Kind::Label => label(value),
        Kind::Attach => match crate::golang::case::lower(value).as_str() {
            stream @ ("stdin" | "stdout" | "stderr") => Ok(stream.to_owned()),
            _ => Err("valid streams are STDIN, STDOUT and STDERR".into()),
        },
        Kind::IpList => ip(value),
        Kind::DnsSearch => dns_search(value),
        Kind::ExtraHost => extra_host(value),
        Kind::Link => match value.splitn(3, ':').count() {
            _ if value.is_empty() => Err("empty string specified for links".into()),
            3 => Err(format!("bad format for links: {value}")),
            _ => ok(),
        },
        Kind::Sysctl => sysctl(value),
        Kind::DeviceCgroupRule => {
            if device_cgroup_rule(value) {
                ok()
            } else {
                Err(format!("invalid device cgroup format '{value}'"))
            }
        }
        Kind::WeightDevice => device(
            value,
            |v| v.parse::<u16>().ok().filter(|n| *n == 0 || (10..=1000).contains(n)).is_some(),
            "invalid weight for device: ",
            "",
        ),
        Kind::ThrottleBps => device(
            value,
            |v| units::ram_in_bytes(v).is_ok(),
            "invalid rate for device: ",
            ". The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb",
        ),
        Kind::ThrottleIops => device(
            value,
            |v| v.parse::<u64>().is_ok(),
            "invalid rate for device: ",
            ". The correct format is <device-path>:<number>. Number must be a positive integer",
        ),
        Kind::IpNet => match value.split_once('/') {
            Some((address, bits))
                if address
                    .parse::<IpAddr>()
                    .is_ok_and(|a| bits.parse::<u8>().is_ok_and(|b| b <= if a.is_ipv4() { 32 } else { 128 })) =>
            {
                ok()
            }
            _ => Err(format!("invalid CIDR address: {value}")),
        },
        Kind::Ulimit => ulimit(value).map(|_| value.to_owned()),
        Kind::Gpus => super::gpus::request(value).map(|_| value.to_owned()),
        Kind::Mount => mount::parse(value).map(|_| value.to_owned()),
        Kind::Network => netopt::Attachment::parse(value).map(|_| value.to_owned()),
    }
}
