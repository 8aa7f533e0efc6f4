//! The layer database: which chain ids there are, and in which directory each one's files are. A layer comes into being by
//! one rename and goes by one rename.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};

use super::paths::{Paths, mkdir};
use super::{State, Store, lock};
use crate::digest::{ChainId, DiffId};
use crate::error::{Error, IoContext as _, Result};
use crate::fsutil::{names, random_hex, random_link, read_optional, remove_tree, sync_dir};
use crate::layer::overlay::{is_mounted, unmount_stack};
use crate::layer::stream::{PipeSink, PipeWriter};
use crate::layer::{Rules, UnpackError, Unpacked, assemble, stream, unpack};

/// Docker's limit on the layers of an image.
pub(crate) const MAX_DEPTH: usize = 125;
/// The file of a layer's record that says whose its files are; Docker's records have none of that name and pass over it.
const SHARED: &str = "shared";

#[derive(Debug, Clone)]
pub(super) struct LayerRecord {
    pub(super) diff: DiffId,
    pub(super) parent: Option<ChainId>,
    pub(super) cache_id: String,
    pub(super) size: u64,
    /// The host's name for it, where its files are the host's.
    pub(super) shared: Option<String>,
}

/// A layer in the store. As long as the value lives, the layer is not removed.
#[derive(Debug)]
pub struct Layer {
    /// The sha256 of its uncompressed tar stream.
    pub diff_id: DiffId,
    /// Its identity together with all layers below.
    pub chain_id: ChainId,
    /// Bytes in its own files.
    pub size: u64,
    state: Arc<Mutex<State>>,
}

impl Drop for Layer {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(count) = state.leases.get_mut(&self.chain_id) {
            *count -= 1;
            if *count == 0 {
                state.leases.remove(&self.chain_id);
                // Its image may have been removed meanwhile.
                state.idle.insert(self.chain_id);
            }
        }
    }
}

impl Store {
    /// Unpacks a layer's tar stream (plain, gzip, bzip2, xz or zstd, told by its first bytes) on top of `parent`.
    ///
    /// With `expect`, content of another diff id is refused. A layer that is there already is returned as it is, after
    /// the stream has been verified. Nothing is left behind by a failure.
    pub fn register_layer(&self, parent: Option<&ChainId>, tar: impl Read, expect: Option<&DiffId>) -> Result<Layer> {
        let mut input = stream::decompress(tar).map_err(UnpackError::Stream)?;
        self.register_from(parent, expect, |pipe, hash| pipe.pump(&mut *input, |chunk| hash.update(chunk)))
    }

    /// As `register_layer`, for a stream that is written by `produce`.
    pub(crate) fn register_written(
        &self,
        parent: Option<&ChainId>,
        produce: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<Layer> {
        self.register_from(parent, None, |pipe, hash| {
            let mut sink = PipeSink::new(pipe, |chunk| hash.update(chunk));
            let outcome = produce(&mut sink);
            sink.end(outcome);
        })
    }

    fn register_from(
        &self,
        parent: Option<&ChainId>,
        expect: Option<&DiffId>,
        feed: impl FnOnce(PipeWriter, &mut Sha256),
    ) -> Result<Layer> {
        // The parent must not go while we build on it.
        let parent_layer = parent.map(|parent| self.layer(parent).ok_or(Error::NoSuchLayer(*parent))).transpose()?;
        let staged = self.stage(parent)?;
        let rules = Rules { userns: self.userns, has_parent: parent.is_some(), record: true, entries: u64::MAX };
        let root = staged.dir.join("diff");
        let (writer, reader) = stream::pipe();
        let mut hash = Sha256::new();
        let unpacked = std::thread::scope(|scope| {
            let unpacking = scope.spawn(|| unpack(reader, &root, rules));
            feed(writer, &mut hash);
            unpacking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        let diff = DiffId::from_bytes(hash.finalize().into());
        if let Some(expected) = expect.filter(|expected| **expected != diff) {
            return Err(Error::WrongDiffId { expected: *expected, found: diff });
        }
        let layer = self.adopt(staged, parent, diff, unpacked, None)?;
        drop(parent_layer);
        Ok(layer)
    }

    /// A layer by its chain id.
    pub fn layer(&self, id: &ChainId) -> Option<Layer> {
        let mut state = self.state();
        let record = state.layers.get(id)?.clone();
        Some(self.lease(&mut state, *id, &record))
    }

    /// The directory that holds a layer's own files.
    pub fn layer_dir(&self, id: &ChainId) -> Result<PathBuf> {
        let state = self.state();
        let record = state.layers.get(id).ok_or(Error::NoSuchLayer(*id))?;
        Ok(self.paths.diff(&record.cache_id))
    }

    /// The length of a layer's tar stream.
    pub fn layer_tar_size(&self, id: &ChainId) -> Result<u64> {
        let (split, path) = self.tar_split(id)?;
        assemble::size(split).at("read", path)
    }

    /// Writes a layer's tar stream, byte for byte as it was registered.
    pub fn write_layer_tar(&self, id: &ChainId, output: &mut dyn Write) -> Result<()> {
        let (split, path) = self.tar_split(id)?;
        assemble::write(split, &self.layer_dir(id)?, output).at("reproduce the layer of", path)
    }

    fn tar_split(&self, id: &ChainId) -> Result<(fs::File, PathBuf)> {
        let path = self.paths.layer(id).join("tar-split.json.gz");
        Ok((fs::File::open(&path).at("open", &path)?, path))
    }

    fn lease(&self, state: &mut State, id: ChainId, record: &LayerRecord) -> Layer {
        *state.leases.entry(id).or_default() += 1;
        Layer { diff_id: record.diff, chain_id: id, size: record.size, state: Arc::clone(&self.state) }
    }

    /// Makes an empty layer directory whose content is not yet known.
    pub(super) fn stage(&self, parent: Option<&ChainId>) -> Result<Staged> {
        let cache_id = random_hex::<32>();
        let lower = {
            let state = self.state();
            parent.map(|parent| lower_ids(&state, parent)).transpose()?.unwrap_or_default()
        };
        if lower.len() >= MAX_DEPTH {
            return Err(Error::TooManyLayers);
        }
        let staged = Staged { dir: self.paths.cache(&cache_id), links: self.paths.links(), cache_id, keep: false };
        make_cache(&self.paths, &staged.cache_id, &lower)?;
        Ok(staged)
    }

    /// Turns a filled directory into a layer of the database, unless the same layer is there by now.
    pub(super) fn adopt(
        &self,
        mut staged: Staged,
        parent: Option<&ChainId>,
        diff: DiffId,
        unpacked: Unpacked,
        shared: Option<String>,
    ) -> Result<Layer> {
        let id = ChainId::new(parent, &diff);
        let transaction = self.paths.layer_transactions().join(format!("write-set-{}", random_hex::<8>()));
        let (parent, cache_id) = (parent.copied(), staged.cache_id.clone());
        let record = LayerRecord { diff, parent, cache_id, size: unpacked.size, shared };
        let written = write_record(&transaction, &record, unpacked.tar_split.as_deref());
        let mut state = self.state();
        if written.is_err() || state.layers.contains_key(&id) {
            let existing = state.layers.get(&id).cloned().map(|record| self.lease(&mut state, id, &record));
            drop(state);
            remove_tree(&transaction)?;
            written?;
            return existing.ok_or(Error::NoSuchLayer(id));
        }
        let target = self.paths.layer(&id);
        if target.exists() {
            // A damaged record that was left out when the store was opened.
            remove_tree(&retire(&self.paths, &id)?)?;
        }
        if let Some(below) = record.parent.and_then(|parent| state.layers.get(&parent)) {
            mark_committed(&self.paths, &below.cache_id)?;
        }
        fs::rename(&transaction, &target).at("rename", &transaction)?;
        if record.shared.is_none() {
            sync_dir(&self.paths.layers()).at("sync", &target)?;
        }
        staged.keep = true;
        state.layers.insert(id, record.clone());
        Ok(self.lease(&mut state, id, &record))
    }

    /// Removes those of these layers, and of the layers below them, that no image, container or lease needs; tells them
    /// with their sizes.
    pub(crate) fn release_layers(&self, ids: &[ChainId]) -> Result<Vec<(ChainId, u64)>> {
        let mut state = self.state();
        let needed = needed_layers(&state);
        let ids: Vec<ChainId> = ids.iter().copied().chain(std::mem::take(&mut state.idle)).collect();
        let mut removed = Vec::new();
        let mut dirs = Vec::new();
        let mut shared = Vec::new();
        for id in ids {
            let mut next = Some(id);
            while let Some(id) = next.filter(|id| !needed.contains(id)) {
                let Some(record) = state.layers.get(&id).cloned() else {
                    break;
                };
                dirs.push(retire(&self.paths, &id)?);
                dirs.push(self.paths.cache(&record.cache_id));
                state.layers.remove(&id);
                removed.push((id, record.size));
                shared.extend(record.shared);
                next = record.parent;
            }
        }
        drop(state);
        for dir in dirs {
            remove_cache(&self.paths.links(), &dir)?;
        }
        self.give_back(shared);
        Ok(removed)
    }
}

/// A layer directory under construction; dropped before it is kept, it vanishes.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) dir: PathBuf,
    pub(super) cache_id: String,
    links: PathBuf,
    keep: bool,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.keep {
            // The failure that brought us here is the one to report; the next open sweeps what stays.
            let _ = remove_cache(&self.links, &self.dir);
        }
    }
}

/// Every layer that an image, a container or a lease needs, with all below it.
pub(super) fn needed_layers(state: &State) -> HashSet<ChainId> {
    let tops = state.images.values().filter_map(|image| image.chain_id());
    let mounts = state.rw.values().filter_map(|rw| rw.parent);
    let mut needed = HashSet::new();
    for top in tops.chain(mounts).chain(state.leases.keys().copied()) {
        let mut next = Some(top);
        while let Some(id) = next.filter(|id| needed.insert(*id)) {
            next = state.layers.get(&id).and_then(|record| record.parent);
        }
    }
    needed
}

/// The directories of a layer and of all below it, the top one first.
pub(super) fn lower_ids(state: &State, top: &ChainId) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut next = Some(*top);
    while let Some(id) = next {
        let record = state.layers.get(&id).ok_or(Error::NoSuchLayer(id))?;
        ids.push(record.cache_id.clone());
        next = record.parent;
    }
    Ok(ids)
}

/// Makes `overlay2/<id>` with its short link, over the layers in `lower` (the top one first).
pub(super) fn make_cache(paths: &Paths, id: &str, lower: &[String]) -> Result<()> {
    let dir = paths.cache(id);
    mkdir(&dir, 0o710)?;
    let diff = dir.join("diff");
    mkdir(&diff, 0o755)?;
    let link = random_link();
    let link_path = paths.links().join(&link);
    std::os::unix::fs::symlink(format!("../{id}/diff"), &link_path).at("link", &link_path)?;
    fs::write(dir.join("link"), &link).at("write", dir.join("link"))?;
    let Some(parent) = lower.first() else {
        return Ok(());
    };
    // The mounted root shows the attributes of the topmost root, so each takes over those of the one below.
    let below = paths.diff(parent);
    let metadata = fs::metadata(&below).at("stat", &below)?;
    std::os::unix::fs::chown(&diff, Some(metadata.uid()), Some(metadata.gid())).at("chown", &diff)?;
    fs::set_permissions(&diff, fs::Permissions::from_mode(metadata.mode() & 0o7777)).at("chmod", &diff)?;
    mkdir(&dir.join("work"), 0o700)?;
    let mut text = String::new();
    for id in lower {
        let file = paths.cache(id).join("link");
        let link = fs::read_to_string(&file).at("read", &file)?;
        if !text.is_empty() {
            text.push(':');
        }
        text.push_str("l/");
        text.push_str(&link);
    }
    fs::write(dir.join("lower"), text).at("write", dir.join("lower"))
}

/// Marks a directory as one that something is stacked on, as Docker does.
pub(super) fn mark_committed(paths: &Paths, id: &str) -> Result<()> {
    let mark = paths.cache(id).join("committed");
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&mark).at("write", &mark).map(drop)
}

/// Removes a layer directory and its short link. Files of the host's are only unmounted.
pub(super) fn remove_cache(links: &Path, dir: &Path) -> Result<()> {
    let diff = dir.join("diff");
    if is_mounted(&diff) {
        unmount_stack(&diff).at("unmount", &diff)?;
    }
    if let Ok(Some(link)) = read_optional(&dir.join("link"))
        && !link.contains('/')
        && !link.is_empty()
    {
        let link = links.join(link);
        match fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).at("remove", &link);
            }
            _ => {}
        }
    }
    remove_tree(dir)
}

/// Takes a layer out of the database at one stroke; the directory returned is left to be removed.
pub(super) fn retire(paths: &Paths, id: &ChainId) -> Result<PathBuf> {
    let layer = paths.layer(id);
    let retired = paths.layers().join(format!("{}-{}-removing", id.hex(), random_hex::<4>()));
    fs::rename(&layer, &retired).at("rename", &layer)?;
    Ok(retired)
}

fn write_record(dir: &Path, record: &LayerRecord, tar_split: Option<&[u8]>) -> Result<()> {
    mkdir(dir, 0o755)?;
    // What the host keeps ends with it, and so does this record: it need not outlive a crash.
    let durable = record.shared.is_none();
    let write = |name: &str, content: &[u8]| {
        let path = dir.join(name);
        let written = fs::File::create_new(&path).and_then(|mut file| {
            std::io::Write::write_all(&mut file, content)?;
            if durable { super::durable::sync(&file) } else { Ok(()) }
        });
        written.at("write", &path)
    };
    write("diff", record.diff.to_string().as_bytes())?;
    write("cache-id", record.cache_id.as_bytes())?;
    write("size", record.size.to_string().as_bytes())?;
    if let Some(parent) = &record.parent {
        write("parent", parent.to_string().as_bytes())?;
    }
    if let Some(tar_split) = tar_split {
        write("tar-split.json.gz", tar_split)?;
    }
    if let Some(name) = &record.shared {
        write(SHARED, name.as_bytes())?;
    }
    if durable { sync_dir(dir).at("sync", dir) } else { Ok(()) }
}

/// Reads the database. A layer whose record is damaged or whose parent is missing is left out, as Docker does.
pub(super) fn load(paths: &Paths, state: &mut State) -> Result<()> {
    for name in names(&paths.layers())? {
        let Ok(id) = format!("sha256:{name}").parse::<ChainId>() else {
            continue;
        };
        if let Some(record) = read_record(&paths.layers().join(name), paths) {
            state.layers.insert(id, record);
        }
    }
    leave_out_broken(state);
    Ok(())
}

/// Forgets layers that do not stand on the layers below them.
pub(super) fn leave_out_broken(state: &mut State) {
    loop {
        let broken: Vec<ChainId> = state
            .layers
            .iter()
            .filter(|(id, record)| {
                record.parent.is_some_and(|parent| !state.layers.contains_key(&parent))
                    || ChainId::new(record.parent.as_ref(), &record.diff) != **id
            })
            .map(|(id, _)| *id)
            .collect();
        if broken.is_empty() {
            return;
        }
        for id in broken {
            state.layers.remove(&id);
        }
    }
}

fn read_record(dir: &Path, paths: &Paths) -> Option<LayerRecord> {
    let read = |name: &str| fs::read_to_string(dir.join(name)).ok();
    let parent = match read("parent") {
        Some(parent) => Some(parent.trim().parse().ok()?),
        None => None,
    };
    let cache_id = read("cache-id")?.trim().to_owned();
    let plain = !cache_id.is_empty() && cache_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (plain && paths.diff(&cache_id).is_dir()).then_some(())?;
    Some(LayerRecord {
        diff: read("diff")?.trim().parse().ok()?,
        parent,
        cache_id,
        size: read("size")?.trim().parse().ok()?,
        shared: read(SHARED).map(|name| name.trim().to_owned()),
    })
}
