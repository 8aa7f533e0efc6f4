//! Numbers in templates, with Go's syntax for constants (`text/template/parse/node.go`, `newNumber`).
//! One text can be an integer, a float and a complex number at once; use decides.

use super::lex::Kind;
use crate::golang::parse::{NumReason, parse_float, parse_int, parse_uint};
use crate::golang::quote::{Piece, quote, unquote_char};

/// A constant and all it can stand for.
#[derive(Debug, Clone)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
    pub(super) complex: Option<(f64, f64)>,
}

impl Number {
    /// Reads a token; the error is the message after the position.
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        let mut number = Self { text: text.to_owned(), int: None, uint: None, float: None, complex: None };
        match kind {
            Kind::CharConstant => {
                let code = char_constant(text)?;
                number.int = Some(i64::from(code));
                number.uint = Some(u64::from(code));
                number.float = Some(f64::from(code));
                return Ok(number);
            }
            Kind::Complex => {
                let (re, im) = complex(text).ok_or("syntax error scanning complex number")?;
                number.set_complex(re, im);
                return Ok(number);
            }
            _ => {}
        }
        if let Some(imaginary) = text.strip_suffix('i')
            && let Ok(im) = parse_float(imaginary)
        {
            number.set_complex(0.0, im);
            return Ok(number);
        }
        number.uint = parse_uint(text).ok();
        number.int = parse_int(text).ok();
        if number.int == Some(0) {
            // −0 is unsigned too.
            number.uint = Some(0);
        }
        number.float = number.int.map(|n| n as f64).or(number.uint.map(|n| n as f64));
        if number.float.is_none()
            && let Ok(float) = parse_float(text)
        {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote(text)));
            }
            number.float = Some(float);
            number.int = as_int(float);
            number.uint = as_uint(float);
        }
        if number.float.is_none() {
            return Err(format!("illegal number syntax: {}", quote(text)));
        }
        Ok(number)
    }

    fn set_complex(&mut self, re: f64, im: f64) {
        self.complex = Some((re, im));
        if im == 0.0 {
            self.float = Some(re);
            self.int = as_int(re);
            self.uint = as_uint(re);
        }
    }
}

fn as_int(float: f64) -> Option<i64> {
    let n = float as i64;
    (n as f64 == float && n != i64::MAX).then_some(n)
}

fn as_uint(float: f64) -> Option<u64> {
    let n = float as u64;
    (n as f64 == float && n != u64::MAX).then_some(n)
}

fn char_constant(text: &str) -> Result<u32, String> {
    let inner = text.get(1..).unwrap_or_default();
    let (piece, tail) = unquote_char(inner, '\'').ok_or("invalid syntax")?;
    if tail != "'" {
        return Err(format!("malformed character constant: {text}"));
    }
    Ok(match piece {
        Piece::Byte(byte) => u32::from(byte),
        Piece::Char(c) => u32::from(c),
    })
}

/// `1+2i`: the sign between the halves is the last one that no exponent owns.
fn complex(text: &str) -> Option<(f64, f64)> {
    let body = text.strip_suffix('i')?;
    let hex = body.to_ascii_lowercase().contains("0x");
    let split = body.bytes().enumerate().rev().find(|(i, b)| {
        let before = if *i > 0 { body.as_bytes()[i - 1].to_ascii_lowercase() } else { 0 };
        *i > 0 && matches!(b, b'+' | b'-') && before != b'p' && (hex || before != b'e')
    })?;
    let (re, im) = body.split_at(split.0);
    Some((float_or_int(re)?, float_or_int(im)?))
}

fn float_or_int(text: &str) -> Option<f64> {
    parse_float(text).ok()
}

/// The error of an unquoted string, as `strconv` puts it.
pub(super) fn invalid_syntax() -> String {
    NumReason::Syntax.to_string()
}
