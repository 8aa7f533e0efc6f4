//! What a writable layer has changed against the layers below, as `docker diff` tells it (moby `archive.ChangesDirs`): depth
//! first, a directory before what is in it, removals after the rest of their directory.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::upper::UpperDir;
use super::view::{Found, View};
use super::xattr;

/// What happened to a path; the numbers are those of Docker's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Content or attributes are different.
    Modified = 0,
    /// It was not there before.
    Added = 1,
    /// It is not there any more.
    Deleted = 2,
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The path in the container, absolute.
    pub path: PathBuf,
}

/// Compares the writable directory `upper` with the layers below it, the top one first.
pub(crate) fn changes(upper: &Path, lower: Vec<PathBuf>) -> io::Result<Vec<Change>> {
    let mut changes = Vec::new();
    walk(&UpperDir::open(upper)?, Path::new("/"), &View::new(lower), &mut changes)?;
    Ok(changes)
}

fn walk(dir: &UpperDir, path: &Path, old: &View, changes: &mut Vec<Change>) -> io::Result<()> {
    let mut deleted = Vec::new();
    let mut present: HashSet<OsString> = HashSet::new();
    for entry in dir.entries()? {
        let path = path.join(&entry.name);
        let before = old.lookup(&entry.name)?;
        if entry.whiteout {
            if before.is_some() {
                deleted.push(path);
            }
            present.insert(entry.name);
            continue;
        }
        let start = changes.len();
        let kind = match &before {
            None => Some(ChangeKind::Added),
            Some(before) => differ(before, &entry.path, &entry.metadata)?.then_some(ChangeKind::Modified),
        };
        if let Some(kind) = kind {
            changes.push(Change { kind, path: path.clone() });
        }
        if entry.metadata.is_dir()
            && let Some(child) = dir.child(&entry.name)?
        {
            let below = before.and_then(|before| before.view).unwrap_or_default();
            walk(&child, &path, &below, changes)?;
            if kind.is_none() && changes.len() > start {
                // A directory counts as changed when something in it is.
                changes.insert(start, Change { kind: ChangeKind::Modified, path });
            }
        }
        present.insert(entry.name);
    }
    if dir.is_opaque()? {
        let hidden = old.names()?.into_iter().filter(|name| !present.contains(name));
        deleted.extend(hidden.map(|name| path.join(name)));
    }
    deleted.sort();
    changes.extend(deleted.into_iter().map(|path| Change { kind: ChangeKind::Deleted, path }));
    Ok(())
}

/// Whether Docker takes two states of a path for different: never by the time or size of a directory.
fn differ(before: &Found, path: &Path, now: &Metadata) -> io::Result<bool> {
    let old = &before.metadata;
    if old.mode() != now.mode() || old.uid() != now.uid() || old.gid() != now.gid() || old.rdev() != now.rdev() {
        return Ok(true);
    }
    if !now.is_dir() && (old.len() != now.len() || !same_time(old, now)) {
        return Ok(true);
    }
    let capability = "security.capability";
    Ok(xattr::get(&before.path, capability)? != xattr::get(path, capability)?)
}

/// A time without a fraction may have lost it on the way through an archive.
fn same_time(a: &Metadata, b: &Metadata) -> bool {
    let (x, y) = (a.mtime_nsec(), b.mtime_nsec());
    a.mtime() == b.mtime() && (x == y || x == 0 || y == 0)
}
