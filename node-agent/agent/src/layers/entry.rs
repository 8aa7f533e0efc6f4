//! One layer's directory: `diff` with its files, `record` with its tar-split record, and `layer.json` with what this agent noted. While
//! it is made it belongs to the ids of the process that unpacks it, afterwards to root, and only then it gets its name.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use slipway_images::DiffId;

use super::Report;

/// The directory with a layer's files.
pub(crate) const DIFF: &str = "diff";
/// The file with a layer's compressed tar-split record.
pub(crate) const RECORD: &str = "record";
const NOTES: &str = "layer.json";
/// A record is never longer.
const MAX_RECORD: u64 = 256 << 20;

/// Attributes of a root directory, with ids as they are in a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Root {
    pub(crate) mode: u16,
    pub(crate) uid: u16,
    pub(crate) gid: u16,
}

/// A layer that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) diff_id: DiffId,
    /// Bytes in its files, as Docker counts them.
    pub(crate) size: u64,
    /// Bytes that it takes on this disk.
    pub(crate) disk: u64,
    pub(crate) root: Root,
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Notes {
    diff_id: DiffId,
    size: u64,
    disk: u64,
    /// The kernel's id of this run of the machine. Layers are not waited for until they are on the platter; so they are not
    /// trusted after a crash.
    boot: String,
}

/// A layer's directory while it is being filled; removed when dropped.
#[derive(Debug)]
pub(crate) struct Making {
    dir: PathBuf,
    owner: u32,
}

impl Making {
    /// Makes the directory `dir` for ids from `owner` up. What the layer does not say of its root, that has from `below`.
    pub(crate) fn begin(dir: PathBuf, owner: u32, below: Option<Root>) -> io::Result<Self> {
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        let making = Self { dir, owner };
        let Root { mode, uid, gid } = below.unwrap_or(Root { mode: 0o755, uid: 0, gid: 0 });
        let diff = making.dir.join(DIFF);
        fs::create_dir(&diff)?;
        chown(&diff, Some(owner + u32::from(uid)), Some(owner + u32::from(gid)))?;
        fs::set_permissions(&diff, fs::Permissions::from_mode(mode.into()))?;
        chown(&making.dir, Some(owner), Some(owner))?;
        Ok(making)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a layer of it under the path `to`. Nothing of the unpacking process runs any more.
    pub(crate) fn finish(self, to: &Path, report: Report) -> io::Result<Entry> {
        let own = fs::metadata("/proc/self")?;
        chown(&self.dir, Some(own.uid()), Some(own.gid()))?;
        let root = root_of(&self.dir, self.owner)?;
        check_record(&self.dir)?;
        let disk = usage(&self.dir)?;
        let Report { diff_id, size } = report;
        let notes = Notes { diff_id, size, disk, boot: boot()? };
        fs::write(self.dir.join(NOTES), serde_json::to_vec(&notes)?)?;
        fs::rename(&self.dir, to)?;
        // What is dropped is no longer there under its old name.
        Ok(Entry { diff_id, size, disk, root })
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::error!(dir = %self.dir.display(), %error, "an unfinished layer is not removed");
        }
    }
}

/// Reads back a complete layer of this run of the machine.
pub(crate) fn load(place: &Path, owner: u32) -> io::Result<Entry> {
    let notes: Notes = serde_json::from_slice(&fs::read(place.join(NOTES))?)?;
    if notes.boot != boot()? {
        return Err(io::Error::other("it is from before the machine was started"));
    }
    check_record(place)?;
    Ok(Entry { diff_id: notes.diff_id, size: notes.size, disk: notes.disk, root: root_of(place, owner)? })
}

/// Whether the layer has a tar-split record that nodes may be given.
fn check_record(place: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(place.join(RECORD))?;
    if meta.is_file() && meta.len() <= MAX_RECORD {
        return Ok(());
    }
    Err(io::Error::other("its record is no file of a possible length"))
}

fn root_of(place: &Path, owner: u32) -> io::Result<Root> {
    let meta = fs::symlink_metadata(place.join(DIFF))?;
    let id = |id: u32| id.checked_sub(owner).and_then(|id| u16::try_from(id).ok());
    match (id(meta.uid()), id(meta.gid())) {
        (Some(uid), Some(gid)) if meta.is_dir() => Ok(Root { mode: (meta.mode() & 0o7777) as u16, uid, gid }),
        _ => Err(io::Error::other("its root is no directory of the unpacking process's")),
    }
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Bytes that a tree takes on disk, each inode once.
pub(crate) fn usage(root: &Path) -> io::Result<u64> {
    let (mut seen, mut bytes) = (std::collections::HashSet::new(), 0);
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                pending.push(entry.path());
            }
            if meta.is_dir() || meta.nlink() == 1 || seen.insert(meta.ino()) {
                bytes += meta.blocks() * 512;
            }
        }
    }
    Ok(bytes)
}
