//! The layers that are complete, who uses them, and which of them go when room is needed: the least recently used, and never one that
//! a node has. A layer comes and goes by one rename.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    entry::{self, Entry, Making, Root},
    name::Name,
};

/// How directories begin that are no layers: such as are being made, and such as are being removed.
const NEW: &str = "new-";
const OLD: &str = "old-";

pub(crate) struct Shelf {
    dir: PathBuf,
    owner: u32,
    entries: HashMap<Name, Kept>,
    /// Directories that are no layers any more.
    gone: Vec<PathBuf>,
}

struct Kept {
    entry: Entry,
    /// Tags of the nodes that have it.
    holders: HashSet<String>,
    used: SystemTime,
}

impl Shelf {
    /// Reads the directory; what is not complete, or not of these ids or this run of the machine, is removed.
    pub(crate) fn open(dir: PathBuf, owner: u32) -> io::Result<Self> {
        // Who unpacks walks through to what it fills, and sees nothing else.
        fs::DirBuilder::new().mode(0o711).recursive(true).create(&dir)?;
        let mut shelf = Self { dir, owner, entries: HashMap::new(), gone: Vec::new() };
        for found in fs::read_dir(&shelf.dir)? {
            let found = found?.path();
            let name = found.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<Name>().ok());
            match name.map(|name| entry::load(&found, owner).map(|entry| (name, entry))) {
                Some(Ok((name, entry))) => {
                    let used = fs::metadata(&found)?.modified()?;
                    shelf.entries.insert(name, Kept { entry, holders: HashSet::new(), used });
                }
                why => {
                    let error = why.and_then(Result::err).map(|error| error.to_string()).unwrap_or_default();
                    tracing::info!(path = %found.display(), error, "removing a layer that is not whole");
                    remove(&found)?;
                }
            }
        }
        Ok(shelf)
    }

    pub(crate) fn find(&self, name: &Name) -> Option<&Entry> {
        self.entries.get(name).map(|kept| &kept.entry)
    }

    /// Where a layer's directory is, and the layer's size.
    pub(crate) fn place(&self, name: &Name) -> Option<(PathBuf, u64)> {
        self.entries.get(name).map(|kept| (self.path(name), kept.entry.size))
    }

    pub(crate) fn is_held_by(&self, name: &Name, tag: &str) -> bool {
        self.entries.get(name).is_some_and(|kept| kept.holders.contains(tag))
    }

    /// Notes that the layer is used now and, if `holder` says, by which node from now on.
    pub(crate) fn touch(&mut self, name: &Name, holder: Option<&str>) {
        let path = self.path(name);
        let Some(kept) = self.entries.get_mut(name) else { return };
        kept.used = SystemTime::now();
        kept.holders.extend(holder.map(str::to_owned));
        // For the next agent, which without it would only prune in another order.
        let _ = fs::File::open(path).and_then(|dir| dir.set_modified(kept.used));
    }

    pub(crate) fn release(&mut self, name: &Name, tag: &str) {
        if let Some(kept) = self.entries.get_mut(name) {
            kept.holders.remove(tag);
        }
    }

    pub(crate) fn release_all(&mut self, tag: &str) {
        for kept in self.entries.values_mut() {
            kept.holders.remove(tag);
        }
    }

    /// Begins a new layer.
    pub(crate) fn begin(&self, below: Option<Root>) -> io::Result<Making> {
        Making::begin(self.dir.join(format!("{NEW}{}", crate::random::hex::<8>())), self.owner, below)
    }

    /// Where a new layer's directory gets its name.
    pub(crate) fn path(&self, name: &Name) -> PathBuf {
        self.dir.join(name.to_string())
    }

    /// Puts a new layer among the others; refuses one for which there is no room within `limit` bytes.
    pub(crate) fn put(&mut self, name: &Name, entry: Entry, limit: u64) -> io::Result<()> {
        let disk = entry.disk;
        let room = self.make_room(limit, disk);
        self.entries.insert(name.clone(), Kept { entry, holders: HashSet::new(), used: SystemTime::now() });
        if room {
            return Ok(());
        }
        self.prune(name)?;
        Err(io::Error::other("there is no room for it: raise layers.disk"))
    }

    /// Bytes on disk.
    pub(crate) fn disk(&self) -> u64 {
        self.entries.values().map(|kept| kept.entry.disk).sum()
    }

    /// Prunes unused layers until `more` bytes have room within `limit`; whether they have.
    pub(crate) fn make_room(&mut self, limit: u64, more: u64) -> bool {
        while self.disk().saturating_add(more) > limit {
            let unused = self.entries.iter().filter(|(_, kept)| kept.holders.is_empty());
            let Some(name) = unused.min_by_key(|(_, kept)| kept.used).map(|(name, _)| name.clone()) else {
                return false;
            };
            if let Err(error) = self.prune(&name) {
                tracing::error!(layer = %name, %error, "an unused layer cannot be removed");
                return false;
            }
            tracing::info!(layer = %name, "an unused layer is removed to make room");
        }
        true
    }

    fn prune(&mut self, name: &Name) -> io::Result<()> {
        let gone = self.dir.join(format!("{OLD}{}", crate::random::hex::<8>()));
        fs::rename(self.path(name), &gone)?;
        self.entries.remove(name);
        self.gone.push(gone);
        Ok(())
    }

    /// Takes the directories of pruned layers, to be removed where nobody waits for it.
    pub(crate) fn take_gone(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.gone)
    }
}

/// Removes a directory that is no layer any more; what stays the next open removes.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
