//! `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container, kept in its directory and bound over its own.

use std::fmt::Write as _;

use crate::containers::Container;
use crate::error::{Error, Result};
use crate::types::{HostConfig, Record};

/// Writes the three files. Blocking.
pub(crate) fn write(container: &Container, record: &Record, host: &HostConfig) -> Result<()> {
    let put = |name: &str, text: String| {
        let path = container.dir.join(name);
        std::fs::write(&path, text).map_err(|e| Error::internal(format!("writing {}: {e}", path.display())))
    };
    put("hostname", format!("{}\n", record.config.hostname))?;
    let gateway = record.network_settings.gateway.as_str();
    if host.network_mode == "host" {
        put("hosts", std::fs::read_to_string("/etc/hosts").unwrap_or_else(|_| hosts(record, host, gateway)))?;
    } else {
        put("hosts", hosts(record, host, gateway))?;
    }
    let own = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    put("resolv.conf", resolv_conf(&own, host))
}

fn hosts(record: &Record, host: &HostConfig, gateway: &str) -> String {
    let mut text = String::from(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n\
         ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
    );
    for entry in host.extra_hosts.iter().flatten() {
        if let Some((name, address)) = entry.split_once([':', '=']) {
            let address = if address == "host-gateway" { gateway } else { address };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{address}\t{name}");
        }
    }
    let config = &record.config;
    let address = &record.network_settings.ip_address;
    if !address.is_empty() {
        let full = if config.domainname.is_empty() {
            String::new()
        } else {
            format!("{}.{} ", config.hostname, config.domainname)
        };
        let _ = writeln!(text, "{address}\t{full}{}", config.hostname);
    }
    text
}

/// The engine's own resolver configuration, changed by `--dns`, `--dns-search` and `--dns-option`; a resolver on loopback
/// cannot be reached from a container and gives way to a public one.
fn resolv_conf(own: &str, host: &HostConfig) -> String {
    let mut servers = host.dns.clone();
    let mut search: Vec<String> = host.dns_search.iter().filter(|s| *s != ".").cloned().collect();
    let mut options = host.dns_options.clone();
    let from_own = |key: &str| -> Vec<String> {
        let lines = own.lines().filter_map(|l| l.trim().strip_prefix(key)).filter(|l| l.starts_with([' ', '\t']));
        lines.flat_map(|l| l.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    if servers.is_empty() {
        servers = from_own("nameserver");
        if host.network_mode != "host" {
            servers.retain(|s| !s.starts_with("127.") && s != "::1");
        }
        if servers.is_empty() {
            servers = vec!["8.8.8.8".into(), "8.8.4.4".into()];
        }
    }
    if host.dns_search.is_empty() {
        search = from_own("search");
    }
    if options.is_empty() {
        options = from_own("options");
    }
    let mut text: String = servers.iter().map(|s| format!("nameserver {s}\n")).collect();
    for (key, list) in [("search", &search), ("options", &options)] {
        if !list.is_empty() {
            let _ = writeln!(text, "{key} {}", list.join(" "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_names_the_container_and_what_was_added() {
        let mut record = Record::default();
        record.config.hostname = "box".into();
        record.network_settings.ip_address = "172.17.0.2".into();
        let host = HostConfig {
            extra_hosts: Some(vec!["db:10.0.0.1".into(), "me:host-gateway".into()]),
            ..HostConfig::default()
        };
        let text = hosts(&record, &host, "172.17.0.1");
        assert!(text.ends_with("10.0.0.1\tdb\n172.17.0.1\tme\n172.17.0.2\tbox\n"), "{text}");
    }

    #[test]
    fn resolv_conf_is_the_engines_but_for_loopback_and_options() {
        let own = "# c\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nsearch a.b\noptions ndots:2\n";
        assert_eq!(resolv_conf(own, &HostConfig::default()), "nameserver 10.0.0.2\nsearch a.b\noptions ndots:2\n");
        let host = HostConfig { dns: vec!["1.1.1.1".into()], dns_search: vec![".".into()], ..HostConfig::default() };
        assert_eq!(resolv_conf(own, &host), "nameserver 1.1.1.1\noptions ndots:2\n");
        assert!(resolv_conf("nameserver 127.0.0.1\n", &HostConfig::default()).starts_with("nameserver 8.8.8.8"));
    }
}
