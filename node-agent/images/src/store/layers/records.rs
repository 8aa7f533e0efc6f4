//! A layer's record in the database: a directory with a small file for each thing that is known, and the tar-split record.

use std::fs;
use std::path::{Path, PathBuf};

use super::LayerRecord;
use crate::digest::ChainId;
use crate::error::{IoContext as _, Result};
use crate::fsutil::{names, random_hex, remove_tree, sync_dir};
use crate::layer::overlay::{is_mounted, unmount_stack};
use crate::store::paths::{Paths, mkdir};
use crate::store::{State, durable};

/// What is needed beside a layer's files to make its tar stream again.
pub(in crate::store) const TAR_SPLIT: &str = "tar-split.json.gz";
/// The file of a layer's record that says whose its files are; Docker's records have none of that name and pass over it.
const SHARED: &str = "shared";

/// Takes a layer out of the database at one stroke; the record returned is left to be removed.
pub(in crate::store) fn retire(paths: &Paths, id: &ChainId) -> Result<PathBuf> {
    let layer = paths.layer(id);
    let retired = paths.layers().join(format!("{}-{}-removing", id.hex(), random_hex::<4>()));
    fs::rename(&layer, &retired).at("rename", &layer)?;
    Ok(retired)
}

/// Removes a record that is no longer, or not yet, of the database. A tar-split record of the host's is only unmounted.
pub(in crate::store) fn remove_record(dir: &Path) -> Result<()> {
    let tar_split = dir.join(TAR_SPLIT);
    if is_mounted(&tar_split) {
        unmount_stack(&tar_split).at("unmount", &tar_split)?;
    }
    remove_tree(dir)
}

/// Writes a layer's record into a new directory.
pub(super) fn write_record(dir: &Path, record: &LayerRecord, tar_split: Option<&[u8]>) -> Result<()> {
    mkdir(dir, 0o700)?;
    // What the host keeps ends with it, and so does this record: it need not outlive a crash.
    let durable = record.shared.is_none();
    let write = |name: &str, content: &[u8]| {
        let path = dir.join(name);
        let written = fs::File::create_new(&path).and_then(|mut file| {
            std::io::Write::write_all(&mut file, content)?;
            if durable { durable::sync(&file) } else { Ok(()) }
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
        write(TAR_SPLIT, tar_split)?;
    }
    if let Some(name) = &record.shared {
        write(SHARED, name.as_bytes())?;
    }
    if durable { sync_dir(dir).at("sync", dir) } else { Ok(()) }
}

/// Reads the database. A layer whose record is damaged or whose parent is missing is left out, as Docker does.
pub(in crate::store) fn load(paths: &Paths, state: &mut State) -> Result<()> {
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
pub(in crate::store) fn leave_out_broken(state: &mut State) {
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
