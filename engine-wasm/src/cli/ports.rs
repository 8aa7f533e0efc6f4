//! `--publish` and `--expose`: port specifications in all of docker's notations.

use serde_json::{Map, Value};
use std::net::IpAddr;

/// Port bindings and exposed ports, as the API wants them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ports {
    /// `ExposedPorts`.
    pub(super) exposed: Map<String, Value>,
    /// `PortBindings`.
    pub(super) bindings: Map<String, Value>,
}

/// Reads all `--publish` and `--expose` values.
///
/// # Errors
/// docker's reason.
pub(super) fn parse(publish: &[&str], expose: &[&str]) -> Result<Ports, String> {
    let mut ports = Ports::default();
    for spec in publish {
        let spec = standard(spec)?;
        for (port, binding) in one(&spec)? {
            ports.exposed.insert(port.clone(), json!({}));
            let list = ports.bindings.entry(port).or_insert_with(|| json!([]));
            list.as_array_mut().expect("made as an array on the line before").push(binding);
        }
    }
    for spec in expose {
        if spec.contains(':') {
            return Err(format!("invalid port format for --expose: {spec}"));
        }
        let (protocol, port) = protocol(spec);
        let (start, end) = range(port).map_err(|e| format!("invalid range format for --expose: {spec}, error: {e}"))?;
        for port in start..=end {
            ports.exposed.insert(format!("{port}/{protocol}"), json!({}));
        }
    }
    Ok(ports)
}

/// `published=80,target=8080,protocol=tcp` becomes `80:8080/tcp`.
fn standard(spec: &str) -> Result<String, String> {
    if !spec.contains('=') {
        return Ok(spec.to_owned());
    }
    let (mut published, mut target, mut protocol) = ("", "", "tcp");
    for part in spec.split(',') {
        match part.split_once('=') {
            Some(("published", v)) => published = v,
            Some(("target", v)) => target = v,
            Some(("protocol", v)) => protocol = v,
            Some((k, _)) if !k.is_empty() => {}
            _ => {
                return Err(format!("invalid publish opts format (should be name=value but got '{part}')"));
            }
        }
    }
    Ok(format!("{published}:{target}/{protocol}"))
}

fn protocol(port: &str) -> (String, &str) {
    match port.split_once('/') {
        Some((port, "")) => ("tcp".into(), port),
        Some((port, protocol)) => (crate::golang::case::lower(protocol), port),
        None => ("tcp".into(), port),
    }
}

fn range(text: &str) -> Result<(u16, u16), String> {
    if text.is_empty() {
        return Err("empty string specified for ports.".into());
    }
    let number = |s: &str| {
        s.parse::<u16>().map_err(|e| {
            let why =
                if *e.kind() == std::num::IntErrorKind::PosOverflow { "value out of range" } else { "invalid syntax" };
            format!("strconv.ParseUint: parsing \"{s}\": {why}")
        })
    };
    let Some((start, end)) = text.split_once('-') else {
        let port = number(text)?;
        return Ok((port, port));
    };
    let (low, high) = (number(start)?, number(end)?);
    if high < low {
        return Err(format!("invalid range specified for port: {text}"));
    }
    Ok((low, high))
}

fn one(spec: &str) -> Result<Vec<(String, Value)>, String> {
    let parts: Vec<_> = spec.split(':').collect();
    let (ip, host, container) = match parts.as_slice() {
        [container] => (String::new(), "", *container),
        [host, container] => (String::new(), *host, *container),
        [ip @ .., host, container] => (ip.join(":"), *host, *container),
        [] => (String::new(), "", ""),
    };
    let (protocol, container) = protocol(container);
    let bare = ip.strip_prefix('[').and_then(|i| i.strip_suffix(']')).unwrap_or(&ip);
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address: {bare}"));
    }
    if container.is_empty() {
        return Err(format!("no port specified: {spec}<empty>"));
    }
    let (start, end) = range(container).map_err(|_| format!("invalid containerPort: {container}"))?;
    let hosts = match host {
        "" => None,
        host => {
            let (low, high) = range(host).map_err(|_| format!("invalid hostPort: {host}"))?;
            if end - start != high - low && end != start {
                return Err(format!("invalid ranges specified for container and host Ports: {container} and {host}"));
            }
            Some((low, high))
        }
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("invalid proto: {protocol}"));
    }
    Ok((0..=end - start)
        .map(|i| {
            let host = match hosts {
                None => String::new(),
                Some((low, high)) if start == end && low != high => format!("{low}-{high}"),
                Some((low, _)) => (low + i).to_string(),
            };
            (format!("{}/{protocol}", start + i), json!({ "HostIp": bare, "HostPort": host }))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishes_ranges_addresses_and_protocols() {
        let ports =
            parse(&["8080:80", "127.0.0.1:53:53/udp", "9000-9001:90-91", "[::1]:1:2", "7000-7005:70"], &["5-6/udp"])
                .unwrap();
        assert_eq!(ports.bindings["80/tcp"], json!([{ "HostIp": "", "HostPort": "8080" }]));
        assert_eq!(ports.bindings["53/udp"], json!([{ "HostIp": "127.0.0.1", "HostPort": "53" }]));
        assert_eq!(ports.bindings["91/tcp"], json!([{ "HostIp": "", "HostPort": "9001" }]));
        assert_eq!(ports.bindings["2/tcp"], json!([{ "HostIp": "::1", "HostPort": "1" }]));
        assert_eq!(ports.bindings["70/tcp"], json!([{ "HostIp": "", "HostPort": "7000-7005" }]));
        assert!(ports.exposed.contains_key("6/udp") && ports.exposed.contains_key("80/tcp"));
    }

    #[test]
    fn refuses_bad_ports_in_dockers_words() {
        for (spec, error) in [
            ("x", "invalid containerPort: x"),
            ("y:80", "invalid hostPort: y"),
            ("80:", "no port specified: 80:<empty>"),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("1-2:80-83", "invalid ranges specified for container and host Ports: 80-83 and 1-2"),
            ("80/foo", "invalid proto: foo"),
        ] {
            assert_eq!(parse(&[spec], &[]).unwrap_err(), error);
        }
    }
}
