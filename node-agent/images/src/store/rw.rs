//! Containers' writable layers: the `-init` layer with what the engine puts into every container, the writable one above it,
//! and their mount.

use std::fs;
use std::path::{Path, PathBuf};

use super::layers::{lower_ids, make_cache, mark_committed, remove_cache};
use super::paths::Paths;
use super::{State, Store};
use crate::digest::{ChainId, ImageId};
use crate::error::{Error, IoContext as _, Result};
use crate::fsutil::{TEMP_PREFIX, names, random_hex, read_optional, remove_tree};
use crate::layer::overlay::{Stack, is_mounted, mount_stack, unmount_stack};
use crate::layer::size;

/// A container's writable layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RwLayer {
    /// The container.
    pub container_id: String,
    /// The name of its directory in `overlay2`.
    pub mount_id: String,
    /// The directory that holds what the container has changed (`GraphDriver.Data.UpperDir`).
    pub upper: PathBuf,
    /// Where it appears when mounted (`MergedDir`).
    pub merged: PathBuf,
    /// overlayfs' own directory (`WorkDir`).
    pub work: PathBuf,
    /// The layers below, the top one first (`LowerDir`).
    pub lower: Vec<PathBuf>,
}

#[derive(Debug, Clone)]
pub(super) struct RwRecord {
    pub(super) mount_id: String,
    pub(super) init_id: Option<String>,
    pub(super) parent: Option<ChainId>,
    pub(super) mounted: usize,
}

impl Store {
    /// Makes a container's writable layer on an image (or on nothing).
    ///
    /// `init` fills the layer between the two, which does not count as changed by the container: it gets the root as the
    /// container will see it. Nothing is left behind by a failure.
    pub fn create_rw(
        &self,
        container_id: &str,
        image: Option<&ImageId>,
        init: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<RwLayer> {
        self.create_rw_on(container_id, image, Some(init))
    }

    /// As [`Self::create_rw`]; without `init` there is no layer between the image and the writable one.
    pub(super) fn create_rw_on(
        &self,
        container_id: &str,
        image: Option<&ImageId>,
        init: Option<impl FnOnce(&Path) -> std::io::Result<()>>,
    ) -> Result<RwLayer> {
        let (record, lower) = {
            let mut state = self.state();
            check_name(container_id)?;
            if state.rw.contains_key(container_id) {
                return Err(Error::RwLayerExists(container_id.to_owned()));
            }
            let parent = match image {
                None => None,
                Some(id) => state.images.get(id).ok_or(Error::NoSuchImage(*id))?.chain_id(),
            };
            let lower = parent.as_ref().map(|top| lower_ids(&state, top)).transpose()?.unwrap_or_default();
            let mount_id = random_hex::<32>();
            let init_id = init.is_some().then(|| format!("{mount_id}-init"));
            let record = RwRecord { mount_id, init_id, parent, mounted: 0 };
            // Taken from now on: the name is refused, the layers below are kept.
            state.rw.insert(container_id.to_owned(), record.clone());
            (record, lower)
        };
        let made = self.make_rw(container_id, &record, &lower, init);
        if made.is_err() {
            // The first failure is the one to report; what stays is swept at the next open.
            let _ = self.discard_rw(container_id, &record);
        }
        made?;
        self.rw_layer(container_id)
    }

    fn make_rw(
        &self,
        container_id: &str,
        record: &RwRecord,
        lower: &[String],
        init: Option<impl FnOnce(&Path) -> std::io::Result<()>>,
    ) -> Result<()> {
        let init_id = record.init_id.as_deref().unwrap_or_default();
        let mut above = lower.to_vec();
        if let Some(init) = init {
            make_cache(&self.paths, init_id, lower)?;
            if lower.is_empty() {
                let root = self.paths.diff(init_id);
                init(&root).at("fill", &root)?;
            } else {
                let root = self.mount(init_id)?;
                let filled = init(&root).at("fill", &root);
                self.unmount(init_id)?;
                filled?;
            }
            above.insert(0, init_id.to_owned());
        }
        make_cache(&self.paths, &record.mount_id, &above)?;
        for id in above.iter().take(1).chain(lower.first()) {
            mark_committed(&self.paths, id)?;
        }
        let temp = self.paths.mounts().join(format!("{TEMP_PREFIX}{}", random_hex::<8>()));
        fs::create_dir(&temp).at("create", &temp)?;
        let write = |name: &str, content: &str| fs::write(temp.join(name), content).at("write", temp.join(name));
        write("init-id", init_id)?;
        write("mount-id", &record.mount_id)?;
        if let Some(parent) = &record.parent {
            write("parent", &parent.to_string())?;
        }
        fs::rename(&temp, self.paths.mounts().join(container_id)).at("rename", &temp)
    }

    /// A container's writable layer.
    pub fn rw_layer(&self, container_id: &str) -> Result<RwLayer> {
        let record = self.rw_record(container_id)?;
        let dir = self.paths.cache(&record.mount_id);
        Ok(RwLayer {
            container_id: container_id.to_owned(),
            upper: dir.join("diff"),
            merged: dir.join("merged"),
            work: dir.join("work"),
            lower: self.lower_dirs(&record)?,
            mount_id: record.mount_id,
        })
    }

    /// The containers that have a writable layer, sorted.
    pub fn rw_layers(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.state().rw.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// Mounts a container's root and returns where. Each call needs one `unmount_rw`; a mount that an earlier run of the
    /// engine has left is taken over.
    pub fn mount_rw(&self, container_id: &str) -> Result<PathBuf> {
        let mut state = self.state();
        let record = state.rw.get_mut(container_id).ok_or_else(|| Error::NoSuchRwLayer(container_id.to_owned()))?;
        let merged = self.paths.cache(&record.mount_id).join("merged");
        if record.mounted == 0 && !is_mounted(&merged) {
            self.mount(&record.mount_id)?;
        }
        record.mounted += 1;
        Ok(merged)
    }

    /// Undoes one `mount_rw`; the last one takes the mount away. Unmounting what is not mounted is no error.
    pub fn unmount_rw(&self, container_id: &str) -> Result<()> {
        let mut state = self.state();
        let record = state.rw.get_mut(container_id).ok_or_else(|| Error::NoSuchRwLayer(container_id.to_owned()))?;
        record.mounted = record.mounted.saturating_sub(1);
        if record.mounted == 0 { self.unmount(&record.mount_id) } else { Ok(()) }
    }

    /// Removes a container's writable layer with all it has changed. Removing what is not there is no error.
    pub fn remove_rw(&self, container_id: &str) -> Result<()> {
        let record = {
            let state = self.state();
            match state.rw.get(container_id) {
                None => return Ok(()),
                Some(record) if record.mounted > 0 => {
                    return Err(Error::Mounted(container_id.to_owned()));
                }
                Some(record) => record.clone(),
            }
        };
        self.discard_rw(container_id, &record)
    }

    /// Bytes that a container has written (`SizeRw`).
    pub fn rw_size(&self, container_id: &str) -> Result<u64> {
        let upper = self.paths.diff(&self.rw_record(container_id)?.mount_id);
        size::of_tree(&upper).at("measure", &upper)
    }

    pub(super) fn rw_record(&self, container_id: &str) -> Result<RwRecord> {
        let state = self.state();
        state.rw.get(container_id).cloned().ok_or_else(|| Error::NoSuchRwLayer(container_id.to_owned()))
    }

    /// The layers below a container's own, the top one first.
    pub(super) fn lower_dirs(&self, record: &RwRecord) -> Result<Vec<PathBuf>> {
        let state = self.state();
        let mut ids: Vec<String> = record.init_id.iter().cloned().collect();
        if let Some(parent) = &record.parent {
            ids.extend(lower_ids(&state, parent)?);
        }
        Ok(ids.iter().map(|id| self.paths.diff(id)).collect())
    }

    fn discard_rw(&self, container_id: &str, record: &RwRecord) -> Result<()> {
        self.unmount(&record.mount_id)?;
        let named = self.paths.mounts().join(container_id);
        let gone = self.paths.mounts().join(format!("{TEMP_PREFIX}{}", random_hex::<8>()));
        // From this rename on the container has no layer, whatever happens.
        match fs::rename(&named, &gone) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).at("rename", &named);
            }
            _ => {}
        }
        self.state().rw.remove(container_id);
        // The image may have been removed while the container still needed its layers.
        self.release_layers(record.parent.as_slice())?;
        for id in record.init_id.iter().chain([&record.mount_id]) {
            remove_cache(&self.paths.links(), &self.paths.cache(id))?;
        }
        remove_tree(&gone)
    }

    /// Mounts the directory `id` over the layers in its `lower` file.
    fn mount(&self, id: &str) -> Result<PathBuf> {
        let dir = self.paths.cache(id);
        let merged = dir.join("merged");
        match fs::create_dir(&merged) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).at("create", &merged);
            }
            _ => {}
        }
        let lower = read_optional(&dir.join("lower"))?.unwrap_or_default();
        let lower = lower.split(':').filter(|part| !part.is_empty()).map(|part| self.paths.overlay().join(part));
        let lower: Vec<PathBuf> = lower.collect();
        if lower.is_empty() {
            // Nothing to stack: the directory itself is what is seen.
            let upper = dir.join("diff");
            if let Err(error) = rustix::mount::mount_bind(&upper, &merged) {
                let _ = fs::remove_dir(&merged);
                return Err(error).at("bind", &merged);
            }
            return Ok(merged);
        }
        let stack = Stack { lower, upper: dir.join("diff"), work: dir.join("work"), userns: self.userns };
        if let Err(error) = mount_stack(&stack, &merged) {
            // The mount's error is the one to report.
            let _ = fs::remove_dir(&merged);
            return Err(error).at("mount overlay on", &merged);
        }
        Ok(merged)
    }

    fn unmount(&self, id: &str) -> Result<()> {
        let merged = self.paths.cache(id).join("merged");
        unmount_stack(&merged).at("unmount", &merged)?;
        match fs::remove_dir(&merged) {
            // Busy: a mount of it lives on in some other mount namespace, which is that one's business.
            Err(error) if !matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ResourceBusy) => {
                Err(error).at("remove", &merged)
            }
            _ => Ok(()),
        }
    }
}

fn check_name(container_id: &str) -> Result<()> {
    let plain = !container_id.is_empty()
        && !container_id.starts_with('.')
        && container_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain { Ok(()) } else { Err(Error::NoSuchRwLayer(container_id.to_owned())) }
}

/// Reads the containers' layers. One that is incomplete is forgotten: its container was never finished.
pub(super) fn load(paths: &Paths, state: &mut State) -> Result<()> {
    for name in names(&paths.mounts())? {
        let dir = paths.mounts().join(&name);
        let read = |file: &str| read_optional(&dir.join(file));
        let parent = match read("parent")? {
            None => Ok(None),
            Some(text) => text.trim().parse::<ChainId>().map(Some),
        };
        let mount_id = read("mount-id")?.filter(|id| !id.is_empty() && paths.diff(id).is_dir());
        if let (Some(mount_id), Ok(parent)) = (mount_id, parent) {
            let init_id = read("init-id")?.filter(|id| !id.is_empty());
            state.rw.insert(name, RwRecord { mount_id, init_id, parent, mounted: 0 });
        } else {
            remove_tree(&dir)?;
        }
    }
    Ok(())
}
