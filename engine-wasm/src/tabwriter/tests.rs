use super::*;

#[test]
fn docker_tables_have_three_spaces_and_ten_columns_at_least() {
    let text = "CONTAINER ID\tIMAGE\tSTATUS\nabc\talpine:latest\tUp\n";
    assert_eq!(
        TabWriter::docker_table().format(text),
        "CONTAINER ID   IMAGE           STATUS\nabc            alpine:latest   Up\n"
    );
    assert_eq!(TabWriter::docker_table().format("A\tB\nc\td\n"), "A         B\nc         d\n");
}

#[test]
fn a_column_is_a_block_of_adjacent_lines() {
    let w = TabWriter::new(0, 8, 1, '.', 0);
    assert_eq!(w.format("a\tb\tc\naaaa\tbb\n\naa\tx\n"), "a....b.c\naaaa.bb\n\naa.x\n");
    assert_eq!(w.format("a\tb\nlonger"), "a.b\nlonger");
}

#[test]
fn flags_change_the_layout() {
    let text = "a\tb\tc\naa\tbb\tcc\n";
    assert_eq!(TabWriter::new(0, 8, 1, '.', ALIGN_RIGHT | DEBUG).format(text), "..a|..b|c\n.aa|.bb|cc\n");
    assert_eq!(TabWriter::new(0, 8, 1, '\t', ALIGN_RIGHT).format(text), "a\tb\tc\naa\tbb\tcc\n");
    assert_eq!(TabWriter::new(0, 8, 0, '.', DISCARD_EMPTY_COLUMNS | DEBUG).format("a\u{b}\u{b}c\n"), "a||c\n");
    assert_eq!(TabWriter::new(8, 8, 1, ' ', FILTER_HTML).format("a&amp;<b>\tc\n"), "a&amp;<b>      c\n");
}

#[test]
fn characters_count_not_bytes_and_bad_bytes_count_one() {
    assert_eq!(TabWriter::new(0, 8, 1, ' ', 0).format("é\tx\nab\ty\n"), "é  x\nab y\n");
    assert_eq!(TabWriter::new(3, 8, 0, '.', 0).format_bytes(b"\xfe\tx\n"), b"\xfe..x\n");
    assert_eq!(TabWriter::new(0, 8, 1, '.', STRIP_ESCAPE).format_bytes(b"\xffa\tb\xff\tc\n"), b"a\tb.c\n");
}

#[test]
fn wide_characters_take_two_columns_and_accents_none() {
    let dots = TabWriter::new(0, 8, 1, '.', 0);
    assert_eq!(dots.format("日本語\tx\ne\u{301}🐳\ty\nabcdef\tz\n"), "日本語.x\ne\u{301}🐳....y\nabcdef.z\n");
}

#[test]
fn a_line_of_many_cells_needs_no_deep_stack() {
    let line = "\t".repeat(200_000) + "\n";
    assert_eq!(TabWriter::new(1, 8, 0, '.', 0).format(&line).len(), 200_001);
}
