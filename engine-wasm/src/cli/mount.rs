//! `--mount`: one mount in docker's comma-separated notation, as the `Mounts` entry of the API.

use super::check::{csv, go_bool};
use crate::units;
use serde_json::{Map, Value};

/// Parses one `--mount` value. A relative source (`./x`) is kept; the caller makes it absolute.
///
/// # Errors
/// docker's reason.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let mut mount = Map::new();
    mount.insert("Type".into(), "volume".into());
    for field in csv(text)? {
        apply(&mut mount, &field)?;
    }
    validate(&mount)?;
    Ok(mount)
}

fn apply(mount: &mut Map<String, Value>, field: &str) -> Result<(), String> {
    let (key, given) = match field.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (field, None),
    };
    let key = crate::golang::case::lower(key);
    if given.is_none()
        && !matches!(key.as_str(), "readonly" | "ro" | "volume-nocopy" | "bind-nonrecursive" | "bind-create-src")
    {
        return Err(format!("invalid field '{field}' must be a key=value pair"));
    }
    let value = given.unwrap_or_default();
    match key.as_str() {
        "type" => put(mount, "Type", crate::golang::case::lower(value)),
        "source" | "src" => put(mount, "Source", value),
        "target" | "dst" | "destination" => put(mount, "Target", value),
        "readonly" | "ro" => put(mount, "ReadOnly", switch(&key, given)?),
        "consistency" => put(mount, "Consistency", crate::golang::case::lower(value)),
        "bind-propagation" => put(part(mount, "BindOptions"), "Propagation", crate::golang::case::lower(value)),
        "bind-nonrecursive" => put(part(mount, "BindOptions"), "NonRecursive", switch(&key, given)?),
        "bind-recursive" => match value {
            "enabled" => {}
            "disabled" => put(part(mount, "BindOptions"), "NonRecursive", true),
            "writable" => put(part(mount, "BindOptions"), "ReadOnlyNonRecursive", true),
            "readonly" => put(part(mount, "BindOptions"), "ReadOnlyForceRecursive", true),
            _ => {
                return Err(format!(
                    "invalid value for {key}: {value} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
                ));
            }
        },
        "bind-create-src" => put(part(mount, "BindOptions"), "CreateMountpoint", switch(&key, given)?),
        "volume-subpath" => put(part(mount, "VolumeOptions"), "Subpath", value),
        "volume-nocopy" => put(part(mount, "VolumeOptions"), "NoCopy", switch(&key, given)?),
        "volume-label" => pair(part(part(mount, "VolumeOptions"), "Labels"), value),
        "volume-driver" => put(part(part(mount, "VolumeOptions"), "DriverConfig"), "Name", value),
        "volume-opt" => pair(part(part(part(mount, "VolumeOptions"), "DriverConfig"), "Options"), value),
        "image-subpath" => put(part(mount, "ImageOptions"), "Subpath", value),
        "tmpfs-size" => {
            let bytes = units::ram_in_bytes(value).map_err(|_| format!("invalid value for {key}: {value}"))?;
            put(part(mount, "TmpfsOptions"), "SizeBytes", bytes);
        }
        "tmpfs-mode" => {
            let mode = u32::from_str_radix(value, 8).map_err(|_| format!("invalid value for {key}: {value}"))?;
            put(part(mount, "TmpfsOptions"), "Mode", mode);
        }
        _ => return Err(format!("unexpected key '{key}' in '{field}'")),
    }
    Ok(())
}

fn put(map: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    map.insert(key.into(), value.into());
}

fn pair(map: &mut Map<String, Value>, text: &str) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if !key.is_empty() {
        put(map, key, value);
    }
}

fn part<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    map.entry(key).or_insert_with(|| json!({})).as_object_mut().expect("every part is made as an object here")
}

fn switch(key: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None => Ok(true),
        Some(text) => go_bool(text).ok_or_else(|| format!("invalid value for {key}: {text}")),
    }
}

fn validate(mount: &Map<String, Value>) -> Result<(), String> {
    let kind = mount["Type"].as_str().unwrap_or_default();
    if kind.is_empty() {
        return Err("type is required".into());
    }
    if mount.get("Target").and_then(Value::as_str).unwrap_or_default().is_empty() {
        return Err("target is required".into());
    }
    for (options, owner) in
        [("BindOptions", "bind"), ("VolumeOptions", "volume"), ("ImageOptions", "image"), ("TmpfsOptions", "tmpfs")]
    {
        if mount.contains_key(options) && kind != owner {
            return Err(format!("cannot mix '{owner}-*' options with mount type '{kind}'"));
        }
    }
    if let Some(bind) = mount.get("BindOptions") {
        let read_only = mount.get("ReadOnly") == Some(&Value::Bool(true));
        if bind["ReadOnlyNonRecursive"] == true && !read_only {
            return Err("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction".into());
        }
        if bind["ReadOnlyForceRecursive"] == true {
            if !read_only {
                return Err(
                    "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction".into()
                );
            }
            if bind["Propagation"] != "rprivate" {
                return Err("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction".into());
            }
        }
    }
    Ok(())
}
