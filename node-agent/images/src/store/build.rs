//! What a builder needs beside commits: a writable layer without anything between it and its image, turning one into an
//! image's layer without copying it, and images made of a parent and one step.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::commit::EMPTY_LAYER;
use super::layers::Origin;
use super::{Layer, RwLayer, Store};
use crate::digest::{DiffId, ImageId};
use crate::error::{Error, IoContext as _, Result};
use crate::image::History;
use crate::layer::stream::{self, PipeSink};
use crate::layer::{Unpacked, scan, set_times, size, write_diff};

/// One step of a build: what the new image says besides what it has from its parent.
#[derive(Debug, Clone, Default)]
pub struct BuildStep {
    /// The image below; none for the first step of a build from scratch.
    pub parent: Option<ImageId>,
    /// `config` of the new image.
    pub config: Value,
    /// The configuration of the step itself, by which the cache finds it again.
    pub container_config: Option<Value>,
    /// The id of the container that ran the step.
    pub container: String,
    /// `MAINTAINER`.
    pub author: String,
    /// RFC 3339 with nanoseconds.
    pub created: String,
    /// The command that the history shows.
    pub created_by: String,
    /// The history's comment.
    pub comment: String,
    /// The engine's version.
    pub docker_version: String,
    /// Architecture of an image from scratch.
    pub architecture: String,
}

impl Store {
    /// Makes a writable layer on an image (or on nothing) in which nothing but what the caller does counts as changed.
    /// It is removed by [`Self::remove_rw`].
    pub fn create_bare_rw(&self, name: &str, image: Option<&ImageId>) -> Result<RwLayer> {
        self.create_rw_on(name, image, None::<fn(&Path) -> std::io::Result<()>>)
    }

    /// Makes a layer of what was written, which is moved and not copied where the names in it allow: the writable layer is to be removed afterwards.
    /// `None` when nothing was written.
    ///
    /// # Errors
    /// [`Error::Mounted`] while somebody uses the layer.
    pub fn take_rw(&self, name: &str) -> Result<Option<Layer>> {
        let record = self.rw_record(name)?;
        if record.mounted > 0 {
            return Err(Error::Mounted(name.to_owned()));
        }
        let upper = self.paths.diff(&record.mount_id);
        if has_marks(&upper).at("read", &upper)? {
            return self.copy_rw(name);
        }
        let (pipe, reader) = stream::pipe();
        let mut hash = Sha256::new();
        let tar_split = std::thread::scope(|scope| {
            let scanning = scope.spawn(|| scan(reader));
            let mut sink = PipeSink::new(pipe, |chunk| hash.update(chunk));
            let written = write_diff(&upper, &mut sink);
            sink.end(written);
            scanning.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let tar_split = tar_split.at("archive", &upper)?;
        let diff = DiffId::from_bytes(hash.finalize().into());
        if diff.to_string() == EMPTY_LAYER {
            return Ok(None);
        }
        let size = size::of_tree(&upper).at("measure", &upper)?;
        let staged = self.stage(record.parent.as_ref())?;
        let target = staged.dir.join("diff");
        fs::remove_dir(&target).at("remove", &target)?;
        fs::rename(&upper, &target).at("rename", &upper)?;
        fs::create_dir(&upper).at("create", &upper)?;
        let unpacked = Unpacked { size, tar_split, own_root: true, whiteouts: false };
        self.adopt(staged, record.parent.as_ref(), diff, unpacked, Origin::Own).map(Some)
    }

    /// Gives everything in a writable layer one time, in seconds since 1970, so that its layer is the same wherever it is made.
    ///
    /// # Errors
    /// [`Error::Mounted`] while somebody uses the layer.
    pub fn set_rw_times(&self, name: &str, seconds: i64) -> Result<()> {
        let record = self.rw_record(name)?;
        if record.mounted > 0 {
            return Err(Error::Mounted(name.to_owned()));
        }
        let upper = self.paths.diff(&record.mount_id);
        set_times(&upper, seconds).at("set times in", &upper)
    }

    /// As [`Self::take_rw`], but the writable layer keeps what it has: for a container that is to stay.
    ///
    /// # Errors
    /// When the disk is full; nothing stays then.
    pub fn copy_rw(&self, name: &str) -> Result<Option<Layer>> {
        let record = self.rw_record(name)?;
        let upper = self.paths.diff(&record.mount_id);
        let layer = self.register_written(record.parent.as_ref(), |output| write_diff(&upper, output))?;
        if layer.diff_id.to_string() != EMPTY_LAYER {
            return Ok(Some(layer));
        }
        self.drop_layer(layer)?;
        Ok(None)
    }

    /// Makes the image of a step: the parent's layers and, if the step has one, `layer`. It knows its parent.
    pub fn build_image(&self, step: &BuildStep, layer: Option<&DiffId>) -> Result<ImageId> {
        let parent = step.parent.as_ref().map(|id| self.image(id)).transpose()?;
        let base = parent.as_ref().map(|image| &image.config);
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let mut history = base.map(|config| config.history.clone()).unwrap_or_default();
        history.push(History {
            created: text(&step.created),
            author: text(&step.author),
            created_by: text(&step.created_by),
            comment: text(&step.comment),
            empty_layer: layer.is_none(),
        });
        let mut diffs = base.map(|config| config.rootfs.diff_ids.clone()).unwrap_or_default();
        diffs.extend(layer);
        let architecture = base.map_or(&step.architecture, |config| &config.architecture);
        let os = base.map(|config| config.os.clone()).filter(|os| !os.is_empty()).unwrap_or_else(|| "linux".to_owned());
        // Docker writes the keys in alphabetical order.
        let mut image: BTreeMap<&str, Value> = BTreeMap::from([
            ("architecture", json!(architecture)),
            ("os", json!(os)),
            ("config", step.config.clone()),
            ("created", json!(step.created)),
            ("history", json!(history)),
            ("rootfs", json!({"type": "layers", "diff_ids": diffs})),
        ]);
        if let Some(variant) = base.and_then(|config| config.variant.as_ref()) {
            image.insert("variant", json!(variant));
        }
        if let Some(config) = &step.container_config {
            image.insert("container_config", config.clone());
        }
        let texts =
            [("author", &step.author), ("container", &step.container), ("docker_version", &step.docker_version)];
        for (key, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
            image.insert(key, json!(value));
        }
        let raw = serde_json::to_vec(&image).map_err(|error| Error::InvalidConfig(error.to_string()))?;
        let id = self.create_image(&raw)?;
        if let Some(parent) = &step.parent {
            self.set_parent(&id, parent)?;
        }
        Ok(id)
    }

    /// Removes a layer that no image has come to use.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn drop_layer(&self, layer: Layer) -> Result<()> {
        let chain = layer.chain_id;
        drop(layer);
        self.release_layers(&[chain]).map(drop)
    }

    /// The images that were made here on nothing: the first steps of builds from scratch.
    pub fn parentless(&self) -> Vec<ImageId> {
        let state = self.state();
        state.images.keys().filter(|id| !state.parents.contains_key(*id)).copied().collect()
    }
}

/// Whether a file has a name by which archives mark what a layer removes (`.wh.NAME`, image specification, "Whiteouts"): the layer of which that
/// is part is made from its archive, or it would differ from what comes out of it elsewhere.
fn has_marks(root: &Path) -> std::io::Result<bool> {
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b".wh.") {
                return Ok(true);
            }
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    Ok(false)
}
