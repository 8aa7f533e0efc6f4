//! An instruction as one line: the pieces of its physical lines, and the way back from a place in the line to the place in the file.

use std::ops::Range;

/// A logical line. Words are cut from `text`; [`Line::source`] says where they stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) text: String,
    /// Where each piece begins in `text` and in the file, in order.
    pieces: Vec<(usize, usize)>,
}

impl Line {
    pub(super) fn push(&mut self, piece: &str, source: usize) {
        self.pieces.push((self.text.len(), source));
        self.text.push_str(piece);
    }

    /// The bytes of the file behind a range of the line.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let start = self.at(range.start);
        if range.is_empty() {
            return start..start;
        }
        // The end belongs to the piece of the last byte, not to the one that begins there.
        start..self.at(range.end - 1) + 1
    }

    fn at(&self, offset: usize) -> usize {
        let piece = self.pieces.partition_point(|(begin, _)| *begin <= offset).saturating_sub(1);
        self.pieces.get(piece).map_or(offset, |(begin, source)| source + offset.saturating_sub(*begin))
    }
}
