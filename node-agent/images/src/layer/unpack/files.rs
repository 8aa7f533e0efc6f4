//! Archives that are no layers, as `docker cp` sends them: unpacked into a directory of a container, whose links lead where
//! they lead there. `.wh.` names are names like others.

use std::io::{BufReader, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;

use super::{Rules, UnpackError, Unpacker, clean, fail, split};
use crate::layer::overlay::in_user_namespace;
use crate::layer::stream::decompress;
use crate::layer::tar_reader::{Kind, TarReader};
use crate::layer::tar_split::Splitter;

/// Where an archive is unpacked.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// What is `/` for the archive's links.
    pub root: &'a Path,
    /// The directory in `root` that it goes into; it must be there.
    pub dir: &'a Path,
    /// Whether a directory may not become something else, nor the other way round.
    pub keep_kinds: bool,
    /// Paths in `root` that something is mounted on in the container, so that they cannot be replaced.
    pub busy: &'a [PathBuf],
}

/// [`Target`], prepared.
pub(super) struct Files<'a> {
    pub(super) target: Target<'a>,
    /// `dir` without slashes around it.
    pub(super) base: Vec<u8>,
}

impl Files<'_> {
    /// Whether an entry may take the place of what is there.
    pub(super) fn check(&self, parent: BorrowedFd<'_>, path: &[u8], kind: Kind) -> Result<(), UnpackError> {
        let (_, name) = split(path);
        let found = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(fail("lstat", path)(error)),
        };
        let directory = found == FileType::Directory;
        if self.target.keep_kinds && directory != (kind == Kind::Dir) {
            let path = Path::new("/").join(std::ffi::OsStr::from_bytes(path));
            return Err(UnpackError::Kind { path, directory, target: self.target.dir.to_owned() });
        }
        let full = Path::new("/").join(std::ffi::OsStr::from_bytes(path));
        if self.target.busy.contains(&full) {
            return Err(fail("unlinkat", path)(Errno::BUSY));
        }
        Ok(())
    }
}

/// Unpacks an archive (plain, gzip, bzip2, xz or zstd) of files. What was unpacked before a failure stays.
///
/// # Errors
/// For an archive that is none, that leads out of the directory, or whose files cannot be made.
pub fn extract(archive: impl Read, target: &Target<'_>) -> Result<(), UnpackError> {
    let input = BufReader::with_capacity(256 * 1024, decompress(archive).map_err(UnpackError::Stream)?);
    let base = clean(target.dir.as_os_str().as_bytes()).unwrap_or_default();
    let rules = Rules { userns: in_user_namespace(), has_parent: false, record: false, entries: u64::MAX };
    let mut reader = TarReader::new(input, Splitter::none());
    Unpacker::new(target.root, rules, Some(Files { target: *target, base }))?.all(&mut reader)
}
