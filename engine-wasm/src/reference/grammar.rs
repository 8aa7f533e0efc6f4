//! The grammar of references, by hand instead of by regular expression: linear time on any input.
//! Follows `regexp.go` of `github.com/distribution/reference`.

/// A reference cut into its parts.
pub(super) struct Parts<'a> {
    pub(super) domain: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

/// Cuts `[domain/]path[:tag][@digest]`; `None` where the string does not follow the grammar.
///
/// Neither name nor tag may hold `@`, a digest holds no `@` or `/`, and a tag or path no `:` or `/`, so there is one way to cut.
pub(super) fn split(s: &str) -> Option<Parts<'_>> {
    let (rest, digest) = match s.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (s, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return None;
    }
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].find(':') {
        Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
        None => (rest, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return None;
    }
    let (domain, path) = split_name(name)?;
    Some(Parts { domain, path, tag, digest })
}

/// Cuts a name; the first component is the domain wherever it can be one.
fn split_name(name: &str) -> Option<(Option<&str>, &str)> {
    if let Some((first, rest)) = name.split_once('/')
        && is_domain(first)
    {
        return is_path(rest).then_some((Some(first), rest));
    }
    is_path(name).then_some((None, name))
}

fn is_path(s: &str) -> bool {
    s.split('/').all(is_path_component)
}

/// Lower-case letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(s: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = s.as_bytes();
    let mut at = 0;
    loop {
        let start = at;
        while bytes.get(at).is_some_and(|b| alphanumeric(*b)) {
            at += 1;
        }
        if at == start {
            return false;
        }
        match bytes.get(at) {
            None => return true,
            Some(b'.') => at += 1,
            Some(b'_') => at += if bytes.get(at + 1) == Some(&b'_') { 2 } else { 1 },
            Some(b'-') => {
                while bytes.get(at) == Some(&b'-') {
                    at += 1;
                }
            }
            Some(_) => return false,
        }
    }
}

/// A host name, an IPv4 address or an IPv6 address in brackets, with an optional port.
fn is_domain(s: &str) -> bool {
    let port = |s: &str| s.strip_prefix(':').is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    if let Some(rest) = s.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else {
            return false;
        };
        let address_ok = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        return address_ok && (rest.is_empty() || port(rest));
    }
    let end = s.find(':').unwrap_or(s.len());
    let component = |c: &str| {
        !c.is_empty()
            && !c.starts_with('-')
            && !c.ends_with('-')
            && c.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    s[..end].split('.').all(component) && (end == s.len() || port(&s[end..]))
}

/// 1 to 128 word characters, dots and dashes, beginning with a word character.
pub(super) fn is_tag(s: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    s.len() <= 128 && s.bytes().next().is_some_and(word) && s.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// An algorithm, a colon and at least 32 hexadecimal digits.
pub(super) fn is_digest(s: &str) -> bool {
    let Some((algorithm, hex)) = s.split_once(':') else {
        return false;
    };
    let part = |p: &str| {
        p.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && p.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(part) && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The wider form that `go-digest` takes for algorithms it does not know.
pub(super) fn is_open_digest(algorithm: &str, encoded: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    algorithm.split(['.', '+', '_', '-']).all(part)
        && encoded.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-'))
}

/// Whether the string is a whole image id: 64 lower-case hexadecimal digits.
pub(super) fn is_identifier(s: &str) -> bool {
    s.len() == 64 && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
