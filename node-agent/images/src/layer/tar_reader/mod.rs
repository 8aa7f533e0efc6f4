//! Reads a tar stream entry by entry: ustar, GNU (long names, sparse) and PAX (all its records that matter to a layer).
//! Believes nothing: every size is bounded, and a header that lies is an error. It never touches the file system.

mod pax;
mod sparse;

use std::io::{self, BufRead, Read};

use tar::{EntryType, Header};

use self::pax::Pax;
use self::sparse::{check_sparse, pair_up};
use super::tar_split::Splitter;

const BLOCK: usize = 512;
/// Long names and PAX records beyond this are taken for an attack (Go's archive/tar has the same limit).
const MAX_META: u64 = 1 << 20;

/// What an entry creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Dir,
    Symlink,
    Hardlink,
    Char,
    Block,
    Fifo,
    /// A kind that a layer has no use for; its payload is skipped.
    Other,
}

/// One entry's metadata; its payload follows in the stream.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: (i64, u32),
    /// Bytes of payload in the stream.
    pub(crate) stored: u64,
    /// Size of the file, which for a sparse one is more than `stored`.
    pub(crate) size: u64,
    /// For a sparse file: offset and length of each part that is stored.
    pub(crate) sparse: Option<Vec<(u64, u64)>>,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) device: (u32, u32),
}

/// A tar stream being read. Every byte that is not a plain file's payload goes to the splitter as it is.
pub(crate) struct TarReader<R> {
    input: R,
    pub(crate) splitter: Splitter,
    padding: usize,
    name: Vec<u8>,
    global: Pax,
}

pub(crate) fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// A number of a header, where an empty field is 0 as it is to Go: writers leave those empty that they have nothing for.
fn numeric<N: Default>(header: &Header, field: std::ops::Range<usize>, read: io::Result<N>) -> io::Result<N> {
    if header.as_bytes()[field].iter().all(|b| matches!(b, 0 | b' ')) { Ok(N::default()) } else { read }
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "unexpected EOF")
}

impl<R: BufRead> TarReader<R> {
    pub(crate) fn new(input: R, splitter: Splitter) -> Self {
        Self { input, splitter, padding: 0, name: Vec::new(), global: Pax::default() }
    }

    /// The next entry, or `None` at the end of the archive; everything up to the end of the stream has been read then.
    pub(crate) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let mut pax: Option<Pax> = None;
        let mut long_path = None;
        let mut long_link = None;
        loop {
            let Some(header) = self.header()? else {
                if pax.is_some() || long_path.is_some() || long_link.is_some() {
                    return Err(truncated());
                }
                return Ok(None);
            };
            let size = numeric(&header, 124..136, header.entry_size())
                .map_err(|e| invalid(format!("archive/tar: invalid tar header: {e}")))?;
            match header.entry_type() {
                EntryType::GNULongName => long_path = Some(c_string(self.meta(size)?)),
                EntryType::GNULongLink => long_link = Some(c_string(self.meta(size)?)),
                EntryType::XHeader => {
                    let records = self.meta(size)?;
                    pax.get_or_insert_with(Pax::default).read(&records)?;
                }
                EntryType::XGlobalHeader => {
                    let records = self.meta(size)?;
                    self.global.read(&records)?;
                    // Docker's splitter has an entry for it, as Go's reader returns global headers.
                    let name = header.path_bytes().into_owned();
                    self.splitter.file(&name, 0, None)?;
                }
                _ => {
                    return self.entry(&header, pax.unwrap_or_default(), long_path, long_link).map(Some);
                }
            }
        }
    }

    fn entry(
        &mut self,
        header: &Header,
        pax: Pax,
        long_path: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> io::Result<Entry> {
        let bad = |what: &str| invalid(format!("archive/tar: invalid tar header: {what}"));
        let global = &self.global;
        let number = |pax: Option<u64>, global: Option<u64>, header: io::Result<u64>| match pax.or(global) {
            Some(number) => Ok(number),
            None => header,
        };
        let mut stored =
            number(pax.size, global.size, numeric(header, 124..136, header.entry_size())).map_err(|_| bad("size"))?;
        let uid = number(pax.uid, global.uid, numeric(header, 108..116, header.uid())).map_err(|_| bad("uid"))?;
        let gid = number(pax.gid, global.gid, numeric(header, 116..124, header.gid())).map_err(|_| bad("gid"))?;
        let mtime = match pax.mtime.or(global.mtime) {
            Some(mtime) => mtime,
            None => (header.mtime().map_or(0, u64::cast_signed), 0),
        };
        let path = pax.path.or(long_path).or_else(|| global.path.clone());
        let mut path = path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = pax.link.or(long_link).or_else(|| global.link.clone());
        let link = link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned)).unwrap_or_default();
        let mut kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Directory => Kind::Dir,
            EntryType::Symlink => Kind::Symlink,
            EntryType::Link => Kind::Hardlink,
            EntryType::Char => Kind::Char,
            EntryType::Block => Kind::Block,
            EntryType::Fifo => Kind::Fifo,
            _ => Kind::Other,
        };
        if kind == Kind::File && header.as_bytes()[156] == 0 && path.ends_with(b"/") {
            kind = Kind::Dir;
        }
        let mut size = stored;
        let mut sparse = None;
        let name = path.clone();
        if header.entry_type() == EntryType::GNUSparse {
            let (map, real) = self.gnu_sparse(header)?;
            (sparse, size) = (Some(map), real);
        } else if let Some(real) = pax.sparse_size.filter(|_| kind == Kind::File) {
            let map = match pax.sparse_map {
                Some(map) => map,
                None if pax.sparse_major == Some(1) => self.pax_sparse_map(&mut stored)?,
                None => pair_up(&pax.sparse_offsets)?,
            };
            if let Some(name) = pax.sparse_name {
                path = name;
            }
            (sparse, size) = (Some(map), real);
        }
        if let Some(map) = &sparse {
            check_sparse(map, size, stored)?;
        }
        let has_payload = matches!(kind, Kind::File | Kind::Other);
        if !has_payload {
            // POSIX lets a link carry a size without data; Go and GNU tar read none for these kinds.
            (stored, size) = (0, 0);
        }
        self.padding = usize::try_from((BLOCK as u64 - stored % BLOCK as u64) % BLOCK as u64).expect("below 512");
        let device =
            (header.device_major().ok().flatten().unwrap_or(0), header.device_minor().ok().flatten().unwrap_or(0));
        self.name = name;
        self.splitter.path(&path)?;
        let owner = |id: u64, what| u32::try_from(id).map_err(|_| bad(what));
        Ok(Entry {
            path,
            link,
            kind,
            mode: numeric(header, 100..108, header.mode()).map_err(|_| bad("mode"))? & 0o7777,
            uid: owner(uid, "uid")?,
            gid: owner(gid, "gid")?,
            mtime,
            stored,
            size,
            sparse,
            xattrs: pax.xattrs,
            device,
        })
    }

    /// Reads all of a plain file's payload into `sink`; the record will say that it is in the layer's file.
    pub(crate) fn payload(&mut self, entry: &Entry, sink: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let name = std::mem::take(&mut self.name);
        self.splitter.begin(&name, entry.stored)?;
        self.read_payload(entry.stored, false, sink)?;
        self.splitter.end()
    }

    /// A plain file's payload as a reader of its own. Nothing of it comes into the record.
    pub(crate) fn body(&mut self, entry: &Entry) -> Body<'_, R> {
        self.name.clear();
        Body { input: &mut self.input, left: entry.stored }
    }

    /// Reads `length` bytes of payload that stand in no file as they are: parts of a sparse file, or what is skipped.
    /// They are kept in the record.
    pub(crate) fn payload_part(&mut self, length: u64, sink: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.read_payload(length, true, sink)
    }

    fn read_payload(
        &mut self,
        mut length: u64,
        record: bool,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while length > 0 {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Err(truncated());
            }
            let take = usize::try_from(length).unwrap_or(usize::MAX).min(chunk.len());
            sink(&chunk[..take])?;
            if record {
                self.splitter.segment(&chunk[..take])?;
            } else {
                self.splitter.payload(&chunk[..take]);
            }
            self.input.consume(take);
            length -= take as u64;
        }
        Ok(())
    }

    /// Ends the current entry: notes an entry without a file, and reads the padding.
    pub(crate) fn finish_entry(&mut self) -> io::Result<()> {
        let name = std::mem::take(&mut self.name);
        if !name.is_empty() {
            self.splitter.file(&name, 0, None)?;
        }
        let padding = std::mem::take(&mut self.padding);
        let mut block = [0; BLOCK];
        self.raw(&mut block[..padding])
    }

    fn raw(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.input.read_exact(buffer).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => truncated(),
            _ => e,
        })?;
        self.splitter.segment(buffer)
    }

    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut block = [0; BLOCK];
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.raw(&mut block)?;
        if block.iter().all(|b| *b == 0) {
            self.drain()?;
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        let sum = |as_byte: fn(u8) -> i64| -> i64 {
            let bytes = block.iter().enumerate();
            bytes.map(|(at, b)| as_byte(if (148..156).contains(&at) { b' ' } else { *b })).sum()
        };
        let stored = header.cksum().ok().map(i64::from);
        // Some old writers summed signed characters.
        if stored != Some(sum(i64::from)) && stored != Some(sum(|b| i64::from(b.cast_signed()))) {
            return Err(invalid("archive/tar: invalid tar header"));
        }
        Ok(Some(header))
    }

    /// Reads all that follows the end mark, which counts for the digest.
    fn drain(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.input.fill_buf()?;
            let length = chunk.len();
            if length == 0 {
                return Ok(());
            }
            self.splitter.segment(chunk)?;
            self.input.consume(length);
        }
    }

    fn meta(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > MAX_META {
            return Err(invalid(format!("archive/tar: a header of {size} bytes is too long (at most {MAX_META})")));
        }
        let mut data = vec![0; usize::try_from(size).expect("checked above")];
        self.raw(&mut data)?;
        let mut padding = [0; BLOCK];
        self.raw(&mut padding[..(BLOCK - data.len() % BLOCK) % BLOCK])?;
        Ok(data)
    }
}

/// What is left of an entry's payload; the stream's end before the entry's is an error.
pub(crate) struct Body<'a, R> {
    input: &'a mut R,
    left: u64,
}

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.input.read(&mut buffer[..length])?;
        if read == 0 && length > 0 {
            return Err(truncated());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn c_string(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|b| *b == 0) {
        bytes.truncate(end);
    }
    bytes
}
