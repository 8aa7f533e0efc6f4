//! What a stack of read-only layers shows at a path, without mounting it: overlayfs' rules for whiteouts and opaque
//! directories, one directory at a time.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::xattr;

/// One directory of the stack: the layers' directories that make it up, the top one first.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    dirs: Vec<PathBuf>,
}

/// What the stack shows under a name.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) metadata: Metadata,
    /// Its content, if it is a directory.
    pub(crate) view: Option<View>,
}

impl View {
    /// The root of a stack; `layers` are the layers' directories, the top one first.
    pub(crate) fn new(layers: Vec<PathBuf>) -> Self {
        Self { dirs: layers }
    }

    /// What stands in this directory under `name`.
    pub(crate) fn lookup(&self, name: &OsStr) -> io::Result<Option<Found>> {
        let mut found: Option<(PathBuf, Metadata)> = None;
        let mut dirs = Vec::new();
        for dir in &self.dirs {
            let path = dir.join(name);
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if is_whiteout(&path, &metadata)? {
                break;
            }
            if !metadata.is_dir() {
                if found.is_none() {
                    return Ok(Some(Found { path, metadata, view: None }));
                }
                break;
            }
            let opaque = xattr::is_opaque(&path)?;
            dirs.push(path.clone());
            if found.is_none() {
                found = Some((path, metadata));
            }
            if opaque {
                break;
            }
        }
        Ok(found.map(|(path, metadata)| Found { path, metadata, view: Some(View { dirs }) }))
    }

    /// The names in this directory, sorted.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = BTreeSet::new();
        for dir in &self.dirs {
            for entry in fs::read_dir(dir)? {
                names.insert(entry?.file_name());
            }
        }
        let mut shown = Vec::new();
        for name in names {
            if self.lookup(&name)?.is_some() {
                shown.push(name);
            }
        }
        Ok(shown)
    }
}

/// Whether overlayfs takes this for the absence of a file: a device 0:0, or an empty file with its attribute.
pub(crate) fn is_whiteout(path: &Path, metadata: &Metadata) -> io::Result<bool> {
    if metadata.file_type().is_char_device() {
        return Ok(metadata.rdev() == 0);
    }
    Ok(metadata.is_file() && metadata.len() == 0 && xattr::is_whiteout_file(path)?)
}
