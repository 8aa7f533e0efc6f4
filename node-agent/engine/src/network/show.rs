//! The predefined networks as clients see them.

use serde_json::{Value, json};

use crate::engine::{Engine, lock};
use crate::error::{Error, Result};

/// The id of a predefined network, stable for its name.
pub(super) fn id_of(engine: &Engine, name: &str) -> String {
    match name {
        "bridge" => engine.network.id.clone(),
        other => {
            let hash = other.bytes().fold(0u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
            format!("{hash:08x}{}", &engine.network.id[8..])
        }
    }
}

/// The predefined networks as `GET /networks` shows them.
#[must_use]
pub fn list(engine: &Engine) -> Vec<Value> {
    ["bridge", "host", "none"].map(|name| inspect(engine, name)).into()
}

/// Finds a network by name or id prefix.
///
/// # Errors
/// Docker's sentence for none.
pub fn find(engine: &Engine, name: &str) -> Result<Value> {
    let known = ["bridge", "host", "none"];
    let found = known.iter().find(|n| **n == name || (!name.is_empty() && id_of(engine, n).starts_with(name)));
    found.map(|n| inspect(engine, n)).ok_or_else(|| Error::not_found(format!("network {name} not found")))
}

fn inspect(engine: &Engine, name: &str) -> Value {
    let network = &engine.network;
    let mut containers = serde_json::Map::new();
    for container in engine.all_containers() {
        let data = container.data();
        if !data.record.state.running || data.host.network_mode != name {
            continue;
        }
        let Some(e) = data.record.network_settings.networks.get(name) else { continue };
        let address =
            if e.ip_address.is_empty() { String::new() } else { format!("{}/{}", e.ip_address, e.ip_prefix_len) };
        containers.insert(container.id.clone(), json!({
            "Name": data.record.name.trim_start_matches('/'), "EndpointID": e.endpoint_id, "MacAddress": e.mac_address,
            "IPv4Address": address, "IPv6Address": "",
        }));
    }
    let (driver, config, options) = match name {
        "bridge" => (
            "bridge",
            json!([{ "Subnet": network.cidr.network().to_string(), "Gateway": network.cidr.address.to_string() }]),
            json!({
                "com.docker.network.bridge.default_bridge": "true",
                "com.docker.network.bridge.enable_icc": "true",
                "com.docker.network.bridge.enable_ip_masquerade": "true",
                "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
                "com.docker.network.bridge.name": network.bridge,
                "com.docker.network.driver.mtu": lock(&network.state).ready.unwrap_or(1500).to_string(),
            }),
        ),
        "host" => ("host", Value::Null, json!({})),
        _ => ("null", Value::Null, json!({})),
    };
    json!({
        "Name": name, "Id": id_of(engine, name), "Created": crate::clock::rfc3339_nano(engine.started), "Scope": "local",
        "Driver": driver, "EnableIPv4": true, "EnableIPv6": false,
        "IPAM": { "Driver": "default", "Options": null, "Config": config },
        "Internal": false, "Attachable": false, "Ingress": false, "ConfigFrom": { "Network": "" }, "ConfigOnly": false,
        "Containers": containers, "Options": options, "Labels": {},
    })
}
