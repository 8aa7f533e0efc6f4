//! Sizes as flags take them (`512m`, `1.5 GiB`, `64kb`): go-units' `RAMInBytes`.

/// Bytes in `text`, units being powers of 1024.
///
/// # Errors
/// go-units' text.
pub(super) fn ram_in_bytes(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let at = text
        .rfind(|c: char| c.is_ascii_digit() || c == '.')
        .ok_or_else(invalid)?;
    let (number, suffix) = text.split_at(at + 1);
    let number: f64 = number.parse().map_err(|_| invalid())?;
    if number < 0.0 {
        return Err(invalid());
    }
    let suffix = suffix
        .strip_prefix(' ')
        .unwrap_or(suffix)
        .to_ascii_lowercase();
    let mut letters = suffix.chars();
    let power = match letters.next() {
        None => 0,
        Some('b') if suffix.len() == 1 => 0,
        Some(c) => {
            let power = "kmgtp"
                .find(c)
                .ok_or_else(|| format!("invalid suffix: '{suffix}'"))?
                + 1;
            if !matches!(letters.as_str(), "" | "b" | "ib") {
                return Err(format!("invalid suffix: '{suffix}'"));
            }
            i32::try_from(power).map_err(|_| invalid())?
        }
    };
    #[allow(clippy::cast_possible_truncation)] // Go truncates here too
    Ok((number * 1024f64.powi(power)) as i64)
}

/// go-units' `HumanSize`: four significant digits, units being powers of 1000.
pub(super) fn human_size(bytes: f64) -> String {
    precise(bytes, 4)
}

/// go-units' `HumanSizeWithPrecision`.
pub(super) fn precise(bytes: f64, digits: usize) -> String {
    scaled(
        bytes,
        1000.0,
        &["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"],
        digits,
    )
}

/// go-units' `BytesSize`: powers of 1024.
pub(super) fn bytes_size(bytes: f64) -> String {
    scaled(
        bytes,
        1024.0,
        &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"],
        4,
    )
}

fn scaled(mut size: f64, base: f64, names: &[&str], digits: usize) -> String {
    let mut unit = 0;
    while size >= base && unit + 1 < names.len() {
        size /= base;
        unit += 1;
    }
    format!("{}{}", significant(size, digits), names[unit])
}

/// C's `%.Ng` for numbers of ordinary size.
fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent: i32 = scientific
        .split_once('e')
        .and_then(|(_, e)| e.parse().ok())
        .unwrap_or_default();
    let places = usize::try_from(i32::try_from(digits).unwrap_or(4) - 1 - exponent).unwrap_or(0);
    if exponent >= i32::try_from(digits).unwrap_or(4) {
        let (mantissa, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
        return format!("{}e+{exponent:02}", trim(mantissa));
    }
    trim(&format!("{value:.places$}")).to_owned()
}

fn trim(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

/// go-units' `HumanDuration`.
pub(super) fn human_duration(seconds: i64) -> String {
    let minutes = seconds / 60;
    // Go rounds the hours half up.
    let hours = (minutes + 30) / 60;
    match () {
        () if seconds < 1 => "Less than a second".into(),
        () if seconds == 1 => "1 second".into(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}
