//! One value, one verb: the writing half of Go's `fmt` (`fmt/print.go`, `fmt/format.go`).
//! Flags, width and precision mean what they mean there, and a verb that does not fit a value is written as `%!verb(type=value)`.

use super::float::format_float;
use super::printf::{Arg, MAP_TYPE, SLICE_TYPE, TooLong};
use super::quote::{Quoting, is_print, quote_rune, quote_with};

/// What stands between `%` and the verb.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) width: Option<usize>,
    pub(crate) precision: Option<usize>,
    pub(crate) minus: bool,
    pub(crate) plus: bool,
    pub(crate) sharp: bool,
    pub(crate) space: bool,
    pub(crate) zero: bool,
    pub(crate) plus_v: bool,
    pub(crate) sharp_v: bool,
}

/// Text being written, up to a limit.
pub(crate) struct Printer {
    out: Vec<u8>,
    limit: usize,
    full: bool,
    /// Inside a `%!verb(…)`, where a second one would say nothing new.
    erroring: bool,
    pub(crate) flags: Flags,
}

impl Printer {
    pub(crate) fn new(limit: usize) -> Self {
        Self { out: Vec::new(), limit, full: false, erroring: false, flags: Flags::default() }
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, TooLong> {
        if self.full { Err(TooLong) } else { Ok(self.out) }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn clear_flags(&mut self) {
        self.flags = Flags::default();
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.full || self.out.len() + bytes.len() > self.limit {
            self.full = true;
        } else {
            self.out.extend_from_slice(bytes);
        }
    }

    fn padding(&mut self, count: usize) {
        let fill = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        if self.full || self.out.len() + count > self.limit {
            self.full = true;
        } else {
            self.out.resize(self.out.len() + count, fill);
        }
    }

    /// Writes bytes in a field of the width asked for, counted in characters.
    fn pad(&mut self, bytes: &[u8]) {
        let width: usize = match self.flags.width {
            None | Some(0) => return self.write(bytes),
            Some(w) => {
                w.saturating_sub(bytes.utf8_chunks().map(|c| c.valid().chars().count() + c.invalid().len()).sum())
            }
        };
        if self.flags.minus {
            self.write(bytes);
            self.padding(width);
        } else {
            self.padding(width);
            self.write(bytes);
        }
    }

    fn pad_without_zeros(&mut self, bytes: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(bytes);
        self.flags.zero = zero;
    }

    /// Writes a value; `verb` is the character after the flags.
    pub(crate) fn arg(&mut self, arg: &Arg<'_>, verb: char) {
        match (arg, verb) {
            (Arg::Nil, 'v' | 'T') => self.pad(b"<nil>"),
            (arg, 'T') => self.string(arg.type_name().as_bytes(), 's', arg),
            (arg, verb) => self.value(arg, verb),
        }
    }

    fn value(&mut self, arg: &Arg<'_>, verb: char) {
        match arg {
            Arg::Nil => self.bad_verb(verb, arg),
            Arg::Bool(b) if matches!(verb, 't' | 'v') => self.pad(if *b { b"true" } else { b"false" }),
            Arg::Bool(_) => self.bad_verb(verb, arg),
            Arg::Int(n, _) => self.integer(n.unsigned_abs(), Some(*n), verb, arg),
            Arg::Uint(n, _) => self.integer(*n, None, verb, arg),
            Arg::Float(f) => self.float(*f, verb, arg),
            Arg::Complex(re, im) => self.complex(*re, *im, verb, arg),
            Arg::Str(s, _) => self.string(s, verb, arg),
            Arg::Slice(elements, name) => self.sequence(elements, name, verb),
            Arg::Map(entries) => self.map(entries, verb),
        }
    }

    /// An element of a slice or map: an interface, or a string where the elements are strings.
    fn element(&mut self, arg: &Arg<'_>, verb: char) {
        match arg {
            Arg::Nil if self.flags.sharp_v => self.write(b"interface {}(nil)"),
            Arg::Nil => self.write(b"<nil>"),
            arg => self.value(arg, verb),
        }
    }

    fn sequence(&mut self, elements: &[Arg<'_>], name: &str, verb: char) {
        if verb == 'p' {
            return self.bad_verb(verb, &Arg::Slice(Vec::new(), SLICE_TYPE));
        }
        let sharp = self.flags.sharp_v;
        if sharp {
            self.write(name.as_bytes());
        }
        self.write(if sharp { b"{" } else { b"[" });
        for (i, element) in elements.iter().enumerate() {
            if i > 0 {
                self.write(if sharp { b", " } else { b" " });
            }
            self.element(element, verb);
        }
        self.write(if sharp { b"}" } else { b"]" });
    }

    fn map(&mut self, entries: &[(&str, Arg<'_>)], verb: char) {
        if verb == 'p' {
            return self.bad_verb(verb, &Arg::Map(Vec::new()));
        }
        let sharp = self.flags.sharp_v;
        if sharp {
            self.write(MAP_TYPE.as_bytes());
        }
        self.write(if sharp { b"{" } else { b"map[" });
        for (i, (key, value)) in entries.iter().enumerate() {
            if i > 0 {
                self.write(if sharp { b", " } else { b" " });
            }
            self.value(&Arg::Str(key.as_bytes().into(), "string"), verb);
            self.write(b":");
            self.element(value, verb);
        }
        self.write(if sharp { b"}" } else { b"]" });
    }

    fn bad_verb(&mut self, verb: char, arg: &Arg<'_>) {
        self.erroring = true;
        self.write(format!("%!{verb}(").as_bytes());
        if matches!(arg, Arg::Nil) {
            self.write(b"<nil>");
        } else {
            self.write(arg.type_name().as_bytes());
            self.write(b"=");
            self.arg(arg, 'v');
        }
        self.write(b")");
        self.erroring = false;
    }

    fn integer(&mut self, magnitude: u64, signed: Option<i64>, verb: char, arg: &Arg<'_>) {
        let base = match verb {
            'v' if self.flags.sharp_v && signed.is_none() => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(magnitude, 16, false, 'v');
                self.flags.sharp = sharp;
                return;
            }
            'v' | 'd' => 10,
            'b' => 2,
            'o' | 'O' => 8,
            'x' | 'X' => 16,
            'c' | 'q' | 'U' => return self.character(signed.map_or(magnitude, |n| n as u64), verb),
            _ => return self.bad_verb(verb, arg),
        };
        self.digits(magnitude, base, signed.is_some_and(|n| n < 0), verb);
    }

    fn digits(&mut self, magnitude: u64, base: u32, negative: bool, verb: char) {
        let mut least = 0;
        if let Some(precision) = self.flags.precision {
            least = precision;
            if precision == 0 && magnitude == 0 {
                return self.pad_without_zeros(b"");
            }
        } else if let Some(width) = self.flags.width
            && self.flags.zero
            && !self.flags.minus
        {
            least = width.saturating_sub(usize::from(negative || self.flags.plus || self.flags.space));
        }
        let digits = match base {
            2 => format!("{magnitude:b}"),
            8 => format!("{magnitude:o}"),
            16 if verb == 'X' => format!("{magnitude:X}"),
            16 => format!("{magnitude:x}"),
            _ => magnitude.to_string(),
        };
        let body = zeros(digits, least);
        let prefix = match (self.flags.sharp, base) {
            _ if verb == 'O' => "0o",
            (true, 2) => "0b",
            (true, 8) if !body.starts_with('0') => "0",
            (true, 16) if verb == 'X' => "0X",
            (true, 16) => "0x",
            _ => "",
        };
        let extra = if verb == 'O' && self.flags.sharp && !body.starts_with('0') { "0" } else { "" };
        let sign = match () {
            () if negative => "-",
            () if self.flags.plus => "+",
            () if self.flags.space => " ",
            () => "",
        };
        self.pad_without_zeros(format!("{sign}{prefix}{extra}{body}").as_bytes());
    }

    fn character(&mut self, code: u64, verb: char) {
        let c = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        match verb {
            'c' => self.pad(c.encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => {
                let quoting = if self.flags.plus { Quoting::Ascii } else { Quoting::Printable };
                self.pad(quote_rune(i64::from(u32::from(c)), quoting).as_bytes());
            }
            _ => {
                let least = self.flags.precision.unwrap_or(4).max(4);
                let mut text = format!("U+{}", zeros(format!("{code:X}"), least));
                if self.flags.sharp && code <= 0x10_ffff && char::from_u32(code as u32).is_some_and(is_print) {
                    text.push_str(&format!(" '{c}'"));
                }
                self.pad_without_zeros(text.as_bytes());
            }
        }
    }

    fn float(&mut self, value: f64, verb: char, arg: &Arg<'_>) {
        let (layout, default) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'F' => ('f', Some(6)),
            'f' | 'e' | 'E' => (verb, Some(6)),
            _ => return self.bad_verb(verb, arg),
        };
        let precision = self.flags.precision.or(default);
        let mut text = format_float(value, layout, precision);
        if !text.starts_with(['+', '-']) {
            text.insert(0, '+');
        }
        if self.flags.space && text.starts_with('+') && !self.flags.plus {
            text.replace_range(..1, " ");
        }
        if text[1..].starts_with(['I', 'N']) {
            let bare = text[1..].starts_with('N') && !self.flags.space && !self.flags.plus;
            let shown = if bare || (text.starts_with('+') && !self.flags.plus) { &text[1..] } else { &text[..] };
            return self.pad_without_zeros(shown.as_bytes());
        }
        if self.flags.sharp && layout != 'b' {
            text = with_point(&text, layout, precision);
        }
        if !self.flags.plus && text.starts_with('+') {
            return self.pad(&text.as_bytes()[1..]);
        }
        match self.flags.width {
            Some(width) if self.flags.zero && !self.flags.minus && width > text.len() => {
                self.write(&text.as_bytes()[..1]);
                self.padding(width - text.len());
                self.write(&text.as_bytes()[1..]);
            }
            _ => self.pad(text.as_bytes()),
        }
    }

    fn complex(&mut self, re: f64, im: f64, verb: char, arg: &Arg<'_>) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(verb, arg);
        }
        self.write(b"(");
        self.float(re, verb, arg);
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(im, verb, arg);
        self.flags.plus = plus;
        self.write(b"i)");
    }

    fn string(&mut self, s: &[u8], verb: char, arg: &Arg<'_>) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(s),
            'v' | 's' => {
                let cut = self.truncate(s);
                self.pad(cut);
            }
            'x' | 'X' => self.hexadecimal(s, verb),
            'q' => self.quoted(s),
            _ => self.bad_verb(verb, arg),
        }
    }

    /// As many characters as the precision allows.
    fn truncate<'s>(&self, s: &'s [u8]) -> &'s [u8] {
        let Some(precision) = self.flags.precision else {
            return s;
        };
        let mut end = 0;
        for _ in 0..precision {
            if end >= s.len() {
                return s;
            }
            end += super::printf::decode(&s[end..]).1;
        }
        &s[..end]
    }

    fn quoted(&mut self, s: &[u8]) {
        let s = self.truncate(s);
        let text = match std::str::from_utf8(s) {
            Ok(plain) if self.flags.sharp && can_backquote(plain) => format!("`{plain}`"),
            _ if self.flags.plus => quote_with(s, '"', Quoting::Ascii),
            _ => quote_with(s, '"', Quoting::Printable),
        };
        self.pad(text.as_bytes());
    }

    fn hexadecimal(&mut self, s: &[u8], verb: char) {
        let length = self.flags.precision.map_or(s.len(), |p| p.min(s.len()));
        let mut text = String::new();
        let prefix = if verb == 'X' { "0X" } else { "0x" };
        for (i, byte) in s[..length].iter().enumerate() {
            if i > 0 && self.flags.space {
                text.push(' ');
            }
            if self.flags.sharp && (i == 0 || self.flags.space) {
                text.push_str(prefix);
            }
            text.push_str(&if verb == 'X' { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        self.pad(text.as_bytes());
    }
}

/// The `#` flag on floats: always a point, and for `%g` the trailing zeros as well.
fn with_point(text: &str, layout: char, precision: Option<usize>) -> String {
    let hex = matches!(layout, 'x' | 'X');
    let cut = text.find(if hex { &['p', 'P'][..] } else { &['e', 'E', 'p', 'P'][..] }).unwrap_or(text.len());
    let (number, tail) = text.split_at(cut);
    let mut wanted = if matches!(layout, 'g' | 'G' | 'x') {
        precision.map_or(6, |p| i64::try_from(p).unwrap_or(i64::MAX))
    } else {
        0
    };
    let significant = number[1..].bytes().filter(|b| *b != b'.').skip_while(|b| *b == b'0').count();
    wanted -= significant as i64;
    let mut out = number.to_owned();
    if !number.contains('.') {
        if &number[1..] == "0" {
            wanted -= 1;
        }
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', usize::try_from(wanted).unwrap_or(0)));
    out + tail
}

/// `strconv.CanBackquote`.
fn can_backquote(s: &str) -> bool {
    s.chars().all(|c| c == '\t' || (c >= ' ' && !matches!(c, '`' | '\u{7f}' | '\u{feff}')))
}

/// Digits with zeros in front up to a length. Rust's own formatter panics past 65,535; Go goes to a million.
fn zeros(digits: String, least: usize) -> String {
    match least.checked_sub(digits.len()) {
        None | Some(0) => digits,
        Some(missing) => "0".repeat(missing) + &digits,
    }
}
