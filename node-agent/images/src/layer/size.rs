//! The size of a tree as Docker counts it: bytes of everything but directories, each inode once.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Bytes in the files and links under `root`.
pub(crate) fn of_tree(root: &Path) -> io::Result<u64> {
    let mut seen = HashSet::new();
    let mut size = 0;
    let mut pending: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            // A running container may take a directory away while it is counted.
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir != root => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                pending.push(entry.path());
            } else if metadata.len() > 0 && (metadata.nlink() == 1 || seen.insert(metadata.ino())) {
                size += metadata.len();
            }
        }
    }
    Ok(size)
}
