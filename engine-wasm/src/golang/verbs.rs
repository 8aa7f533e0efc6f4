//! One value, one verb: the writing half of Go's `fmt` (`fmt/print.go`, `fmt/format.go`).
//! Flags, width and precision mean what they mean there, and a verb that does not fit a value is written as `%!verb(type=value)`.

mod number;

use super::printf::{Arg, MAP_TYPE, SLICE_TYPE, TooLong};
use super::quote::{Quoting, quote_with};

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

/// `strconv.CanBackquote`.
fn can_backquote(s: &str) -> bool {
    s.chars().all(|c| c == '\t' || (c >= ' ' && !matches!(c, '`' | '\u{7f}' | '\u{feff}')))
}
