//! An archive kept in a nameless file, but for its layers, with an index of its entries. Nothing is unpacked by name, so a hostile
//! archive has no path to write to.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _};
use std::os::unix::fs::FileExt as _;

use super::loose::{HEAD, Loose, looks_like_a_layer};
use crate::layer::stream::decompress;
use crate::layer::tar_reader::{Kind, TarReader};
use crate::layer::tar_split::Splitter;
use crate::store::Store;

/// Links in an archive that lead to links are followed this far.
const MAX_LINKS: usize = 8;
/// An image archive has a handful of entries a layer.
const MAX_ENTRIES: usize = 100_000;
/// Files that are unpacked as they come in; further ones are kept as they are first.
const MAX_LOOSE: usize = 1_000;

enum Place {
    Data {
        offset: u64,
        size: u64,
    },
    /// Unpacked: its place among the layers.
    Layer(usize),
    Link(String),
}

/// The archive, ready to be read in any order.
pub(crate) struct Spool {
    file: File,
    places: HashMap<String, Place>,
    layers: Vec<Loose>,
}

impl Spool {
    /// Reads a tar archive (plain, gzip, bzip2, xz or zstd) to its end. What looks like a layer is unpacked into the store at once, the
    /// other files' contents are kept in `file`.
    pub(crate) fn read(store: &Store, archive: impl Read, file: File) -> io::Result<Self> {
        let input = io::BufReader::with_capacity(256 * 1024, decompress(archive)?);
        let mut reader = TarReader::new(input, Splitter::none());
        let mut output = BufWriter::with_capacity(256 * 1024, file);
        let mut places = HashMap::new();
        let mut layers = Vec::new();
        let mut offset = 0;
        while let Some(entry) = reader.next_entry()? {
            let Some(name) = clean("", &entry.path) else {
                return Err(io::Error::other(format!("invalid archive: {:?} leads out of it", text(&entry.path))));
            };
            if places.len() >= MAX_ENTRIES {
                return Err(io::Error::other(format!("invalid archive: more than {MAX_ENTRIES} entries")));
            }
            let place = match entry.kind {
                Kind::File if entry.sparse.is_none() => {
                    let mut body = reader.body(&entry);
                    let mut head = Vec::with_capacity(HEAD);
                    body.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
                    if layers.len() < MAX_LOOSE && looks_like_a_layer(&head) && !is_known(store, &name) {
                        layers.push(Loose::unpack(store, &head, body)?);
                        Some(Place::Layer(layers.len() - 1))
                    } else {
                        let size = io::copy(&mut head.chain(body), &mut output)?;
                        offset += size;
                        Some(Place::Data { offset: offset - size, size })
                    }
                }
                Kind::Symlink => {
                    let dir = name.rsplit_once('/').map_or("", |(dir, _)| dir);
                    clean(dir, &entry.link).map(Place::Link)
                }
                Kind::Hardlink => clean("", &entry.link).map(Place::Link),
                _ => {
                    reader.payload_part(entry.stored, |_| Ok(()))?;
                    None
                }
            };
            reader.finish_entry()?;
            if let Some(place) = place {
                places.insert(name, place);
            }
        }
        let mut file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Self { file, places, layers })
    }

    fn place(&self, name: &str) -> Option<&Place> {
        let mut place = self.places.get(&clean("", name.as_bytes())?)?;
        for _ in 0..MAX_LINKS {
            match place {
                Place::Link(target) => place = self.places.get(target)?,
                found => return Some(found),
            }
        }
        None
    }

    /// A file of the archive that has not been unpacked.
    pub(crate) fn open(&self, name: &str) -> Option<Part<'_>> {
        match self.place(name)? {
            Place::Data { offset, size } => Some(Part { file: &self.file, at: *offset, end: offset + size }),
            Place::Layer(_) | Place::Link(_) => None,
        }
    }

    /// A file of the archive that has been unpacked.
    pub(crate) fn layer(&mut self, name: &str) -> Option<&mut Loose> {
        match *self.place(name)? {
            Place::Layer(at) => self.layers.get_mut(at),
            Place::Data { .. } | Place::Link(_) => None,
        }
    }

    /// Lets go of all layers, so that those which nothing needs can be removed.
    pub(crate) fn forget_layers(&mut self) {
        self.layers.clear();
    }

    /// A small file of the archive, whole.
    pub(crate) fn small(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        const LIMIT: u64 = 16 << 20;
        let Some(mut part) = self.open(name) else {
            return Ok(None);
        };
        if part.len() > LIMIT {
            return Err(io::Error::other(format!("invalid archive: {name} is longer than {LIMIT} bytes")));
        }
        let mut content = Vec::new();
        part.read_to_end(&mut content)?;
        Ok(Some(content))
    }
}

/// Whether a file's name says that it is a layer which the store has: most likely nobody will ask for its content.
fn is_known(store: &Store, name: &str) -> bool {
    let diff = name.strip_prefix("blobs/sha256/").and_then(|hex| format!("sha256:{hex}").parse().ok());
    diff.is_some_and(|diff| store.has_content(&diff))
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// `path` as seen from `dir`, without `.` and `..`; `None` when it leads out.
fn clean(dir: &str, path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { dir.split('/').collect() };
    parts.retain(|part| !part.is_empty());
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// One file of the archive being read.
pub(crate) struct Part<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Part<'_> {
    /// Bytes that are left.
    pub(crate) fn len(&self) -> u64 {
        self.end - self.at
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.len()).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut buffer[..length], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
