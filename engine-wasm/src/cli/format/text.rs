//! Small pieces that the formatters share: docker's shortening, Go's JSON and times, and a quick reading of templates that are only placeholders.

use crate::tabwriter::columns;
use crate::units;
use serde_json::Value;
use std::fmt::Write;

/// A piece of a template that has nothing but plain placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Field(&'a str),
    /// `{{.Label "name"}}`
    Label(&'a str),
}

fn ident(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.as_bytes()[0].is_ascii_digit()
}

/// Takes apart a template of text, `{{.Name}}`, and `{{.Label "name"}}` where there are labels; `None` if there is more in it.
pub(super) fn simple(body: &str, labels: bool) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("{{") {
        pieces.push(Piece::Text(before));
        let (action, tail) = after.split_once("}}")?;
        let action = action.strip_prefix('.')?;
        pieces.push(match action.strip_prefix("Label \"") {
            Some(name) if labels => {
                Piece::Label(name.strip_suffix('"').filter(|name| !name.contains(['"', '\\', '\n']))?)
            }
            _ if ident(action) && action != "Label" => Piece::Field(action),
            _ => return None,
        });
        rest = tail;
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}

/// The placeholders of the dot (`.Name`, not `.Name.Inner` nor `$x.Name`) in a template's actions, with the column of the dot.
pub(super) fn placeholders(body: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = body.as_bytes();
    let mut inside = false;
    let mut quote = None;
    body.char_indices().filter_map(move |(at, c)| {
        match quote {
            Some(q) => {
                if c == q && (q == '`' || bytes[at - 1] != b'\\') {
                    quote = None;
                }
                return None;
            }
            None if inside && matches!(c, '"' | '`') => {
                quote = Some(c);
                return None;
            }
            None => {}
        }
        match c {
            '{' if body[at..].starts_with("{{") => inside = true,
            '}' if body[at..].starts_with("}}") => inside = false,
            '.' if inside
                && at > 0
                && !matches!(bytes[at - 1], b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b')' | b'$') =>
            {
                let name = &body[at + 1..];
                let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
                return ident(&name[..end]).then_some((at, &name[..end]));
            }
            _ => {}
        }
        None
    })
}

/// Whether a format may show an object as a whole, and not only placeholders that it names: it has `json`, or a dot or `$` with nothing behind it.
pub(super) fn shows_whole(format: &str) -> bool {
    let bare = |mark: char, follows: &[char]| {
        format.split(mark).skip(1).any(|rest| {
            let next = rest.chars().next();
            !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || follows.contains(&c))
        })
    };
    format.contains("json") || bare('.', &[]) || bare('$', &['.'])
}

/// The literal `\t` and `\n` of a format become characters.
pub(super) fn unescape(format: &str) -> String {
    format.replace("\\t", "\t").replace("\\n", "\n")
}

/// What a name is sorted by so that `a9` stands before `a10`: numbers by their length and digits, then by their zeros, before other characters.
pub(super) fn natural(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (part, tail) = rest.split_at(digits.max(c.len_utf8()));
        if digits > 0 {
            let number = part.trim_start_matches('0');
            key.push(0);
            key.extend((number.len() as u32).to_be_bytes());
            key.extend(number.bytes());
            key.extend(((digits - number.len()) as u32).to_be_bytes());
        } else {
            key.extend(part.bytes());
        }
        rest = tail;
    }
    key
}

/// Adds to the column of a Go template error.
pub(super) fn shift_column(error: &str, by: usize) -> String {
    let moved = || {
        let (before, after) = error.split_once(" :1:")?;
        let (column, rest) = after.split_once(':')?;
        Some(format!("{before} :1:{}:{rest}", column.parse::<usize>().ok()? + by))
    };
    moved().unwrap_or_else(|| error.to_owned())
}

/// A digest without its algorithm, cut to 12 digits.
pub fn short_id(id: &str) -> &str {
    let id = id.split_once(':').map_or(id, |(_, hex)| hex);
    id.get(..12).unwrap_or(id)
}

/// Cuts to `width` columns, the last of them an ellipsis. East Asian wide characters take two.
pub fn ellipsis(text: &str, width: usize) -> String {
    let columns = |c: char| columns(c).max(1);
    if text.chars().map(columns).sum::<usize>() <= width {
        return text.to_owned();
    }
    let mut used = 0;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            used += columns(*c);
            used < width
        })
        .collect();
    out.push('…');
    out
}

/// Go's `encoding/json` without spaces; `html` escapes `<`, `>` and `&` as its default does.
pub fn go_json(value: &Value, html: bool) -> String {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' if html => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// A span of time in words; the word `ago` is the caller's.
pub(super) fn ago(seconds: i64) -> String {
    // Whole seconds up to the age of the universe fit a double.
    #[allow(clippy::cast_precision_loss)]
    units::human_duration(seconds as f64)
}

/// Year, month, day, hour, minute, second of a time in seconds since 1970, UTC.
fn civil(seconds: i64) -> (i64, i64, i64, i64, i64, i64) {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days from 0000-03-01, in eras of 400 years.
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
}

/// Go's `Time.String` of a whole second, UTC.
pub(super) fn go_time(seconds: i64) -> String {
    let (y, mo, d, h, m, s) = civil(seconds);
    format!("{y:04}-{mo:02}-{d:02} {h:02}:{m:02}:{s:02} +0000 UTC")
}

/// Go's `time.ANSIC` of an RFC 3339 time: `Thu May  7 21:09:36 2026`.
pub(super) fn ansic(rfc: &str) -> Option<String> {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = rfc.get(10..11).filter(|t| *t == "T").map(|_| epoch(rfc))?;
    let (y, mo, d, h, m, s) = civil(seconds);
    // 1970 began on a Thursday.
    let day = DAYS[usize::try_from(seconds.div_euclid(86_400).rem_euclid(7)).ok()?];
    let month = MONTHS[usize::try_from(mo - 1).ok()?];
    Some(format!("{day} {month} {d:>2} {h:02}:{m:02}:{s:02} {y}"))
}

/// RFC 3339 of a whole second, UTC.
pub(super) fn rfc3339(seconds: i64) -> String {
    let (y, mo, d, h, m, s) = civil(seconds);
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{m:02}:{s:02}Z")
}

/// RFC 3339 with nine digits of a second, UTC.
pub(super) fn rfc3339_nanos(nanos: i64) -> String {
    let (y, mo, d, h, m, s) = civil(nanos.div_euclid(1_000_000_000));
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{m:02}:{s:02}.{:09}Z", nanos.rem_euclid(1_000_000_000))
}

/// Go's `Time.String` of an RFC 3339 time.
pub(super) fn go_time_of(rfc: &str) -> String {
    let (date, time) = rfc.split_once('T').unwrap_or(("0001-01-01", "00:00:00Z"));
    let at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(at);
    let clock = if clock.contains('.') { clock.trim_end_matches('0').trim_end_matches('.') } else { clock };
    let zone = if matches!(zone, "" | "Z") { "+0000 UTC".to_owned() } else { zone.replace(':', "") };
    format!("{date} {clock} {zone}")
}

/// Seconds since 1970 of an RFC 3339 time in UTC; zero for what is none.
pub(in crate::cli) fn epoch(rfc: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| rfc.get(range).and_then(|s| s.parse::<i64>().ok()).unwrap_or_default();
    let (y, m, d) = (number(0..4), number(5..7), number(8..10));
    let (y, shifted) = if m <= 2 { (y - 1, m + 9) } else { (y, m - 3) };
    let (era, year) = (y.div_euclid(400), y.rem_euclid(400));
    let day = (153 * shifted + 2) / 5 + d - 1;
    let days = era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468;
    days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19)
}

/// `a=b,c=d`, sorted.
pub(super) fn labels(value: &Value) -> String {
    let mut pairs: Vec<_> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    crate::order::sort(&mut pairs);
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_gos() {
        assert_eq!(go_time(1_795_250_072), "2026-11-21 08:34:32 +0000 UTC");
        assert_eq!(rfc3339_nanos(1_795_250_072_229_219_384), "2026-11-21T08:34:32.229219384Z");
        assert_eq!(go_time_of("2026-11-21T08:21:46.957466430Z"), "2026-11-21 08:21:46.95746643 +0000 UTC");
        assert_eq!(epoch("2026-11-21T08:34:32.5Z"), 1_795_250_072);
        assert_eq!(go_time(951_782_400), "2000-02-29 00:00:00 +0000 UTC");
    }

    #[test]
    fn placeholders_are_those_of_the_dot() {
        let found: Vec<_> = placeholders("x.Y {{.A}} {{ upper .B | printf \".C\" }} {{$x.D}}{{.E.F}}").collect();
        assert_eq!(found, [(6, "A"), (20, "B"), (50, "E")]);
    }

    #[test]
    fn a_dot_alone_is_the_whole() {
        for whole in [
            "json",
            "{{.}}",
            "{{json .}}",
            "{{range $k, $v := .}}{{$v}}{{end}}",
            "{{index $ \"ID\"}}",
            "{{with .ID}}{{.}}{{end}}",
        ] {
            assert!(shows_whole(whole), "{whole}");
        }
        for parts in [
            "table {{.ID}}\\t{{.Label \"com.example.a\"}}",
            "{{upper .ID}}{{$.Names}}",
            "{{with $x := .ID}}{{$x}}{{end}}",
            "",
        ] {
            assert!(!shows_whole(parts), "{parts}");
        }
    }

    #[test]
    fn long_text_ends_in_an_ellipsis() {
        assert_eq!(ellipsis("sh -c 'echo hi; echo er'", 20), "sh -c 'echo hi; ech…");
        assert_eq!(ellipsis("short", 20), "short");
        assert_eq!(ellipsis("世界世界", 5), "世界…");
    }
}
