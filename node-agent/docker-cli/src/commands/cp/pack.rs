//! Packs a file or a tree for the engine as docker does: in the order of names, hard links as such, links unfollowed, times in whole seconds.
//! What cannot be packed is told of on standard error and left out; the archive is whole all the same.

use super::failed;
use crate::error::{Failure, go_io};
use crate::output;
use rustix::fs::{Dev, major, minor};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tar::{Builder, EntryType, Header};

/// Why a file is not in the archive.
enum Left {
    /// docker copies the rest and succeeds: the file is gone, or of a kind that archives have no word for.
    Out(String),
    /// Something of the file could not be read, or nothing more can be sent.
    Failed(String),
}

/// Packs `source` under `name`.
///
/// # Errors
/// The first file that could not be read, or that the archive's reader is gone. What could be read is in the archive.
pub(super) fn pack(source: &Path, name: &str, writer: impl Write) -> Result<(), Failure> {
    let mut packer = Packer { archive: Builder::new(writer), seen: HashMap::new(), failure: None };
    packer.tree(source, Path::new(name));
    let Packer { archive, failure, .. } = packer;
    let ended = archive.into_inner().and_then(|mut writer| writer.flush());
    match failure {
        Some(why) => Err(Failure::new(why)),
        None => ended.map_err(|e| Failure::new(go_io(&e))),
    }
}

struct Packer<W: Write> {
    archive: Builder<W>,
    /// The names of files with several, by device and inode.
    seen: HashMap<(u64, u64), PathBuf>,
    failure: Option<String>,
}

impl<W: Write> Packer<W> {
    fn tree(&mut self, path: &Path, name: &Path) {
        let added = self.add(path, name);
        let directory = matches!(added, Ok(true));
        match added {
            Ok(_) => {}
            Err(Left::Out(why)) => log(&format!("Can't add file {} to tar: {why}", path.display())),
            Err(Left::Failed(why)) => {
                log(&format!("Can't add file {} to tar: {why}", path.display()));
                self.failure.get_or_insert(why);
            }
        }
        if !directory {
            return;
        }
        match std::fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
            Ok(mut children) => {
                children.sort_by_key(std::fs::DirEntry::file_name);
                for child in children {
                    self.tree(&child.path(), &name.join(child.file_name()));
                }
            }
            Err(e) => {
                let why = format!("open {}: {}", path.display(), go_io(&e));
                log(&format!("Tar: Can't stat file {} to tar: {why}", path.parent().unwrap_or(path).display()));
                self.failure.get_or_insert(why);
            }
        }
    }

    /// Adds one file. Says whether it is a directory.
    fn add(&mut self, path: &Path, name: &Path) -> Result<bool, Left> {
        let found = path.symlink_metadata().map_err(|e| Left::Out(failed("lstat", path.display(), &e).message))?;
        let mut header = header(&found).ok_or_else(|| Left::Out("archive/tar: sockets not supported".to_owned()))?;
        let kind = found.file_type();
        let gone = |e: std::io::Error| Left::Failed(go_io(&e));
        if !kind.is_dir() && found.nlink() > 1 {
            if let Some(first) = self.seen.get(&(found.dev(), found.ino())) {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                let first = first.clone();
                return self.link(&mut header, name, &first).map(|()| false).map_err(gone);
            }
            self.seen.insert((found.dev(), found.ino()), name.to_owned());
        }
        if kind.is_symlink() {
            let link = path.read_link().map_err(|e| Left::Out(failed("readlink", path.display(), &e).message))?;
            self.link(&mut header, name, &link).map_err(gone)?;
            return Ok(false);
        }
        self.capability(path).map_err(gone)?;
        if kind.is_dir() {
            // An archive's directories end in a slash.
            let name = OsString::from_vec([name.as_os_str().as_bytes(), b"/"].concat());
            self.archive.append_data(&mut header, name, std::io::empty()).map_err(gone)?;
            return Ok(true);
        }
        if !kind.is_file() || found.len() == 0 {
            return self.archive.append_data(&mut header, name, std::io::empty()).map(|()| false).map_err(gone);
        }
        let file = File::open(path).map_err(|e| Left::Failed(failed("open", path.display(), &e).message))?;
        let mut content = Exactly { file, left: found.len(), problem: None };
        self.archive.append_data(&mut header, name, &mut content).map_err(gone)?;
        content.problem.map_or(Ok(false), |why| Err(Left::Failed(format!("read {}: {why}", path.display()))))
    }

    /// Adds a link whose target is written as it stands.
    fn link(&mut self, header: &mut Header, name: &Path, target: &Path) -> std::io::Result<()> {
        let target = target.as_os_str().as_bytes();
        if header.set_link_name_literal(target).is_err() {
            self.archive.append_pax_extensions([("linkpath", target)])?;
        }
        self.archive.append_data(header, name, std::io::empty())
    }

    /// The one extended attribute that docker copies: what a program may do without being root.
    fn capability(&mut self, path: &Path) -> std::io::Result<()> {
        let mut value = [0; 64];
        match rustix::fs::lgetxattr(path, "security.capability", &mut value) {
            Ok(length) if length > 0 => {
                let record = ("SCHILY.xattr.security.capability", value.get(..length).unwrap_or_default());
                self.archive.append_pax_extensions([record])
            }
            _ => Ok(()),
        }
    }
}

/// What an archive says of a file; `None` for sockets.
fn header(found: &Metadata) -> Option<Header> {
    let kind = found.file_type();
    let mut header = Header::new_gnu();
    header.set_entry_type(match () {
        () if kind.is_dir() => EntryType::Directory,
        () if kind.is_symlink() => EntryType::Symlink,
        () if kind.is_fifo() => EntryType::Fifo,
        () if kind.is_char_device() => EntryType::Char,
        () if kind.is_block_device() => EntryType::Block,
        () if kind.is_file() => EntryType::Regular,
        () => return None,
    });
    header.set_mode(found.mode() & 0o7777);
    header.set_uid(found.uid().into());
    header.set_gid(found.gid().into());
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or_default());
    header.set_size(if kind.is_file() { found.len() } else { 0 });
    if kind.is_char_device() || kind.is_block_device() {
        let device: Dev = found.rdev();
        header.set_device_major(major(device)).ok()?;
        header.set_device_minor(minor(device)).ok()?;
    }
    Some(header)
}

/// As many bytes as the header promised: what a file has grown by is left out, and zeros stand for what cannot be read, so that the
/// files that follow are not lost.
struct Exactly {
    file: File,
    left: u64,
    problem: Option<String>,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = if self.problem.is_some() { Ok(0) } else { self.file.read(buffer) };
        let length = match read {
            Ok(length) if length > 0 => length,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => return Err(e),
            other => {
                let why = other.map_or_else(|e| go_io(&e), |_| "the file became shorter".to_owned());
                self.problem.get_or_insert(why);
                buffer.fill(0);
                most
            }
        };
        self.left -= length as u64;
        Ok(length)
    }
}

/// A line of docker's log on standard error.
fn log(message: &str) {
    let time = time::OffsetDateTime::from(SystemTime::now());
    let time = time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
    output::error(&format!("time={time:?} level=error msg={message:?}"));
}
