//! Readers of Go's library that instructions depend on, with Go's texts: letters' case, booleans, durations, numbers, one line of CSV.

use crate::golang::case;
use crate::golang::quote::quote;
use crate::units::{NumError, NumReason};

/// `strings.ToLower`: letter by letter.
pub(crate) fn lower(text: &str) -> String {
    case::lower(text)
}

/// `strings.ToUpper`: letter by letter; a letter whose capital is two letters stays.
pub(crate) fn upper(text: &str) -> String {
    case::upper(text)
}

/// `strconv.ParseBool`.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `strconv.ParseInt(text, 10, 32)`.
pub(super) fn parse_int32(text: &str) -> Result<i32, NumError> {
    let error = |reason| NumError { function: "ParseInt", input: text.to_owned(), reason };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(error(NumReason::Syntax));
    }
    text.parse().map_err(|_| error(NumReason::Range))
}

/// `strconv.ParseUint(text, base, 32)`, without its error, which no instruction shows.
pub(super) fn parse_uint32(text: &str, base: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_digit(base));
    digits.then(|| u32::from_str_radix(text, base).ok()).flatten()
}

/// `time.ParseDuration`: nanoseconds.
pub(super) fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    const MOST: u64 = 1 << 63;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(after.bytes().take_while(u8::is_ascii_digit).count()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let (unit, after) = after.split_at(after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len()));
        let value =
            if whole.is_empty() { 0 } else { whole.parse::<u64>().ok().filter(|n| *n <= MOST).ok_or_else(invalid)? };
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let scale: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text))),
        };
        let mut nanos = value.checked_mul(scale).filter(|n| *n <= MOST).ok_or_else(invalid)?;
        nanos = nanos.checked_add(part(fraction, scale)).filter(|n| *n <= MOST).ok_or_else(invalid)?;
        total = total.checked_add(nanos).filter(|n| *n <= MOST).ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        return 0i64.checked_sub_unsigned(total).ok_or_else(invalid);
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// A decimal fraction of a unit, with as many digits as 63 bits hold and the rounding of a `float64`, as Go has it.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // below `scale`, which is exact
fn part(fraction: &str, scale: u64) -> u64 {
    let mut digits: u64 = 0;
    let mut ten = 1f64;
    for digit in fraction.bytes() {
        let next =
            digits.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0'))).filter(|n| *n <= 1 << 63);
        let Some(next) = next else { break };
        digits = next;
        ten *= 10.0;
    }
    (digits as f64 * (scale as f64 / ten)) as u64
}

/// One line of CSV as `tonistiigi/go-csvvalue` reads it, each field with the offset at which it begins.
pub(super) fn csv(text: &str) -> Result<Vec<(String, usize)>, String> {
    let mut rest = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if rest.is_empty() {
        return Err("EOF".to_owned());
    }
    let error = |at: usize, what: &str| Err(format!("parse error on line 1, column {}: {what}", at + 1));
    let mut at = 0;
    let mut fields = Vec::new();
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, after) = rest.split_once(',').map_or((rest, None), |(field, after)| (field, Some(after)));
            if let Some(mark) = field.find('"') {
                return error(at + mark, "bare \" in non-quoted field");
            }
            fields.push((field.to_owned(), at));
            let Some(after) = after else { return Ok(fields) };
            at += field.len() + 1;
            rest = after;
            continue;
        };
        at += 1;
        rest = quoted;
        let begin = at;
        let mut field = String::new();
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                return error(at, "extraneous or missing \" in quoted-field");
            };
            field.push_str(part);
            at += part.len() + 1;
            rest = after;
            if let Some(after) = rest.strip_prefix('"') {
                field.push('"');
                (rest, at) = (after, at + 1);
            } else if let Some(after) = rest.strip_prefix(',') {
                fields.push((field, begin));
                (rest, at) = (after, at + 1);
                break;
            } else if rest.is_empty() {
                fields.push((field, begin));
                return Ok(fields);
            } else {
                return error(at - 1, "extraneous or missing \" in quoted-field");
            }
        }
    }
}
