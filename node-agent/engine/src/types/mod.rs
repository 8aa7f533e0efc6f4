//! The Engine API's JSON types, named and ordered as moby's, so that what is stored on disk and what is
//! sent to clients is the same data. These types carry no behaviour beyond parsing and defaults.

mod config;
mod host_config;
mod network;
mod state;

pub use config::{Config, Healthcheck};
pub use host_config::{DeviceMapping, HostConfig, LogConfig, Mount, PortBinding, RestartPolicy, ShmSize, Ulimit};
pub use network::{EndpointSettings, NetworkSettings, NetworkingConfig};
pub use state::{MountPoint, NEVER, Record, State};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Deserialises `value` the way Go does: a JSON `null` leaves a field at its default, at any depth of the structure.
///
/// # Errors
/// Returns serde's error when a field has the wrong type.
pub fn from_go_json<T: DeserializeOwned>(value: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(strip_nulls(value))
}

fn strip_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, strip_nulls_keep(v))).collect(),
        ),
        other => other,
    }
}

/// Maps such as `Labels` or `Volumes` keep their keys even when the value is an empty object.
fn strip_nulls_keep(value: Value) -> Value {
    match value {
        Value::Object(_) => strip_nulls(value),
        Value::Array(items) => Value::Array(items.into_iter().map(strip_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_fields_are_defaults_as_in_go() {
        let body = serde_json::json!({"Image": "alpine", "Cmd": null, "Env": null, "Labels": null, "Tty": true});
        let config: Config = from_go_json(body).unwrap();
        assert_eq!(config.image, "alpine");
        assert!(config.tty && config.cmd.is_none() && config.labels.is_empty());
    }

    #[test]
    fn default_host_config_serialises_with_mobys_nulls() {
        let value = serde_json::to_value(HostConfig::default()).unwrap();
        assert!(value["Binds"].is_null() && value["CapAdd"].is_null());
        assert_eq!(value["PortBindings"], serde_json::json!({}));
        assert_eq!(value["RestartPolicy"]["Name"], "no");
        assert_eq!(value["LogConfig"]["Type"], "json-file");
    }
}
