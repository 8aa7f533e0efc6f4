//! Byte offsets of a text as UTF-16 units, which is how JavaScript's strings and editors count.

use std::ops::Range;

use serde_json::Value;

/// Knows where the characters stand that are not one byte and one unit.
pub(super) struct Offsets {
    /// After each such character: its end in bytes, and in units.
    wide: Vec<(usize, usize)>,
}

impl Offsets {
    pub(super) fn new(text: &str) -> Self {
        let mut wide = Vec::new();
        if !text.is_ascii() {
            let mut units = 0;
            for (at, c) in text.char_indices() {
                units += c.len_utf16();
                if c.len_utf8() > 1 {
                    wide.push((at + c.len_utf8(), units));
                }
            }
        }
        Self { wide }
    }

    /// The unit at a byte; inside a character, that of its beginning or a little after.
    pub(super) fn unit(&self, byte: usize) -> usize {
        match self.wide.partition_point(|(end, _)| *end <= byte).checked_sub(1).and_then(|i| self.wide.get(i)) {
            Some((end, units)) => units + (byte - end),
            None => byte,
        }
    }

    /// The byte at a unit, never inside a character.
    pub(super) fn byte(&self, unit: usize, text: &str) -> usize {
        let byte = match self
            .wide
            .partition_point(|(_, units)| *units <= unit)
            .checked_sub(1)
            .and_then(|i| self.wide.get(i))
        {
            Some((end, units)) => end + (unit - units),
            None => unit,
        };
        let byte = byte.min(text.len());
        (0..=byte).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// `{start, end}`.
    pub(super) fn span(&self, span: &Range<usize>) -> Value {
        json!({ "start": self.unit(span.start), "end": self.unit(span.end) })
    }

    pub(super) fn pair(&self, span: &Range<usize>) -> (usize, usize) {
        (self.unit(span.start), self.unit(span.end))
    }
}
