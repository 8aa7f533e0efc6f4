//! Maps of sparse files.

use super::pax::decimal;
use crate::image::error::TarProblem;

/// Numbers in turn offset and length.
pub(super) fn pair_up(numbers: &[u64], limit: usize) -> Result<Vec<(u64, u64)>, TarProblem> {
    if !numbers.len().is_multiple_of(2) {
        return Err(TarProblem::Sparse("an offset without a length"));
    }
    if numbers.len() / 2 > limit {
        return Err(TarProblem::Limit("the number of parts of a sparse file", limit as u64));
    }
    Ok(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

/// Parts must follow each other, lie within the file, and have as many bytes as are stored.
pub(super) fn check(map: &[(u64, u64)], size: u64, stored: u64) -> Result<(), TarProblem> {
    let (mut end, mut total) = (0u64, 0u64);
    for (offset, length) in map {
        let past = offset.checked_add(*length).filter(|past| *offset >= end && *past <= size);
        end = past.ok_or(TarProblem::Sparse("its parts overlap or lie outside of the file"))?;
        total += length;
    }
    if total == stored { Ok(()) } else { Err(TarProblem::Sparse("its parts are not as long as what is stored")) }
}

/// The map of PAX form 1.0: decimal lines before the data, the first of them the number of parts, filled up to whole blocks.
#[derive(Debug, Default)]
pub(super) struct Lines {
    numbers: Vec<u64>,
    digits: Vec<u8>,
    parts: Option<usize>,
}

impl Lines {
    /// Takes a block; gives the map when that was the last one.
    pub(super) fn block(&mut self, block: &[u8], limit: usize) -> Result<Option<Vec<(u64, u64)>>, TarProblem> {
        for byte in block {
            if *byte != b'\n' {
                if self.digits.len() >= 20 {
                    return Err(TarProblem::Sparse("its numbers cannot be read"));
                }
                self.digits.push(*byte);
                continue;
            }
            let number = decimal(&self.digits).filter(|_| !self.digits.is_empty());
            let number = number.ok_or(TarProblem::Sparse("its numbers cannot be read"))?;
            self.digits.clear();
            match self.parts {
                None => {
                    let parts = usize::try_from(number).ok().filter(|parts| *parts <= limit);
                    self.parts =
                        Some(parts.ok_or(TarProblem::Limit("the number of parts of a sparse file", limit as u64))?);
                }
                Some(_) => self.numbers.push(number),
            }
            if self.parts.is_some_and(|parts| self.numbers.len() == 2 * parts) {
                return pair_up(&self.numbers, limit).map(Some);
            }
        }
        Ok(None)
    }
}
