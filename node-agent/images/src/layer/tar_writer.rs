//! Writes tar streams as Go's `archive/tar` does in its PAX format: plain ustar where that holds everything, a PAX header
//! before the entry where it does not. The same entries always give the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use tar::{EntryType, Header};

/// What an octal field of eight bytes can hold.
const MAX_ID: u32 = 0o7_777_777;
const MAX_SIZE: u64 = 0o77_777_777_777;

/// An entry's metadata.
#[derive(Debug, Clone)]
pub(crate) struct TarEntry {
    /// Relative; a directory's ends with a slash.
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: EntryType,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: i64,
    pub(crate) size: u64,
    pub(crate) device: (u32, u32),
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl TarEntry {
    pub(crate) fn new(path: impl Into<Vec<u8>>, kind: EntryType, mode: u32) -> Self {
        Self {
            path: path.into(),
            link: Vec::new(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            device: (0, 0),
            xattrs: Vec::new(),
        }
    }
}

/// A tar stream being written.
pub(crate) struct TarWriter<W> {
    output: W,
}

impl<W: Write> TarWriter<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output }
    }

    /// Writes an entry's headers.
    pub(crate) fn entry(&mut self, entry: &TarEntry) -> io::Result<()> {
        let mut records: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut header = Header::new_ustar();
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        let id = |value: u32, key: &str, records: &mut BTreeMap<_, _>| {
            if value > MAX_ID {
                records.insert(key.into(), value.to_string().into());
                return 0;
            }
            u64::from(value)
        };
        header.set_uid(id(entry.uid, "uid", &mut records));
        header.set_gid(id(entry.gid, "gid", &mut records));
        header.set_size(if entry.size > MAX_SIZE { 0 } else { entry.size });
        if entry.size > MAX_SIZE {
            records.insert(b"size".to_vec(), entry.size.to_string().into());
        }
        match u64::try_from(entry.mtime) {
            Ok(seconds) if seconds <= MAX_SIZE => header.set_mtime(seconds),
            _ => {
                header.set_mtime(0);
                records.insert(b"mtime".to_vec(), entry.mtime.to_string().into());
            }
        }
        header.set_device_major(entry.device.0)?;
        header.set_device_minor(entry.device.1)?;
        if !put_path(&mut header, &entry.path) {
            records.insert(b"path".to_vec(), entry.path.clone());
        }
        if !put(&mut header.as_mut_bytes()[157..257], &ascii(&entry.link)) || !entry.link.is_ascii() {
            records.insert(b"linkpath".to_vec(), entry.link.clone());
        }
        for (name, value) in &entry.xattrs {
            records.insert([b"SCHILY.xattr.", &name[..]].concat(), value.clone());
        }
        if !records.is_empty() {
            if entry.path.len() > 100 {
                // Prefixes are for headers that stand alone.
                records.insert(b"path".to_vec(), entry.path.clone());
                header.as_mut_bytes()[345..500].fill(0);
                put_cut(&mut header, &entry.path);
            }
            self.pax(&entry.path, &records)?;
        }
        seal(&mut header);
        self.output.write_all(header.as_bytes())
    }

    fn pax(&mut self, path: &[u8], records: &BTreeMap<Vec<u8>, Vec<u8>>) -> io::Result<()> {
        let mut data = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + rest.to_string().len();
            if length.to_string().len() != rest.to_string().len() {
                length = rest + length.to_string().len();
            }
            data.extend_from_slice(length.to_string().as_bytes());
            data.push(b' ');
            data.extend_from_slice(key);
            data.push(b'=');
            data.extend_from_slice(value);
            data.push(b'\n');
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(data.len() as u64);
        // As Go splits and joins: a directory's slash leaves nothing behind it.
        let (dir, name) = path.split_at(path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1));
        let slash: &[u8] = if name.is_empty() { b"" } else { b"/" };
        let name = ascii(&[dir, b"PaxHeaders.0", slash, name].concat());
        let name = &name[..name.len().min(100)];
        let kept = name.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
        put(&mut header.as_mut_bytes()[..100], &name[..kept]);
        header.set_mode(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        seal(&mut header);
        self.output.write_all(header.as_bytes())?;
        self.output.write_all(&data)?;
        self.pad(data.len() as u64)
    }

    /// Writes an entry with its content; the content must have the entry's size.
    pub(crate) fn file(&mut self, entry: &TarEntry, content: &mut dyn Read) -> io::Result<()> {
        self.entry(entry)?;
        let copied = io::copy(&mut content.take(entry.size), &mut self.output)?;
        // A file that shrinks while it is read is filled up, so that the archive stays whole.
        io::copy(&mut io::repeat(0).take(entry.size - copied), &mut self.output)?;
        self.pad(entry.size)
    }

    /// Writes an entry whose content `produce` writes; it must be as long as the entry says.
    pub(crate) fn stream(
        &mut self,
        entry: &TarEntry,
        produce: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.entry(entry)?;
        let mut counted = Counted { output: &mut self.output, written: 0 };
        produce(&mut counted)?;
        if counted.written != entry.size {
            let name = String::from_utf8_lossy(&entry.path).into_owned();
            let (size, written) = (entry.size, counted.written);
            return Err(io::Error::other(format!("{name}: {written} bytes instead of {size}")));
        }
        self.pad(entry.size)
    }

    fn pad(&mut self, written: u64) -> io::Result<()> {
        let rest = usize::try_from((512 - written % 512) % 512).expect("below 512");
        self.output.write_all(&[0; 512][..rest])
    }

    /// Writes the end of the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.output.write_all(&[0; 1024])?;
        Ok(self.output)
    }
}

struct Counted<'a, W> {
    output: &'a mut W,
    written: u64,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn put(field: &mut [u8], value: &[u8]) -> bool {
    let fits = value.len() <= field.len();
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
    fits
}

/// What is left of a text in fields that hold ASCII alone; a record has the whole.
fn ascii(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(u8::is_ascii).collect()
}

/// Puts as much of a path as there is room for; one that is cut at a slash must not look like a directory's.
fn put_cut(header: &mut Header, path: &[u8]) {
    let text = ascii(path);
    let field = &mut header.as_mut_bytes()[..100];
    field.fill(0);
    if !put(field, &text) && field[99] == b'/' {
        let kept = field.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
        field[kept] = 0;
    }
}

/// Puts a path into name and prefix; false when a PAX record must say it.
fn put_path(header: &mut Header, path: &[u8]) -> bool {
    if path.len() <= 100 && path.is_ascii() {
        return put(&mut header.as_mut_bytes()[..100], path);
    }
    let inner = path.strip_suffix(b"/").unwrap_or(path);
    let cut = inner[..inner.len().min(156)].iter().rposition(|b| *b == b'/');
    if let Some(at) = cut.filter(|at| *at > 0 && path.len() - at - 1 <= 100 && path.is_ascii()) {
        let bytes = header.as_mut_bytes();
        return put(&mut bytes[345..500], &path[..at]) && put(&mut bytes[..100], &path[at + 1..]);
    }
    put_cut(header, path);
    false
}

/// The checksum as Go writes it: six digits, a zero byte, a space.
fn seal(header: &mut Header) {
    let bytes = header.as_mut_bytes();
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}
