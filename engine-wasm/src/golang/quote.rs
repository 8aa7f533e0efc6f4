//! Quoted strings as Go's `strconv` writes and reads them (`quote.go`).
//! Bytes, not text, since a Go string may hold any bytes.

/// How much is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// What is not printable.
    Printable,
    /// Everything outside ASCII as well.
    Ascii,
}

/// `strconv.Quote`.
pub(crate) fn quote(s: impl AsRef<[u8]>) -> String {
    quote_with(s.as_ref(), '"', Quoting::Printable)
}

/// `strconv.Quote`, `QuoteToASCII` and their kin; `mark` is the character around the text.
pub(crate) fn quote_with(s: &[u8], mark: char, quoting: Quoting) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push(mark);
    for chunk in s.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(&mut out, c, mark, quoting);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push(mark);
    out
}

/// `strconv.QuoteRune` and `QuoteRuneToASCII`; what is no character becomes U+FFFD.
pub(crate) fn quote_rune(code: i64, quoting: Quoting) -> String {
    let c = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut out = String::from("'");
    escape_char(&mut out, c, '\'', quoting);
    out.push('\'');
    out
}

fn escape_char(out: &mut String, c: char, mark: char, quoting: Quoting) {
    if c == mark || c == '\\' {
        out.push('\\');
        return out.push(c);
    }
    let plain = match quoting {
        Quoting::Ascii => matches!(c, ' '..='~'),
        Quoting::Printable => is_print(c),
    };
    if plain {
        return out.push(c);
    }
    let escape = match c {
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        c if c < ' ' || c == '\u{7f}' => format!("\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x10000 => format!("\\u{:04x}", u32::from(c)),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    out.push_str(&escape);
}

/// `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols, and the ASCII space.
pub(crate) fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // Behind another character, `escape_debug` escapes exactly what is not printable.
    let mut pair = String::from("a");
    pair.push(c);
    let mut escaped = pair.escape_debug();
    escaped.next();
    escaped.next() == Some(c)
}

/// `strconv.Unquote` for text in `"…"`, `` `…` `` or `'…'`; `None` is its `ErrSyntax`.
pub(crate) fn unquote(s: &str) -> Option<Vec<u8>> {
    let mark = s.chars().next().filter(|c| matches!(c, '"' | '`' | '\''))?;
    let inner = s.strip_prefix(mark)?.strip_suffix(mark)?;
    if mark == '`' {
        return (!inner.contains('`')).then(|| inner.bytes().filter(|b| *b != b'\r').collect());
    }
    if inner.contains('\n') {
        return None;
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    let mut count = 0;
    while !rest.is_empty() {
        let (piece, after) = unquote_char(rest, mark)?;
        match piece {
            Piece::Byte(byte) => out.push(byte),
            Piece::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = after;
        count += 1;
    }
    (mark == '"' || count == 1).then_some(out)
}

/// One character of a quoted text.
pub(crate) enum Piece {
    /// `\x41` or `\101`: a byte of the string.
    Byte(u8),
    /// Any other.
    Char(char),
}

/// `strconv.UnquoteChar`: the first character of `s` and what follows it.
pub(crate) fn unquote_char(s: &str, mark: char) -> Option<(Piece, &str)> {
    let mut chars = s.chars();
    let c = chars.next()?;
    if c == mark {
        return None;
    }
    if c != '\\' {
        return Some((Piece::Char(c), chars.as_str()));
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let simple = |c| Some((Piece::Char(c), rest));
    match escape {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' => simple('\\'),
        '\'' | '"' if escape == mark => simple(escape),
        'x' => number(rest, 2, 16).and_then(|(code, rest)| Some((Piece::Byte(u8::try_from(code).ok()?), rest))),
        'u' => number(rest, 4, 16).and_then(|(code, rest)| Some((Piece::Char(char::from_u32(code)?), rest))),
        'U' => number(rest, 8, 16).and_then(|(code, rest)| Some((Piece::Char(char::from_u32(code)?), rest))),
        '0'..='7' => number(&s[1..], 3, 8).and_then(|(code, rest)| Some((Piece::Byte(u8::try_from(code).ok()?), rest))),
        _ => None,
    }
}

fn number(s: &str, digits: usize, base: u32) -> Option<(u32, &str)> {
    let head = s.get(..digits)?;
    let code = head.chars().try_fold(0u32, |sum, c| sum.checked_mul(base)?.checked_add(c.to_digit(base)?))?;
    Some((code, &s[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go() {
        assert_eq!(quote("a\"b\\\n\u{1}é☺\u{200b}"), r#""a\"b\\\n\x01é☺\u200b""#);
        assert_eq!(quote([0xff, b'a']), r#""\xffa""#);
        assert_eq!(quote_with("é🙂".as_bytes(), '"', Quoting::Ascii), r#""\u00e9\U0001f642""#);
        assert_eq!(quote_rune(0x1F600, Quoting::Printable), "'😀'");
        assert_eq!(quote_rune(-1, Quoting::Ascii), r"'\ufffd'");
    }

    #[test]
    fn unquotes_as_go() {
        assert_eq!(unquote(r#""a\tb\x41\101\u00e9\"""#).unwrap(), "a\tbAAé\"".as_bytes());
        assert_eq!(unquote("`a\\n`").unwrap(), b"a\\n");
        assert_eq!(unquote("'x'").unwrap(), b"x");
        for bad in ["", "\"", "\"a", "'ab'", r#""\q""#, r#""\'""#, r#""\400""#, "\"a\nb\"", r#""\ud800""#] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }
}
