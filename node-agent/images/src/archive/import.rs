//! `docker import`: an image of one layer from the archive of a root file system.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::{Value, json};

use crate::digest::ImageId;
use crate::error::{Error, Result};
use crate::registry::Platform;
use crate::store::Store;

/// What the image of an import says besides its layer.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// `config` of the new image, finished: changes of `--change` are applied.
    pub config: Value,
    /// What the history says.
    pub message: String,
    /// RFC 3339 with nanoseconds.
    pub created: String,
    /// The engine's version.
    pub docker_version: String,
    /// What the image is for.
    pub platform: Platform,
}

impl Store {
    /// Makes an image of a root file system's archive (plain, gzip, bzip2, xz or zstd). A failure leaves nothing.
    pub fn import(&self, archive: impl Read, options: &ImportOptions) -> Result<ImageId> {
        let layer = self.register_layer(None, archive, None)?;
        let mut image: BTreeMap<&str, Value> = BTreeMap::from([
            ("architecture", json!(options.platform.architecture)),
            ("comment", json!(options.message)),
            ("config", options.config.clone()),
            ("created", json!(options.created)),
            ("docker_version", json!(options.docker_version)),
            ("history", json!([{"created": options.created, "comment": options.message}])),
            ("os", json!(options.platform.os)),
            ("rootfs", json!({"type": "layers", "diff_ids": [layer.diff_id]})),
        ]);
        if !options.platform.variant.is_empty() {
            image.insert("variant", json!(options.platform.variant));
        }
        let raw = serde_json::to_vec(&image).map_err(|error| Error::InvalidConfig(error.to_string()))?;
        let made = self.create_image(&raw);
        let chain = layer.chain_id;
        drop(layer);
        if made.is_err() {
            self.release_layers(&[chain])?;
        }
        made
    }
}
