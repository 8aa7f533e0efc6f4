//! Making the changes that fixes ask for.

use super::{Options, check};
use crate::dockerfile::lint::{Diagnostic, TextEdit};
use crate::dockerfile::parse;

/// A text with its first fixes made is checked again this often at most.
const MAX_ROUNDS: usize = 20;

/// Makes changes. They may come in any order; one that overlaps an earlier place's is left out, and one that is out of bounds too.
pub fn apply(text: &str, edits: &[TextEdit]) -> String {
    let mut sorted: Vec<&TextEdit> = edits.iter().collect();
    crate::order::sort_by_key(&mut sorted, |edit| (edit.span.start, edit.span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in sorted {
        let Some(before) = (edit.span.start >= at && edit.span.start <= edit.span.end)
            .then(|| text.get(at..edit.span.start))
            .flatten()
            .filter(|_| text.is_char_boundary(edit.span.end) && edit.span.end <= text.len())
        else {
            continue;
        };
        out.push_str(before);
        out.push_str(&edit.text);
        at = edit.span.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Makes the first fix of everything found, those of one place one after the other, until none is left.
pub fn fix_all(text: &str, options: &Options) -> String {
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let edits = disjoint(&check(&text, options));
        let next = apply(&text, &edits);
        if edits.is_empty() || !parse(&next).errors.is_empty() {
            break;
        }
        text = next;
    }
    text
}

/// The edits of as many fixes as can be made at once, each whole or not at all.
pub(super) fn disjoint(found: &[Diagnostic]) -> Vec<TextEdit> {
    let mut out: Vec<TextEdit> = Vec::new();
    for fix in found.iter().filter_map(|diagnostic| diagnostic.fixes.first()) {
        let touches = |edit: &TextEdit| {
            out.iter().any(|other| edit.span.start <= other.span.end && other.span.start <= edit.span.end)
        };
        if !fix.edits.iter().any(touches) {
            out.extend(fix.edits.iter().cloned());
        }
    }
    out
}
