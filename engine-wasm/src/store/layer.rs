//! Writes a layer's tar, always the same bytes for the same files. **This is the specification that every builder of the project follows**, so that digests agree:
//!
//! 1. A layer holds every path that the instruction made or changed, and each directory above it (with the attributes in force); the root directory has no entry.
//! 2. Entries stand in the order of a walk: a directory before what is in it, names within a directory in the order of their bytes (`a`, `a/b`, `a-b`).
//! 3. Names are relative, without `./`; a directory's name ends in `/`.
//! 4. Removed paths are empty files `.wh.NAME` of root's with mode 0600, in the place of the order where NAME would be; a directory that hides what lower layers have in it has an empty file `.wh..wh..opq`
//!    of its own mode and owner as its first entry. (Instructions other than `RUN` remove nothing.)
//! 5. Of several names of one file within a layer, the first in order has the content and the extended attributes, and the others are hard links to it.
//! 6. A header's fields: mode (lower twelve bits), uid and gid as numbers, user and group names empty, mtime the epoch of the build in whole seconds for every entry,
//!    size for regular files only, device numbers zero but for devices. Sockets are left out.
//! 7. The format is ustar; a name over 100 bytes is split at a `/` where that fits (prefix up to 155 bytes). What ustar cannot hold gets a PAX header before it, named `DIR/PaxHeaders.0/FILE`, whose records
//!    are sorted by key: `path`, `linkpath`, `size`, `uid`, `gid`, `mtime` only when they do not fit (too long, not ASCII, too large), and `SCHILY.xattr.NAME` for each extended attribute.
//!    All this is what Go's `archive/tar` writes for such headers.
//! 8. The tar ends with two blocks of zeros, nothing more.
//! 9. Layers are kept and saved uncompressed, media type `application/vnd.oci.image.layer.v1.tar`, so the blob's digest is the diff id and no compressor's version can change it.
//! 10. An instruction that changes nothing makes no layer, and its history entry says so (`empty_layer`), as BuildKit has it.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::fs::{Body, Fs};
use crate::image::tar::{BLOCK, Kind};

/// What a header says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The name, without the `/` of a directory.
    pub path: String,
    /// What it is; `None` is taken for a regular file.
    pub kind: Option<Kind>,
    /// The lower twelve bits of the mode.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// A link's target.
    pub link: String,
    /// A device's major and minor number.
    pub device: (u32, u32),
    /// Extended attributes.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// Writes a tar to a buffer.
#[derive(Debug, Clone, Default)]
pub struct LayerWriter {
    out: Vec<u8>,
    mtime: i64,
}

impl LayerWriter {
    /// A writer that gives every entry this time, in seconds since 1970.
    pub fn new(mtime: i64) -> Self {
        Self { out: Vec::new(), mtime }
    }

    /// Takes the memory for this many bytes at once.
    #[must_use]
    pub(super) fn with_room(mut self, bytes: usize) -> Self {
        self.out.reserve_exact(bytes);
        self
    }

    /// Writes an entry's header, PAX header included. `size` bytes of content have to follow by [`LayerWriter::content`].
    pub fn header(&mut self, header: &Header, size: u64) {
        let block = self.encode(header, size);
        self.out.extend(block);
    }

    /// The header blocks of an entry, for those who write the content elsewhere.
    pub fn encode(&self, header: &Header, size: u64) -> Vec<u8> {
        let kind = header.kind.unwrap_or(Kind::File);
        let name = if kind == Kind::Directory { format!("{}/", header.path) } else { header.path.clone() };
        let mut records: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let split = split(&name);
        if split.is_none() {
            records.insert("path".to_owned(), name.clone().into_bytes());
        }
        if header.link.len() > 100 || !header.link.is_ascii() {
            records.insert("linkpath".to_owned(), header.link.clone().into_bytes());
        }
        for (key, value, limit) in [
            ("uid", u64::from(header.uid), 0o7_777_777),
            ("gid", u64::from(header.gid), 0o7_777_777),
            ("size", size, 0o77_777_777_777),
        ] {
            if value > limit {
                records.insert(key.to_owned(), value.to_string().into_bytes());
            }
        }
        if !(0..=0o77_777_777_777).contains(&self.mtime) {
            records.insert("mtime".to_owned(), self.mtime.to_string().into_bytes());
        }
        for (key, value) in &header.xattrs {
            records.insert(format!("SCHILY.xattr.{key}"), value.clone());
        }
        let pax = !records.is_empty();
        if pax && name.len() > 100 {
            records.entry("path".to_owned()).or_insert_with(|| name.clone().into_bytes());
        }
        let mut out = Vec::new();
        if pax {
            let data: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
            let mut block = [0u8; BLOCK];
            let (dir, file) = name.rsplit_once('/').map_or(("", name.as_str()), |(dir, file)| (dir, file));
            let helper = crate::ignore::path::join(dir, &format!("PaxHeaders.0/{file}"));
            let mut helper: String = helper.chars().filter(char::is_ascii).take(100).collect();
            helper.truncate(helper.trim_end_matches('/').len());
            put(&mut block, 0, 100, helper.as_bytes());
            for (at, width) in [(100, 8), (108, 8), (116, 8), (136, 12)] {
                octal(&mut block, at, width, 0);
            }
            octal(&mut block, 124, 12, data.len() as u64);
            put(&mut block, 156, 1, b"x");
            seal(&mut block);
            out.extend(block);
            out.extend(&data);
            out.resize(out.len().next_multiple_of(BLOCK), 0);
        }
        let mut block = [0u8; BLOCK];
        match split.filter(|_| !pax) {
            Some((prefix, suffix)) => {
                put(&mut block, 0, 100, suffix.as_bytes());
                put(&mut block, 345, 155, prefix.as_bytes());
            }
            None => {
                let ascii: String = name.chars().filter(char::is_ascii).collect();
                put(&mut block, 0, 100, ascii.as_bytes());
                // A name cut at a `/` would look like a directory to old readers.
                if ascii.len() > 100 && block.get(99) == Some(&b'/') {
                    let kept = ascii.get(..99).unwrap_or_default().trim_end_matches('/').len();
                    put(&mut block, kept, 1, &[0]);
                }
            }
        }
        octal(&mut block, 100, 8, u64::from(header.mode & 0o7777));
        octal(&mut block, 108, 8, u64::from(header.uid));
        octal(&mut block, 116, 8, u64::from(header.gid));
        octal(&mut block, 124, 12, size);
        octal(&mut block, 136, 12, u64::try_from(self.mtime).unwrap_or(0));
        let flag = match kind {
            Kind::Hardlink => b'1',
            Kind::Symlink => b'2',
            Kind::Character => b'3',
            Kind::Block => b'4',
            Kind::Directory => b'5',
            Kind::Fifo => b'6',
            _ => b'0',
        };
        put(&mut block, 156, 1, &[flag]);
        let link: String = header.link.chars().filter(char::is_ascii).collect();
        put(&mut block, 157, 100, link.as_bytes());
        octal(&mut block, 329, 8, u64::from(header.device.0));
        octal(&mut block, 337, 8, u64::from(header.device.1));
        seal(&mut block);
        out.extend(block);
        out
    }

    /// Writes a file's content after its header.
    pub fn content(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.out.resize(self.out.len().next_multiple_of(BLOCK), 0);
    }

    /// The whole tar.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.resize(self.out.len() + 2 * BLOCK, 0);
        self.out
    }
}

/// Gives the layer of what was changed in a file system since it was settled to `out`, piece by piece: nothing where nothing was. Returns the bytes of all its files.
pub fn write_changes(fs: &Fs, mtime: i64, out: &mut dyn FnMut(&[u8])) -> u64 {
    let changes = fs.changes();
    let writer = LayerWriter::new(mtime);
    let mut first: HashMap<usize, String> = HashMap::new();
    let (mut total, ends) = (0, if changes.is_empty() { 0 } else { 2 });
    for (at, id) in changes {
        let Some(node) = fs.node(id) else { continue };
        let mut header = Header {
            path: at.clone(),
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            xattrs: node.xattrs.clone(),
            ..Header::default()
        };
        let mut bytes: &[u8] = &[];
        if !node.is_dir()
            && let Some(before) = first.get(&id)
        {
            header.kind = Some(Kind::Hardlink);
            header.link.clone_from(before);
            header.xattrs.clear();
        } else {
            first.insert(id, at);
            header.kind = Some(match &node.body {
                Body::Directory(_) => Kind::Directory,
                Body::File(content) => {
                    bytes = content.bytes();
                    Kind::File
                }
                Body::Symlink(target) => {
                    header.link.clone_from(target);
                    Kind::Symlink
                }
                Body::Character(major, minor) => {
                    header.device = (*major, *minor);
                    Kind::Character
                }
                Body::Block(major, minor) => {
                    header.device = (*major, *minor);
                    Kind::Block
                }
                Body::Fifo => Kind::Fifo,
            });
        }
        total += bytes.len() as u64;
        out(&writer.encode(&header, bytes.len() as u64));
        out(bytes);
        out(&[0; BLOCK][..bytes.len().next_multiple_of(BLOCK) - bytes.len()]);
    }
    out(&[0; 2 * BLOCK][..ends * BLOCK]);
    total
}

/// A name in ustar's two fields; `None` where it does not fit.
fn split(name: &str) -> Option<(&str, &str)> {
    if !name.is_ascii() {
        return None;
    }
    if name.len() <= 100 {
        return Some(("", name));
    }
    let end = name.len().min(156);
    let end = if name.ends_with('/') { end.min(name.len() - 1) } else { end };
    let at = name.get(..end)?.rfind('/').filter(|at| *at > 0)?;
    let (prefix, suffix) = (name.get(..at)?, name.get(at + 1..)?);
    (!suffix.is_empty() && suffix.len() <= 100 && prefix.len() <= 155).then_some((prefix, suffix))
}

/// A PAX record, whose length counts itself.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    if length.to_string().len() != rest.to_string().len() {
        length = rest + length.to_string().len();
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

fn put(block: &mut [u8], at: usize, width: usize, bytes: &[u8]) {
    if let Some(field) = block.get_mut(at..at + width) {
        field.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    }
}

/// Digits up to the field's last byte, which stays zero; zero where the number does not fit.
fn octal(block: &mut [u8], at: usize, width: usize, value: u64) {
    let digits = format!("{value:0w$o}", w = width - 1);
    let digits = if digits.len() < width { digits } else { "0".repeat(width - 1) };
    put(block, at, width - 1, digits.as_bytes());
}

/// Magic, version and checksum.
fn seal(block: &mut [u8; BLOCK]) {
    put(block, 257, 8, b"ustar\x0000");
    put(block, 148, 8, b"        ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    put(block, 148, 7, format!("{sum:06o}\0").as_bytes());
}
