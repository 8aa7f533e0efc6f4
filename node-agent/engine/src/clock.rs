//! Wall-clock times as Go prints and Docker's API accepts them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Now, in UTC.
#[must_use]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Go's `time.RFC3339Nano`: as many fractional digits as needed, none if zero.
#[must_use]
pub fn rfc3339_nano(t: OffsetDateTime) -> String {
    let (y, mo, d) = (t.year(), u8::from(t.month()), t.day());
    let (h, mi, s) = (t.hour(), t.minute(), t.second());
    let base = format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}");
    let nanos = format!("{:09}", t.nanosecond());
    let fraction = nanos.trim_end_matches('0');
    if fraction.is_empty() { format!("{base}Z") } else { format!("{base}.{fraction}Z") }
}

/// Nine fractional digits always: the form of `docker logs --timestamps`.
#[must_use]
pub fn rfc3339_nano_fixed(t: OffsetDateTime) -> String {
    let short = rfc3339_nano(t.replace_nanosecond(0).unwrap_or(t));
    format!("{}.{:09}Z", short.trim_end_matches('Z'), t.nanosecond())
}

/// Now as [`rfc3339_nano`].
#[must_use]
pub fn now_string() -> String {
    rfc3339_nano(now())
}

/// Parses an RFC 3339 time; `None` for anything else and for Go's zero time.
#[must_use]
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().filter(|t| t.year() > 1)
}

/// Parses the API's `since`/`until`: Unix seconds with an optional fraction, or RFC 3339.
#[must_use]
pub fn parse_api(text: &str) -> Option<OffsetDateTime> {
    if let Some(t) = parse(text) {
        return Some(t);
    }
    let (secs, frac) = text.split_once('.').unwrap_or((text, ""));
    let secs: i128 = secs.parse().ok()?;
    let nanos: i128 = if frac.is_empty() { 0 } else { format!("{frac:0<9}").get(..9)?.parse().ok()? };
    OffsetDateTime::from_unix_timestamp_nanos(secs * 1_000_000_000 + nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_trimmed_as_go_trims_them() {
        let t = OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_120_000_000).unwrap();
        assert_eq!(rfc3339_nano(t), "2023-11-14T22:13:20.12Z");
        assert_eq!(rfc3339_nano_fixed(t), "2023-11-14T22:13:20.120000000Z");
        assert_eq!(rfc3339_nano(t.replace_nanosecond(0).unwrap()), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn api_times_are_seconds_with_fraction_or_rfc3339() {
        let t = parse_api("1700000000.5").unwrap();
        assert_eq!(t.nanosecond(), 500_000_000);
        assert_eq!(parse_api("2023-11-14T22:13:20Z").unwrap().unix_timestamp(), 1_700_000_000);
        assert!(parse_api("yesterday").is_none());
        assert!(parse(crate::types::NEVER).is_none());
    }
}
