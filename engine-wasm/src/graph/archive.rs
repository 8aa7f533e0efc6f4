//! The picture of an archive: its images and the layers they share.

use serde_json::Value;

use super::Graph;
use super::engine::{add_image, finish};
use crate::image::Archive;

/// The layer graph of an archive's images. Sizes are those of the layers as stored, compressed where they are.
pub fn from_archive(archive: &Archive) -> Graph {
    let mut graph = Graph::new("Images in the archive");
    for image in archive.images() {
        let layers: Vec<&str> = image.config.rootfs.diff_ids.iter().map(|id| id.as_str()).collect();
        let mut stored = image.layers.iter().map(|layer| layer.stored);
        let mut history: Vec<Value> = image
            .config
            .history
            .iter()
            .map(|entry| {
                let size = if entry.empty_layer { 0 } else { stored.next().unwrap_or(0) };
                json!({"CreatedBy": entry.created_by, "Size": size})
            })
            .collect();
        if history.is_empty() {
            history = image.layers.iter().map(|layer| json!({"CreatedBy": "", "Size": layer.stored})).collect();
        }
        history.reverse();
        let size = image.layers.iter().map(|layer| layer.stored).sum();
        let inspect = json!({"RootFS": {"Layers": layers}});
        let mut names = image.names.clone();
        crate::order::sort(&mut names);
        add_image(&mut graph, image.id.as_str(), &names, Some(size), &inspect, Some(&Value::Array(history)));
    }
    finish(&mut graph);
    graph
}
