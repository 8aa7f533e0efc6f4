//! Checks of single flag values, made while the command line is read, with docker's error texts; and Go's notions of a number, a switch, a quoted string and
//! a CSV line that those texts depend on.

use super::spec::Kind;
use super::{mount, netopt};
use crate::units;
use std::net::IpAddr;

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

/// Go's `strconv.Quote`, for the characters that occur on a command line.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            c if c.is_control() => out += &format!("\\x{:02x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Go's `strconv.ParseBool`.
pub(crate) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Splits off sign and base prefix of a Go integer literal (base 0).
fn digits(text: &str) -> (bool, u32, String) {
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = body.to_ascii_lowercase();
    let (base, rest) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some(_) if lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    (negative, base, rest.to_owned())
}

fn number_error(function: &str, text: &str, error: &std::num::ParseIntError) -> String {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let why = if matches!(error.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
    format!("strconv.{function}: parsing {}: {why}", quote(text))
}

/// Go's `strconv.ParseInt(text, 0, 64)`.
pub(crate) fn go_int(text: &str) -> Result<i64, String> {
    let (negative, base, digits) = digits(text);
    let signed = if negative { format!("-{digits}") } else { digits };
    i64::from_str_radix(&signed, base).map_err(|e| number_error("ParseInt", text, &e))
}

fn go_uint(text: &str, max: u64) -> Result<u64, String> {
    let (negative, base, digits) = digits(text);
    if negative || text.starts_with('+') {
        return Err(format!("strconv.ParseUint: parsing {}: invalid syntax", quote(text)));
    }
    let value = u64::from_str_radix(&digits, base).map_err(|e| number_error("ParseUint", text, &e))?;
    if value > max {
        return Err(format!("strconv.ParseUint: parsing {}: value out of range", quote(text)));
    }
    Ok(value)
}

/// Go's `time.ParseDuration`, in nanoseconds.
pub(crate) fn go_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = crate::golang::decimal::parse(&rest[..end]).ok_or_else(invalid)?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = &rest[..end];
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => {
                return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text)));
            }
        };
        total += number * scale;
        rest = &rest[end..];
    }
    if total >= 9.223_372_036_854_776e18 {
        return Err(invalid());
    }
    #[allow(clippy::cast_possible_truncation)] // bounded above
    let nanos = total.round() as i64;
    Ok(if negative { -nanos } else { nanos })
}

/// `--cpus`: a decimal or a fraction, in billionths.
fn nano_cpus(text: &str) -> Result<i64, String> {
    let wrong = || format!("failed to parse {text} as a rational number");
    let decimal = |s: &str| -> Option<(i128, i128)> {
        let (negative, body) = match s.strip_prefix('-') {
            Some(body) => (true, body),
            None => (false, s.strip_prefix('+').unwrap_or(s)),
        };
        let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || all.len() > 27 || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value: i128 = all.parse().ok()?;
        Some((if negative { -value } else { value }, 10i128.pow(u32::try_from(fraction.len()).ok()?)))
    };
    let (numerator, denominator) = match text.split_once('/') {
        Some((a, b)) => match (decimal(a), decimal(b)) {
            (Some((a, 1)), Some((b, 1))) if b > 0 => (a, b),
            _ => return Err(wrong()),
        },
        None => decimal(text).ok_or_else(wrong)?,
    };
    let scaled = numerator.checked_mul(1_000_000_000).ok_or_else(wrong)?;
    if scaled % denominator != 0 {
        return Err("value is too precise".into());
    }
    i64::try_from(scaled / denominator).map_err(|_| wrong())
}

/// One line of Go's `encoding/csv`.
///
/// # Errors
/// Go's text for a quote out of place.
pub(crate) fn csv(line: &str) -> Result<Vec<String>, String> {
    if line.is_empty() {
        return Err("EOF".into());
    }
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut tail = quoted;
            loop {
                let Some(at) = tail.find('"') else {
                    return Err(format!(
                        "parse error on line 1, column {}: extraneous or missing \" in quoted-field",
                        line.len() + 1
                    ));
                };
                field += &tail[..at];
                tail = &tail[at + 1..];
                match tail.strip_prefix('"') {
                    Some(more) => {
                        field.push('"');
                        tail = more;
                    }
                    None => break,
                }
            }
            fields.push(field);
            match tail.strip_prefix(',') {
                Some(more) => rest = more,
                None if tail.is_empty() => return Ok(fields),
                None => {
                    let column = line.len() - tail.len();
                    return Err(format!(
                        "parse error on line 1, column {column}: extraneous or missing \" in quoted-field"
                    ));
                }
            }
            continue;
        }
        let (field, tail) = match rest.split_once(',') {
            Some((field, tail)) => (field, Some(tail)),
            None => (rest, None),
        };
        if let Some(at) = field.find('"') {
            let column = line.len() - rest.len() + at + 1;
            return Err(format!("parse error on line 1, column {column}: bare \" in non-quoted-field"));
        }
        fields.push(field.to_owned());
        match tail {
            Some(tail) => rest = tail,
            None => return Ok(fields),
        }
    }
}

fn label(value: &str) -> Result<String, String> {
    let key = value.split_once('=').map_or(value, |(k, _)| k).trim_start_matches([' ', '\t']);
    if key.is_empty() {
        return Err(format!("invalid label '{value}': empty name"));
    }
    if key.contains([' ', '\t']) {
        return Err(format!("label '{key}' contains whitespaces"));
    }
    Ok(value.to_owned())
}

fn ip(value: &str) -> Result<String, String> {
    value
        .trim()
        .parse::<IpAddr>()
        .map(|a| a.to_string())
        .map_err(|_| format!("IP address is not correctly formatted: {value}"))
}

fn dns_search(value: &str) -> Result<String, String> {
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

fn extra_host(value: &str) -> Result<String, String> {
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

fn sysctl(value: &str) -> Result<String, String> {
    const KERNEL: [&str; 8] = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"];
    let allowed = value.split_once('=').is_some_and(|(key, _)| {
        key.strip_prefix("kernel.").is_some_and(|k| KERNEL.contains(&k))
            || key.starts_with("net.")
            || key.starts_with("fs.mqueue.")
    });
    if allowed { Ok(value.to_owned()) } else { Err(format!("sysctl '{value}' is not allowed")) }
}

/// `^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$`
fn device_cgroup_rule(value: &str) -> bool {
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

fn device(value: &str, good: impl Fn(&str) -> bool, before: &str, after: &str) -> Result<String, String> {
    let (path, amount) =
        value.split_once(':').filter(|(p, _)| !p.is_empty()).ok_or_else(|| format!("bad format: {value}"))?;
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {value}"));
    }
    if good(amount) { Ok(value.to_owned()) } else { Err(format!("{before}{value}{after}")) }
}

/// `--ulimit name=soft[:hard]`: name, soft and hard limit.
pub(super) fn ulimit(value: &str) -> Result<(String, i64, i64), String> {
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
