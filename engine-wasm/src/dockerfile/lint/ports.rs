//! Ports of `EXPOSE` (`dockerfile2llb/convert_expose.go`).

use std::net::IpAddr;

use crate::golang::quote::quote;

/// What is to be said of a port that is otherwise right.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    /// The protocol is not in lower case.
    pub(super) casing: bool,
    /// There is an address or a port of the host.
    pub(super) mapping: bool,
}

/// Looks at a port's form; this much is reported also when the numbers turn out to be wrong.
pub(super) fn form(raw: &str) -> Result<Port, String> {
    let (ip, host, container) = parts(raw);
    let (_, protocol) = split_protocol(container).map_err(|error| format!("invalid port: {}: {error}", quote(raw)))?;
    Ok(Port { casing: protocol.bytes().any(|b| b.is_ascii_uppercase()), mapping: !ip.is_empty() || !host.is_empty() })
}

/// Reads the numbers and the address; gives the fault, if any.
pub(super) fn numbers(raw: &str) -> Result<(), String> {
    let (ip, host, container) = parts(raw);
    let (container, _) = split_protocol(container)?;
    let mut address = ip.clone();
    if ip.starts_with('[') {
        address = ip
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .filter(|(inner, after)| after.is_empty() && !inner.contains('['))
            .map(|(inner, _)| inner.to_owned())
            .ok_or_else(|| format!("invalid IP address {ip}: {}", bracket_fault(&ip)))?;
    }
    if !address.is_empty() && address.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address: {address}"));
    }
    let (start, end) = range(container).ok_or_else(|| format!("invalid containerPort: {container}"))?;
    if !host.is_empty() {
        let (host_start, host_end) = range(host).ok_or_else(|| format!("invalid hostPort: {host}"))?;
        if end - start != host_end - host_start && end != start {
            return Err(format!("invalid ranges specified for container and host Ports: {container} and {host}"));
        }
    }
    Ok(())
}

/// What `net.SplitHostPort` says of `[…` followed by a colon.
fn bracket_fault(ip: &str) -> String {
    let fault = match ip.find(']') {
        None => "missing ']' in address",
        Some(at) if at + 1 < ip.len() && ip.as_bytes()[at + 1] != b':' => "missing port in address",
        Some(at) if at + 1 < ip.len() => "too many colons in address",
        Some(_) => "unexpected '[' in address",
    };
    format!("address {ip}:: {fault}")
}

fn parts(raw: &str) -> (String, &str, &str) {
    let Some((rest, container)) = raw.rsplit_once(':') else { return (String::new(), "", raw) };
    match rest.rsplit_once(':') {
        Some((ip, host)) => (ip.to_owned(), host, container),
        None => (String::new(), rest, container),
    }
}

fn split_protocol(port: &str) -> Result<(&str, &str), String> {
    let (port, protocol) = port.split_once('/').unwrap_or((port, ""));
    if port.is_empty() {
        return Err("no port specified".to_owned());
    }
    match super::super::instructions::lower(protocol).as_str() {
        "" => Ok((port, "tcp")),
        "tcp" | "udp" | "sctp" => Ok((port, protocol)),
        _ => Err(format!("invalid proto: {protocol}")),
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| -> Option<u16> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let value: i64 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()?;
        u16::try_from(value).ok()
    };
    let (start, end) = text.split_once('-').map_or((text, None), |(start, end)| (start, Some(end)));
    let first = number(start)?;
    match end {
        Some(end) if end != start => number(end).filter(|last| *last >= first).map(|last| (first, last)),
        _ => Some((first, first)),
    }
}
