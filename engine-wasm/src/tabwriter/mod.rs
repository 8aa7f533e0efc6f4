//! Aligned columns as Go's `text/tabwriter` makes them; docker prints every table through a copy of it that knows wide characters.
//! A cell is text ended by a tab; a column is a block of such cells in consecutive lines. Works on a whole text at once, so there is nothing to flush.

#[cfg(test)]
mod tests;

/// `<tags>` are taken as 0 columns wide and `&entities;` as 1.
pub const FILTER_HTML: u32 = 1;
/// The escape bytes around escaped text are dropped (see [`ESCAPE`]).
pub const STRIP_ESCAPE: u32 = 1 << 1;
/// Cell contents go to the right of their column.
pub const ALIGN_RIGHT: u32 = 1 << 2;
/// Columns in which every cell is empty and ended by a vertical tab take no room.
pub const DISCARD_EMPTY_COLUMNS: u32 = 1 << 3;
/// Leading empty cells are indented with tabs whatever the padding character.
pub const TAB_INDENT: u32 = 1 << 4;
/// A `|` stands between columns, and `---` after a form feed.
pub const DEBUG: u32 = 1 << 5;
/// Text between two of these bytes is one piece: tabs and line ends in it do not end cells. UTF-8 text has none, so only [`TabWriter::format_bytes`] meets it.
pub const ESCAPE: u8 = 0xff;

/// The settings of a table.
#[derive(Debug, Clone, Copy)]
pub struct TabWriter {
    min_width: usize,
    tab_width: usize,
    padding: usize,
    pad_char: char,
    flags: u32,
}

#[derive(Default, Clone, Copy)]
struct Cell {
    /// Bytes of the text.
    size: usize,
    /// Columns of the text.
    width: usize,
    /// Ended by `\t` rather than `\v`, a line end or the end of the text.
    hard_tab: bool,
}

impl TabWriter {
    /// A table: `min_width` is the least width of a column with its padding, `tab_width` what a tab is worth, `padding` is added to the widest cell,
    /// `pad_char` fills (`'\t'` aligns to multiples of `tab_width`), `flags` are this module's constants.
    pub const fn new(min_width: usize, tab_width: usize, padding: usize, pad_char: char, flags: u32) -> Self {
        // Padding with tabs can only align to the left.
        let flags = if pad_char == '\t' { flags & !ALIGN_RIGHT } else { flags };
        Self { min_width, tab_width, padding, pad_char, flags }
    }

    /// The settings of `docker ps`, `docker images` and every other `table` format.
    pub const fn docker_table() -> Self {
        Self::new(10, 1, 3, ' ', 0)
    }

    /// The text with its columns aligned. Only line ends that were there come out; an unfinished last line stays unfinished.
    pub fn format(&self, text: &str) -> String {
        // Cuts fall beside ASCII bytes only, so UTF-8 stays UTF-8.
        String::from_utf8_lossy(&self.format_bytes(text.as_bytes())).into_owned()
    }

    /// [`Self::format`] for any bytes; a byte that is no UTF-8 is one column wide.
    pub fn format_bytes(&self, text: &[u8]) -> Vec<u8> {
        let mut run = Run {
            settings: *self,
            out: Vec::with_capacity(text.len() * 2),
            buf: Vec::new(),
            measured: 0,
            lines: vec![Vec::new()],
            widths: Vec::new(),
            cell: Cell::default(),
            end_char: None,
        };
        run.write(text);
        run.flush();
        run.out
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

struct Run {
    settings: TabWriter,
    out: Vec<u8>,
    /// Text of the cells not yet formatted, end to end.
    buf: Vec<u8>,
    /// Up to where `buf` is counted in the width of the current cell.
    measured: usize,
    lines: Vec<Vec<Cell>>,
    widths: Vec<usize>,
    cell: Cell,
    /// What ends the escaped piece that the text is in.
    end_char: Option<u8>,
}

impl Run {
    fn write(&mut self, text: &[u8]) {
        let strip = self.settings.has(STRIP_ESCAPE);
        let mut taken = 0;
        for (i, &byte) in text.iter().enumerate() {
            if let Some(end) = self.end_char {
                if byte == end {
                    let upto = if end == ESCAPE && strip { i } else { i + 1 };
                    self.append(&text[taken..upto]);
                    taken = i + 1;
                    self.end_escape();
                }
                continue;
            }
            match byte {
                b'\t' | 0x0b | b'\n' | 0x0c => {
                    self.append(&text[taken..i]);
                    self.measure();
                    taken = i + 1;
                    let cells = self.terminate_cell(byte == b'\t');
                    if byte == b'\n' || byte == 0x0c {
                        self.lines.push(Vec::new());
                        if byte == 0x0c || cells == 1 {
                            // A line of one cell ends every column: nothing above depends on what follows.
                            self.flush();
                            if byte == 0x0c && self.settings.has(DEBUG) {
                                self.out.extend_from_slice(b"---\n");
                            }
                        }
                    }
                }
                ESCAPE => {
                    self.append(&text[taken..i]);
                    self.measure();
                    taken = if strip { i + 1 } else { i };
                    self.end_char = Some(ESCAPE);
                }
                b'<' | b'&' if self.settings.has(FILTER_HTML) => {
                    self.append(&text[taken..i]);
                    self.measure();
                    taken = i;
                    self.end_char = Some(if byte == b'<' { b'>' } else { b';' });
                }
                _ => {}
            }
        }
        self.append(&text[taken..]);
    }

    fn append(&mut self, text: &[u8]) {
        self.buf.extend_from_slice(text);
        self.cell.size += text.len();
    }

    /// Adds what is not yet counted to the width of the current cell.
    fn measure(&mut self) {
        self.cell.width += width(&self.buf[self.measured..]);
        self.measured = self.buf.len();
    }

    fn end_escape(&mut self) {
        match self.end_char.take() {
            Some(ESCAPE) => {
                self.measure();
                if !self.settings.has(STRIP_ESCAPE) {
                    self.cell.width = self.cell.width.saturating_sub(2);
                }
            }
            Some(b';') => self.cell.width += 1,
            _ => {}
        }
        self.measured = self.buf.len();
    }

    /// Ends the cell; says how many the line has now.
    fn terminate_cell(&mut self, hard_tab: bool) -> usize {
        let cell = Cell { hard_tab, ..std::mem::take(&mut self.cell) };
        match self.lines.last_mut() {
            Some(line) => {
                line.push(cell);
                line.len()
            }
            None => 0,
        }
    }

    fn flush(&mut self) {
        if self.cell.size > 0 {
            if self.end_char.is_some() {
                self.end_escape();
            } else {
                self.measure();
            }
            self.terminate_cell(false);
        }
        let lines = std::mem::replace(&mut self.lines, vec![Vec::new()]);
        self.format_block(&lines);
        self.buf.clear();
        self.measured = 0;
        self.widths.clear();
        self.cell = Cell::default();
        self.end_char = None;
    }

    /// Go formats columns by recursion; here the nesting is a stack of its own, so that a line of a million cells is no danger.
    fn format_block(&mut self, lines: &[Vec<Cell>]) {
        struct Frame {
            from: usize,
            this: usize,
            to: usize,
        }
        let mut pos = 0;
        let mut stack = vec![Frame { from: 0, this: 0, to: lines.len() }];
        while let Some(frame) = stack.last_mut() {
            let column = self.widths.len();
            // The next line that has a cell ended in this column.
            while frame.this < frame.to && column + 1 >= lines[frame.this].len() {
                frame.this += 1;
            }
            let (from, this, to) = (frame.from, frame.this, frame.to);
            if this >= to {
                pos = self.write_lines(lines, pos, from, to);
                stack.pop();
                if !stack.is_empty() {
                    self.widths.pop();
                }
                continue;
            }
            pos = self.write_lines(lines, pos, from, this);
            let mut width = self.settings.min_width;
            let mut discardable = true;
            let mut end = this;
            while end < to && column + 1 < lines[end].len() {
                let cell = lines[end][column];
                width = width.max(cell.width + self.settings.padding);
                discardable &= cell.width == 0 && !cell.hard_tab;
                end += 1;
            }
            if discardable && self.settings.has(DISCARD_EMPTY_COLUMNS) {
                width = 0;
            }
            frame.from = end;
            // Go looks at the line after the block again only from the next one on, as its loop steps first.
            frame.this = (end + 1).min(to);
            self.widths.push(width);
            stack.push(Frame { from: this, this, to: end });
        }
    }

    fn write_lines(&mut self, lines: &[Vec<Cell>], mut pos: usize, from: usize, to: usize) -> usize {
        for (i, line) in lines.iter().enumerate().take(to).skip(from) {
            let mut use_tabs = self.settings.has(TAB_INDENT);
            for (j, cell) in line.iter().enumerate() {
                if j > 0 && self.settings.has(DEBUG) {
                    self.out.push(b'|');
                }
                let column = self.widths.get(j).copied();
                if cell.size == 0 {
                    if let Some(width) = column {
                        self.pad(cell.width, width, use_tabs);
                    }
                    continue;
                }
                use_tabs = false;
                let right = self.settings.has(ALIGN_RIGHT);
                if right && let Some(width) = column {
                    self.pad(cell.width, width, false);
                }
                self.out.extend_from_slice(&self.buf[pos..pos + cell.size]);
                pos += cell.size;
                if !right && let Some(width) = column {
                    self.pad(cell.width, width, false);
                }
            }
            if i + 1 < lines.len() {
                self.out.push(b'\n');
            }
        }
        pos
    }

    fn pad(&mut self, text_width: usize, mut cell_width: usize, use_tabs: bool) {
        if self.settings.pad_char != '\t' && !use_tabs {
            let mut utf8 = [0; 4];
            let fill = self.settings.pad_char.encode_utf8(&mut utf8).as_bytes();
            for _ in text_width..cell_width {
                self.out.extend_from_slice(fill);
            }
            return;
        }
        let tab = self.settings.tab_width;
        if tab > 0 {
            cell_width = cell_width.div_ceil(tab).saturating_mul(tab);
            let tabs = cell_width.saturating_sub(text_width).div_ceil(tab);
            self.out.extend(std::iter::repeat_n(b'\t', tabs));
        }
    }
}

/// Columns that a text takes; bytes that are no UTF-8 count one each.
fn width(text: &[u8]) -> usize {
    text.utf8_chunks().map(|chunk| chunk.valid().chars().map(columns).sum::<usize>() + chunk.invalid().len()).sum()
}

/// Columns that a character takes: none where it is put on the one before, two where it is East Asian and wide, or an emoji.
pub(crate) fn columns(c: char) -> usize {
    match u32::from(c) {
        0..0x300 => 1,
        0x300..=0x36f
        | 0x483..=0x489
        | 0x591..=0x5bd
        | 0x610..=0x61a
        | 0x64b..=0x65f
        | 0x1ab0..=0x1aff
        | 0x1dc0..=0x1dff
        | 0x200b..=0x200f
        | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f
        | 0xe0100..=0xe01ef => 0,
        0x1100..=0x115f
        | 0x231a..=0x231b
        | 0x23e9..=0x23ec
        | 0x23f0
        | 0x23f3
        | 0x25fd..=0x25fe
        | 0x2614..=0x2615
        | 0x2648..=0x2653
        | 0x26a1
        | 0x2705
        | 0x270a..=0x270b
        | 0x2728
        | 0x274c
        | 0x274e
        | 0x2753..=0x2755
        | 0x2757
        | 0x2795..=0x2797
        | 0x2b1b..=0x2b1c
        | 0x2b50
        | 0x2b55
        | 0x2e80..=0x303e
        | 0x3041..=0x3247
        | 0x3250..=0xa4c6
        | 0xa960..=0xa97c
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe10..=0xfe19
        | 0xfe30..=0xfe6b
        | 0xff01..=0xff60
        | 0xffe0..=0xffe6
        | 0x16fe0..=0x1b2fb
        | 0x1f18e
        | 0x1f191..=0x1f19a
        | 0x1f200..=0x1f320
        | 0x1f32d..=0x1f335
        | 0x1f337..=0x1f37c
        | 0x1f37e..=0x1f393
        | 0x1f3a0..=0x1f3ca
        | 0x1f3cf..=0x1f3d3
        | 0x1f3e0..=0x1f3f0
        | 0x1f3f4
        | 0x1f3f8..=0x1f43e
        | 0x1f440
        | 0x1f442..=0x1f4fc
        | 0x1f4ff..=0x1f53d
        | 0x1f54b..=0x1f567
        | 0x1f57a
        | 0x1f595..=0x1f596
        | 0x1f5a4
        | 0x1f5fb..=0x1f64f
        | 0x1f680..=0x1f6c5
        | 0x1f6cc..=0x1f6d2
        | 0x1f6d5..=0x1f6df
        | 0x1f6eb..=0x1f6ec
        | 0x1f6f4..=0x1f6fc
        | 0x1f7e0..=0x1f7f0
        | 0x1f90c..=0x1f93a
        | 0x1f93c..=0x1f945
        | 0x1f947..=0x1f9ff
        | 0x1fa70..=0x1faf8
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
