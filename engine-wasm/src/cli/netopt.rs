//! `--network`: a name or docker's comma-separated notation, and the endpoint settings made of it together with `--ip`, `--link`, `--network-alias` and
//! `--mac-address`.

use super::check::csv;
use super::parse::Parsed;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// One network that a container is to be attached to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attachment {
    pub(super) target: String,
    aliases: Vec<String>,
    links: Vec<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    link_local: Vec<String>,
    mac: Option<String>,
    options: Map<String, Value>,
    priority: i64,
}

impl Attachment {
    /// Parses one `--network` value.
    ///
    /// # Errors
    /// docker's reason.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let long =
            text.match_indices('=').any(|(at, _)| text[..at].ends_with(word) && text[at + 1..].starts_with(word));
        if !long {
            return Ok(Self { target: text.to_owned(), ..Self::default() });
        }
        let mut out = Self::default();
        for field in csv(text)? {
            let lower = crate::golang::case::lower(&field);
            let (key, value) =
                lower.split_once('=').filter(|(k, _)| !k.is_empty()).ok_or_else(|| format!("invalid field {field}"))?;
            let (key, value) = (key.trim(), value.trim().to_owned());
            let address = |text: &str| {
                text.parse::<IpAddr>()
                    .map(|a| a.to_string())
                    .map_err(|_| format!("ParseAddr(\"{text}\"): unable to parse IP"))
            };
            match key {
                "name" => out.target = value,
                "alias" => out.aliases.push(value),
                "ip" => out.ipv4 = Some(address(&value)?),
                "ip6" => out.ipv6 = Some(address(&value)?),
                "mac-address" => out.mac = Some(value),
                "link-local-ip" => out.link_local.push(address(&value)?),
                "driver-opt" => {
                    let (k, v) = value
                        .split_once('=')
                        .filter(|(k, _)| !k.is_empty())
                        .ok_or("invalid key value pair format in driver options")?;
                    out.options.insert(k.trim().to_owned(), v.trim().into());
                }
                "gw-priority" => {
                    out.priority =
                        value.parse().map_err(|_| format!("invalid gw-priority ({value}): invalid syntax"))?
                }
                _ => return Err(format!("invalid field key {key}")),
            }
        }
        if out.target.is_empty() {
            return Err("network name/id is not specified".into());
        }
        Ok(out)
    }

    fn apply(&mut self, parsed: &Parsed) -> Result<(), String> {
        let both = |old: &str, new: &str| {
            Err(format!("conflicting options: cannot specify both --{old} and per-network {new}"))
        };
        let owned = |name: &str| parsed.list(name).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let (aliases, links, local) = (owned("network-alias"), owned("link"), owned("link-local-ip"));
        let given = |name: &str| parsed.text(name).filter(|v| !v.is_empty()).map(str::to_owned);
        let (ipv4, ipv6, mac) = (given("ip"), given("ip6"), given("mac-address"));
        match () {
            () if !self.aliases.is_empty() && !aliases.is_empty() => {
                return both("network-alias", "alias");
            }
            () if !self.links.is_empty() && !links.is_empty() => return both("link", "links"),
            () if self.ipv4.is_some() && ipv4.is_some() => return both("ip", "IPv4 address"),
            () if self.ipv6.is_some() && ipv6.is_some() => return both("ip6", "IPv6 address"),
            () if self.mac.is_some() && mac.is_some() => return both("mac-address", "MAC address"),
            () if !self.link_local.is_empty() && !local.is_empty() => {
                return both("link-local-ip", "link-local IP addresses");
            }
            () => {}
        }
        if !aliases.is_empty() {
            self.aliases = aliases;
        }
        if user_defined(&self.target) && !links.is_empty() {
            self.links = links;
        }
        self.ipv4 = ipv4.or(self.ipv4.take());
        self.ipv6 = ipv6.or(self.ipv6.take());
        self.mac = mac.or(self.mac.take());
        if !local.is_empty() {
            self.link_local = local;
        }
        Ok(())
    }

    fn endpoint(&self) -> Result<Map<String, Value>, String> {
        if self.target.trim().is_empty() {
            return Err("no name set for network".into());
        }
        if !user_defined(&self.target) {
            if !self.aliases.is_empty() {
                return Err("network-scoped aliases are only supported for user-defined networks".into());
            }
            if !self.links.is_empty() {
                return Err("links are only supported for user-defined networks".into());
            }
        }
        let mut out = Map::new();
        let mut put = |set: bool, key: &str, value: Value| {
            if set {
                out.insert(key.into(), value);
            }
        };
        put(!self.aliases.is_empty(), "Aliases", json!(self.aliases));
        put(!self.links.is_empty(), "Links", json!(self.links));
        put(!self.options.is_empty(), "DriverOpts", Value::Object(self.options.clone()));
        put(self.priority != 0, "GwPriority", json!(self.priority));
        put(self.mac.is_some(), "MacAddress", json!(self.mac.as_deref().map(str::trim)));
        let mut ipam = Map::new();
        if let Some(ip) = &self.ipv4 {
            ipam.insert("IPv4Address".into(), ip.as_str().into());
        }
        if let Some(ip) = &self.ipv6 {
            ipam.insert("IPv6Address".into(), ip.as_str().into());
        }
        if !self.link_local.is_empty() {
            ipam.insert("LinkLocalIPs".into(), json!(self.link_local));
        }
        put(!ipam.is_empty(), "IPAMConfig", Value::Object(ipam));
        Ok(out)
    }
}

/// Whether a network mode names a network of the user's.
fn user_defined(mode: &str) -> bool {
    !matches!(mode, "default" | "bridge" | "host" | "none") && !mode.starts_with("container:")
}

/// `NetworkMode` and `EndpointsConfig` for the flags of run and create.
///
/// # Errors
/// docker's reason.
pub(super) fn attachments(parsed: &Parsed) -> Result<(String, Map<String, Value>), String> {
    let mut list = parsed.list("network").into_iter().map(Attachment::parse).collect::<Result<Vec<_>, _>>()?;
    let mut endpoints = Map::new();
    if list.is_empty() {
        let mut default = Attachment { target: "default".into(), ..Attachment::default() };
        default.apply(parsed)?;
        let endpoint = default.endpoint()?;
        endpoints.insert("default".into(), endpoint.into());
        return Ok(("default".into(), endpoints));
    }
    let single = list.len() == 1;
    for (i, network) in list.iter_mut().enumerate() {
        if i == 0 {
            network.apply(parsed)?;
        }
        let endpoint = network.endpoint()?;
        if endpoints.contains_key(&network.target) {
            return Err(format!("network \"{}\" is specified multiple times", network.target));
        }
        if single && endpoint.is_empty() {
            continue;
        }
        endpoints.insert(network.target.clone(), endpoint.into());
    }
    if list.iter().any(|n| user_defined(&n.target)) && list.iter().any(|n| !user_defined(&n.target)) {
        return Err("conflicting options: cannot attach both user-defined and non-user-defined network-modes".into());
    }
    Ok((list[0].target.clone(), endpoints))
}
