//! Making an image from a container's changes, and telling what these are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Store;
use crate::digest::{ChainId, DiffId, ImageId};
use crate::error::{Error, IoContext as _, Result};
use crate::image::History;
use crate::layer::{Change, changes, write_diff};

/// The diff id of an archive with nothing in it; such a layer is left out of an image, as Docker does.
pub(super) const EMPTY_LAYER: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// What the new image of a commit says besides its layers.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// The image that the container was made from.
    pub base: Option<ImageId>,
    /// `config` of the new image, finished: changes of `--change` are applied.
    pub config: Value,
    /// The container's own configuration, which Docker keeps as `container_config`.
    pub container_config: Option<Value>,
    /// The container's full id.
    pub container: String,
    /// `--author`.
    pub author: String,
    /// `--message`.
    pub comment: String,
    /// RFC 3339 with nanoseconds.
    pub created: String,
    /// The command that the history shows: the container's command, joined by spaces.
    pub created_by: String,
    /// The engine's version.
    pub docker_version: String,
}

impl Store {
    /// What a container has changed, in the order of `docker diff`.
    pub fn changes(&self, container_id: &str) -> Result<Vec<Change>> {
        let record = self.rw_record(container_id)?;
        let upper = self.paths.diff(&record.mount_id);
        changes(&upper, self.lower_dirs(&record)?).at("compare", &upper)
    }

    /// Writes what a container has changed as the tar stream of a layer.
    pub fn write_rw_diff(&self, container_id: &str, output: &mut dyn std::io::Write) -> Result<()> {
        let upper = self.paths.diff(&self.rw_record(container_id)?.mount_id);
        write_diff(&upper, output).at("archive", &upper)
    }

    /// Makes an image of a container's changes on top of what it was made from. The caller pauses the container.
    pub fn commit(&self, container_id: &str, options: &CommitOptions) -> Result<ImageId> {
        let id = self.hurried(|| self.make_commit(container_id, options))?;
        self.settle(&[id])?;
        Ok(id)
    }

    fn make_commit(&self, container_id: &str, options: &CommitOptions) -> Result<ImageId> {
        let record = self.rw_record(container_id)?;
        let upper = self.paths.diff(&record.mount_id);
        let layer = self.register_written(record.parent.as_ref(), |output| write_diff(&upper, output))?;
        let base = options.base.as_ref().map(|id| self.image(id)).transpose()?;
        let mut diffs = self.diffs_below(record.parent.as_ref())?;
        let empty = layer.diff_id.to_string() == EMPTY_LAYER;
        if !empty {
            diffs.push(layer.diff_id);
        }
        let base_config = base.as_ref().map(|image| &image.config);
        let mut history = base_config.map(|config| config.history.clone()).unwrap_or_default();
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        history.push(History {
            created: text(&options.created),
            author: text(&options.author),
            created_by: text(&options.created_by),
            comment: text(&options.comment),
            empty_layer: empty,
        });
        let or = |value: Option<&String>, default: &str| {
            value.filter(|value| !value.is_empty()).map_or_else(|| default.to_owned(), Clone::clone)
        };
        // Docker writes the keys in alphabetical order.
        let mut image: BTreeMap<&str, Value> = BTreeMap::from([
            ("architecture", json!(or(base_config.map(|config| &config.architecture), "amd64"))),
            ("os", json!(or(base_config.map(|config| &config.os), "linux"))),
            ("config", options.config.clone()),
            ("created", json!(options.created)),
            ("history", json!(history)),
            ("rootfs", json!({"type": "layers", "diff_ids": diffs})),
        ]);
        if let Some(variant) = base_config.and_then(|config| config.variant.as_ref()) {
            image.insert("variant", json!(variant));
        }
        if let Some(config) = &options.container_config {
            image.insert("container_config", config.clone());
        }
        let texts = [
            ("author", &options.author),
            ("comment", &options.comment),
            ("container", &options.container),
            ("docker_version", &options.docker_version),
        ];
        for (key, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
            image.insert(key, json!(value));
        }
        let raw = serde_json::to_vec(&image).map_err(|error| Error::InvalidConfig(error.to_string()))?;
        let created = self.create_image(&raw);
        let (chain, id) = (layer.chain_id, created);
        drop(layer);
        if id.is_err() || empty {
            self.release_layers(&[chain])?;
        }
        let id = id?;
        if let Some(base) = options.base {
            self.set_parent(&id, &base)?;
        }
        Ok(id)
    }

    /// The diff ids of a layer and all below it, lowest first.
    pub(crate) fn diffs_below(&self, top: Option<&ChainId>) -> Result<Vec<DiffId>> {
        let state = self.state();
        let mut diffs = Vec::new();
        let mut next = top.copied();
        while let Some(id) = next {
            let record = state.layers.get(&id).ok_or(Error::NoSuchLayer(id))?;
            diffs.push(record.diff);
            next = record.parent;
        }
        diffs.reverse();
        Ok(diffs)
    }
}
