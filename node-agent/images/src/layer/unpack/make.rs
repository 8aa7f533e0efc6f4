//! Makes what an entry says: files, directories, links and devices, with owner, mode, times and extended attributes.

use std::fs::File;
use std::io::{self, BufRead, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod, fchown, fsetxattr,
    ftruncate, futimens, linkat, lsetxattr, makedev, mkdirat, mknodat, openat, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::{UnpackError, Unpacker, clean, fail, split};
use crate::layer::tar_reader::{Entry, Kind, TarReader};
use crate::layer::{remove, xattr};

impl Unpacker<'_> {
    /// Takes away what stands in the way of a new entry. Returns whether it was a whiteout.
    fn clear(&mut self, parent: BorrowedFd<'_>, path: &[u8]) -> Result<bool, UnpackError> {
        let (_, name) = split(path);
        let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(fail("lstat", path)(error)),
        };
        self.replaced = true;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            remove::tree_at(parent, name).map_err(fail("remove", path))?;
        } else {
            unlinkat(parent, name, AtFlags::empty()).map_err(fail("unlink", path))?;
        }
        Ok(self.whiteouts.remove(path))
    }

    pub(super) fn file<R: BufRead>(
        &mut self,
        reader: &mut TarReader<R>,
        parent: BorrowedFd<'_>,
        entry: &Entry,
        path: &[u8],
    ) -> Result<(), UnpackError> {
        let (_, name) = split(path);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let opened = match openat(parent, name, flags, mode) {
            Err(Errno::EXIST) => {
                self.clear(parent, path)?;
                openat(parent, name, flags, mode)
            }
            other => other,
        };
        let mut file = File::from(opened.map_err(fail("open", path))?);
        let stream = |error: io::Error| match error.raw_os_error() {
            Some(code) => fail("write", path)(Errno::from_raw_os_error(code)),
            None => UnpackError::Stream(error),
        };
        match &entry.sparse {
            None => reader.payload(entry, |chunk| file.write_all(chunk)).map_err(stream)?,
            Some(map) => {
                ftruncate(&file, entry.size).map_err(fail("truncate", path))?;
                for (offset, length) in map {
                    let mut at = *offset;
                    let write = |chunk: &[u8]| {
                        file.write_all_at(chunk, at)?;
                        at += chunk.len() as u64;
                        Ok(())
                    };
                    reader.payload_part(*length, write).map_err(stream)?;
                }
            }
        }
        self.size += entry.size;
        self.attributes(file.as_fd(), entry, path)?;
        futimens(&file, &times(entry.mtime)).map_err(fail("utimensat", path))
    }

    pub(super) fn dir(&mut self, parent: BorrowedFd<'_>, entry: &Entry, path: &[u8]) -> Result<(), UnpackError> {
        let (_, name) = split(path);
        let mut opaque = false;
        match mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(fail("lstat", path))?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                    // A directory in place of what was removed below hides all of that.
                    opaque = self.clear(parent, path)?;
                    mkdirat(parent, name, Mode::from_raw_mode(0o700)).map_err(fail("mkdir", path))?;
                }
            }
            Err(error) => return Err(fail("mkdir", path)(error)),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let dir = openat(parent, name, flags, Mode::empty()).map_err(fail("open", path))?;
        self.attributes(dir.as_fd(), entry, path)?;
        self.dirs.push((path.to_vec(), entry.mtime));
        if opaque {
            self.set_opaque(dir.as_fd(), path)?;
        }
        Ok(())
    }

    pub(super) fn hardlink(&mut self, parent: BorrowedFd<'_>, entry: &Entry, path: &[u8]) -> Result<(), UnpackError> {
        let target = clean(&entry.link).ok_or_else(|| self.breakout(&entry.link))?;
        if target.is_empty() {
            return Err(self.breakout(&entry.link));
        }
        let target = self.placed(target);
        if target == path {
            return Ok(());
        }
        self.clear(parent, path)?;
        let (target_dir, target_name) = split(&target);
        let from = match self.open_dir(target_dir) {
            Ok(dir) => dir,
            Err(Errno::XDEV) => return Err(self.breakout(&entry.link)),
            Err(error) => return Err(fail("link", &target)(error)),
        };
        // Without AT_SYMLINK_FOLLOW a link that is itself the target is linked, never followed.
        let (_, name) = split(path);
        linkat(&from, target_name, parent, name, AtFlags::empty()).map_err(fail("link", path))
    }

    pub(super) fn special(&mut self, parent: BorrowedFd<'_>, entry: &Entry, path: &[u8]) -> Result<(), UnpackError> {
        let (_, name) = split(path);
        self.clear(parent, path)?;
        let device = makedev(entry.device.0, entry.device.1);
        let mode = Mode::from_raw_mode(entry.mode);
        let (action, made) = match entry.kind {
            Kind::Symlink => {
                self.size += entry.link.len() as u64;
                ("symlink", symlinkat(&entry.link[..], parent, name))
            }
            Kind::Char => ("mknod", mknodat(parent, name, FileType::CharacterDevice, mode, device)),
            Kind::Block => ("mknod", mknodat(parent, name, FileType::BlockDevice, mode, device)),
            _ => ("mkfifo", mknodat(parent, name, FileType::Fifo, mode, 0)),
        };
        made.map_err(fail(action, path))?;
        let (uid, gid) = owner(entry);
        chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW).map_err(fail("lchown", path))?;
        if entry.kind != Kind::Symlink {
            // Not a link: it was made just above, in a directory that nobody else writes to.
            rustix::fs::chmodat(parent, name, mode, AtFlags::empty()).map_err(fail("chmod", path))?;
        }
        let at = xattr::at_path(parent, name);
        for (key, value) in entry.xattrs.iter().filter(|(key, _)| xattr::is_allowed(key)) {
            xattr::tolerate(lsetxattr(&at, &key[..], value, XattrFlags::empty())).map_err(fail("setxattr", path))?;
        }
        utimensat(parent, name, &times(entry.mtime), AtFlags::SYMLINK_NOFOLLOW).map_err(fail("utimensat", path))
    }

    /// Owner, then mode (a change of owner clears setuid), then extended attributes (it clears capabilities, too).
    pub(super) fn attributes(&self, fd: BorrowedFd<'_>, entry: &Entry, path: &[u8]) -> Result<(), UnpackError> {
        let (uid, gid) = owner(entry);
        fchown(fd, uid, gid).map_err(fail("lchown", path))?;
        fchmod(fd, Mode::from_raw_mode(entry.mode)).map_err(fail("chmod", path))?;
        for (key, value) in entry.xattrs.iter().filter(|(key, _)| xattr::is_allowed(key)) {
            xattr::tolerate(fsetxattr(fd, &key[..], value, XattrFlags::empty())).map_err(fail("setxattr", path))?;
        }
        Ok(())
    }
}

fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
}

/// The times to give a file. Before 1970 there are none, as for Docker.
pub(super) fn times((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    let time = if seconds < 0 {
        Timespec { tv_sec: 0, tv_nsec: 0 }
    } else {
        Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() }
    };
    Timestamps { last_access: time, last_modification: time }
}
