//! Numbers: integers in every base, characters by their code, floats and complex numbers.

use super::super::float::format_float;
use super::super::printf::Arg;
use super::super::quote::{Quoting, is_print, quote_rune};
use super::Printer;

impl Printer {
    pub(super) fn integer(&mut self, magnitude: u64, signed: Option<i64>, verb: char, arg: &Arg<'_>) {
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

    pub(super) fn character(&mut self, code: u64, verb: char) {
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

    pub(super) fn float(&mut self, value: f64, verb: char, arg: &Arg<'_>) {
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

    pub(super) fn complex(&mut self, re: f64, im: f64, verb: char, arg: &Arg<'_>) {
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

/// Digits with zeros in front up to a length. Rust's own formatter panics past 65,535; Go goes to a million.
fn zeros(digits: String, least: usize) -> String {
    match least.checked_sub(digits.len()) {
        None | Some(0) => digits,
        Some(missing) => "0".repeat(missing) + &digits,
    }
}
