//! What the store answers: lists, details and histories, in the form of the engine's API, so that docker's own tables print them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Error, Store, StoredImage};
use crate::image::Digest;

impl Store {
    /// All images, as `GET /images/json` gives them: newest first, then by id.
    pub fn list(&self) -> Value {
        let mut uses: BTreeMap<&Digest, usize> = BTreeMap::new();
        for image in self.images.values() {
            for diff_id in &image.diff_ids {
                *uses.entry(diff_id).or_default() += 1;
            }
        }
        let mut list: Vec<(i64, Value)> = Vec::new();
        for (id, image) in self.images.iter() {
            let created = seconds(image.config["created"].as_str().unwrap_or_default());
            let shared = image.diff_ids.iter().filter(|d| uses.get(d).is_some_and(|n| *n > 1));
            let shared: u64 = shared.filter_map(|d| self.layers.get(d)).map(|layer| layer.size).sum();
            list.push((
                created,
                json!({
                    "Containers": -1, "Created": created, "Id": id.as_str(), "Labels": image.config["config"]["Labels"],
                    "ParentId": "", "RepoDigests": [], "RepoTags": self.names(id), "SharedSize": shared, "Size": self.size(image),
                }),
            ));
        }
        crate::order::sort_by_key(&mut list, |(created, _)| -created);
        list.into_iter().map(|(_, image)| image).collect()
    }

    /// An image's details, as `GET /images/NAME/json` gives them.
    ///
    /// # Errors
    /// An image that is not there.
    pub fn inspect(&self, name: &str) -> Result<Value, Error> {
        let id = self.resolve(name)?;
        let image = self.images.get(id).ok_or_else(|| Error::NoImage(name.to_owned()))?;
        let config = &image.config;
        let ids: Vec<&str> = image.diff_ids.iter().map(Digest::as_str).collect();
        let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
        let mut out = json!({
            "Id": id.as_str(),
            "RepoTags": self.names(id),
            "RepoDigests": [],
            "Parent": "",
            "Comment": text("comment"),
            "Created": text("created"),
            "DockerVersion": text("docker_version"),
            "Author": text("author"),
            "Config": config["config"],
            "Architecture": text("architecture"),
            "Os": text("os"),
            "Size": self.size(image),
            "RootFS": {"Type": "layers", "Layers": ids},
            "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
        });
        if let Some(variant) = config["variant"].as_str().filter(|variant| !variant.is_empty()) {
            out["Variant"] = json!(variant);
        }
        Ok(out)
    }

    /// An image's history, as `GET /images/NAME/history` gives it: newest first.
    ///
    /// # Errors
    /// An image that is not there.
    pub fn history(&self, name: &str) -> Result<Value, Error> {
        let id = self.resolve(name)?;
        let image = self.images.get(id).ok_or_else(|| Error::NoImage(name.to_owned()))?;
        let mut layers = image.diff_ids.iter();
        let mut out: Vec<Value> = Vec::new();
        for entry in image.config["history"].as_array().into_iter().flatten() {
            let empty = entry["empty_layer"].as_bool().unwrap_or(false);
            let layer = if empty { None } else { layers.next() };
            let size = layer.and_then(|d| self.layers.get(d)).map_or(0, |layer| layer.size);
            out.push(json!({
                "Comment": entry["comment"].as_str().unwrap_or_default(),
                "Created": seconds(entry["created"].as_str().unwrap_or_default()),
                "CreatedBy": entry["created_by"].as_str().unwrap_or_default(),
                "Id": "<missing>",
                "Size": size,
                "Tags": null,
            }));
        }
        if let Some(last) = out.last_mut() {
            last["Id"] = json!(id.as_str());
            let names = self.names(id);
            if !names.is_empty() {
                last["Tags"] = json!(names);
            }
        }
        out.reverse();
        Ok(Value::Array(out))
    }

    fn size(&self, image: &StoredImage) -> u64 {
        image.diff_ids.iter().filter_map(|diff_id| self.layers.get(diff_id)).map(|layer| layer.size).sum()
    }
}

/// Seconds since 1970 of an RFC 3339 time.
fn seconds(time: &str) -> i64 {
    crate::cli::format::seconds(time)
}
