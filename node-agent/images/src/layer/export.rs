//! Writes a writable layer as the tar stream of an image layer: what it has, and by `.wh.` files what it takes away. In order
//! of names, with times in whole seconds, so that the same content always gives the same bytes (as Docker's commit).

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::{major, minor};
use tar::EntryType;

use super::tar_writer::{TarEntry, TarWriter};
use super::upper::{UpperDir, UpperEntry};
use super::xattr;

/// Writes all that is in `upper`, but for the root itself.
pub(crate) fn write_diff(upper: &Path, output: &mut dyn Write) -> io::Result<()> {
    let mut writer = TarWriter::new(output);
    let mut linked = HashMap::new();
    walk(&UpperDir::open(upper)?, b"", &mut linked, &mut writer)?;
    writer.finish()?;
    Ok(())
}

/// Writes a directory with all that is in it: under `name`, or without an entry of its own where `name` is empty. `path` must
/// not end in a link.
///
/// # Errors
/// When something cannot be read or written.
pub fn write_tree(path: &Path, name: &str, output: &mut dyn Write) -> io::Result<()> {
    let mut writer = TarWriter::new(output);
    let mut prefix = Vec::new();
    let root = UpperDir::open(path)?;
    if !name.is_empty() {
        prefix = [name.trim_end_matches('/').as_bytes(), b"/"].concat();
        let metadata = root.metadata()?;
        let entry = UpperEntry { name: name.into(), path: path.to_owned(), metadata, whiteout: false };
        if let Some(header) = header(&entry, prefix.clone())? {
            writer.entry(&header)?;
        }
    }
    walk(&root, &prefix, &mut HashMap::new(), &mut writer)?;
    writer.finish()?;
    Ok(())
}

/// The first name of each inode that has several.
type Linked = HashMap<u64, Vec<u8>>;

fn walk<W: Write>(dir: &UpperDir, prefix: &[u8], linked: &mut Linked, writer: &mut TarWriter<W>) -> io::Result<()> {
    for entry in dir.entries()? {
        let name = entry.name.as_bytes();
        let metadata = &entry.metadata;
        if entry.whiteout {
            let path = [prefix, b".wh.", name].concat();
            let mut mark = TarEntry::new(path, EntryType::Regular, 0o600);
            mark.mtime = metadata.mtime();
            (mark.uid, mark.gid) = (metadata.uid(), metadata.gid());
            writer.entry(&mark)?;
            continue;
        }
        let Some(mut header) = header(&entry, [prefix, name].concat())? else {
            continue;
        };
        if metadata.is_dir() {
            let Some(child) = dir.child(&entry.name)? else {
                continue;
            };
            header.path.push(b'/');
            writer.entry(&header)?;
            if child.is_opaque()? {
                let path = [&header.path[..], b".wh..wh..opq"].concat();
                let mut mark = TarEntry::new(path, EntryType::Regular, header.mode);
                (mark.uid, mark.gid) = (header.uid, header.gid);
                writer.entry(&mark)?;
            }
            walk(&child, &header.path, linked, writer)?;
            continue;
        }
        if metadata.nlink() > 1
            && let Some(first) = linked.get(&metadata.ino())
        {
            (header.kind, header.link, header.size) = (EntryType::Link, first.clone(), 0);
            header.xattrs.clear();
            writer.entry(&header)?;
            continue;
        }
        if metadata.is_file() {
            let Some(mut content) = dir.file(&entry.name)? else {
                continue;
            };
            writer.file(&header, &mut content)?;
        } else {
            writer.entry(&header)?;
        }
        if metadata.nlink() > 1 {
            linked.insert(metadata.ino(), header.path);
        }
    }
    Ok(())
}

/// The entry for a file; `None` for a socket, which no archive holds.
fn header(entry: &UpperEntry, path: Vec<u8>) -> io::Result<Option<TarEntry>> {
    let metadata = &entry.metadata;
    let file_type = metadata.file_type();
    let kind = match () {
        () if file_type.is_file() => EntryType::Regular,
        () if file_type.is_dir() => EntryType::Directory,
        () if file_type.is_symlink() => EntryType::Symlink,
        () if file_type.is_char_device() => EntryType::Char,
        () if file_type.is_block_device() => EntryType::Block,
        () if file_type.is_fifo() => EntryType::Fifo,
        () => return Ok(None),
    };
    let mut header = TarEntry::new(path, kind, metadata.mode() & 0o7777);
    (header.uid, header.gid) = (metadata.uid(), metadata.gid());
    header.mtime = metadata.mtime();
    if file_type.is_file() {
        header.size = metadata.len();
    }
    if file_type.is_symlink() {
        header.link = std::fs::read_link(&entry.path)?.as_os_str().as_bytes().to_vec();
    }
    if file_type.is_char_device() || file_type.is_block_device() {
        header.device = (major(metadata.rdev()), minor(metadata.rdev()));
    }
    for name in xattr::list(&entry.path)? {
        if !xattr::is_exported(&name) {
            continue;
        }
        // A name that the kernel lists is text without zero bytes.
        let Ok(text) = std::str::from_utf8(&name) else {
            continue;
        };
        if let Some(value) = xattr::get(&entry.path, text)? {
            header.xattrs.push((name, value));
        }
    }
    Ok(Some(header))
}
