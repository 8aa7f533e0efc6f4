//! `/system/df`: what images, containers, volumes and the build cache take on the disk.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::ApiVersion;
use super::extract::Params;
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::{containers, images, volumes};

/// What `type` may be.
const KINDS: [&str; 4] = ["container", "image", "volume", "build-cache"];
/// The first version of the API with `type`.
const SINCE: ApiVersion = ApiVersion(42);

/// Which kinds are asked for: all of them without `type`, and in versions that do not know it.
fn asked(types: &[String], version: ApiVersion) -> Result<impl Fn(&str) -> bool + use<>> {
    let types = if version < SINCE { Vec::new() } else { types.to_vec() };
    if let Some(unknown) = types.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(Error::bad(format!("unknown object type: {unknown}")));
    }
    Ok(move |kind: &str| types.is_empty() || types.iter().any(|one| one == kind))
}

/// `GET /system/df`. What is not asked for is null, and not measured.
pub(super) async fn disk_usage(
    State(engine): State<Arc<Engine>>,
    Extension(version): Extension<ApiVersion>,
    params: Params,
) -> Result<Json<Value>> {
    let asked = asked(params.all("type"), version)?;
    blocking(move || {
        let mut answer =
            json!({ "LayersSize": 0, "Images": null, "Containers": null, "Volumes": null, "BuildCache": null });
        if asked("image") {
            let sharing = images::remove::Sharing::of(&engine);
            answer["LayersSize"] = json!(sharing.total);
            answer["Images"] = json!(image_list(&engine, &sharing, version)?);
        }
        if asked("container") {
            let query = containers::list::Query { all: true, size: true, ..Default::default() };
            answer["Containers"] = json!(containers::list::list(&engine, &query)?);
        }
        if asked("volume") {
            answer["Volumes"] = json!(volume_list(&engine));
        }
        if asked("build-cache") {
            answer["BuildCache"] = json!(crate::builder::usage(&engine));
        }
        Ok(Json(answer))
    })
    .await
}

fn image_list(engine: &Arc<Engine>, sharing: &images::remove::Sharing, version: ApiVersion) -> Result<Vec<Value>> {
    let mut list = images::list(engine, false, &Default::default())?;
    let containers = engine.all_containers();
    for image in &mut list {
        let id = image["Id"].as_str().unwrap_or_default().to_owned();
        image["Containers"] = json!(containers.iter().filter(|c| c.data().record.image == id).count());
        shared_size(engine, sharing, image);
    }
    virtual_size(&mut list, version);
    Ok(list)
}

/// Puts `SharedSize` into an image's summary: the bytes of its layers that other images have, too.
pub(super) fn shared_size(engine: &Engine, sharing: &images::remove::Sharing, image: &mut Value) {
    let id = image["Id"].as_str().and_then(|id| id.parse().ok());
    if let Some(found) = id.and_then(|id| engine.store.image(&id).ok()) {
        image["SharedSize"] = json!(sharing.shared(&found.layers));
    }
}

/// `VirtualSize`, the size by another name, which versions of the API before 1.44 have, and their clients reckon with.
pub(super) fn virtual_size(images: &mut [Value], version: ApiVersion) {
    if version < ApiVersion(44) {
        images.iter_mut().for_each(|image| image["VirtualSize"] = image["Size"].clone());
    }
}

fn volume_list(engine: &Arc<Engine>) -> Vec<Value> {
    let all = engine.volumes.list();
    all.iter()
        .map(|volume| {
            let mut value = volume.to_json();
            let users = volumes::users(engine, &volume.name).len();
            value["UsageData"] = json!({ "Size": volumes::size_of(&volume.mountpoint), "RefCount": users });
            value
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(types: &[&str], version: u32) -> Result<Vec<&'static str>, String> {
        let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
        let asked = asked(&types, ApiVersion(version)).map_err(|e| e.message)?;
        Ok(KINDS.into_iter().filter(|kind| asked(kind)).collect())
    }

    #[test]
    fn what_is_asked_for_is_told_by_type() {
        assert_eq!(kinds(&[], 51).unwrap(), KINDS);
        assert_eq!(kinds(&["volume", "image"], 51).unwrap(), ["image", "volume"]);
        assert_eq!(kinds(&["volume", "nope"], 51).unwrap_err(), "unknown object type: nope");
        assert_eq!(kinds(&[""], 42).unwrap_err(), "unknown object type: ");
        assert_eq!(kinds(&["nope"], 41).unwrap(), KINDS, "older versions have no types");
    }

    #[test]
    fn older_clients_are_told_the_size_twice() {
        let image = |version| {
            let mut list = [json!({ "Size": 5 })];
            virtual_size(&mut list, ApiVersion(version));
            list[0]["VirtualSize"].clone()
        };
        assert_eq!((image(43), image(44)), (json!(5), Value::Null));
    }
}
