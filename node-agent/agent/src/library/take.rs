//! Takes an image that the workshop has built into the library: its own layers with settled times, those of the image it starts from
//! as they lie in the library already, and a configuration without anything that differs from one build to the next.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use engine_wasm::image::{Archive, Image, Limits};
use oci_spec::image::ImageConfiguration;
use serde_json::{Map, Value, json};

use super::add::{OnDisk, Reading};
use super::base::{EPOCH, compress};
use super::build::architecture;
use super::error::Error;
use super::layout::Layout;
use super::recipe::{Recipe, STAND_IN};
use super::settled::Settled;

/// What of a configuration says how the image is run; the rest says how it was built.
const KEPT: [&str; 12] = [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "Healthcheck",
    "OnBuild",
    "Shell",
];

/// Adds the only image of the archive; the descriptor of its manifest. `work` is a directory for growing files.
pub(super) fn take(
    layout: &Layout,
    recipe: &Recipe,
    archive: &Path,
    created: &str,
    work: &Path,
) -> Result<Value, Error> {
    let broken = |what: String| Error::Archive { path: archive.to_owned(), what };
    let file = File::open(archive).map_err(Error::io("opening", archive))?;
    let opened = Archive::open(OnDisk::new(file).map_err(Error::io("reading", archive))?, &Limits::default())
        .map_err(|error| broken(error.to_string()))?;
    let [image] = opened.images() else { return Err(broken("it should hold one image".into())) };
    let known = layers_in(layout)?;
    let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
    for (number, layer) in image.layers.iter().enumerate() {
        let diff_id = layer.diff_id.as_ref().map(ToString::to_string);
        if let Some((descriptor, id)) = diff_id.and_then(|id| Some((known.get(&id)?.clone(), id))) {
            layers.push(descriptor);
            diff_ids.push(id);
            continue;
        }
        if layer.path.is_none() {
            return Err(broken(format!("it lacks {}", layer.title())));
        }
        let plain = slipway_images::decompress(Reading::new(&opened, layer)).map_err(Error::io("reading", archive))?;
        let blob = work.join(format!("{}-{number}", recipe.name.replace('/', "-")));
        let (digest, id, size) = compress(Settled::new(plain, EPOCH), &blob)?;
        layout.adopt(&blob, &digest)?;
        layers.push(json!({ "mediaType": super::add::LAYER, "digest": digest, "size": size }));
        diff_ids.push(id);
    }
    let config = config(image, recipe, &diff_ids, created).map_err(broken)?;
    let config = layout.add_json(super::add::CONFIG, &config)?;
    let manifest = json!({ "schemaVersion": 2, "mediaType": super::add::MANIFEST, "config": config, "layers": layers });
    layout.add_json(super::add::MANIFEST, &manifest)
}

/// Descriptors of the library's layers by their diff ids.
fn layers_in(layout: &Layout) -> Result<HashMap<String, Value>, Error> {
    let mut known = HashMap::new();
    // An image that has lost a blob is made anew, not built on.
    for entry in layout.index()?.manifests().iter().filter(|entry| layout.complete(entry)) {
        let manifest = layout.manifest(entry)?;
        let config: ImageConfiguration = layout.read_json(manifest.config())?;
        for (id, layer) in config.rootfs().diff_ids().iter().zip(manifest.layers()) {
            let descriptor = json!({ "mediaType": layer.media_type(), "digest": layer.digest(), "size": layer.size() });
            known.insert(id.clone(), descriptor);
        }
    }
    Ok(known)
}

fn config(image: &Image, recipe: &Recipe, diff_ids: &[String], created: &str) -> Result<Value, String> {
    let built: Value = serde_json::from_slice(&image.config_json).map_err(|error| error.to_string())?;
    let mut run = Map::new();
    for key in KEPT {
        match &built["config"][key] {
            Value::Null => {}
            value => {
                run.insert(key.into(), value.clone());
            }
        }
    }
    // What an image stands for was written beside its recipe, not inherited from what it was built on.
    let mut labels = run.remove("Labels").and_then(|labels| labels.as_object().cloned()).unwrap_or_default();
    labels.remove(STAND_IN);
    if let Some(what) = recipe.stand_in {
        labels.insert(STAND_IN.into(), what.into());
    }
    if !labels.is_empty() {
        run.insert("Labels".into(), Value::Object(labels));
    }
    let mut history = built["history"].as_array().cloned().unwrap_or_default();
    for step in &mut history {
        step["created"] = created.into();
    }
    Ok(json!({
        "created": created,
        "architecture": architecture(),
        "os": "linux",
        "config": run,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history,
    }))
}
