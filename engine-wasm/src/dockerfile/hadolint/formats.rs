//! What the values of labels can be required to be.

/// A kind of value, named as hadolint's label schema names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelKind {
    /// Any text.
    #[default]
    Text,
    /// An address of e-mail.
    Email,
    /// A git commit: 7 or 40 digits, hexadecimal.
    Hash,
    /// A date and time (RFC 3339).
    Rfc3339,
    /// A version (Semantic Versioning 2.0.0).
    Semver,
    /// A licence's short name (SPDX license list).
    Spdx,
    /// A URL.
    Url,
}

impl LabelKind {
    /// The kind of a name in a schema: `email`, `hash`, `text` (or nothing), `rfc3339`, `semver`, `spdx`, `url`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" | "text" => Self::Text,
            "email" => Self::Email,
            "hash" => Self::Hash,
            "rfc3339" => Self::Rfc3339,
            "semver" => Self::Semver,
            "spdx" => Self::Spdx,
            "url" => Self::Url,
            _ => return None,
        })
    }

    /// Whether a value is of this kind.
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Email => is_email(value),
            Self::Hash => {
                matches!(value.len(), 7 | 40) && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            }
            Self::Rfc3339 => is_time(value),
            Self::Semver => is_version(value),
            Self::Spdx => include_str!("spdx.txt").split_whitespace().any(|id| id == value),
            Self::Url => is_url(value),
        }
    }
}

fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let local_ok =
        quoted || (local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom)));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let literal = domain.starts_with('[') && domain.ends_with(']');
    local_ok && (literal || (domain.contains('.') && domain.split('.').all(label)))
}

/// `scheme:` and then characters that a URI may have (RFC 3986).
fn is_url(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once(':') else { return false };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let bytes = rest.as_bytes();
    let chars_ok = bytes.iter().enumerate().all(|(at, b)| match b {
        b'%' => bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        b'[' | b']' => rest.starts_with("//"),
        b => b.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(b),
    });
    scheme_ok && chars_ok && rest.matches('#').count() <= 1
}

fn is_time(value: &str) -> bool {
    let number = |range: std::ops::Range<usize>, low: u32, high: u32| {
        let digits = value.get(range).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).is_some_and(|number: u32| (low..=high).contains(&number))
    };
    let sign = |at: usize, of: &[u8]| value.as_bytes().get(at).is_some_and(|b| of.contains(b));
    let date =
        number(0..4, 0, 9999) && sign(4, b"-") && number(5..7, 1, 12) && sign(7, b"-") && number(8..10, 1, days(value));
    let time = sign(10, b"Tt ")
        && number(11..13, 0, 23)
        && sign(13, b":")
        && number(14..16, 0, 59)
        && sign(16, b":")
        && number(17..19, 0, 60);
    if !(date && time) {
        return false;
    }
    let rest = &value[19..];
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    let at = value.len() - rest.len();
    matches!(rest, "Z" | "z")
        || (rest.len() == 6
            && sign(at, b"+-")
            && number(at + 1..at + 3, 0, 23)
            && sign(at + 3, b":")
            && number(at + 4..at + 6, 0, 59))
}

/// The days of the month that a date is in.
fn days(date: &str) -> u32 {
    let number =
        |range: std::ops::Range<usize>| date.get(range).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0);
    let (year, month) = (number(0..4), number(5..7));
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_version(value: &str) -> bool {
    let numeric = |text: &str| {
        text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() && (text == "0" || !text.starts_with('0'))
    };
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let (value, build) = value.split_once('+').map_or((value, None), |(value, build)| (value, Some(build)));
    let (core, pre) = value.split_once('-').map_or((value, None), |(core, pre)| (core, Some(pre)));
    let pre_ok = |part: &str| word(part) && (!part.bytes().all(|b| b.is_ascii_digit()) || numeric(part));
    core.split('.').count() == 3
        && core.split('.').all(numeric)
        && pre.is_none_or(|pre| pre.split('.').all(pre_ok))
        && build.is_none_or(|build| build.split('.').all(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_to_their_kind() {
        for (kind, good, bad) in [
            ("email", vec!["a@b.c", "a.b+c@d-e.org"], vec!["a", "a@b", "@b.c", "a..b@c.d", "a@-b.c"]),
            ("hash", vec!["43c572f", "43c572f1272b6b3171dd1db9e41b7027128ce080"], vec!["", "43C572f", "43c572"]),
            (
                "rfc3339",
                vec!["2021-03-10T10:26:33.564595127+01:00", "2024-02-29T00:00:00Z"],
                vec!["2021-03-10", "2023-02-29T00:00:00Z", "2021-03-10T10:26:33"],
            ),
            ("semver", vec!["1.2.3", "1.0.0-rc.1+b.02"], vec!["1.2", "01.2.3", "1.2.3-01", "v1.2.3"]),
            ("spdx", vec!["MIT", "BSD-3-Clause"], vec!["mit", "not-spdx", ""]),
            ("url", vec!["https://a.b/c?d#e", "mailto:a@b"], vec!["a", "://b", "http://a b", "http://%zz"]),
        ] {
            let kind = LabelKind::named(kind).unwrap();
            good.iter().for_each(|value| assert!(kind.accepts(value), "{kind:?} {value}"));
            bad.iter().for_each(|value| assert!(!kind.accepts(value), "{kind:?} {value}"));
        }
        assert_eq!(LabelKind::named("other"), None);
    }
}
