//! Unpacks a layer's tar stream into its `diff` directory, or an archive of files into a container's root. No path leads out
//! of that directory: every name is resolved beneath it by the kernel (`openat2` with `RESOLVE_BENEATH` or
//! `RESOLVE_IN_ROOT`), and a hostile archive ends in an error.

mod files;
mod make;
mod whiteout;

pub use files::{Target, extract};

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, futimens, mkdirat, openat, openat2};
use rustix::io::Errno;

use self::files::Files;
use self::make::times;
use super::tar_reader::{Entry, Kind, TarReader};
use super::tar_split::Splitter;

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
    /// A directory where the archive has something else, or the other way round.
    #[error("cannot overwrite {} {path:?} with {} {target:?}", kind(*.directory), kind(!*.directory))]
    Kind {
        /// What is there.
        path: PathBuf,
        /// Whether it is a directory.
        directory: bool,
        /// Where the archive is unpacked.
        target: PathBuf,
    },
    /// The directory to unpack into cannot be used.
    #[error("cannot open the directory {}: {source}", path.display())]
    Root {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

fn kind(directory: bool) -> &'static str {
    if directory { "directory" } else { "non-directory" }
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
    /// Whether it says itself how its root directory is to look.
    pub(crate) own_root: bool,
    /// Whether it hides something of the layers below.
    pub(crate) whiteouts: bool,
}

/// Unpacks `input`, an uncompressed tar stream, into the directory `root`.
pub(crate) fn unpack(input: impl BufRead, root: &Path, rules: Rules) -> Result<Unpacked, UnpackError> {
    let splitter = if rules.record { Splitter::new() } else { Splitter::none() };
    let mut reader = TarReader::new(input, splitter);
    let mut unpacker = Unpacker::new(root, rules, None)?;
    unpacker.all(&mut reader)?;
    let mut size = unpacker.size;
    if unpacker.replaced {
        size = super::size::of_tree(root).map_err(UnpackError::Stream)?;
    }
    let tar_split = reader.splitter.finish().map_err(UnpackError::Stream)?;
    let (own_root, whiteouts) = (unpacker.own_root, unpacker.hides);
    Ok(Unpacked { size, tar_split, own_root, whiteouts })
}

struct Unpacker<'a> {
    path: &'a Path,
    root: OwnedFd,
    rules: Rules,
    /// For an archive that is no layer: where in the root it goes, and by which rules.
    files: Option<Files<'a>>,
    /// The directory used last: most entries stand beside the one before.
    parent: Option<(Vec<u8>, OwnedFd)>,
    size: u64,
    replaced: bool,
    /// Whether the archive has had an entry for its root.
    own_root: bool,
    /// Whether it has had a whiteout.
    hides: bool,
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

impl<'a> Unpacker<'a> {
    fn new(path: &'a Path, rules: Rules, files: Option<Files<'a>>) -> Result<Self, UnpackError> {
        let root = openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())
            .map_err(|source| UnpackError::Root { path: path.to_owned(), source: source.into() })?;
        Ok(Self {
            path,
            root,
            rules,
            files,
            parent: None,
            size: 0,
            replaced: false,
            own_root: false,
            hides: false,
            dirs: Vec::new(),
            whiteouts: HashSet::new(),
            opaque: HashSet::new(),
        })
    }

    /// Everything up to the end of the stream.
    fn all<R: BufRead>(&mut self, reader: &mut TarReader<R>) -> Result<(), UnpackError> {
        let mut entries = 0;
        while let Some(entry) = reader.next_entry().map_err(UnpackError::Stream)? {
            entries += 1;
            if entries > self.rules.entries {
                let text = format!("the layer has more than {} entries", self.rules.entries);
                return Err(UnpackError::Stream(io::Error::other(text)));
            }
            self.entry(reader, &entry)?;
            reader.finish_entry().map_err(UnpackError::Stream)?;
        }
        self.finish()
    }

    fn breakout(&self, path: &[u8]) -> UnpackError {
        let root = self.files.as_ref().map_or(self.path, |files| files.target.dir);
        UnpackError::Breakout { path: text(path), root: root.to_owned() }
    }

    fn entry<R: BufRead>(&mut self, reader: &mut TarReader<R>, entry: &Entry) -> Result<(), UnpackError> {
        if entry.path.contains(&0) || entry.link.contains(&0) {
            return Err(UnpackError::Stream(super::tar_reader::invalid("archive/tar: a name holds a zero byte")));
        }
        let path = clean(&entry.path).ok_or_else(|| self.breakout(&entry.path))?;
        let own_root = path.is_empty();
        let path = self.placed(path);
        let (dir, name) = split(&path);
        if self.files.is_none() && name.starts_with(WHITEOUT_PREFIX) {
            self.whiteout(dir, name)?;
            return skip(reader, entry);
        }
        if own_root {
            // The layer's own root: only its attributes count. A directory of a container's stays as it is.
            if entry.kind == Kind::Dir && self.files.is_none() {
                let root = self.root.try_clone().map_err(UnpackError::Stream)?;
                self.attributes(root.as_fd(), entry, b"")?;
                self.dirs.push((Vec::new(), entry.mtime));
                self.own_root = true;
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
        if let Some(files) = &self.files {
            files.check(parent.as_fd(), &path, entry.kind)?;
        }
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
        // In a container's root a link leads where it does in the container.
        let scope = match self.files {
            None => ResolveFlags::BENEATH | ResolveFlags::NO_XDEV,
            Some(_) => ResolveFlags::IN_ROOT,
        };
        let resolve = scope | ResolveFlags::NO_MAGICLINKS;
        loop {
            match openat2(&self.root, path, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
    }

    /// A clean path of the archive as a path in the root.
    fn placed(&self, path: Vec<u8>) -> Vec<u8> {
        match &self.files {
            Some(files) if path.is_empty() => files.base.clone(),
            Some(files) => join(&files.base, &path),
            None => path,
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
}

fn skip<R: BufRead>(reader: &mut TarReader<R>, entry: &Entry) -> Result<(), UnpackError> {
    // What is not kept on disk must be kept in the record to reproduce the stream.
    reader.payload_part(entry.stored, |_| Ok(())).map_err(UnpackError::Stream)
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
