//! Unpacks tars into a file system: an image's layers with their whiteouts, and archives that `ADD` is given.

use super::Error;
use super::fs::{Body, Fs, Node};
use crate::image::tar::{Entry, Kind, Sink, Stream};
use crate::image::{Decoder, Limits};

/// Bytes that a sparse file may be written out to.
const MAX_SPARSE: u64 = 256 << 20;

/// Applies a layer to what is below it. The tar is uncompressed.
///
/// # Errors
/// A broken tar.
pub(super) fn layer(fs: &mut Fs, tar: &[u8]) -> Result<(), Error> {
    let mut sink = Unpacker { fs, base: String::new(), whiteouts: true, owner: None, current: None };
    let mut stream = Stream::new(&Limits::default(), "layer");
    stream.feed(tar, &mut sink)?;
    stream.finish()?;
    Ok(())
}

/// Unpacks an archive below a directory, as `ADD` does: what is there is replaced, directories are merged. Says whether it is an archive at all.
///
/// # Errors
/// An archive that is broken after its first entry.
pub(super) fn archive(fs: &mut Fs, bytes: &[u8], dest: &str, owner: Option<(u32, u32)>) -> Result<bool, Error> {
    let limits = Limits { layer: Limits::default().archive_in_memory, ..Limits::default() };
    let Some(tar) = decompress(bytes, &limits) else { return Ok(false) };
    // Nothing is written until the first header has been understood.
    let mut probe = Probe(false);
    let readable =
        Stream::new(&limits, "archive").feed(tar.get(..tar.len().min(64 << 10)).unwrap_or_default(), &mut probe);
    if !probe.0 {
        return Ok(false);
    }
    readable?;
    let mut sink = Unpacker { fs, base: dest.to_owned(), whiteouts: false, owner, current: None };
    let mut stream = Stream::new(&limits, "archive");
    stream.feed(&tar, &mut sink)?;
    stream.finish()?;
    Ok(true)
}

fn decompress(bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut decoder = Decoder::new(limits, "archive");
    let mut take = |piece: &[u8]| {
        out.extend_from_slice(piece);
        Ok(())
    };
    decoder.feed(bytes, &mut take).ok()?;
    decoder.finish(&mut take).ok()?;
    Some(out)
}

struct Probe(bool);

impl Sink for Probe {
    fn entry(&mut self, _: &Entry) -> Result<bool, crate::image::TarProblem> {
        self.0 = true;
        Ok(false)
    }

    fn content(&mut self, _: &[u8]) {}

    fn end(&mut self) {}
}

struct Unpacker<'a> {
    fs: &'a mut Fs,
    /// Where everything goes.
    base: String,
    whiteouts: bool,
    owner: Option<(u32, u32)>,
    /// The file that is being read.
    current: Option<Reading>,
}

/// A file whose content is coming.
struct Reading {
    at: String,
    node: Node,
    content: Vec<u8>,
    /// A sparse file's parts and size.
    sparse: Option<(Vec<(u64, u64)>, u64)>,
}

impl Unpacker<'_> {
    /// A path of the tar below the base: `..` never leaves it.
    fn place(&self, path: &[u8]) -> String {
        let path = String::from_utf8_lossy(path);
        let cleaned = crate::ignore::path::clean(&format!("/{path}"));
        let inside = cleaned.trim_start_matches('/');
        match (self.base.is_empty(), inside.is_empty()) {
            (true, _) => inside.to_owned(),
            (_, true) => self.base.clone(),
            _ => format!("{}/{inside}", self.base),
        }
    }

    fn whiteout(&mut self, at: &str) -> bool {
        let (dir, name) = at.rsplit_once('/').unwrap_or(("", at));
        let Some(hidden) = name.strip_prefix(".wh.") else { return false };
        if hidden == ".wh..opq" {
            for child in self.fs.list(dir) {
                self.fs.remove(&if dir.is_empty() { child } else { format!("{dir}/{child}") });
            }
        } else if !hidden.starts_with(".wh.") {
            self.fs.remove(&if dir.is_empty() { hidden.to_owned() } else { format!("{dir}/{hidden}") });
        }
        true
    }

    fn put(&mut self, at: &str, node: Node) {
        if at.is_empty() {
            return;
        }
        // A path that leads through something that is no directory, or in a circle, has no place.
        let Ok(at) = self.fs.resolve_parent(at) else { return };
        let dir = at.rsplit_once('/').map_or("", |(dir, _)| dir);
        if self.fs.make_dirs(dir, 0o755, self.owner.unwrap_or((0, 0))).is_err() {
            return;
        }
        if node.is_dir() && self.fs.get(&at).is_some_and(Node::is_dir) {
            self.fs.change(&at, |there| {
                (there.mode, there.uid, there.gid) = (node.mode, node.uid, node.gid);
                there.xattrs = node.xattrs;
            });
        } else {
            // The directory is there.
            let _ = self.fs.put(&at, node);
        }
    }
}

impl Sink for Unpacker<'_> {
    fn entry(&mut self, entry: &Entry) -> Result<bool, crate::image::TarProblem> {
        let at = self.place(&entry.path);
        if self.whiteouts && self.whiteout(&at) {
            return Ok(false);
        }
        let (uid, gid) = self.owner.unwrap_or((entry.uid, entry.gid));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let body = match entry.kind {
            Kind::Directory => Body::Directory(Default::default()),
            Kind::Symlink => Body::Symlink(text(&entry.link)),
            Kind::Character => Body::Character(entry.device.0, entry.device.1),
            Kind::Block => Body::Block(entry.device.0, entry.device.1),
            Kind::Fifo => Body::Fifo,
            Kind::File => Body::File(Default::default()),
            Kind::Hardlink => {
                let target = self.fs.resolve_parent(&self.place(&entry.link)).ok().and_then(|t| self.fs.find(&t));
                if let (Some(id), Ok(at)) = (target, self.fs.resolve_parent(&at)) {
                    let _ = self.fs.link(&at, id);
                }
                return Ok(false);
            }
            Kind::Other => return Ok(false),
        };
        let xattrs = crate::order::map(entry.xattrs.iter().map(|(name, value)| (text(name), value.clone())));
        let node = Node { body, mode: entry.mode, uid, gid, xattrs };
        if entry.kind != Kind::File {
            self.put(&at, node);
            return Ok(false);
        }
        if entry.stored == 0 && entry.sparse.is_none() {
            self.put(&at, node);
            return Ok(false);
        }
        let sparse = entry.sparse.clone().map(|parts| (parts, entry.size));
        self.current = Some(Reading { at, node, content: Vec::new(), sparse });
        Ok(true)
    }

    fn content(&mut self, bytes: &[u8]) {
        if let Some(reading) = &mut self.current {
            reading.content.extend_from_slice(bytes);
        }
    }

    fn end(&mut self) {
        if let Some(Reading { at, mut node, content, sparse }) = self.current.take() {
            let content = match sparse {
                Some((parts, size)) => expand(&content, &parts, size),
                None => content,
            };
            node.body = Body::File(content.into());
            self.put(&at, node);
        }
    }
}

/// A sparse file with its holes as zeros, up to [`MAX_SPARSE`] bytes.
fn expand(stored: &[u8], parts: &[(u64, u64)], size: u64) -> Vec<u8> {
    let at = |place: u64| usize::try_from(place.min(size).min(MAX_SPARSE)).unwrap_or(0);
    let mut out = vec![0; at(size)];
    let mut rest = stored;
    for (offset, length) in parts {
        let (piece, after) = rest.split_at(rest.len().min(usize::try_from(*length).unwrap_or(usize::MAX)));
        rest = after;
        if let Some(place) = out.get_mut(at(*offset)..) {
            place.iter_mut().zip(piece).for_each(|(slot, byte)| *slot = *byte);
        }
    }
    out
}
