//! Byte offsets and what editors count in: lines and UTF-16 columns, both from 0 (Language Server Protocol 3.17, "Position").
//! A line ends with `\n`, `\r\n` or `\r`. Places that do not exist become the nearest that does.

/// A line and a column of UTF-16 code units, both from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// UTF-16 code units before the place on its line.
    pub character: usize,
}

/// Where the lines of a text begin; made once, asked often.
#[derive(Debug, Clone)]
pub struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    /// Reads a text.
    pub fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let ends = (0..bytes.len())
            .filter(|&at| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n')));
        Self { text, starts: std::iter::once(0).chain(ends.map(|end| end + 1)).collect() }
    }

    /// The position of a byte offset. An offset inside a character is taken for its beginning.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let character = self.text[self.starts[line]..offset].chars().map(char::len_utf16).sum();
        Position { line, character }
    }

    /// The byte offset of a position. A column beyond the line is the line's end before its line end; one inside a surrogate pair is the character's beginning.
    pub fn offset(&self, position: Position) -> usize {
        let Some(&start) = self.starts.get(position.line) else {
            return self.text.len();
        };
        let end = self.starts.get(position.line + 1).copied().unwrap_or(self.text.len());
        let line = self.text[start..end].trim_end_matches(['\r', '\n']);
        let mut units = 0;
        for (at, c) in line.char_indices() {
            units += c.len_utf16();
            if units > position.character {
                return start + at;
            }
        }
        start + line.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_positions_are_each_others_way_back() {
        let text = "aé\r\n😀b\rc\n";
        let index = LineIndex::new(text);
        for (offset, line, character) in
            [(0, 0, 0), (1, 0, 1), (3, 0, 2), (5, 1, 0), (9, 1, 2), (10, 1, 3), (11, 2, 0), (13, 3, 0)]
        {
            let position = Position { line, character };
            assert_eq!(index.position(offset), position, "{offset}");
            assert_eq!(index.offset(position), offset, "{position:?}");
        }
        assert_eq!(index.offset(Position { line: 1, character: 1 }), 5, "inside a surrogate pair");
        assert_eq!(index.offset(Position { line: 0, character: 99 }), 3);
        assert_eq!(index.offset(Position { line: 9, character: 0 }), text.len());
        assert_eq!(index.position(99), Position { line: 3, character: 0 });
        assert_eq!(index.position(7), Position { line: 1, character: 0 }, "inside a character");
        assert_eq!(LineIndex::new("").position(0), Position::default());
    }
}
