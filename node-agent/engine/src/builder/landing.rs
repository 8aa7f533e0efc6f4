//! Where the entries of an archive go: each into its directory below a root, links on the way resolved as if that were `/`.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, chmodat, makedev, mknodat, utimensat};
use tar::{Entry, EntryType};

use super::copy::ROOT;
use super::place::{make_dirs, resolve};
use super::unpack::{cause, damaged};
use crate::error::{Error, Result};
use crate::rootfs::Inside;

/// A name as seen from a root that nothing leads out of.
pub(crate) fn inside(name: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => out.push(part),
            Component::ParentDir => drop(out.pop()),
            _ => {}
        }
    }
    out
}

/// Where an archive goes.
pub(crate) struct Landing<'a> {
    pub(crate) root: &'a Path,
    /// Devices are made where the kernel lets us; without this only files, directories, links and pipes.
    pub(crate) devices: bool,
    /// Times of directories, which are set when nothing is written into them any more.
    pub(crate) dirs: Vec<(PathBuf, i64)>,
}

impl Landing<'_> {
    /// The directory of `path`, made where it is missing, and the name in it.
    fn parent(&self, path: &Path) -> Result<(Inside, PathBuf)> {
        let dir = path.parent().unwrap_or(Path::new(""));
        let open = match Inside::open(self.root, dir) {
            Ok(open) => open,
            // A link that leads nowhere is not led somewhere.
            Err(e) if Inside::open_nofollow(self.root, dir).is_ok() => {
                return Err(damaged(&io::Error::other(format!(
                    "open /{}: {}",
                    path.display(),
                    cause(&e).to_lowercase()
                ))));
            }
            Err(_) => make_dirs(self.root, &resolve(self.root, dir)?, Some(ROOT))?,
        };
        let target = open.path().join(path.file_name().unwrap_or_default());
        Ok((open, target))
    }

    /// Makes one entry; returns where it is, with what keeps that place open. `None` for what is left out.
    pub(crate) fn entry<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        path: &Path,
    ) -> Result<Option<(Inside, PathBuf)>> {
        let kind = entry.header().entry_type();
        let special = matches!(kind, EntryType::Char | EntryType::Block);
        if path.as_os_str().is_empty() || (special && !self.devices) || kind.is_pax_global_extensions() {
            return Ok(None);
        }
        let (parent, target) = self.parent(path)?;
        match std::fs::symlink_metadata(&target) {
            Ok(old) if old.is_dir() && !kind.is_dir() => std::fs::remove_dir_all(&target)?,
            Ok(old) if !old.is_dir() => std::fs::remove_file(&target)?,
            _ => {}
        }
        if kind.is_hard_link() {
            let name =
                entry.link_name().map_err(|e| damaged(&e))?.ok_or_else(|| Error::bad("a link without a target"))?;
            let (_open, from) = self.parent(&inside(&name))?;
            std::fs::hard_link(from, &target).map_err(|e| damaged(&e))?;
        } else if special || kind.is_fifo() {
            if !self.special(entry, &target)? {
                return Ok(None);
            }
        } else {
            entry.unpack(&target).map_err(|e| damaged(&e))?;
            if header_time(entry) == 0 && !kind.is_dir() {
                // The library takes this time for a missing one.
                set_time(&target, 0)?;
            }
        }
        if kind.is_dir() {
            self.dirs.push((path.to_owned(), header_time(entry)));
        }
        Ok(Some((parent, target)))
    }

    /// Makes a device or a pipe; `false` where the kernel refuses a device, as in a user namespace.
    fn special<R: Read>(&self, entry: &Entry<'_, R>, target: &Path) -> Result<bool> {
        let header = entry.header();
        let kind = match header.entry_type() {
            EntryType::Char => FileType::CharacterDevice,
            EntryType::Block => FileType::BlockDevice,
            _ => FileType::Fifo,
        };
        let number = |number: io::Result<Option<u32>>| number.ok().flatten().unwrap_or(0);
        let device = makedev(number(header.device_major()), number(header.device_minor()));
        let mode = Mode::from_raw_mode(header.mode().unwrap_or(0o600) & 0o7777);
        match mknodat(CWD, target, kind, mode, device) {
            Ok(()) => {}
            Err(rustix::io::Errno::PERM) => return Ok(false),
            Err(e) => return Err(damaged(&e.into())),
        }
        // The umask has taken something away.
        chmodat(CWD, target, mode, AtFlags::empty()).map_err(io::Error::from)?;
        set_time(target, header_time(entry))?;
        if self.devices {
            let owner = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
            std::os::unix::fs::lchown(target, Some(owner(header.uid())), Some(owner(header.gid())))?;
        }
        Ok(true)
    }

    pub(crate) fn finish(self) -> Result<()> {
        for (path, seconds) in self.dirs.iter().rev() {
            let Ok(dir) = Inside::open_nofollow(self.root, path) else { continue };
            let time = Timespec { tv_sec: *seconds, tv_nsec: 0 };
            let times = Timestamps { last_access: time, last_modification: time };
            utimensat(CWD, dir.path(), &times, AtFlags::empty()).map_err(io::Error::from)?;
        }
        Ok(())
    }
}

fn set_time(path: &Path, seconds: i64) -> Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?)
}

fn header_time<R: Read>(entry: &Entry<'_, R>) -> i64 {
    entry.header().mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0)
}
