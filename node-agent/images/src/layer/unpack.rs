//! Unpacks a layer's tar stream into its `diff` directory. No path leads out of that directory: every name is resolved
//! beneath it by the kernel (`openat2` with `RESOLVE_BENEATH`), and a hostile archive ends in an error.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod,
    fchown, fsetxattr, ftruncate, futimens, linkat, lsetxattr, makedev, mkdirat, mknodat, openat, openat2, statat,
    symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::tar_reader::{Entry, Kind, TarReader};
use super::tar_split::Splitter;
use super::xattr;

const WHITEOUT_PREFIX: &[u8] = b".wh.";
const OPAQUE_MARK: &[u8] = b".wh..wh..opq";
const META_PREFIX: &[u8] = b".wh..wh.";

/// Why a layer's archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The archive leads out of the layer.
    #[error("{path:?} is outside of {root:?}: the archive is refused")]
    Breakout {
        /// The entry's name or link target.
        path: String,
        /// The layer's directory.
        root: PathBuf,
    },
    /// The stream is damaged, truncated or no tar archive.
    #[error("error processing tar file: {0}")]
    Stream(#[source] io::Error),
    /// The kernel refused an entry.
    #[error("error processing tar file: {action} /{path}: {source}")]
    Entry {
        /// The system call's name.
        action: &'static str,
        /// The entry's path in the layer.
        path: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Whiteouts cannot be made on this file system.
    #[error("cannot open the layer directory {}: {source}", path.display())]
    Root {
        /// The layer's directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// How a layer is unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// In a user namespace devices cannot be made and are skipped, as Docker does; overlay attributes are `user.overlay.*`.
    pub(crate) userns: bool,
    /// Whether something lies below; without it whiteouts mean nothing and are left out.
    pub(crate) has_parent: bool,
    /// Whether to record what is needed to reproduce the stream.
    pub(crate) record: bool,
    /// Entries that the archive may have.
    pub(crate) entries: u64,
}

/// What an unpacked layer amounts to.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// Bytes in files, each inode once, as Docker counts a layer's size.
    pub(crate) size: u64,
    /// The compressed tar-split record, if it was asked for.
    pub(crate) tar_split: Option<Vec<u8>>,
}

/// Unpacks `input`, an uncompressed tar stream, into the directory `root`.
pub(crate) fn unpack(input: impl BufRead, root: &Path, rules: Rules) -> Result<Unpacked, UnpackError> {
    let fd = openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())
        .map_err(|source| UnpackError::Root { path: root.to_owned(), source: source.into() })?;
    let splitter = if rules.record { Splitter::new() } else { Splitter::none() };
    let mut reader = TarReader::new(input, splitter);
    let mut unpacker = Unpacker {
        path: root,
        root: fd,
        rules,
        parent: None,
        size: 0,
        replaced: false,
        dirs: Vec::new(),
        whiteouts: HashSet::new(),
        opaque: HashSet::new(),
    };
    let mut entries = 0;
    while let Some(entry) = reader.next_entry().map_err(UnpackError::Stream)? {
        entries += 1;
        if entries > rules.entries {
            let text = format!("the layer has more than {} entries", rules.entries);
            return Err(UnpackError::Stream(io::Error::other(text)));
        }
        unpacker.entry(&mut reader, &entry)?;
        reader.finish_entry().map_err(UnpackError::Stream)?;
    }
    unpacker.finish()?;
    let mut size = unpacker.size;
    if unpacker.replaced {
        size = super::size::of_tree(root).map_err(UnpackError::Stream)?;
    }
    let tar_split = reader.splitter.finish().map_err(UnpackError::Stream)?;
    Ok(Unpacked { size, tar_split })
}

struct Unpacker<'a> {
    path: &'a Path,
    root: OwnedFd,
    rules: Rules,
    /// The directory used last: most entries stand beside the one before.
    parent: Option<(Vec<u8>, OwnedFd)>,
    size: u64,
    replaced: bool,
    /// Directories whose times are set when nothing is written into them any more.
    dirs: Vec<(Vec<u8>, (i64, u32))>,
    whiteouts: HashSet<Vec<u8>>,
    opaque: HashSet<Vec<u8>>,
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn fail(action: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> UnpackError {
    let path = text(path);
    move |source| UnpackError::Entry { action, path, source: source.into() }
}

/// Splits a clean path into directory and last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

/// The path without `.`, empty parts and a leading slash; `None` when `..` leads out.
fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

impl Unpacker<'_> {
    fn breakout(&self, path: &[u8]) -> UnpackError {
        UnpackError::Breakout { path: text(path), root: self.path.to_owned() }
    }

    fn entry<R: BufRead>(&mut self, reader: &mut TarReader<R>, entry: &Entry) -> Result<(), UnpackError> {
        if entry.path.contains(&0) || entry.link.contains(&0) {
            return Err(UnpackError::Stream(super::tar_reader::invalid("archive/tar: a name holds a zero byte")));
        }
        let path = clean(&entry.path).ok_or_else(|| self.breakout(&entry.path))?;
        let (dir, name) = split(&path);
        if name.starts_with(WHITEOUT_PREFIX) {
            self.whiteout(dir, name)?;
            return skip(reader, entry);
        }
        if path.is_empty() {
            // The layer's own root: only its attributes count.
            if entry.kind == Kind::Dir {
                let root = self.root.try_clone().map_err(UnpackError::Stream)?;
                self.attributes(root.as_fd(), entry, b"")?;
                self.dirs.push((Vec::new(), entry.mtime));
            }
            return skip(reader, entry);
        }
        if entry.kind == Kind::Other || (self.rules.userns && matches!(entry.kind, Kind::Char | Kind::Block)) {
            return skip(reader, entry);
        }
        if entry.kind == Kind::Char && entry.device == (0, 0) {
            // On overlayfs such a device is a whiteout; an archive says whiteout by name only.
            return Err(fail("mknod", &path)(Errno::PERM));
        }
        let parent = self.parent(dir)?;
        let made = match entry.kind {
            Kind::File => self.file(reader, parent.as_fd(), entry, &path),
            Kind::Dir => self.dir(parent.as_fd(), entry, &path),
            Kind::Hardlink => self.hardlink(parent.as_fd(), entry, &path),
            Kind::Symlink | Kind::Char | Kind::Block | Kind::Fifo => self.special(parent.as_fd(), entry, &path),
            Kind::Other => Ok(()),
        };
        if self.parent.is_none() {
            self.parent = Some((dir.to_vec(), parent));
        }
        made
    }

    fn finish(&mut self) -> Result<(), UnpackError> {
        self.parent = None;
        while let Some((path, mtime)) = self.dirs.pop() {
            match self.open_dir(&path) {
                Ok(dir) => futimens(&dir, &times(mtime)).map_err(fail("utimensat", &path))?,
                // Replaced by something else later in the archive.
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(error) => return Err(fail("open", &path)(error)),
            }
        }
        Ok(())
    }

    fn open_dir(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let path = if path.is_empty() { b"." } else { path };
        // Relative links inside the layer are followed as Docker does; what leads out fails with EXDEV.
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        loop {
            match openat2(&self.root, path, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
    }

    /// The directory `path`, made if it is missing. The caller gives the descriptor back to the cache.
    fn parent(&mut self, path: &[u8]) -> Result<OwnedFd, UnpackError> {
        if let Some((cached, fd)) = self.parent.take()
            && cached == path
        {
            return Ok(fd);
        }
        match self.open_dir(path) {
            Ok(fd) => Ok(fd),
            Err(Errno::XDEV) => Err(self.breakout(path)),
            Err(Errno::NOENT) => {
                let (dir, name) = split(path);
                let above = self.parent(dir)?;
                match mkdirat(&above, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(fail("mkdir", path)(error)),
                }
                self.open_dir(path).map_err(fail("open", path))
            }
            Err(error) => Err(fail("open", path)(error)),
        }
    }

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
            super::remove::tree_at(parent, name).map_err(fail("remove", path))?;
        } else {
            unlinkat(parent, name, AtFlags::empty()).map_err(fail("unlink", path))?;
        }
        Ok(self.whiteouts.remove(path))
    }

    fn file<R: BufRead>(
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

    fn dir(&mut self, parent: BorrowedFd<'_>, entry: &Entry, path: &[u8]) -> Result<(), UnpackError> {
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

    fn hardlink(&mut self, parent: BorrowedFd<'_>, entry: &Entry, path: &[u8]) -> Result<(), UnpackError> {
        let target = clean(&entry.link).ok_or_else(|| self.breakout(&entry.link))?;
        if target.is_empty() {
            return Err(self.breakout(&entry.link));
        }
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

    fn special(&mut self, parent: BorrowedFd<'_>, entry: &Entry, path: &[u8]) -> Result<(), UnpackError> {
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
    fn attributes(&self, fd: BorrowedFd<'_>, entry: &Entry, path: &[u8]) -> Result<(), UnpackError> {
        let (uid, gid) = owner(entry);
        fchown(fd, uid, gid).map_err(fail("lchown", path))?;
        fchmod(fd, Mode::from_raw_mode(entry.mode)).map_err(fail("chmod", path))?;
        for (key, value) in entry.xattrs.iter().filter(|(key, _)| xattr::is_allowed(key)) {
            xattr::tolerate(fsetxattr(fd, &key[..], value, XattrFlags::empty())).map_err(fail("setxattr", path))?;
        }
        Ok(())
    }

    fn whiteout(&mut self, dir: &[u8], name: &[u8]) -> Result<(), UnpackError> {
        let marks_all = name == OPAQUE_MARK;
        if !marks_all && name.starts_with(META_PREFIX) {
            // Metadata of AUFS that some old images still carry.
            return Ok(());
        }
        let hidden = &name[WHITEOUT_PREFIX.len()..];
        if !marks_all && matches!(hidden, b"" | b"." | b"..") {
            return Err(self.breakout(&join(dir, name)));
        }
        if !self.rules.has_parent {
            return Ok(());
        }
        let parent = self.parent(dir)?;
        if marks_all {
            self.set_opaque(parent.as_fd(), dir)?;
        } else {
            let path = join(dir, hidden);
            match mknodat(&parent, hidden, FileType::CharacterDevice, Mode::empty(), 0) {
                Ok(()) => {
                    self.whiteouts.insert(path);
                }
                // The layer has something of that name itself: the whiteout speaks of what lies below only.
                Err(Errno::EXIST) => {
                    let stat = statat(&parent, hidden, AtFlags::SYMLINK_NOFOLLOW).map_err(fail("lstat", &path))?;
                    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                        let fd = openat(&parent, hidden, flags, Mode::empty()).map_err(fail("open", &path))?;
                        self.set_opaque(fd.as_fd(), &path)?;
                    }
                }
                Err(error) => return Err(fail("mknod", &path)(error)),
            }
        }
        self.parent = Some((dir.to_vec(), parent));
        Ok(())
    }

    fn set_opaque(&mut self, dir: BorrowedFd<'_>, path: &[u8]) -> Result<(), UnpackError> {
        if self.opaque.insert(path.to_vec()) {
            let name = if self.rules.userns { xattr::USER_OPAQUE } else { xattr::TRUSTED_OPAQUE };
            fsetxattr(dir, name, b"y", XattrFlags::empty()).map_err(fail("setxattr", path))?;
        }
        Ok(())
    }
}

fn skip<R: BufRead>(reader: &mut TarReader<R>, entry: &Entry) -> Result<(), UnpackError> {
    // What is not kept on disk must be kept in the record to reproduce the stream.
    reader.payload_part(entry.stored, |_| Ok(())).map_err(UnpackError::Stream)
}

fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
}

fn times((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    Timestamps { last_access: time, last_modification: time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_never_lead_out() {
        assert_eq!(clean(b"./a//b/./c/"), Some(b"a/b/c".to_vec()));
        assert_eq!(clean(b"/a/../b"), Some(b"b".to_vec()));
        assert_eq!(clean(b"./"), Some(Vec::new()));
        assert_eq!(clean(b"../a"), None);
        assert_eq!(clean(b"a/../../b"), None);
    }
}
