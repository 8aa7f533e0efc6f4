//! Where the files of an archive lie: only headers are read, what stands between them is passed over. [`Indexer`] asks for
//! the bytes it wants, so that an asynchronous source can feed it; [`TarFiles`] does it over a [`ReadAt`].

use std::collections::BTreeMap;
use std::io;

use super::decode::Compression;
use super::error::{Error, Result, TarProblem};
use super::limits::Limits;
use super::source::{Files, ReadAt};
use super::tar::{BLOCK, Kind, Machine, Next};

#[derive(Debug, Clone)]
enum Place {
    At { offset: u64, size: u64 },
    Link(String),
}

/// Reads an archive's headers.
#[derive(Debug)]
pub struct Indexer {
    machine: Machine,
    size: u64,
    /// Where the next bytes are wanted, how many, and whether they are records.
    want: Option<(u64, usize, bool)>,
    files: BTreeMap<String, Place>,
    entries: usize,
    names: usize,
    limits: Limits,
}

impl Indexer {
    /// For an archive of `size` bytes.
    pub fn new(size: u64, limits: &Limits) -> Self {
        Self {
            machine: Machine::new(limits),
            size,
            want: Some((0, BLOCK, false)),
            files: BTreeMap::new(),
            entries: 0,
            names: 0,
            limits: limits.clone(),
        }
    }

    /// Offset and length of the bytes wanted next; `None` when all is known.
    pub fn wants(&self) -> Option<(u64, usize)> {
        self.want.map(|(offset, length, _)| (offset, length))
    }

    fn error(&self, problem: TarProblem) -> Error {
        let (name, offset) = self.machine.place();
        Error::Tar { what: "the archive".into(), name, offset, problem }
    }

    /// Takes the bytes that were wanted; fewer mean that the archive ends there.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let Some((offset, length, records)) = self.want.take() else { return Ok(()) };
        if offset == 0 && !records {
            match Compression::detect(bytes) {
                Ok(Compression::None) => {}
                Ok(kind) => return Err(Error::CompressedArchive(kind.name())),
                Err(kind) => return Err(Error::CompressedArchive(kind)),
            }
        }
        if bytes.len() < length {
            let end = if bytes.is_empty() && !records { self.machine.end() } else { Err(TarProblem::Truncated) };
            return end.map_err(|problem| self.error(problem));
        }
        let bytes = &bytes[..length];
        let next = match <&[u8; BLOCK]>::try_from(bytes) {
            Ok(block) if !records => self.machine.block(block, offset),
            _ => self.machine.records(bytes),
        };
        let after = (offset + length as u64).next_multiple_of(BLOCK as u64);
        match next.map_err(|problem| self.error(problem))? {
            Next::Block => self.want = Some((after, BLOCK, false)),
            Next::Records(length) => self.want = Some((after, length, true)),
            Next::End => {}
            Next::Entry(entry) => {
                self.entries += 1;
                if self.entries > self.limits.archive_entries {
                    let limit = self.limits.archive_entries as u64;
                    return Err(self.error(TarProblem::Limit("the number of entries", limit)));
                }
                self.names = self.names.saturating_add(entry.path.len() + entry.link.len());
                if self.names > self.limits.archive_names {
                    let limit = self.limits.archive_names as u64;
                    return Err(self.error(TarProblem::Limit("the length of all names", limit)));
                }
                let end = entry.data.checked_add(entry.stored).filter(|end| *end <= self.size);
                let end = end.ok_or_else(|| self.error(TarProblem::Truncated))?;
                let at = Place::At { offset: entry.data, size: entry.stored };
                let name = String::from_utf8_lossy(&entry.path);
                let link = String::from_utf8_lossy(&entry.link);
                let place = match entry.kind {
                    Kind::File if entry.sparse.is_some() => {
                        return Err(self.error(TarProblem::Sparse("an image archive has no sparse files")));
                    }
                    Kind::File => Some(at),
                    Kind::Hardlink => normal(&link).map(Place::Link),
                    Kind::Symlink if link.starts_with('/') => None,
                    Kind::Symlink => normal(&format!("{name}/../{link}")).map(Place::Link),
                    _ => None,
                };
                if let (Some(place), Some(name)) = (place, normal(&name)) {
                    self.files.insert(name, place);
                }
                self.want = Some((end.next_multiple_of(BLOCK as u64), BLOCK, false));
            }
        }
        Ok(())
    }
}

/// A path without `.`, `..` and doubled slashes; `None` where it leads out, or nowhere.
fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The files of an uncompressed tar.
#[derive(Debug)]
pub struct TarFiles<S> {
    source: S,
    files: BTreeMap<String, Place>,
    links: usize,
}

impl<S: ReadAt> TarFiles<S> {
    /// Reads the archive's headers.
    ///
    /// # Errors
    /// No tar, a broken one, a compressed one ([`Error::CompressedArchive`]), or a failing source.
    pub fn open(source: S, limits: &Limits) -> Result<Self> {
        let mut indexer = Indexer::new(source.size(), limits);
        let mut buffer = Vec::new();
        while let Some((offset, length)) = indexer.wants() {
            buffer.resize(length, 0);
            let read = fill(&mut buffer, |at, rest| source.read_at(offset + at, rest));
            let read = read.map_err(|error| Error::Io { what: "the archive".into(), error })?;
            indexer.feed(&buffer[..read])?;
        }
        Ok(Self { source, files: indexer.files, links: limits.links })
    }

    fn place(&self, path: &str) -> Option<(u64, u64)> {
        let mut path = path.to_owned();
        for _ in 0..=self.links {
            match self.files.get(&path).or_else(|| self.files.get(&normal(&path)?))? {
                Place::At { offset, size } => return Some((*offset, *size)),
                Place::Link(target) => path.clone_from(target),
            }
        }
        None
    }
}

/// Reads until the buffer is full or there is no more; says how much there was.
pub(super) fn fill(buffer: &mut [u8], mut read: impl FnMut(u64, &mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(filled as u64, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length.min(buffer.len() - filled),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl<S: ReadAt> Files for TarFiles<S> {
    fn size(&self, path: &str) -> Option<u64> {
        self.place(path).map(|(_, size)| size)
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (start, size) = self.place(path).ok_or(io::ErrorKind::NotFound)?;
        let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        self.source.read_at(start.saturating_add(offset), &mut buffer[..length])
    }

    fn offset(&self, path: &str) -> Option<u64> {
        self.place(path).map(|(offset, _)| offset)
    }

    fn paths(&self) -> Vec<String> {
        self.files.keys().filter(|path| self.place(path).is_some()).cloned().collect()
    }
}
