//! The grammar of a tar over its blocks: which headers belong together, and what they say of an entry.

use super::header::{Header, c_string, sparse_parts};
use super::pax::Pax;
use super::sparse::{self, Lines};
use super::{BLOCK, Entry, Kind};
use crate::image::Limits;
use crate::image::error::TarProblem;

/// What a [`Machine`] needs next, or has to tell.
#[derive(Debug)]
pub enum Next {
    /// The block that follows, to [`Machine::block`].
    Block,
    /// So many bytes that follow, to [`Machine::records`]; they are filled up to whole blocks in the tar.
    Records(usize),
    /// An entry. Its content ([`Entry::stored`] bytes, filled up to whole blocks) follows, then the next block.
    Entry(Box<Entry>),
    /// The tar has ended; what follows is no part of it.
    End,
}

#[derive(Debug)]
enum State {
    Header,
    /// One block of zeros was seen; a second ends the tar.
    Zero,
    /// More parts of an old GNU sparse file.
    GnuSparse(Box<Entry>),
    /// The map in front of a PAX 1.0 sparse file's data.
    PaxSparse(Box<Entry>, Lines),
}

#[derive(Debug, Clone, Copy)]
enum Records {
    Path,
    Link,
    Pax,
    Global,
}

/// Takes a tar's blocks and tells its entries.
#[derive(Debug)]
pub struct Machine {
    limits: Limits,
    state: State,
    expected: Option<Records>,
    /// Where the first header of the entry at hand stands.
    start: Option<u64>,
    pax: Option<Pax>,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    global: Pax,
    /// Name and place for an error.
    last: (Vec<u8>, u64),
}

impl Machine {
    /// A machine before the first block.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            state: State::Header,
            expected: None,
            start: None,
            pax: None,
            path: None,
            link: None,
            global: Pax::default(),
            last: (Vec::new(), 0),
        }
    }

    /// The name of the entry that was last begun, and where its header stands: where a fault is.
    pub fn place(&self) -> (String, u64) {
        (String::from_utf8_lossy(&self.last.0).into_owned(), self.last.1)
    }

    /// Whether the tar may end here without its blocks of zeros, as it may between entries.
    ///
    /// # Errors
    /// [`TarProblem::Truncated`] or [`TarProblem::Dangling`].
    pub fn end(&self) -> Result<(), TarProblem> {
        match self.state {
            State::GnuSparse(_) | State::PaxSparse(..) => Err(TarProblem::Truncated),
            _ if self.expected.is_some() => Err(TarProblem::Truncated),
            _ if self.start.is_some() => Err(TarProblem::Dangling),
            _ => Ok(()),
        }
    }

    /// Takes the block at `offset`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn block(&mut self, block: &[u8; BLOCK], offset: u64) -> Result<Next, TarProblem> {
        match std::mem::replace(&mut self.state, State::Header) {
            State::GnuSparse(entry) => self.more_parts(entry, block, offset),
            State::PaxSparse(entry, lines) => self.more_lines(entry, lines, block, offset),
            State::Header | State::Zero if *block == [0; BLOCK] && self.start.is_some() => Err(TarProblem::Dangling),
            State::Header if *block == [0; BLOCK] => {
                self.state = State::Zero;
                Ok(Next::Block)
            }
            State::Zero if *block == [0; BLOCK] => Ok(Next::End),
            State::Zero => Err(TarProblem::LoneZeroBlock),
            State::Header => self.header(block, offset),
        }
    }

    fn header(&mut self, block: &[u8; BLOCK], offset: u64) -> Result<Next, TarProblem> {
        let start = *self.start.get_or_insert(offset);
        self.last.1 = start;
        let header = Header::new(block)?;
        if self.path.is_none() && self.pax.is_none() {
            self.last.0 = header.path();
        }
        let kind = match header.flag() {
            b'L' => Some(Records::Path),
            b'K' => Some(Records::Link),
            b'x' | b'X' => Some(Records::Pax),
            b'g' => Some(Records::Global),
            _ => None,
        };
        if kind.is_none() {
            return self.entry(&header, start, offset + BLOCK as u64);
        }
        let size = header.size()?;
        if size > self.limits.tar_records {
            return Err(TarProblem::Limit("the length of a long name or PAX header", self.limits.tar_records));
        }
        self.expected = kind;
        let length = usize::try_from(size).map_err(|_| TarProblem::Number("size"))?;
        if length == 0 { self.records(&[]) } else { Ok(Next::Records(length)) }
    }

    /// Takes the bytes that [`Next::Records`] asked for.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn records(&mut self, bytes: &[u8]) -> Result<Next, TarProblem> {
        let parts = self.limits.sparse_parts;
        match self.expected.take() {
            Some(Records::Path) => {
                self.last.0 = c_string(bytes).to_vec();
                self.path = Some(self.last.0.clone());
            }
            Some(Records::Link) => self.link = Some(c_string(bytes).to_vec()),
            Some(Records::Pax) => {
                let pax = self.pax.get_or_insert_default();
                pax.read(bytes, parts)?;
                if let Some(path) = &pax.path {
                    self.last.0.clone_from(path);
                }
            }
            Some(Records::Global) => {
                self.global.read(bytes, parts)?;
                // It belongs to no entry, so the tar may end after it.
                if self.path.is_none() && self.link.is_none() && self.pax.is_none() {
                    self.start = None;
                }
            }
            None => {}
        }
        Ok(Next::Block)
    }

    fn entry(&mut self, header: &Header<'_>, offset: u64, data: u64) -> Result<Next, TarProblem> {
        let pax = self.pax.take().unwrap_or_default();
        let (long_path, long_link) = (self.path.take(), self.link.take());
        let global = &self.global;
        let path = pax.path.or(long_path).or_else(|| global.path.clone()).unwrap_or_else(|| header.path());
        let link = pax.link.or(long_link).or_else(|| global.link.clone()).unwrap_or_else(|| header.link());
        self.last.0.clone_from(&path);
        let stored = match pax.size.or(global.size) {
            Some(size) if i64::try_from(size).is_ok() => size,
            Some(_) => return Err(TarProblem::Number("size")),
            None => header.size()?,
        };
        let owner = |pax: Option<u64>, header: &dyn Fn() -> Result<u64, TarProblem>, name| {
            u32::try_from(pax.map_or_else(header, Ok)?).map_err(|_| TarProblem::Number(name))
        };
        let mtime = match pax.mtime.or(global.mtime) {
            Some(mtime) => mtime,
            None => (header.mtime()?, 0),
        };
        let mut kind = header.kind();
        if kind == Kind::File && header.flag() == 0 && path.ends_with(b"/") {
            kind = Kind::Directory;
        }
        if path.len() > self.limits.path || link.len() > self.limits.path {
            return Err(TarProblem::Limit("the length of a path", self.limits.path as u64));
        }
        // A link may carry the size of its file without content; Go and GNU tar read none for these kinds.
        let has_content = matches!(kind, Kind::File | Kind::Other);
        let stored = if has_content { stored } else { 0 };
        let mut entry = Box::new(Entry {
            path,
            link,
            kind,
            mode: header.mode()?,
            uid: owner(pax.uid.or(global.uid), &|| header.uid(), "uid")?,
            gid: owner(pax.gid.or(global.gid), &|| header.gid(), "gid")?,
            mtime,
            stored,
            size: stored,
            sparse: None,
            xattrs: pax.xattrs,
            device: if matches!(kind, Kind::Character | Kind::Block) { header.device()? } else { (0, 0) },
            offset,
            data,
        });
        let parts = self.limits.sparse_parts;
        if header.flag() == b'S' {
            if !header.is_gnu() {
                return Err(TarProblem::Sparse("its header is not GNU's"));
            }
            let (map, more, size) = header.sparse()?;
            (entry.sparse, entry.size) = (Some(map), size);
            if more {
                self.state = State::GnuSparse(entry);
                return Ok(Next::Block);
            }
        } else if let Some(size) = pax.sparse.size.filter(|_| kind == Kind::File) {
            if let Some(name) = pax.sparse.name {
                entry.path = name;
            }
            entry.size = size;
            if pax.sparse.major == Some(1) {
                self.state = State::PaxSparse(entry, Lines::default());
                return Ok(Next::Block);
            }
            let numbers = pax.sparse.map.unwrap_or(pax.sparse.numbers);
            entry.sparse = Some(sparse::pair_up(&numbers, parts)?);
        }
        self.complete(entry)
    }

    fn complete(&mut self, entry: Box<Entry>) -> Result<Next, TarProblem> {
        if let Some(map) = &entry.sparse {
            sparse::check(map, entry.size, entry.stored)?;
        }
        self.start = None;
        Ok(Next::Entry(entry))
    }

    fn more_parts(&mut self, mut entry: Box<Entry>, block: &[u8; BLOCK], offset: u64) -> Result<Next, TarProblem> {
        let map = entry.sparse.get_or_insert_default();
        map.extend(sparse_parts(&block[..504])?);
        if map.len() > self.limits.sparse_parts {
            return Err(TarProblem::Limit("the number of parts of a sparse file", self.limits.sparse_parts as u64));
        }
        entry.data = offset + BLOCK as u64;
        if block[504] != 0 {
            self.state = State::GnuSparse(entry);
            return Ok(Next::Block);
        }
        self.complete(entry)
    }

    fn more_lines(
        &mut self,
        mut entry: Box<Entry>,
        mut lines: Lines,
        block: &[u8; BLOCK],
        offset: u64,
    ) -> Result<Next, TarProblem> {
        let short = TarProblem::Sparse("it is longer than what is stored");
        entry.stored = entry.stored.checked_sub(BLOCK as u64).ok_or(short)?;
        entry.data = offset + BLOCK as u64;
        match lines.block(block, self.limits.sparse_parts)? {
            Some(map) => {
                entry.sparse = Some(map);
                self.complete(entry)
            }
            None => {
                self.state = State::PaxSparse(entry, lines);
                Ok(Next::Block)
            }
        }
    }
}
