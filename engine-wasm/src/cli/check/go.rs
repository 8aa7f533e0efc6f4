//! Go's notions of a number, a switch, a duration and a CSV line, and the texts with which it refuses one.

use crate::golang::quote::quote;

/// Go's `strconv.ParseBool`.
pub(crate) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Splits off sign and base prefix of a Go integer literal (base 0).
fn digits(text: &str) -> (bool, u32, String) {
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = body.to_ascii_lowercase();
    let (base, rest) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some(_) if lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    (negative, base, rest.to_owned())
}

pub(super) fn number_error(function: &str, text: &str, error: &std::num::ParseIntError) -> String {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let why = if matches!(error.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
    format!("strconv.{function}: parsing {}: {why}", quote(text))
}

/// Go's `strconv.ParseInt(text, 0, 64)`.
pub(crate) fn go_int(text: &str) -> Result<i64, String> {
    let (negative, base, digits) = digits(text);
    let signed = if negative { format!("-{digits}") } else { digits };
    i64::from_str_radix(&signed, base).map_err(|e| number_error("ParseInt", text, &e))
}

pub(super) fn go_uint(text: &str, max: u64) -> Result<u64, String> {
    let (negative, base, digits) = digits(text);
    if negative || text.starts_with('+') {
        return Err(format!("strconv.ParseUint: parsing {}: invalid syntax", quote(text)));
    }
    let value = u64::from_str_radix(&digits, base).map_err(|e| number_error("ParseUint", text, &e))?;
    if value > max {
        return Err(format!("strconv.ParseUint: parsing {}: value out of range", quote(text)));
    }
    Ok(value)
}

/// Go's `time.ParseDuration`, in nanoseconds.
pub(crate) fn go_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = crate::golang::decimal::parse(&rest[..end]).ok_or_else(invalid)?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = &rest[..end];
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => {
                return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text)));
            }
        };
        total += number * scale;
        rest = &rest[end..];
    }
    if total >= 9.223_372_036_854_776e18 {
        return Err(invalid());
    }
    #[allow(clippy::cast_possible_truncation)] // bounded above
    let nanos = total.round() as i64;
    Ok(if negative { -nanos } else { nanos })
}

/// `--cpus`: a decimal or a fraction, in billionths.
pub(super) fn nano_cpus(text: &str) -> Result<i64, String> {
    let wrong = || format!("failed to parse {text} as a rational number");
    let decimal = |s: &str| -> Option<(i128, i128)> {
        let (negative, body) = match s.strip_prefix('-') {
            Some(body) => (true, body),
            None => (false, s.strip_prefix('+').unwrap_or(s)),
        };
        let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || all.len() > 27 || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value: i128 = all.parse().ok()?;
        Some((if negative { -value } else { value }, 10i128.pow(u32::try_from(fraction.len()).ok()?)))
    };
    let (numerator, denominator) = match text.split_once('/') {
        Some((a, b)) => match (decimal(a), decimal(b)) {
            (Some((a, 1)), Some((b, 1))) if b > 0 => (a, b),
            _ => return Err(wrong()),
        },
        None => decimal(text).ok_or_else(wrong)?,
    };
    let scaled = numerator.checked_mul(1_000_000_000).ok_or_else(wrong)?;
    if scaled % denominator != 0 {
        return Err("value is too precise".into());
    }
    i64::try_from(scaled / denominator).map_err(|_| wrong())
}

/// One line of Go's `encoding/csv`.
///
/// # Errors
/// Go's text for a quote out of place.
pub(crate) fn csv(line: &str) -> Result<Vec<String>, String> {
    if line.is_empty() {
        return Err("EOF".into());
    }
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut tail = quoted;
            loop {
                let Some(at) = tail.find('"') else {
                    return Err(format!(
                        "parse error on line 1, column {}: extraneous or missing \" in quoted-field",
                        line.len() + 1
                    ));
                };
                field += &tail[..at];
                tail = &tail[at + 1..];
                match tail.strip_prefix('"') {
                    Some(more) => {
                        field.push('"');
                        tail = more;
                    }
                    None => break,
                }
            }
            fields.push(field);
            match tail.strip_prefix(',') {
                Some(more) => rest = more,
                None if tail.is_empty() => return Ok(fields),
                None => {
                    let column = line.len() - tail.len();
                    return Err(format!(
                        "parse error on line 1, column {column}: extraneous or missing \" in quoted-field"
                    ));
                }
            }
            continue;
        }
        let (field, tail) = match rest.split_once(',') {
            Some((field, tail)) => (field, Some(tail)),
            None => (rest, None),
        };
        if let Some(at) = field.find('"') {
            let column = line.len() - rest.len() + at + 1;
            return Err(format!("parse error on line 1, column {column}: bare \" in non-quoted-field"));
        }
        fields.push(field.to_owned());
        match tail {
            Some(tail) => rest = tail,
            None => return Ok(fields),
        }
    }
}
