//! The paths of the distribution API (distribution-spec, "Endpoints"). Pure.

/// What a path asks for. Paths are read from both ends, since a repository's name may have slashes in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    Root,
    Token,
    Catalog,
    Search,
    Tags(&'a str),
    Manifest(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Uploads(&'a str),
    Upload(&'a str, &'a str),
    Referrers(&'a str, &'a str),
}

/// Reads a path; `None` for what is no path of a registry, a name that distribution's grammar does not have among it.
pub(super) fn wanted(path: &str) -> Option<Wanted<'_>> {
    if path == "/v1/search" {
        return Some(Wanted::Search);
    }
    if path == "/token" {
        return Some(Wanted::Token);
    }
    let rest = path.strip_prefix("/v2")?;
    let rest = match rest.strip_prefix('/') {
        None if rest.is_empty() => return Some(Wanted::Root),
        None => return None,
        Some("") => return Some(Wanted::Root),
        Some("_catalog") => return Some(Wanted::Catalog),
        Some(rest) => rest,
    };
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return named(name).then_some(Wanted::Tags(name));
    }
    let uploads = rest.strip_suffix("/blobs/uploads").or_else(|| rest.strip_suffix("/blobs/uploads/"));
    if let Some(name) = uploads {
        return named(name).then_some(Wanted::Uploads(name));
    }
    let (front, last) = rest.rsplit_once('/')?;
    if let Some(name) = front.strip_suffix("/blobs/uploads") {
        return (named(name) && !last.is_empty()).then_some(Wanted::Upload(name, last));
    }
    let (name, kind) = front.rsplit_once('/')?;
    match kind {
        _ if !named(name) || last.is_empty() => None,
        "manifests" => Some(Wanted::Manifest(name, last)),
        "blobs" => Some(Wanted::Blob(name, last)),
        "referrers" => Some(Wanted::Referrers(name, last)),
        _ => None,
    }
}

/// The grammar of repository names (distribution-spec, "Pulling manifests"): parts of lower-case letters and digits, joined inside
/// by one dot, one or two underscores or dashes. No longer than a file name may be.
fn named(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 200
        && name.split('/').all(|part| {
            let joints = || part.split(plain).filter(|joint| !joint.is_empty());
            part.starts_with(plain)
                && part.ends_with(plain)
                && joints().all(|joint| matches!(joint, "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-'))
        })
}

/// The grammar of tags: at most 128 letters, digits, dots, underscores and dashes, the last two not in front.
pub(super) fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128 && text.starts_with(word) && text.chars().all(|c| word(c) || c == '.' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_both_ends() {
        assert_eq!(wanted("/v2/"), Some(Wanted::Root));
        assert_eq!(wanted("/v2"), Some(Wanted::Root));
        assert_eq!(wanted("/v2/_catalog"), Some(Wanted::Catalog));
        assert_eq!(wanted("/v2/library/ubuntu/tags/list"), Some(Wanted::Tags("library/ubuntu")));
        assert_eq!(wanted("/v2/a/b/c/manifests/latest"), Some(Wanted::Manifest("a/b/c", "latest")));
        assert_eq!(wanted("/v2/a/b/blobs/uploads/"), Some(Wanted::Uploads("a/b")));
        assert_eq!(wanted("/v2/a/b/blobs/uploads/77"), Some(Wanted::Upload("a/b", "77")));
        assert_eq!(wanted("/v2/a/referrers/sha256:0"), Some(Wanted::Referrers("a", "sha256:0")));
        assert_eq!(
            wanted("/v2/manifests/manifests/blobs/sha256:0"),
            Some(Wanted::Blob("manifests/manifests", "sha256:0"))
        );
        for name in ["a-b", "a--b", "a.b", "a_b", "a__b", "0/1/2"] {
            assert_eq!(wanted(&format!("/v2/{name}/tags/list")), Some(Wanted::Tags(name)), "{name}");
        }
    }

    #[test]
    fn names_that_could_leave_the_store_are_no_names() {
        for path in [
            "/v2/../blobs/x",
            "/v2//blobs/x",
            "/v2/a/../b/manifests/x",
            "/v2/.hidden/blobs/x",
            "/v2x/",
            "/etc/passwd",
            "/v2/A/blobs/x",
            "/v2/a/blobs/",
            "/v2/a../blobs/x",
            "/v2/a..b/blobs/x",
            "/v2/a.-b/blobs/x",
            "/v2/a___b/blobs/x",
            "/v2/a+b/blobs/x",
        ] {
            assert_eq!(wanted(path), None, "{path}");
        }
        assert_eq!(wanted(&format!("/v2/{}/blobs/x", "a/".repeat(150) + "a")), None, "too long");
    }

    #[test]
    fn a_tag_is_a_word() {
        assert!(is_tag("latest") && is_tag("_1.0-rc") && is_tag(&"a".repeat(128)));
        for text in ["", ".", "..", "-a", "a/b", "a:b", "ä", &"a".repeat(129)] {
            assert!(!is_tag(text), "{text}");
        }
    }
}
