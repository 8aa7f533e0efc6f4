//! Times and filters as flags take them: `--since 10m`, `--until 2026-01-02`, `--filter name=value`.

use super::check;
use serde_json::{Map, Value};

/// A point in time for the engine: a duration before `now` (nanoseconds since 1970), a date, or seconds since 1970. Dates without a zone are UTC.
///
/// # Errors
/// docker's text for what is none of these.
pub fn timestamp(text: &str, now: i128) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if let Ok(span) = check::go_duration(text) {
        return Ok((now - i128::from(span)).div_euclid(1_000_000_000).to_string());
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if digits(seconds.strip_prefix('-').unwrap_or(seconds)) && digits(fraction) {
        return Ok(text.to_owned());
    }
    date(text).ok_or_else(|| format!("failed to parse value as time or duration: {}", check::quote(text)))
}

fn date(text: &str) -> Option<String> {
    let (day, clock) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let zone_at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone_at);
    let offset = match zone {
        "" | "Z" => 0,
        zone => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let span = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -span } else { span }
        }
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let numbers = |s: &str, by: char| s.split(by).map(|p| p.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    let (day, mut clock) = (numbers(day, '-')?, numbers(clock, ':')?);
    clock.resize(3, 0);
    let [year, month, day] = day[..] else {
        return None;
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let text = format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", clock[0], clock[1], clock[2]);
    Some(format!("{}.{:0<9}", super::format::epoch(&text) - offset, fraction))
}

/// The engine's notation of `--filter` values; empty for none.
pub fn filters(values: &[&str]) -> String {
    let mut out: Map<String, Value> = Map::new();
    for (name, value) in values.iter().filter_map(|v| v.split_once('=')) {
        let entry = out.entry(crate::golang::case::lower(name.trim())).or_insert_with(|| json!({}));
        entry[value.trim()] = true.into();
    }
    if out.is_empty() { String::new() } else { Value::Object(out).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_durations_dates_or_seconds() {
        let now = 1_795_250_072_500_000_000;
        assert_eq!(timestamp("10m", now).unwrap(), "1795249472");
        assert_eq!(timestamp("1795250072.5", now).unwrap(), "1795250072.5");
        assert_eq!(timestamp("2026-11-21T08:34:32Z", now).unwrap(), "1795250072.000000000");
        assert_eq!(timestamp("2026-11-21T09:34:32.25+01:00", now).unwrap(), "1795250072.250000000");
        assert_eq!(timestamp("2026-11-21", now).unwrap(), "1795219200.000000000");
        assert_eq!(timestamp("foo", now).unwrap_err(), "failed to parse value as time or duration: \"foo\"");
    }

    #[test]
    fn filters_of_one_name_are_joined() {
        assert_eq!(filters(&["name=a", "Name = b", "label!=x"]), r#"{"name":{"a":true,"b":true},"label!":{"x":true}}"#);
    }
}
