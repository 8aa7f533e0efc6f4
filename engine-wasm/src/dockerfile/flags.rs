//! The instruction's name and its `--flags` (`parser/split_command.go`).
//! BuildKit reads flags byte by byte, each byte as a character of its own; so does this, since the result is what is compared.

use std::ops::Range;

use super::words::split_first;

/// An instruction cut up; ranges are of the logical line.
pub(super) struct Command {
    pub(super) name: Range<usize>,
    pub(super) flags: Vec<(String, Range<usize>)>,
    pub(super) args: Range<usize>,
}

/// Cuts a logical line into name, flags and the rest.
pub(super) fn split_command(line: &str, escape: char) -> Command {
    let begin = line.len() - line.trim_start().len();
    let trimmed = line.trim();
    let (name, rest) = split_first(trimmed);
    let name_range = begin..begin + name.len();
    let Some(rest) = rest else {
        return Command { name: name_range, flags: Vec::new(), args: begin + trimmed.len()..begin + trimmed.len() };
    };
    let offset = begin + trimmed.len() - rest.len();
    let (flags, used) = flags(rest.as_bytes(), escape);
    // A byte that BuildKit takes for a space can stand inside a character; places are rounded to whole ones.
    let whole = |at: usize| (at..=rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
    let flags =
        flags.into_iter().map(|(flag, range)| (flag, whole(range.start) + offset..whole(range.end) + offset)).collect();
    let used = whole(used);
    let after = &rest[used..];
    let start = offset + used + (after.len() - after.trim_start().len());
    Command { name: name_range, flags, args: start..start + after.trim().len() }
}

/// White space among Latin-1 characters.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | b' ' | 0x85 | 0xa0)
}

/// The flags at the beginning, and where they end.
fn flags(line: &[u8], escape: char) -> (Vec<(String, Range<usize>)>, usize) {
    let mut flags = Vec::new();
    let mut at = 0;
    loop {
        while line.get(at).is_some_and(|b| is_space(*b)) {
            at += 1;
        }
        if at >= line.len() || !line[at..].starts_with(b"--") {
            return (flags, at);
        }
        let start = at;
        let mut word = String::new();
        let mut quote: Option<u8> = None;
        let mut quoted = false;
        while let Some(&byte) = line.get(at) {
            match quote {
                None if is_space(byte) => break,
                None if byte == b'\'' || byte == b'"' => (quote, quoted) = (Some(byte), true),
                Some(mark) if byte == mark => quote = None,
                _ if char::from(byte) == escape => {
                    if let Some(&next) = line.get(at + 1) {
                        word.push(char::from(next));
                        at += 1;
                    }
                }
                _ => word.push(char::from(byte)),
            }
            at += 1;
        }
        if word == "--" {
            return (flags, at);
        }
        if quoted || !word.is_empty() {
            flags.push((word, start..at));
        }
    }
}
