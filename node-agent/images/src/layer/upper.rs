//! Walks a container's writable directory while the container may be writing to it: through directory descriptors, so that
//! no link that it plants leads out.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, Timespec, Timestamps, openat, utimensat};

use super::view::is_whiteout;
use super::xattr;

const FLAGS: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// An open directory of the writable layer.
#[derive(Debug)]
pub(crate) struct UpperDir {
    fd: OwnedFd,
}

/// An entry of such a directory.
#[derive(Debug)]
pub(crate) struct UpperEntry {
    pub(crate) name: OsString,
    /// A path for calls that take one; good as long as the directory is open.
    pub(crate) path: PathBuf,
    pub(crate) metadata: Metadata,
    pub(crate) whiteout: bool,
}

impl UpperDir {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { fd: openat(CWD, path, FLAGS, Mode::empty())? })
    }

    /// Its own owner, mode and times.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        std::fs::File::from(self.fd.try_clone()?).metadata()
    }

    /// A directory in this one; `None` when it has gone or become something else.
    pub(crate) fn child(&self, name: &OsStr) -> io::Result<Option<Self>> {
        use rustix::io::Errno;
        match openat(&self.fd, name, FLAGS, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd })),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a regular file for reading; `None` when it has gone or become something else.
    pub(crate) fn file(&self, name: &OsStr) -> io::Result<Option<std::fs::File>> {
        use rustix::io::Errno;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(std::fs::File::from(fd)).filter(|file| file.metadata().is_ok_and(|m| m.is_file()))),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the times of an entry, not of what a link leads to; one that has gone is left.
    pub(crate) fn set_time(&self, name: &OsStr, seconds: i64) -> io::Result<()> {
        use rustix::io::Errno;
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        match utimensat(&self.fd, name, &times, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn is_opaque(&self) -> io::Result<bool> {
        Ok(xattr::is_opaque(&self.path().join("."))?)
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }

    /// What is in it, sorted by name as bytes.
    pub(crate) fn entries(&self) -> io::Result<Vec<UpperEntry>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(self.fd.as_fd())? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        names.sort_unstable();
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let path = self.path().join(OsStr::from_bytes(&name));
            let metadata = match std::fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let whiteout = is_whiteout(&path, &metadata)?;
            entries.push(UpperEntry { name: OsString::from_vec(name), path, metadata, whiteout });
        }
        Ok(entries)
    }
}
