//! PAX records: what they say that matters to a layer.

use std::io;

use super::invalid;
use super::sparse::pair_up;

/// The records of one header, or of several.
#[derive(Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse_name: Option<Vec<u8>>,
    pub(super) sparse_size: Option<u64>,
    pub(super) sparse_map: Option<Vec<(u64, u64)>>,
    pub(super) sparse_offsets: Vec<u64>,
    pub(super) sparse_major: Option<u64>,
}

impl Pax {
    /// Adds the records of a header.
    pub(super) fn read(&mut self, mut records: &[u8]) -> io::Result<()> {
        let bad = || invalid("archive/tar: invalid PAX record");
        while !records.is_empty() && records[0] != 0 {
            let space = records.iter().position(|b| *b == b' ').ok_or_else(bad)?;
            let length = usize::try_from(decimal(&records[..space])?).map_err(|_| bad())?;
            if length <= space + 1 || length > records.len() || records[length - 1] != b'\n' {
                return Err(bad());
            }
            let record = &records[space + 1..length - 1];
            let equals = record.iter().position(|b| *b == b'=').ok_or_else(bad)?;
            self.set(&record[..equals], &record[equals + 1..])?;
            records = &records[length..];
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        match key {
            b"path" => self.path = Some(value.to_vec()).filter(|v| !v.is_empty()),
            b"linkpath" => self.link = Some(value.to_vec()).filter(|v| !v.is_empty()),
            b"size" => self.size = Some(decimal(value)?),
            b"uid" => self.uid = Some(decimal(value)?),
            b"gid" => self.gid = Some(decimal(value)?),
            b"mtime" => self.mtime = Some(pax_time(value)?),
            b"GNU.sparse.name" => self.sparse_name = Some(value.to_vec()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse_size = Some(decimal(value)?),
            b"GNU.sparse.major" => self.sparse_major = Some(decimal(value)?),
            b"GNU.sparse.map" => {
                let numbers = value.split(|b| *b == b',').map(decimal).collect::<io::Result<Vec<_>>>()?;
                self.sparse_map = Some(pair_up(&numbers)?);
            }
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse_offsets.push(decimal(value)?),
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

fn pax_time(value: &[u8]) -> io::Result<(i64, u32)> {
    let bad = || invalid("archive/tar: invalid time in a PAX record");
    let text = std::str::from_utf8(value).map_err(|_| bad())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().map_err(|_| bad())?;
    let mut nanoseconds = 0u32;
    for at in 0..9 {
        let digit = match fraction.as_bytes().get(at) {
            None => 0,
            Some(b @ b'0'..=b'9') => u32::from(b - b'0'),
            Some(_) => return Err(bad()),
        };
        nanoseconds = nanoseconds * 10 + digit;
    }
    if whole.starts_with('-') && nanoseconds > 0 {
        return Ok((seconds - 1, 1_000_000_000 - nanoseconds));
    }
    Ok((seconds, nanoseconds))
}

/// A number as PAX records write it.
pub(super) fn decimal(text: &[u8]) -> io::Result<u64> {
    let number = std::str::from_utf8(text).ok().and_then(|t| t.trim().parse().ok());
    number.ok_or_else(|| invalid("archive/tar: invalid number in a PAX record"))
}
