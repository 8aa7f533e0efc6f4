//! `fmt.Sprintf`, `Sprint` and `Sprintln` over dynamic values (`fmt/print.go`).
//! This half reads the format string and chooses arguments; [`super::verbs`] writes a value for a verb.

use super::verbs::Printer;

/// A value as `fmt` sees it: its kind, its content, its type's name.
#[derive(Debug, Clone)]
pub(crate) enum Arg<'a> {
    Nil,
    Bool(bool),
    Int(i64, &'static str),
    Uint(u64, &'static str),
    Float(f64),
    Complex(f64, f64),
    Str(std::borrow::Cow<'a, [u8]>, &'static str),
    /// Elements; the type's name.
    Slice(Vec<Arg<'a>>, &'static str),
    /// Entries sorted by key; the type is `map[string]interface {}`.
    Map(Vec<(&'a str, Arg<'a>)>),
}

/// `map[string]interface {}`.
pub(crate) const MAP_TYPE: &str = "map[string]interface {}";
/// `[]interface {}`.
pub(crate) const SLICE_TYPE: &str = "[]interface {}";

impl Arg<'_> {
    /// What `%T` prints.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_, name) | Self::Uint(_, name) | Self::Str(_, name) | Self::Slice(_, name) => name,
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::Map(_) => MAP_TYPE,
        }
    }
}

/// The text would be longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Widths, precisions and argument numbers beyond this are refused, as in Go.
const LARGEST: i64 = 1_000_000;

/// `fmt.Sprint`: a space between operands when neither is a string.
pub(crate) fn sprint(args: &[Arg<'_>], limit: usize) -> Result<Vec<u8>, TooLong> {
    let mut p = Printer::new(limit);
    let mut before_was_string = true;
    for arg in args {
        let is_string = matches!(arg, Arg::Str(..));
        if !is_string && !before_was_string {
            p.write(b" ");
        }
        p.arg(arg, 'v');
        before_was_string = is_string;
    }
    p.finish()
}

/// `fmt.Sprintln`: spaces between all operands, and a line end.
pub(crate) fn sprintln(args: &[Arg<'_>], limit: usize) -> Result<Vec<u8>, TooLong> {
    let mut p = Printer::new(limit);
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            p.write(b" ");
        }
        p.arg(arg, 'v');
    }
    p.write(b"\n");
    p.finish()
}

/// `fmt.Sprintf`, with its `%!…` texts for whatever is wrong.
pub(crate) fn sprintf(format: &[u8], args: &[Arg<'_>], limit: usize) -> Result<Vec<u8>, TooLong> {
    let mut scan = Scan { format, at: 0, args, next: 0, good_index: true, reordered: false };
    let mut p = Printer::new(limit);
    while scan.at < format.len() && !p.is_full() {
        let rest = &format[scan.at..];
        let literal = rest.iter().position(|b| *b == b'%').unwrap_or(rest.len());
        p.write(&rest[..literal]);
        scan.at += literal;
        if scan.at < format.len() {
            scan.at += 1;
            scan.directive(&mut p);
        }
    }
    if !scan.reordered && scan.next < args.len() {
        p.clear_flags();
        p.write(b"%!(EXTRA ");
        for (i, arg) in args[scan.next..].iter().enumerate() {
            if i > 0 {
                p.write(b", ");
            }
            match arg {
                Arg::Nil => p.write(b"<nil>"),
                arg => {
                    p.write(arg.type_name().as_bytes());
                    p.write(b"=");
                    p.arg(arg, 'v');
                }
            }
        }
        p.write(b")");
    }
    p.finish()
}

struct Scan<'a> {
    format: &'a [u8],
    at: usize,
    args: &'a [Arg<'a>],
    next: usize,
    good_index: bool,
    reordered: bool,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// What follows a `%`.
    fn directive(&mut self, p: &mut Printer) {
        p.clear_flags();
        self.good_index = true;
        while let Some(b) = self.peek() {
            match b {
                b'#' => p.flags.sharp = true,
                b'0' => p.flags.zero = true,
                b'+' => p.flags.plus = true,
                b'-' => p.flags.minus = true,
                b' ' => p.flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut after_index = self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.int_arg() {
                Some(width) => {
                    p.flags.width = Some(usize::try_from(width.unsigned_abs()).unwrap_or(0));
                    if width < 0 {
                        p.flags.minus = true;
                        p.flags.zero = false;
                    }
                }
                None => p.write(b"%!(BADWIDTH)"),
            }
            after_index = false;
        } else {
            p.flags.width = self.number();
            if after_index && p.flags.width.is_some() {
                self.good_index = false;
            }
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.index();
            if self.peek() == Some(b'*') {
                self.at += 1;
                match self.int_arg() {
                    Some(precision) if precision >= 0 => p.flags.precision = usize::try_from(precision).ok(),
                    _ => p.write(b"%!(BADPREC)"),
                }
                after_index = false;
            } else {
                p.flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !after_index {
            self.index();
        }
        let Some(chunk) = self.format.get(self.at..).filter(|rest| !rest.is_empty()) else {
            return p.write(b"%!(NOVERB)");
        };
        let (verb, size) = decode(chunk);
        self.at += size;
        if verb == '%' {
            p.write(b"%");
        } else if !self.good_index {
            p.write(format!("%!{verb}(BADINDEX)").as_bytes());
        } else if let Some(arg) = self.args.get(self.next) {
            self.next += 1;
            if matches!(verb, 'v' | 'w') {
                p.flags.sharp_v = std::mem::take(&mut p.flags.sharp);
                p.flags.plus_v = std::mem::take(&mut p.flags.plus);
            }
            p.arg(arg, verb);
        } else {
            p.write(format!("%!{verb}(MISSING)").as_bytes());
        }
    }

    /// `[n]`: chooses the next argument; says whether there was a well-formed one.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = if rest.len() < 3 { None } else { rest.iter().position(|b| *b == b']') };
        let Some(close) = close else {
            self.at += 1;
            self.good_index = false;
            return false;
        };
        let number = digits(&rest[1..close]).filter(|(_, used)| *used == close - 1).map(|(n, _)| n);
        self.at += close + 1;
        match number {
            Some(n) if n >= 1 && n <= self.args.len() => {
                self.next = n - 1;
                true
            }
            Some(_) => {
                self.good_index = false;
                true
            }
            None => {
                self.good_index = false;
                false
            }
        }
    }

    /// A width or precision from an argument: `*`.
    fn int_arg(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        let n = match arg {
            Arg::Int(n, _) => *n,
            Arg::Uint(n, _) => i64::try_from(*n).ok()?,
            _ => return None,
        };
        (-LARGEST..=LARGEST).contains(&n).then_some(n)
    }

    /// A width or precision in the text. One that is too large takes the rest of the format with it, as in Go.
    fn number(&mut self) -> Option<usize> {
        let rest = &self.format[self.at..];
        match digits(rest) {
            Some((n, used)) => {
                self.at += used;
                Some(n)
            }
            None => {
                if rest.first().is_some_and(u8::is_ascii_digit) {
                    self.at = self.format.len();
                }
                None
            }
        }
    }
}

/// The number at the beginning and its length; `None` without one or when it is too large.
fn digits(text: &[u8]) -> Option<(usize, usize)> {
    let used = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut n: i64 = 0;
    for b in &text[..used] {
        if n > LARGEST {
            return None;
        }
        n = n * 10 + i64::from(b - b'0');
    }
    if used == 0 { None } else { Some((usize::try_from(n).ok()?, used)) }
}

/// The first character of some bytes and its length; what is no UTF-8 is U+FFFD of length 1.
pub(crate) fn decode(bytes: &[u8]) -> (char, usize) {
    let head = &bytes[..bytes.len().min(4)];
    match head.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()) {
        Some(c) => (c, c.len_utf8()),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}
