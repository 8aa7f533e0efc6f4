//! Unpacks tars into a file system: an image's layers with their whiteouts, and archives that `ADD` is given.

use std::sync::Arc;

use super::fs::{Body, Content, Fs, Node};
use super::{Error, MAX_BYTES};
use crate::image::tar::{Entry, Kind, Sink, Stream};
use crate::image::{self, CHUNK, Decoder, Limits, TarProblem};

/// Applies a layer to what is below it. The tar is uncompressed; the files' bytes stay in it.
///
/// # Errors
/// A broken tar.
pub(super) fn layer(fs: &mut Fs, tar: &Arc<Vec<u8>>) -> Result<(), Error> {
    Unpacker { fs, tar, base: "", whiteouts: true, owner: None, room: MAX_BYTES }.run("layer")
}

/// Unpacks an archive, given with its name, below a directory, as `ADD` does: what is there is replaced, directories are merged. Says whether it is an archive at all, which its
/// beginning tells, as for BuildKit: what has the header of a tar there is one. It may take `room` bytes, from which what it takes is subtracted.
///
/// # Errors
/// An archive that is broken after its first entry's header, is too large, or has a compression that is not read here.
pub(super) fn archive(
    fs: &mut Fs,
    (name, bytes): (&str, &[u8]),
    base: &str,
    owner: Option<(u32, u32)>,
    room: &mut u64,
) -> Result<bool, Error> {
    // The first piece is always looked at.
    let limits = Limits { layer: *room + CHUNK as u64, ..Limits::default() };
    let (mut probe, mut stream) = (Probe(false), Stream::new(&limits, name));
    let mut tar = Vec::new();
    let mut take = |piece: &[u8]| {
        if !probe.0 {
            stream.feed(piece, &mut probe)?;
        }
        tar.extend_from_slice(piece);
        Ok(())
    };
    let mut decoder = Decoder::new(&limits, name);
    let read = bytes.chunks(CHUNK).try_for_each(|piece| decoder.feed(piece, &mut take));
    let read = read.and_then(|()| decoder.finish(&mut take));
    match read {
        Err(image::Error::UnknownCompression { kind, .. }) => return Err(Error::Archive(name.to_owned(), kind)),
        // This decoder holds back as much as a window.
        Err(error @ image::Error::Compression { kind: "zstd", .. }) if tar.is_empty() => return Err(error.into()),
        _ if !probe.0 => return Ok(false),
        read => read?,
    }
    *room = room.saturating_sub(tar.len() as u64);
    Unpacker { fs, tar: &Arc::new(tar), base, whiteouts: false, owner, room: *room }.run(name)?;
    Ok(true)
}

struct Probe(bool);

impl Sink for Probe {
    fn entry(&mut self, _: &Entry) -> Result<bool, TarProblem> {
        self.0 = true;
        Ok(false)
    }

    fn content(&mut self, _: &[u8]) {}

    fn end(&mut self) {}
}

struct Unpacker<'a> {
    fs: &'a mut Fs,
    tar: &'a Arc<Vec<u8>>,
    /// Where everything goes.
    base: &'a str,
    whiteouts: bool,
    owner: Option<(u32, u32)>,
    /// Bytes that sparse files may be written out to.
    room: u64,
}

impl Unpacker<'_> {
    fn run(mut self, what: &str) -> Result<(), Error> {
        let mut stream = Stream::new(&Limits::default(), what);
        stream.feed(self.tar, &mut self)?;
        Ok(stream.finish()?)
    }

    /// A file's bytes where they lie in the tar; those of a sparse file are written out, its holes as zeros.
    fn content(&mut self, entry: &Entry) -> Result<Content, TarProblem> {
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        let stored = Content::part(self.tar, at(entry.data)..at(entry.data.saturating_add(entry.stored)));
        let Some(parts) = &entry.sparse else { return Ok(stored) };
        let left = self.room.checked_sub(entry.size);
        self.room = left.ok_or(TarProblem::Limit("the size of sparse files", self.room))?;
        let mut out = vec![0; at(entry.size)];
        let mut rest = stored.bytes();
        for (offset, length) in parts {
            let (piece, after) = rest.split_at(rest.len().min(at(*length)));
            rest = after;
            if let Some(place) = out.get_mut(at(*offset)..) {
                place.iter_mut().zip(piece).for_each(|(slot, byte)| *slot = *byte);
            }
        }
        Ok(out.into())
    }

    /// A path of the tar below the base: `..` never leaves it.
    fn place(&self, path: &[u8]) -> String {
        let path = String::from_utf8_lossy(path);
        let cleaned = crate::ignore::path::clean(&format!("/{path}"));
        let inside = cleaned.trim_start_matches('/');
        match (self.base.is_empty(), inside.is_empty()) {
            (true, _) => inside.to_owned(),
            (_, true) => self.base.to_owned(),
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
    fn entry(&mut self, entry: &Entry) -> Result<bool, TarProblem> {
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
            Kind::File => Body::File(self.content(entry)?),
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
        self.put(&at, Node { body, mode: entry.mode, uid, gid, xattrs });
        Ok(false)
    }

    fn content(&mut self, _: &[u8]) {}

    fn end(&mut self) {}
}
