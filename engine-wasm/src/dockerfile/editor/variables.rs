//! Finding `$name` and `${name…}` in the text of a Dockerfile, where words are not yet joined over line breaks.

use std::ops::Range;

/// How the text quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Nothing is expanded in single quotes.
    Words,
    /// Quotes mean nothing: here-documents and JSON strings.
    None,
}

/// A variable named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// From `$` to the name's end, or to the closing brace that follows it.
    pub(super) span: Range<usize>,
    /// The name.
    pub(super) name: Range<usize>,
}

/// All variables in a range of the text. Comment lines between continued ones are passed over.
pub(super) fn find(text: &str, range: Range<usize>, escape: char, quoting: Quoting) -> Vec<Found> {
    let mut out = Vec::new();
    let (start, end) = (range.start, range.end);
    let Some(slice) = text.get(range) else { return out };
    let bytes = slice.as_bytes();
    let (mut at, mut single, mut double) = (0, false, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\n' if quoting == Quoting::Words => {
                let rest = &slice[at + 1..];
                if rest.trim_start_matches([' ', '\t']).starts_with('#') {
                    at += 1 + rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
            }
            b'\'' if quoting == Quoting::Words && !double => single = !single,
            b'"' if quoting == Quoting::Words && !single => double = !double,
            b if char::from(b) == escape && !single => {
                at += 1 + slice[at + 1..].chars().next().map_or(0, |c| if c == '\n' { 0 } else { c.len_utf8() });
                continue;
            }
            // The variable `$`, which is empty, and then what stands there as it is.
            b'$' if !single && bytes.get(at + 1) == Some(&b'$') => at += 1,
            b'$' if !single => {
                let brace = bytes.get(at + 1) == Some(&b'{');
                let name = at + 1 + usize::from(brace);
                let length = bytes[name.min(bytes.len())..].iter().take_while(|b| is_name(**b)).count();
                if length > 0 && !bytes[name].is_ascii_digit() {
                    let close = usize::from(brace && bytes.get(name + length) == Some(&b'}'));
                    let found = Found {
                        span: start + at..(start + name + length + close).min(end),
                        name: start + name..start + name + length,
                    };
                    out.push(found);
                    at = name + length;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    out
}

/// What a variable's name is made of.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a name can be given to a variable.
pub(super) fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_name) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_where_they_are_expanded() {
        let text = "$a ${b:-$c} '$d' \"'$e'\" \\$f $1 $ ${g} \\\n # $h\n $i $$j $$$k";
        let names: Vec<&str> =
            find(text, 0..text.len(), '\\', Quoting::Words).into_iter().map(|found| &text[found.name]).collect();
        assert_eq!(names, ["a", "b", "c", "e", "g", "i", "k"]);
        let all = find("'$a'`$b", 0..7, '`', Quoting::None);
        assert_eq!((all.len(), &all[0].span), (1, &(1..3)));
    }
}
