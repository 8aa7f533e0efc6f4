//! The JSON form of arguments: `["nginx", "-g", "daemon off;"]`, as Go's `encoding/json` reads it.
//! A reader of its own, because every string's place is wanted, and because Go takes lone surrogates.

use std::ops::Range;

use crate::golang::decimal;

/// What an array turned out to be.
pub(super) enum Json {
    /// Strings only, with their places in the text (quotes included).
    Strings(Vec<(String, Range<usize>)>),
    /// A JSON array, but not of strings.
    Mixed,
    /// No JSON array: the shell form.
    No,
}

/// Deeper arrays and objects than this are taken for the shell form.
const MAX_DEPTH: usize = 200;

/// Reads the whole of `text`, white space around it aside.
pub(super) fn parse_array(text: &str) -> Json {
    let begin = text.len() - text.trim_start().len();
    if !text[begin..].starts_with('[') {
        return Json::No;
    }
    let mut reader = Reader { text, at: begin + 1 };
    match reader.array() {
        Some(elements) if reader.at_end() => match elements.into_iter().collect::<Option<Vec<_>>>() {
            Some(strings) => Json::Strings(strings),
            None => Json::Mixed,
        },
        _ => Json::No,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

type Element = Option<(String, Range<usize>)>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn at_end(&mut self) -> bool {
        self.space();
        self.at == self.text.len()
    }

    /// After the opening bracket: the elements, `None` for those that are no strings.
    fn array(&mut self) -> Option<Vec<Element>> {
        let mut elements = Vec::new();
        if self.take(b']').is_some() {
            return Some(elements);
        }
        loop {
            self.space();
            let start = self.at;
            elements.push(match self.peek()? {
                b'"' => Some((self.string()?, start..self.at)),
                _ => {
                    self.value(1)?;
                    None
                }
            });
            if self.take(b']').is_some() {
                return Some(elements);
            }
            self.take(b',')?;
        }
    }

    /// Any value; only whether it is well-formed matters.
    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'[' => {
                self.at += 1;
                if self.take(b']').is_some() {
                    return Some(());
                }
                loop {
                    self.value(depth + 1)?;
                    if self.take(b']').is_some() {
                        return Some(());
                    }
                    self.take(b',')?;
                }
            }
            b'{' => {
                self.at += 1;
                if self.take(b'}').is_some() {
                    return Some(());
                }
                loop {
                    self.space();
                    self.string()?;
                    self.take(b':')?;
                    self.value(depth + 1)?;
                    if self.take(b'}').is_some() {
                        return Some(());
                    }
                    self.take(b',')?;
                }
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                let word = ["true", "false", "null"].into_iter().find(|word| self.text[self.at..].starts_with(word))?;
                self.at += word.len();
                Some(())
            }
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let start = self.at;
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // A number that no float64 holds is an error of its own in Go, which ends in the shell form too.
        decimal::parse(self.text[start..self.at].trim_start_matches('-')).filter(|n| n.is_finite()).map(|_| ())
    }

    fn string(&mut self) -> Option<String> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        let mut out = String::new();
        loop {
            let c = self.text[self.at..].chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(out),
                '\\' => out.push(self.escape()?),
                c if c < ' ' => return None,
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                if let Some(c) = char::from_u32(first) {
                    return Some(c);
                }
                let here = self.at;
                if first < 0xdc00
                    && self.text[self.at..].starts_with("\\u")
                    && {
                        self.at += 2;
                        true
                    }
                    && let Some(second @ 0xdc00..=0xdfff) = self.hex()
                {
                    return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
                }
                // Half of a pair stands for nothing; what follows it is read again.
                self.at = here;
                char::REPLACEMENT_CHARACTER
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}
