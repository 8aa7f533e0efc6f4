//! What `docker image inspect` and `docker history` of docker 28.2 say of an image, without what only an engine knows.

use serde_json::{Map, Value};

use super::parts::Image;
use super::time;

/// The fields of a container's configuration that an image's has, in docker's order (moby's `docker-image-spec`). Empty ones are left out.
const FIELDS: &[&str] = &[
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "OnBuild",
    "Shell",
];

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Maps come in the order of their keys, as Go writes them.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = crate::order::map(fields.iter());
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        other => other.clone(),
    }
}

fn healthcheck(value: &Value) -> Value {
    let order = ["Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"];
    let fields = order.iter().map(|key| ((*key).to_owned(), value[*key].clone()));
    let kept = |value: &Value| !is_empty(value) && *value != json!(0);
    Value::Object(fields.filter(|(_, value)| kept(value)).collect())
}

fn config(value: &Value) -> Value {
    let mut out = Map::new();
    for key in FIELDS {
        let field = &value[*key];
        if !is_empty(field) {
            let field = if *key == "Healthcheck" { healthcheck(field) } else { sorted(field) };
            out.insert((*key).to_owned(), field);
        }
    }
    Value::Object(out)
}

/// An image's names as an engine shows them once it is loaded.
fn tags(image: &Image) -> Vec<String> {
    let familiar = |name: &String| match crate::reference::parse_normalized(name) {
        // A bare tag of an OCI layout names nothing.
        Ok(known) if name.contains([':', '/']) => known.with_default_tag().familiar_string(),
        _ => name.clone(),
    };
    image.names.iter().map(familiar).collect()
}

/// One object of `docker image inspect`. `size` is that of all layers together, as docker counts it (`Tree::docker_size`), and left out where it is not known.
/// `GraphDriver` and `Metadata` tell of an engine's disk and are empty.
pub fn inspect(image: &Image, size: impl Into<Option<u64>>) -> Value {
    let c = &image.config;
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("Id", json!(image.id));
    put("RepoTags", json!(tags(image)));
    put("RepoDigests", json!([]));
    put("Parent", json!(""));
    // An image that says nothing itself has the comment of its last step.
    let last = c.history.last().and_then(|step| step.comment.as_deref());
    put("Comment", json!(if c.comment.is_empty() { last.unwrap_or_default() } else { &c.comment }));
    if let Some(created) = &c.created {
        put("Created", json!(time::go(created)));
    }
    put("DockerVersion", json!(c.docker_version));
    put("Author", json!(c.author));
    put("Config", if c.config.is_null() { Value::Null } else { config(&c.config) });
    put("Architecture", json!(c.platform.architecture));
    if let Some(variant) = c.platform.variant.as_deref().filter(|variant| !variant.is_empty()) {
        put("Variant", json!(variant));
    }
    put("Os", json!(c.platform.os));
    if let Some(version) = c.platform.os_version.as_deref().filter(|version| !version.is_empty()) {
        put("OsVersion", json!(version));
    }
    if let Some(size) = size.into() {
        put("Size", json!(size));
    }
    put("GraphDriver", json!({ "Data": null, "Name": "" }));
    let layers: Vec<Value> = if c.rootfs.diff_ids.is_empty() {
        image.layers.iter().filter_map(|layer| layer.diff_id.as_ref()).map(|id| json!(id)).collect()
    } else {
        c.rootfs.diff_ids.iter().map(|id| json!(id)).collect()
    };
    put(
        "RootFS",
        if layers.is_empty() { json!({ "Type": "layers" }) } else { json!({ "Type": "layers", "Layers": layers }) },
    );
    put("Metadata", json!({ "LastTagTime": "0001-01-01T00:00:00Z" }));
    Value::Object(out)
}

/// What `GET /images/{name}/history` answers, newest step first. `sizes` are the layers' (`Tree::docker_size`); what is not known of them is left out.
/// For docker's table give it to [`crate::cli::format::image::history`].
pub fn history(image: &Image, sizes: &[impl Into<Option<u64>> + Copy]) -> Value {
    let mut layer = 0;
    let mut out = Vec::new();
    for step in &image.config.history {
        let mut size = Some(0);
        if !step.empty_layer {
            size = sizes.get(layer).and_then(|size| (*size).into());
            layer += 1;
        }
        let mut entry = json!({
            "Id": "<missing>",
            "Created": step.created.as_deref().and_then(time::seconds).unwrap_or(-62_135_596_800),
            "CreatedBy": step.created_by.clone().unwrap_or_default(),
            "Tags": null,
        });
        if let Some(size) = size {
            entry["Size"] = size.into();
        }
        entry["Comment"] = step.comment.clone().unwrap_or_default().into();
        out.push(entry);
    }
    out.reverse();
    if let Some(first) = out.first_mut() {
        first["Id"] = json!(image.id);
        first["Tags"] = if image.names.is_empty() { Value::Null } else { json!(tags(image)) };
    }
    Value::Array(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::testing::{docker_archive, file, tar};
    use crate::image::{Archive, Limits};

    #[test]
    fn inspect_has_dockers_fields_in_its_order() {
        let bytes = docker_archive(&[tar(&[file("a", b"1")])], &[("ADD a", false), ("CMD", true)], &["demo:1"]);
        let archive = Archive::open(bytes, &Limits::default()).unwrap();
        let value = inspect(&archive.images()[0], 7u64);
        let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let wanted = "Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Config Architecture Os Size GraphDriver RootFS Metadata";
        assert_eq!(keys.join(" "), wanted);
        assert_eq!(value["Config"].to_string(), r#"{"Env":["PATH=/bin"],"Cmd":["sh"]}"#);
        assert_eq!(value["Created"], "2024-05-01T10:00:00.5Z");
        let history = history(&archive.images()[0], &[7u64]);
        assert_eq!(history[1]["Size"], 7);
        assert_eq!((&history[0]["Id"], &history[0]["Tags"]), (&value["Id"], &json!(["demo:1"])));
        let table = crate::cli::format::image::history("", &history, false, true, true, 1_714_557_600 + 7200).unwrap();
        assert!(table.lines().nth(2).unwrap().starts_with("<missing>      2 hours ago"), "{table}");
    }
}
