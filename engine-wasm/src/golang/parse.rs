//! Numbers from text, as Go's `strconv.ParseInt`, `ParseUint` and `ParseFloat` read them (`atoi.go`, `atof.go`).
//! With base 0 they take Go's literals: prefixes `0x 0o 0b 0`, and `_` between digits.

use super::decimal;
use super::quote::quote;

/// Why a number was not read. The texts are `strconv.NumError`'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("strconv.{function}: parsing {}: {reason}", quote(.input))]
pub struct NumError {
    pub(crate) function: &'static str,
    pub(crate) input: String,
    pub(crate) reason: NumReason,
}

/// The second half of a [`NumError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumReason {
    /// Not a number.
    #[error("invalid syntax")]
    Syntax,
    /// A number that the type cannot hold.
    #[error("value out of range")]
    Range,
}

/// `strconv.ParseUint(s, 0, 64)`.
pub(crate) fn parse_uint(s: &str) -> Result<u64, NumReason> {
    let lower = s.to_ascii_lowercase();
    let (base, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    let mut value: Option<u64> = Some(0);
    let mut any = false;
    for c in digits.chars() {
        if c == '_' {
            continue;
        }
        let digit = c.to_digit(base).ok_or(NumReason::Syntax)?;
        any = true;
        value = value.and_then(|v| v.checked_mul(u64::from(base))).and_then(|v| v.checked_add(u64::from(digit)));
    }
    if !any || !underscores_ok(s) {
        return Err(NumReason::Syntax);
    }
    value.ok_or(NumReason::Range)
}

/// `strconv.ParseInt(s, 0, 64)`.
pub(crate) fn parse_int(s: &str) -> Result<i64, NumReason> {
    let (negative, digits) = match s.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, s.strip_prefix('+').unwrap_or(s)),
    };
    let magnitude = parse_uint(digits)?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }.ok_or(NumReason::Range)
}

/// Underscores may stand between digits, and after a base prefix, only in a number that has one (or is written with a leading 0).
fn underscores_ok(s: &str) -> bool {
    let s = s.strip_prefix(['+', '-']).unwrap_or(s);
    let lower = s.to_ascii_lowercase();
    let hex = lower.starts_with("0x");
    let prefixed = hex || lower.starts_with("0b") || lower.starts_with("0o");
    // What stood last: '0' a digit (or the prefix), '_' an underscore, '^' the beginning, '!' anything else.
    let mut last = if prefixed { '0' } else { '^' };
    for c in lower.chars().skip(if prefixed { 2 } else { 0 }) {
        if c.is_ascii_digit() || (hex && c.is_ascii_hexdigit()) {
            last = '0';
        } else if c == '_' {
            if last != '0' {
                return false;
            }
            last = '_';
        } else {
            if last == '_' {
                return false;
            }
            last = '!';
        }
    }
    last != '_'
}

/// `strconv.ParseFloat(s, 64)`, with hexadecimal floats, infinities, NaN, and underscores between digits.
pub(crate) fn parse_float(s: &str) -> Result<f64, NumReason> {
    let (sign, body) = match s.as_bytes().first() {
        Some(b'-') => (-1.0, &s[1..]),
        Some(b'+') => (1.0, &s[1..]),
        _ => (1.0, s),
    };
    let lower = body.to_ascii_lowercase();
    if matches!(lower.as_str(), "inf" | "infinity") {
        return Ok(sign * f64::INFINITY);
    }
    if lower == "nan" {
        // NaN takes no sign in Go.
        return if body.len() == s.len() { Ok(f64::NAN) } else { Err(NumReason::Syntax) };
    }
    let magnitude = if let Some(hex) = lower.strip_prefix("0x") {
        parse_hex_float(&hex.replace('_', "")).filter(|_| !hex.contains('_') || underscores_ok(s))
    } else {
        let digits = if lower.contains('_') && underscores_ok(s) { lower.replace('_', "") } else { lower };
        let plain = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
        let begins = digits.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.');
        if plain && begins { decimal::parse(&digits) } else { None }
    };
    let value = magnitude.ok_or(NumReason::Syntax)?;
    if value.is_infinite() { Err(NumReason::Range) } else { Ok(sign * value) }
}

/// `1.8p3` after `0x`: the exponent is required, of two, and decimal. Rounds to nearest even.
fn parse_hex_float(s: &str) -> Option<f64> {
    let (mantissa, exponent) = s.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if whole.len() + fraction.len() == 0 || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { -1_000_000 } else { 1_000_000 });
    exponent = exponent.clamp(-10_000_000, 10_000_000);
    let mut bits: u64 = 0;
    for (i, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(c.to_digit(16)?);
        if bits >> 60 != 0 {
            // Full: later digits only say whether the number is exact.
            bits |= u64::from(digit != 0);
            exponent += 4;
        } else {
            bits = bits << 4 | digit;
        }
        if i >= whole.len() {
            exponent -= 4;
        }
    }
    Some(scale(bits, exponent))
}

/// `bits × 2^exponent`, rounded once.
pub(super) fn scale(bits: u64, exponent: i64) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let shift = bits.leading_zeros();
    let bits = bits << shift;
    let exponent = exponent - i64::from(shift);
    // The value lies in [2^(exponent+63), 2^(exponent+64)).
    let top = exponent + 63;
    if top > 1023 {
        return f64::INFINITY;
    }
    let kept = if top >= -1022 { 53 } else { 53 + (top + 1022) };
    if kept < 0 {
        return 0.0;
    }
    let dropped = 64 - kept as u32;
    let (mut mantissa, extra, half) = if dropped == 64 {
        (0, bits, 1u64 << 63)
    } else {
        (bits >> dropped, bits & ((1 << dropped) - 1), 1u64 << (dropped - 1))
    };
    if extra > half || (extra == half && mantissa & 1 == 1) {
        mantissa += 1;
    }
    // Adding lets a carry run into the exponent, as IEEE 754 lays it out.
    let raw = if top >= -1022 { (((top + 1022) as u64) << 52) + mantissa } else { mantissa };
    f64::from_bits(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_take_gos_literals() {
        assert_eq!(parse_int("0x_ff"), Ok(255));
        assert_eq!(parse_int("-0b101"), Ok(-5));
        assert_eq!(parse_int("0755"), Ok(493));
        assert_eq!(parse_int("1_000"), Ok(1000));
        assert_eq!(parse_int("1__0"), Err(NumReason::Syntax));
        assert_eq!(parse_int("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(parse_int("9223372036854775808"), Err(NumReason::Range));
        assert_eq!(parse_uint("08"), Err(NumReason::Syntax));
        assert_eq!(parse_uint(""), Err(NumReason::Syntax));
    }

    #[test]
    fn floats_take_gos_literals() {
        assert_eq!(parse_float("0x1p-2"), Ok(0.25));
        assert_eq!(parse_float("0x1.fffffffffffff8p0"), Ok(2.0));
        assert_eq!(parse_float("0x1p-1074"), Ok(f64::from_bits(1)));
        assert_eq!(parse_float("0x1p-1075"), Ok(0.0));
        assert_eq!(parse_float("-.5"), Ok(-0.5));
        assert_eq!(parse_float("5."), Ok(5.0));
        assert_eq!(parse_float("1e400"), Err(NumReason::Range));
        assert_eq!(parse_float("1_0.5_0"), Ok(10.5));
        assert_eq!(parse_float("1_.5"), Err(NumReason::Syntax));
        assert_eq!(parse_float("."), Err(NumReason::Syntax));
        assert_eq!(parse_float("+nan"), Err(NumReason::Syntax));
        assert_eq!(parse_float("-Inf"), Ok(f64::NEG_INFINITY));
        assert_eq!(parse_float(" 1"), Err(NumReason::Syntax));
    }
}
