//! Sparse files: which parts of them are in the stream.

use std::io::{self, BufRead};

use tar::Header;

use super::pax::decimal;
use super::{BLOCK, TarReader, invalid};

const MAX_SPARSE_PARTS: usize = 1 << 16;

impl<R: BufRead> TarReader<R> {
    /// The map of a sparse file in GNU's own header, and the file's size.
    pub(super) fn gnu_sparse(&mut self, header: &Header) -> io::Result<(Vec<(u64, u64)>, u64)> {
        let bad = |_| invalid("archive/tar: invalid sparse map");
        let gnu = header.as_gnu().ok_or_else(|| invalid("archive/tar: sparse entry without a GNU header"))?;
        let mut map = Vec::new();
        let mut add = |parts: &[tar::GnuSparseHeader]| -> io::Result<()> {
            for part in parts.iter().filter(|part| !part.is_empty()) {
                map.push((part.offset().map_err(bad)?, part.length().map_err(bad)?));
            }
            match map.len() {
                0..MAX_SPARSE_PARTS => Ok(()),
                _ => Err(invalid("archive/tar: sparse map too long")),
            }
        };
        add(&gnu.sparse)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = tar::GnuExtSparseHeader::new();
            self.raw(block.as_mut_bytes())?;
            add(block.sparse())?;
            more = block.is_extended();
        }
        Ok((map, gnu.real_size().map_err(bad)?))
    }

    /// PAX sparse format 1.0: the map stands before the data, as decimal lines padded to whole blocks.
    pub(super) fn pax_sparse_map(&mut self, stored: &mut u64) -> io::Result<Vec<(u64, u64)>> {
        let mut numbers: Vec<u64> = Vec::new();
        let mut wanted = 1;
        let mut digits = Vec::new();
        while numbers.len() < wanted {
            let mut block = [0; BLOCK];
            *stored = stored.checked_sub(BLOCK as u64).ok_or_else(|| invalid("archive/tar: sparse map too short"))?;
            self.raw(&mut block)?;
            for byte in block {
                match byte {
                    b'\n' if numbers.len() < wanted => {
                        numbers.push(decimal(&digits)?);
                        digits.clear();
                        if numbers.len() == 1 {
                            let parts = usize::try_from(numbers[0]).unwrap_or(usize::MAX);
                            if parts > MAX_SPARSE_PARTS {
                                return Err(invalid("archive/tar: sparse map too long"));
                            }
                            wanted = 1 + 2 * parts;
                        }
                    }
                    _ if numbers.len() < wanted && digits.len() < 20 => digits.push(byte),
                    _ => {}
                }
            }
        }
        pair_up(&numbers[1..])
    }
}

/// Offsets and lengths that follow each other.
pub(super) fn pair_up(numbers: &[u64]) -> io::Result<Vec<(u64, u64)>> {
    if !numbers.len().is_multiple_of(2) || numbers.len() > 2 * MAX_SPARSE_PARTS {
        return Err(invalid("archive/tar: invalid sparse map"));
    }
    Ok(numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect())
}

/// The parts are in order, within the file, and as long as what is stored.
pub(super) fn check_sparse(map: &[(u64, u64)], size: u64, stored: u64) -> io::Result<()> {
    let mut end = 0;
    let mut total = 0u64;
    for (offset, length) in map {
        let past = offset.checked_add(*length).filter(|past| *offset >= end && *past <= size);
        end = past.ok_or_else(|| invalid("archive/tar: invalid sparse map"))?;
        total = total.saturating_add(*length);
    }
    if total == stored { Ok(()) } else { Err(invalid("archive/tar: sparse map and size disagree")) }
}
