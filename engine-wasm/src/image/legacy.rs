//! Archives older than docker 1.10: `repositories`, and a directory for each layer with `json` and `layer.tar` (moby's
//! `image/spec/v1`). The configuration is put together from those of the layers, as docker did when it loaded them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::archive::Archive;
use super::digest::Digest;
use super::error::{Error, Result};
use super::json::{Config, Map};
use super::parts::{Image, Layer};

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    id: String,
    #[serde(default)]
    parent: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

pub(super) fn read(archive: &mut Archive) -> Result<()> {
    let limit = archive.limits.manifest;
    let Some(bytes) = archive.small("repositories", limit, "the size of a manifest")? else { return Ok(()) };
    let repositories: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_slice(&bytes).map_err(|error| Error::document("repositories", error))?;
    let mut tops: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, tags) in repositories {
        for (tag, top) in tags {
            tops.entry(top).or_default().push(format!("{name}:{tag}"));
        }
    }
    for (top, names) in tops {
        archive.has_room()?;
        let image = image(archive, &top, names)?;
        archive.images.push(image);
    }
    Ok(())
}

fn image(archive: &Archive, top: &str, names: Vec<String>) -> Result<Image> {
    let mut steps = Vec::new();
    let mut next = Some(top.to_owned());
    while let Some(id) = next.filter(|id| !id.is_empty()) {
        let path = format!("{id}/json");
        let bytes = archive.small(&path, archive.limits.config, "the size of a configuration")?;
        let bytes = bytes.ok_or_else(|| Error::Missing { what: "repositories".into(), file: path.clone() })?;
        let mut step: Step = serde_json::from_slice(&bytes).map_err(|error| Error::document(path, error))?;
        next = step.parent.take();
        step.id = id;
        steps.push(step);
        // A chain that leads back into itself ends here, too.
        if steps.len() > archive.limits.layers {
            let limit = archive.limits.layers as u64;
            return Err(Error::Limit { what: format!("image {top}"), subject: "the number of layers", limit });
        }
    }
    let config_path = format!("{top}/json");
    let mut document = steps.first().map(|step| step.rest.clone()).unwrap_or_default();
    steps.reverse();
    let history = steps.iter().map(|step| {
        let words = step.rest.get("container_config").and_then(|config| config["Cmd"].as_array());
        let words = words.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        json!({ "created": step.rest.get("created"), "created_by": words, "comment": step.rest.get("comment") })
    });
    document.insert("history".into(), history.collect());
    document.insert("rootfs".into(), json!({ "type": "layers" }));
    for known in ["id", "parent", "container", "container_config", "Size"] {
        document.remove(known);
    }
    let config_json = serde_json::to_vec(&document).map_err(|error| Error::document(&config_path, error))?;
    let config: Config = serde_json::from_slice(&config_json).map_err(|error| Error::document(&config_path, error))?;
    let layers = steps.iter().map(|step| {
        let file = format!("{}/layer.tar", step.id);
        let stored = archive.files.size(&file);
        Layer {
            diff_id: None,
            digest: None,
            media_type: String::new(),
            size: None,
            path: stored.map(|_| file.clone()),
            file,
            stored: stored.unwrap_or_default(),
            annotations: Map::new(),
        }
    });
    let layers = layers.collect();
    // Docker made the ID of such an image when it loaded it; the top layer's is the one that was known.
    let id = format!("sha256:{top}").parse().unwrap_or_else(|_| Digest::of(&config_json));
    Ok(Image {
        names,
        manifest: None,
        index: None,
        platform: config.platform.clone(),
        id,
        config_path,
        layers,
        config,
        config_json,
        annotations: Map::new(),
        attestations: Vec::new(),
    })
}
