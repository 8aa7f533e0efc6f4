//! HTTP byte ranges (RFC 9110, section 14) as a registry client uses them: one range, to go on with a download. Pure.

/// What a `Range` header asks of a body of a known length.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The whole body: no header, or one of a form that may be ignored.
    All,
    /// These bytes, both ends included.
    Part(u64, u64),
    /// Nothing of this body.
    Unsatisfiable,
}

/// Reads the header's value.
pub(super) fn parse(header: Option<&str>, length: u64) -> Asked {
    let Some(spec) = header.and_then(|value| value.trim().strip_prefix("bytes=")) else { return Asked::All };
    let Some((first, last)) = spec.split_once('-') else { return Asked::All };
    let (first, last) = (first.trim(), last.trim());
    match (first.parse::<u64>(), last.parse::<u64>()) {
        // "-N": the last N bytes.
        (Err(_), Ok(0)) if first.is_empty() => Asked::Unsatisfiable,
        (Err(_), Ok(_)) if first.is_empty() && length == 0 => Asked::Unsatisfiable,
        (Err(_), Ok(suffix)) if first.is_empty() => Asked::Part(length.saturating_sub(suffix), length - 1),
        (Ok(first), _) if first >= length => Asked::Unsatisfiable,
        (Ok(first), Err(_)) if last.is_empty() => Asked::Part(first, length - 1),
        (Ok(first), Ok(last)) if first <= last => Asked::Part(first, last.min(length - 1)),
        _ => Asked::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (header, expected) in [
            (None, Asked::All),
            (Some("bytes=0-3"), Asked::Part(0, 3)),
            (Some("bytes=4-"), Asked::Part(4, 9)),
            (Some("bytes=4-99"), Asked::Part(4, 9)),
            (Some("bytes=-3"), Asked::Part(7, 9)),
            (Some("bytes=-99"), Asked::Part(0, 9)),
            (Some("bytes=-0"), Asked::Unsatisfiable),
            (Some("bytes=10-"), Asked::Unsatisfiable),
            (Some("bytes=5-4"), Asked::All),
            (Some("bytes=0-1,4-5"), Asked::All),
            (Some("lines=0-1"), Asked::All),
            (Some("bytes=99999999999999999999-"), Asked::All),
        ] {
            assert_eq!(parse(header, 10), expected, "{header:?}");
        }
        assert_eq!(parse(Some("bytes=0-"), 0), Asked::Unsatisfiable);
        assert_eq!(parse(Some("bytes=-1"), 0), Asked::Unsatisfiable);
    }
}
