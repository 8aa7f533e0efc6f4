//! Removes what an interrupted run has left: temporary files, unfinished transactions, layer directories that nothing names.

use std::collections::HashSet;
use std::fs;

use super::State;
use super::layers::{needed_layers, remove_cache, remove_record, retire};
use super::paths::Paths;
use crate::error::{IoContext as _, Result};
use crate::fsutil::{TEMP_PREFIX, names, remove_tree};
use crate::layer::overlay::unmount_stack;

/// Temporary files and transactions that were not finished.
pub(super) fn temporaries(paths: &Paths) -> Result<()> {
    for name in names(&paths.layer_transactions())? {
        remove_record(&paths.layer_transactions().join(name))?;
    }
    for name in names(&paths.layers())? {
        if name.ends_with("-removing") {
            remove_record(&paths.layers().join(name))?;
        }
    }
    let mut dirs = vec![paths.configs()];
    dirs.extend(paths.repositories().parent().map(std::path::Path::to_owned));
    for root in [paths.metadata_root(), paths.mounts()] {
        dirs.extend(names(&root)?.into_iter().map(|name| root.join(name)));
        dirs.push(root);
    }
    for kind in ["diffid-by-digest/sha256", "v2metadata-by-diffid/sha256"] {
        dirs.push(paths.distribution().join(kind));
    }
    for dir in dirs {
        for name in names(&dir)? {
            if name.starts_with(TEMP_PREFIX) {
                let path = dir.join(name);
                if path.is_dir() {
                    remove_tree(&path)?;
                } else {
                    fs::remove_file(&path).at("remove", &path)?;
                }
            }
        }
    }
    Ok(())
}

/// Layers that no image or container needs, and directories that no layer or container names.
pub(super) fn unused(paths: &Paths, state: &mut State) -> Result<()> {
    let needed = needed_layers(state);
    let idle: Vec<_> = state.layers.keys().filter(|id| !needed.contains(*id)).copied().collect();
    for id in idle {
        remove_record(&retire(paths, &id)?)?;
        state.layers.remove(&id);
    }
    let mut named: HashSet<String> = state.layers.values().map(|record| record.cache_id.clone()).collect();
    for rw in state.rw.values() {
        named.insert(rw.mount_id.clone());
        named.extend(rw.init_id.clone());
    }
    for name in names(&paths.overlay())? {
        let looks_like_ours = name.len() >= 64 && name.as_bytes()[..64].iter().all(u8::is_ascii_hexdigit);
        if looks_like_ours && !named.contains(&name) {
            let dir = paths.cache(&name);
            unmount_stack(&dir.join("merged")).at("unmount", dir.join("merged"))?;
            remove_cache(&paths.links(), &dir)?;
        }
    }
    for link in names(&paths.links())? {
        let path = paths.links().join(link);
        if path.is_symlink() && !path.exists() {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}
