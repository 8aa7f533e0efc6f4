//! Shell patterns as Go's `filepath.Match` reads them: for the syntax of ignore patterns and the sources of `COPY`.
//! Unlike `path.Match`, it looks for faults only as far as it has to go to know that a name does not match.

use super::BadPattern;

/// Whether the whole of `name` matches `pattern`; `*` and `?` stop at `/`.
///
/// # Errors
/// [`BadPattern`] for a fault in the part of the pattern that was looked at.
pub fn file_match(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let (mut pattern, mut name) = (pattern.as_bytes(), name.as_bytes());
    'pattern: while !pattern.is_empty() {
        let (star, chunk, rest) = scan_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        // The last chunk has to use the name up.
        let fits = |left: &[u8]| left.is_empty() || !rest.is_empty();
        if let Some(left) = match_chunk(chunk, name)?.filter(|left| fits(left)) {
            name = left;
            continue;
        }
        if star {
            let mut tail = name;
            while let Some((_, after)) = tail.split_first().filter(|(b, _)| **b != b'/') {
                tail = after;
                if let Some(left) = match_chunk(chunk, tail)?.filter(|left| fits(left)) {
                    name = left;
                    continue 'pattern;
                }
            }
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Whether a text has characters that [`file_match`] gives a meaning.
pub fn has_meta(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

/// Whether stars come first, then what goes up to the next star, then the rest.
fn scan_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|b| **b == b'*').count();
    let (_, pattern) = pattern.split_at(stars);
    let (mut in_class, mut escaped) = (false, false);
    let end = pattern.iter().position(|b| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match b {
            b'\\' => escaped = true,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' => return !in_class,
            _ => {}
        }
        false
    });
    let (chunk, rest) = pattern.split_at(end.unwrap_or(pattern.len()));
    (stars > 0, chunk, rest)
}

/// What is left of the name when its beginning matches a chunk without stars. After a mismatch the chunk is read on, for its faults.
fn match_chunk<'a>(mut chunk: &[u8], name: &'a [u8]) -> Result<Option<&'a [u8]>, BadPattern> {
    let mut left = Some(name);
    while let Some((&first, after)) = chunk.split_first() {
        left = left.filter(|name| !name.is_empty());
        match first {
            b'[' => {
                let c = left.map(decode);
                let (matched, rest) = class(after, c.map(|(c, _)| c))?;
                left = left.zip(c).filter(|_| matched).and_then(|(name, (_, width))| name.get(width..));
                chunk = rest;
            }
            b'?' => {
                left = left.filter(|name| name.first() != Some(&b'/')).and_then(|name| name.get(decode(name).1..));
                chunk = after;
            }
            _ => {
                let (&wanted, rest) =
                    if first == b'\\' { after.split_first().ok_or(BadPattern)? } else { (&first, after) };
                left = left.and_then(|name| name.strip_prefix(&[wanted]));
                chunk = rest;
            }
        }
    }
    Ok(left)
}

/// Whether the class matches the character, and what follows the class; its `[` is read already.
fn class(mut chunk: &[u8], c: Option<char>) -> Result<(bool, &[u8]), BadPattern> {
    let negated = chunk.first() == Some(&b'^');
    if negated {
        chunk = chunk.get(1..).unwrap_or_default();
    }
    let (mut matched, mut first) = (false, true);
    loop {
        if !first && let Some(rest) = chunk.strip_prefix(b"]") {
            return Ok((matched != negated, rest));
        }
        first = false;
        let (lo, rest) = class_char(chunk)?;
        let (hi, rest) = match rest.strip_prefix(b"-") {
            Some(rest) => class_char(rest)?,
            None => (lo, rest),
        };
        matched |= c.is_some_and(|c| lo <= c && c <= hi);
        chunk = rest;
    }
}

fn class_char(chunk: &[u8]) -> Result<(char, &[u8]), BadPattern> {
    let chunk = match chunk.first() {
        None | Some(b'-' | b']') => return Err(BadPattern),
        Some(b'\\') => chunk.get(1..).filter(|rest| !rest.is_empty()).ok_or(BadPattern)?,
        Some(_) => chunk,
    };
    let (c, width) = decode(chunk);
    let rest = chunk.get(width..).filter(|rest| !rest.is_empty()).ok_or(BadPattern)?;
    Ok((c, rest))
}

/// The first character and its bytes; U+FFFD and one byte inside a character, where a star may have stopped.
fn decode(bytes: &[u8]) -> (char, usize) {
    (1..=4)
        .filter_map(|n| std::str::from_utf8(bytes.get(..n)?).ok()?.chars().next())
        .next()
        .map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_classes_stop_at_slashes() {
        for (pattern, name, matches) in [
            ("*", "a/b", false),
            ("*/b", "a/b", true),
            ("a*b*c", "axbybc", true),
            ("[^a]", "/", true),
            ("?", "/", false),
            ("[a-c]?", "b☺", true),
            ("\\*", "*", true),
            ("", "", true),
        ] {
            assert_eq!(file_match(pattern, name), Ok(matches), "{pattern} {name}");
        }
    }

    #[test]
    fn faults_behind_a_mismatch_go_unnoticed() {
        assert_eq!(file_match("a*[", "b"), Ok(false));
        assert_eq!(file_match("a[", "b"), Err(BadPattern));
        assert_eq!(file_match("*[", "b"), Err(BadPattern));
    }
}
