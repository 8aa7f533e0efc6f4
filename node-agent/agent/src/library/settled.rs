//! A layer's archive with no time in it later than a given one (reproducible-builds.org, SOURCE_DATE_EPOCH): what a build has written
//! carries the minute of the build, and equal builds are to give equal layers. Everything else stays byte for byte.

use std::io::{self, Read};

/// A header, and the unit of everything.
const BLOCK: usize = 512;
/// No layer has longer extended headers.
const LONGEST: u64 = 16 << 20;

/// An archive (POSIX pax, ustar or GNU) whose times are clamped while it is read.
pub(super) struct Settled<R> {
    inner: R,
    epoch: u64,
    /// What is ready to be given, from `given` on.
    ready: Vec<u8>,
    given: usize,
    /// Bytes of a file that go through as they are.
    through: u64,
    ended: bool,
}

impl<R: Read> Settled<R> {
    /// Reads the archive in `inner`; no entry stays younger than `epoch`, in seconds.
    pub(super) fn new(inner: R, epoch: u64) -> Self {
        Self { inner, epoch, ready: Vec::new(), given: 0, through: 0, ended: false }
    }

    /// Makes the next header ready.
    fn advance(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        let mut header = [0; BLOCK];
        if let Err(error) = self.inner.read_exact(&mut header) {
            self.ended = true;
            return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(()) } else { Err(error) };
        }
        if header.iter().all(|byte| *byte == 0) {
            self.ready.extend(header);
            return Ok(());
        }
        let size = number(&header[124..136]).ok_or_else(|| wrong("a size that is no number"))?;
        let padded = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| wrong("a size beyond all bounds"))?;
        if header[156] == b'x' {
            if padded > LONGEST {
                return Err(wrong("an extended header beyond all bounds"));
            }
            let mut body = vec![0; padded as usize];
            self.inner.read_exact(&mut body)?;
            let records = records(&body[..size as usize], self.epoch)?;
            if !records.is_empty() {
                set(&mut header[124..136], records.len() as u64);
                self.put(header);
                self.ready.extend(&records);
                self.ready.resize(self.ready.len().next_multiple_of(BLOCK), 0);
            }
            return Ok(());
        }
        self.put(header);
        self.through = padded;
        Ok(())
    }

    fn put(&mut self, mut header: [u8; BLOCK]) {
        if number(&header[136..148]).is_none_or(|time| time > self.epoch) {
            set(&mut header[136..148], self.epoch);
        }
        header[148..156].fill(b' ');
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        let text = format!("{sum:06o}\0 ");
        header[148..156].copy_from_slice(text.as_bytes());
        self.ready.extend(header);
    }
}

impl<R: Read> Read for Settled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.given < self.ready.len() {
                let count = buffer.len().min(self.ready.len() - self.given);
                buffer[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
                self.given += count;
                return Ok(count);
            }
            if self.through > 0 && !buffer.is_empty() {
                let most = usize::try_from(self.through).unwrap_or(usize::MAX).min(buffer.len());
                let count = self.inner.read(&mut buffer[..most])?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.through -= count as u64;
                return Ok(count);
            }
            if self.ended || buffer.is_empty() {
                return Ok(0);
            }
            self.advance()?;
        }
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the layer's archive has {what}"))
}

/// A number field: octal digits, or base 256 after a set bit.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (first, rest) = (u64::from(field[0] & 0x7f), &field[1..]);
        return rest.iter().try_fold(first, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn set(field: &mut [u8], value: u64) {
    let text = format!("{value:0width$o}\0", width = field.len() - 1);
    if text.len() == field.len() {
        field.copy_from_slice(text.as_bytes());
    } else {
        field.fill(0);
        let start = field.len() - 8;
        field[start..].copy_from_slice(&value.to_be_bytes());
        field[0] |= 0x80;
    }
}

/// An extended header's records without the times that are too young, which the plain header then gives.
fn records(mut body: &[u8], epoch: u64) -> io::Result<Vec<u8>> {
    let mut kept = Vec::with_capacity(body.len());
    while !body.is_empty() {
        let space = body.iter().position(|byte| *byte == b' ').ok_or_else(|| wrong("a record without a length"))?;
        let length: usize = std::str::from_utf8(&body[..space])
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|length| (space + 1..=body.len()).contains(length))
            .ok_or_else(|| wrong("a record with a wrong length"))?;
        let (record, rest) = body.split_at(length);
        let pair = &record[space + 1..];
        let value = [&b"mtime="[..], b"atime=", b"ctime="].iter().find_map(|key| pair.strip_prefix(*key));
        let seconds =
            value.and_then(|value| std::str::from_utf8(value).ok()?.trim_end().split('.').next()?.parse::<i64>().ok());
        // A time at the epoch with a fraction is younger than it.
        if value.is_none() || seconds.is_some_and(|seconds| seconds < epoch as i64) {
            kept.extend(record);
        }
        body = rest;
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: u64 = 1_735_689_600;

    fn archive(mtime: u64, pax: Option<&str>) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        if let Some(time) = pax {
            builder
                .append_pax_extensions([("mtime", time.as_bytes()), ("SCHILY.xattr.user.a", b"b")])
                .expect("records");
        }
        for (path, bytes) in [("one", vec![b'1'; 700]), ("two", vec![])] {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o4755);
            header.set_mtime(mtime);
            builder.append_data(&mut header, path, &bytes[..]).expect("an entry");
        }
        builder.into_inner().expect("an archive")
    }

    fn settled(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Settled::new(bytes, EPOCH).read_to_end(&mut out).expect("read");
        out
    }

    #[test]
    fn builds_at_different_times_give_the_same_archive() {
        let (one, two) = (archive(EPOCH + 1000, Some("1735690600.5")), archive(EPOCH + 5000, Some("1735694600.25")));
        assert_ne!(one, two);
        assert_eq!(settled(&one), settled(&two));
        let mut read = tar::Archive::new(&settled(&one)[..])
            .entries()
            .expect("entries")
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let extended = entry.pax_extensions().expect("records").map(|records| records.count());
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("its bytes");
                let header = entry.header();
                (header.mtime().expect("a time"), header.mode().expect("a mode"), bytes.len(), extended)
            })
            .collect::<Vec<_>>()
            .into_iter();
        assert_eq!(read.next(), Some((EPOCH, 0o4755, 700, Some(1))), "the other record stays");
        assert_eq!(read.next(), Some((EPOCH, 0o4755, 0, None)));
    }

    #[test]
    fn what_is_older_stays_byte_for_byte() {
        let old = archive(EPOCH - 7, Some("1600000000.5"));
        let checked = settled(&old);
        assert_eq!(checked.len(), old.len());
        let entry = |bytes: &[u8]| {
            tar::Archive::new(bytes)
                .entries()
                .expect("entries")
                .map(|e| e.expect("an entry").header().mtime().ok())
                .collect::<Vec<_>>()
        };
        assert_eq!(entry(&checked), entry(&old));
    }

    #[test]
    fn an_archive_that_is_none_is_refused() {
        for bytes in [vec![b'x'; 512], {
            let mut bytes = archive(1, None);
            bytes.truncate(900);
            bytes
        }] {
            assert!(Settled::new(&bytes[..], EPOCH).read_to_end(&mut Vec::new()).is_err());
        }
    }

    #[test]
    fn large_numbers_are_written_and_read() {
        let mut field = [0; 12];
        for value in [0, 7, EPOCH, 1 << 35, u64::MAX >> 1] {
            set(&mut field, value);
            assert_eq!(number(&field), Some(value));
        }
    }
}
