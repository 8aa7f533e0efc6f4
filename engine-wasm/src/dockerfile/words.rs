//! Cutting an instruction's arguments into words (`parser/line_parsers.go`). Ranges are of the logical line.

use std::ops::Range;

/// White space between words, as BuildKit's regular expression has it; Unicode's other spaces do not count.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// Cuts at runs of blanks. A blank at an end gives an empty word there, as the regular expression does.
pub(super) fn split_blanks(text: &str, offset: usize) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if is_blank(c) {
            words.push(offset + start..offset + at);
            start = at + c.len_utf8();
            while let Some((next, c)) = chars.next_if(|(_, c)| is_blank(*c)) {
                start = next + c.len_utf8();
            }
        }
    }
    words.push(offset + start..offset + text.len());
    words
}

/// Cuts at the first run of blanks only.
pub(super) fn split_first(text: &str) -> (&str, Option<&str>) {
    match text.find(is_blank) {
        Some(at) => (&text[..at], Some(text[at..].trim_start_matches(is_blank))),
        None => (text, None),
    }
}

/// A word of `ENV`, `LABEL` or `ARG`: quotes and escapes stay, for the shell lexer; an escape at the very end is dropped.
pub(super) fn parse_words(text: &str, escape: char) -> Vec<Range<usize>> {
    #[derive(PartialEq)]
    enum Phase {
        Spaces,
        Word,
        Quote(char),
    }
    let mut words = Vec::new();
    let mut phase = Phase::Spaces;
    let mut start = 0;
    // Up to where the word reaches: an escape at the end is not part of it.
    let mut end = 0;
    let mut blank_ok = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if phase == Phase::Spaces {
            if c.is_whitespace() {
                continue;
            }
            (phase, start, end) = (Phase::Word, at, at);
        }
        let quote = match phase {
            Phase::Quote(mark) => Some(mark),
            _ => None,
        };
        match quote {
            None if c.is_whitespace() => {
                if blank_ok || end > start {
                    words.push(start..end);
                }
                (phase, blank_ok) = (Phase::Spaces, false);
                continue;
            }
            None if c == '\'' || c == '"' => {
                blank_ok = true;
                phase = Phase::Quote(c);
            }
            Some(mark) if c == mark => phase = Phase::Word,
            _ => {}
        }
        if c == escape && quote != Some('\'') {
            // What is escaped belongs to the word, whatever it is.
            match chars.next() {
                Some((next, c)) => end = next + c.len_utf8(),
                None if quote.is_some() => phase = Phase::Word,
                None => {}
            }
            continue;
        }
        end = at + c.len_utf8();
    }
    if phase != Phase::Spaces && (blank_ok || end > start) {
        words.push(start..end);
    }
    words
}
