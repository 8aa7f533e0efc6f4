//! Sizes and durations as docker prints and reads them: `1.09kB`, `7.6MiB`, `About a minute`, `512m`.
//! Follows `github.com/docker/go-units` (`size.go`, `duration.go`), with Go's rounding.

#[cfg(test)]
mod tests;

use crate::golang::float::format_float;
use crate::golang::parse::parse_float;
pub use crate::golang::parse::{NumError, NumReason};

const DECIMAL: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/// Why a size was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// No digit in it, or below zero; holds the text.
    #[error("invalid size: '{0}'")]
    Size(String),
    /// What follows the number is no unit; holds it.
    #[error("invalid suffix: '{0}'")]
    Suffix(String),
    /// What precedes the unit is no number.
    #[error(transparent)]
    Number(#[from] NumError),
}

/// Bytes with a decimal unit and 4 significant digits: `2.746MB`, `796kB`.
pub fn human_size(bytes: f64) -> String {
    human_size_with_precision(bytes, 4)
}

/// [`human_size`] with another number of significant digits: `docker images` uses 3.
pub fn human_size_with_precision(bytes: f64, digits: usize) -> String {
    custom_size(bytes, 1000.0, &DECIMAL, digits)
}

/// Bytes with a binary unit and 4 significant digits: `44KiB`, `7.574GiB`.
pub fn bytes_size(bytes: f64) -> String {
    custom_size(bytes, 1024.0, &BINARY, 4)
}

/// A size divided by `base` as often as `units` has names for it, with `digits` significant digits (Go's `%.4g%s`).
pub fn custom_size(size: f64, base: f64, units: &[&str], digits: usize) -> String {
    let mut size = size;
    let mut unit = 0;
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    format!("{}{}", format_float(size, 'g', Some(digits)), units.get(unit).copied().unwrap_or_default())
}

/// A duration in words, as in `Up About a minute` and `2 weeks ago`.
pub fn human_duration(seconds: f64) -> String {
    let (whole, minutes, hours) = (seconds as i64, (seconds / 60.0) as i64, (seconds / 3600.0 + 0.5) as i64);
    match () {
        () if whole < 1 => "Less than a second".to_owned(),
        () if whole == 1 => "1 second".to_owned(),
        () if whole < 60 => format!("{whole} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", (seconds / 3600.0) as i64 / 24 / 365),
    }
}

/// Reads a size with decimal units: `44kB` is 44,000.
///
/// # Errors
/// [`SizeError`] with go-units' texts.
pub fn from_human_size(size: &str) -> Result<i64, SizeError> {
    parse_size(size, 1000.0)
}

/// Reads a size with binary units: `512m` is 536,870,912. The unit is `b`, or one of `k m g t p` with or without `b` or `ib`, in either case.
///
/// # Errors
/// [`SizeError`] with go-units' texts.
pub fn ram_in_bytes(size: &str) -> Result<i64, SizeError> {
    parse_size(size, 1024.0)
}

fn parse_size(text: &str, base: f64) -> Result<i64, SizeError> {
    let (number, suffix) = match text.split_once(' ') {
        Some(parts) => parts,
        None => {
            let last =
                text.rfind(|c: char| c.is_ascii_digit() || c == '.').ok_or_else(|| SizeError::Size(text.to_owned()))?;
            text.split_at(last + 1)
        }
    };
    let size =
        parse_float(number).map_err(|reason| NumError { function: "ParseFloat", input: number.to_owned(), reason })?;
    if size < 0.0 {
        return Err(SizeError::Size(text.to_owned()));
    }
    if suffix.is_empty() {
        return Ok(to_int64(size));
    }
    if suffix.len() > 3 {
        return Err(SizeError::Suffix(suffix.to_owned()));
    }
    let suffix = crate::golang::case::lower(suffix);
    let (unit, rest) = suffix.split_at(suffix.chars().next().map_or(0, char::len_utf8));
    let power = match unit {
        "b" if rest.is_empty() => return Ok(to_int64(size)),
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(SizeError::Suffix(suffix)),
    };
    if !matches!(rest, "" | "b" | "ib") {
        return Err(SizeError::Suffix(suffix));
    }
    Ok(to_int64(size * base.powi(power)))
}

/// Go's conversion of a float to an integer, as amd64 does it: what does not fit becomes the least integer.
fn to_int64(size: f64) -> i64 {
    if size < 9_223_372_036_854_775_808.0 { size as i64 } else { i64::MIN }
}
