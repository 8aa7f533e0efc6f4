//! "did you mean …?", as BuildKit's `util/suggest` decides it.

use super::go::{lower, upper};

/// A name that needs this many edits or more is not meant.
const LIMIT: usize = 3;

/// The option closest to `value`; the first of equally close ones. None when `value` is itself an option.
pub(crate) fn closest<'a>(value: &str, options: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = None;
    let mut limit = LIMIT;
    for option in options {
        if option == value {
            return None;
        }
        // BuildKit takes an empty match for none.
        if let Some(distance) = distance(value, option, limit) {
            (best, limit) = (Some(option), distance);
        }
    }
    best.filter(|best| !best.is_empty())
}

/// As [`closest`], whatever the case, and in the case of `value` where that has one.
pub(super) fn closest_in_any_case(value: &str, options: &[&str]) -> Option<String> {
    let wanted = lower(value);
    let options: Vec<String> = options.iter().map(|option| lower(option)).collect();
    let found = closest(&wanted, options.iter().map(String::as_str))?;
    Some(if value == wanted {
        found.to_owned()
    } else if value == upper(value) {
        upper(found)
    } else {
        found.to_owned()
    })
}

/// A message with what may have been meant.
pub(crate) fn with_suggestion(message: &str, suggestion: Option<&str>) -> String {
    match suggestion {
        Some(suggestion) => format!("{message} (did you mean {suggestion}?)"),
        None => message.to_owned(),
    }
}

/// Insertions, deletions and substitutions from one word to the other, when they are fewer than `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    if a.is_ascii() && b.is_ascii() && a.len().abs_diff(b.len()) >= limit {
        return None;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        let mut least = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
            least = least.min(row[j + 1]);
        }
        if least >= limit {
            return None;
        }
    }
    row.last().copied().filter(|distance| *distance < limit)
}
