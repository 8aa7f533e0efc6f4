//! The fields of a header block.

use super::{BLOCK, Kind};
use crate::image::error::TarProblem;

/// A header block whose sum is right.
pub(super) struct Header<'a>(&'a [u8; BLOCK]);

impl<'a> Header<'a> {
    pub(super) fn new(block: &'a [u8; BLOCK]) -> Result<Self, TarProblem> {
        let header = Self(block);
        let sum = |as_byte: fn(u8) -> i64| -> i64 {
            block.iter().enumerate().map(|(at, b)| as_byte(if (148..156).contains(&at) { b' ' } else { *b })).sum()
        };
        let stored = header.number(148, 8, "checksum").ok().and_then(|n| i64::try_from(n).ok());
        // Some old writers summed signed characters.
        if stored.is_some() && (stored == Some(sum(i64::from)) || stored == Some(sum(|b| i64::from(b.cast_signed())))) {
            Ok(header)
        } else {
            Err(TarProblem::Checksum)
        }
    }

    fn field(&self, at: usize, length: usize) -> &'a [u8] {
        self.0.get(at..at + length).unwrap_or_default()
    }

    /// A number in octal or base 256. An empty field is 0, as everywhere.
    fn number(&self, at: usize, length: usize, name: &'static str) -> Result<i128, TarProblem> {
        number(self.field(at, length)).ok_or(TarProblem::Number(name))
    }

    fn unsigned(&self, at: usize, length: usize, name: &'static str) -> Result<u64, TarProblem> {
        u64::try_from(self.number(at, length, name)?).map_err(|_| TarProblem::Number(name))
    }

    pub(super) fn size(&self) -> Result<u64, TarProblem> {
        // No tar is longer than a signed 64-bit offset reaches.
        self.unsigned(124, 12, "size").and_then(|n| i64::try_from(n).map(|_| n).map_err(|_| TarProblem::Number("size")))
    }

    pub(super) fn mode(&self) -> Result<u32, TarProblem> {
        // Only the lower bits matter, and some writers put the file's type above them.
        Ok((self.unsigned(100, 8, "mode")? & 0o7777) as u32)
    }

    pub(super) fn uid(&self) -> Result<u64, TarProblem> {
        self.unsigned(108, 8, "uid")
    }

    pub(super) fn gid(&self) -> Result<u64, TarProblem> {
        self.unsigned(116, 8, "gid")
    }

    pub(super) fn mtime(&self) -> Result<i64, TarProblem> {
        i64::try_from(self.number(136, 12, "mtime")?).map_err(|_| TarProblem::Number("mtime"))
    }

    pub(super) fn device(&self) -> Result<(u32, u32), TarProblem> {
        if !self.has_magic() {
            return Ok((0, 0));
        }
        let part = |at, name| u32::try_from(self.unsigned(at, 8, name)?).map_err(|_| TarProblem::Number(name));
        Ok((part(329, "devmajor")?, part(337, "devminor")?))
    }

    pub(super) fn flag(&self) -> u8 {
        self.0[156]
    }

    pub(super) fn kind(&self) -> Kind {
        match self.flag() {
            0 | b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::Hardlink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Character,
            b'4' => Kind::Block,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            _ => Kind::Other,
        }
    }

    fn has_magic(&self) -> bool {
        self.field(257, 5) == b"ustar"
    }

    /// POSIX's form; GNU's has a space where this has a zero, and other fields where this has a prefix of the name.
    fn is_posix(&self) -> bool {
        self.field(257, 6) == b"ustar\0"
    }

    pub(super) fn is_gnu(&self) -> bool {
        self.field(257, 8) == b"ustar  \0"
    }

    pub(super) fn path(&self) -> Vec<u8> {
        let name = c_string(self.field(0, 100));
        // `star` keeps times where POSIX has the end of the prefix.
        let prefix_length = if self.field(508, 4) == b"tar\0" { 131 } else { 155 };
        let prefix = if self.is_posix() { c_string(self.field(345, prefix_length)) } else { &[] };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        c_string(self.field(157, 100)).to_vec()
    }

    /// Old GNU sparse: the first parts, whether more blocks follow, and the file's size.
    pub(super) fn sparse(&self) -> Result<(Parts, bool, u64), TarProblem> {
        let bad = |_| TarProblem::Sparse("its numbers cannot be read");
        let map = sparse_parts(self.field(386, 96))?;
        Ok((map, self.0[482] != 0, self.unsigned(483, 12, "realsize").map_err(bad)?))
    }
}

/// Offset and length of each part of a sparse file that is there.
type Parts = Vec<(u64, u64)>;

/// Reads [`Parts`], 24 bytes each, up to the first empty one.
pub(super) fn sparse_parts(bytes: &[u8]) -> Result<Parts, TarProblem> {
    let read = |bytes| number(bytes).and_then(|n| u64::try_from(n).ok());
    let used = bytes.chunks_exact(24).take_while(|part| part[0] != 0);
    used.map(|part| Some((read(&part[..12])?, read(&part[12..])?)))
        .collect::<Option<_>>()
        .ok_or(TarProblem::Sparse("its numbers cannot be read"))
}

pub(super) fn c_string(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == 0).next().unwrap_or_default()
}

/// Octal digits among spaces and zeros, or base 256 where the first bit is set (its sign is the second bit).
fn number(bytes: &[u8]) -> Option<i128> {
    let first = *bytes.first()?;
    if first & 0x80 != 0 {
        let sign = if first & 0x40 != 0 { -1 } else { 0 };
        let mut value: i128 = if sign < 0 { -1 << 6 | i128::from(first & 0x3f) } else { i128::from(first & 0x3f) };
        for byte in &bytes[1..] {
            value = value.checked_mul(256)? + i128::from(*byte);
        }
        return Some(value);
    }
    let text = bytes.trim_ascii_start();
    let text = &text[text.iter().take_while(|b| **b == 0).count()..];
    let end = text.iter().position(|b| matches!(b, 0 | b' ')).unwrap_or(text.len());
    text[..end].iter().try_fold(0i128, |value, digit| match digit {
        b'0'..=b'7' => Some(value * 8 + i128::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000755\0"), Some(0o755));
        assert_eq!(number(b"   755 \0"), Some(0o755));
        assert_eq!(number(b"77777777777 "), Some(0o77_777_777_777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(&[0x80, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]), Some(2 << 56));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"00007x5\0"), None);
        assert_eq!(number(b"-1\0"), None);
    }
}
