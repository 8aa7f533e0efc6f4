//! Where in an instruction a place is, in a text that is still being written and need not parse.

use crate::dockerfile::Dockerfile;

/// What stands before a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Context {
    /// In a comment; whether it could still be a directive, and what of it stands before the place.
    Comment { top: bool, start: usize },
    /// In a here-document; whether it is expanded.
    Heredoc { expand: bool },
    /// In an instruction.
    Instruction(Before),
}

/// The part of an instruction before a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Before {
    /// Its words, the last one (perhaps empty) being the one that the place is in. `ONBUILD` is left out.
    pub(super) words: Vec<String>,
    /// Where the last word begins.
    pub(super) start: usize,
    /// Whether it is an instruction after `ONBUILD`.
    pub(super) trigger: bool,
}

impl Before {
    /// The instruction's name.
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The word that the place is in.
    pub(super) fn word(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    /// The words between the name and the place that are no flags.
    pub(super) fn arguments(&self) -> Vec<&str> {
        let inner = self.words.get(1..self.words.len().saturating_sub(1)).unwrap_or_default();
        inner.iter().map(String::as_str).skip_while(|word| word.starts_with("--")).collect()
    }
}

pub(super) fn context(text: &str, file: &Dockerfile, offset: usize) -> Context {
    let heredocs = file.nodes.iter().flat_map(|node| &node.heredocs);
    for heredoc in heredocs {
        if heredoc.span.start <= offset && offset < heredoc.span.end.max(heredoc.span.start + 1) {
            return Context::Heredoc { expand: heredoc.expand };
        }
    }
    let mut before = Before::default();
    let (mut at, mut top, mut continued) = (0, true, false);
    // Skips to the instruction around the place: instructions that end before it do not matter.
    if let Some(node) = file.nodes.iter().rfind(|node| node.span.end < offset) {
        // An escape at its end goes on; a here-document's lines are not the instruction's.
        let after = text[node.span.end..offset].find('\n').filter(|_| !node.heredocs.is_empty());
        at = after.map_or(node.span.start, |end| node.span.end + end + 1);
        top = false;
    }
    for line in text[at..].split_inclusive('\n') {
        let start = at;
        at += line.len();
        let last = offset < at || (at == text.len() && !line.ends_with('\n'));
        let seen = if last { &text[start..offset] } else { line.trim_end_matches(['\r', '\n']) };
        let body = line.trim_start_matches('\u{feff}').trim_start();
        let begin = start + line.len() - body.len();
        if body.starts_with('#') && (!last || offset > begin) {
            if last {
                return Context::Comment { top: top && !continued, start: begin };
            }
            top &= is_directive(body);
            continue;
        }
        if body.trim_end().is_empty() && !last {
            top &= continued;
            continue;
        }
        top = false;
        if !continued {
            before = Before { start, ..Before::default() };
        }
        let piece = seen.trim_end_matches([' ', '\t']).strip_suffix(file.escape);
        let piece = piece.filter(|piece| !last && !piece.ends_with(file.escape));
        words(&mut before, piece.unwrap_or(seen), start, continued);
        if last {
            break;
        }
        continued = piece.is_some();
        if !continued {
            before = Before { start: at, ..Before::default() };
        }
    }
    if before.words.is_empty() {
        before = Before { words: vec![String::new()], start: offset, trigger: false };
    }
    while before.words.len() > 1 && before.words[0].eq_ignore_ascii_case("onbuild") {
        before.words.remove(0);
        before.trigger = true;
    }
    Context::Instruction(before)
}

fn is_directive(comment: &str) -> bool {
    matches!(crate::dockerfile::directive::Watcher::default().line(comment.trim_end_matches(['\r', '\n'])), Ok(Some(_)))
}

/// Cuts a line into words, with the last one reaching to its end. Quoted blanks do not cut.
fn words(before: &mut Before, line: &str, start: usize, continued: bool) {
    let mut quote = None;
    let mut open = continued && before.words.last().is_some_and(|word| !word.is_empty());
    if !open && before.words.last().is_none_or(|word| !word.is_empty()) {
        before.words.push(String::new());
    }
    before.start = start;
    for (at, c) in line.char_indices() {
        match quote {
            None if c.is_whitespace() => {
                if open || before.words.last().is_some_and(|word| !word.is_empty()) {
                    before.words.push(String::new());
                }
                open = false;
                before.start = start + at + c.len_utf8();
                continue;
            }
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(mark) if c == mark => quote = None,
            _ => {}
        }
        if let Some(word) = before.words.last_mut() {
            if word.is_empty() {
                before.start = start + at;
            }
            word.push(c);
        }
    }
}
