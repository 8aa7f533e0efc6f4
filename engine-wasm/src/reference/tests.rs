use super::*;

const SHA: &str = "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

fn familiar(s: &str) -> String {
    parse_normalized(s).map_or_else(|e| e.to_string(), |r| r.familiar_string())
}

#[test]
fn short_names_are_docker_hub_official_images() {
    for (input, full) in [
        ("ubuntu", "docker.io/library/ubuntu"),
        ("docker.io/ubuntu:24.04", "docker.io/library/ubuntu:24.04"),
        ("index.docker.io/a/b", "docker.io/a/b"),
        ("localhost/b", "localhost/b"),
        ("host:5000/b", "host:5000/b"),
        ("UPPER/b", "UPPER/b"),
        ("[fd00::1]:80/x/y:t", "[fd00::1]:80/x/y:t"),
        ("a__b/c--d", "docker.io/a__b/c--d"),
    ] {
        assert_eq!(parse_normalized(input).unwrap().to_string(), full, "{input}");
    }
}

#[test]
fn familiar_form_undoes_normalisation() {
    for s in ["ubuntu:latest", "moby/buildkit", "quay.io/x/y:1", "library/a/b"] {
        assert_eq!(familiar(s), s);
    }
    assert_eq!(familiar(&format!("docker.io/library/ubuntu:1@{SHA}")), format!("ubuntu:1@{SHA}"));
}

#[test]
fn errors_have_distributions_texts() {
    for (input, text) in [
        ("", "invalid reference format"),
        ("-x", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("a@sha256:abc", "invalid reference format"),
        ("Ubuntu", "invalid reference format: repository name (library/Ubuntu) must be lowercase"),
        ("x.y/A", "invalid reference format: repository name (A) must be lowercase"),
        ("a@sha256:ffffffffffffffffffffffffffffffffff", "invalid checksum digest length"),
        ("a@md5:ffffffffffffffffffffffffffffffffff", "unsupported digest algorithm"),
    ] {
        assert_eq!(parse_normalized(input).unwrap_err().to_string(), text, "{input}");
    }
    assert_eq!(parse("").unwrap_err(), Error::Empty);
    assert_eq!(parse("Uppercase:tag").unwrap_err(), Error::Uppercase);
    assert_eq!(parse(&"a/".repeat(128)).unwrap_err(), Error::InvalidFormat);
    assert_eq!(parse(&format!("{}a", "a/".repeat(129))).unwrap_err(), Error::TooLong);
    assert!(matches!(parse_normalized(&"1".repeat(64)), Err(Error::Identifier(_))));
}

#[test]
fn default_tag_and_digest_rules() {
    assert_eq!(parse_docker_ref("busybox").unwrap().to_string(), "docker.io/library/busybox:latest");
    assert_eq!(
        parse_docker_ref(&format!("busybox:1@{SHA}")).unwrap().to_string(),
        format!("docker.io/library/busybox@{SHA}")
    );
    assert_eq!(parse_any(&"a".repeat(64)).unwrap(), AnyReference::Digest(format!("sha256:{}", "a".repeat(64))));
    assert_eq!(parse_any(SHA).unwrap(), AnyReference::Digest(SHA.into()));
    assert_eq!(parse_named("ubuntu").unwrap_err(), Error::NotCanonical);
}

#[test]
fn tags_and_digests_are_checked_when_added() {
    let r = parse_normalized("a").unwrap();
    assert_eq!(r.clone().with_tag("-x").unwrap_err(), Error::InvalidTag);
    assert_eq!(r.clone().with_tag(&"x".repeat(129)).unwrap_err(), Error::InvalidTag);
    assert_eq!(r.clone().with_digest("sha256:12").unwrap_err(), Error::InvalidDigest);
    assert_eq!(r.with_tag("t").unwrap().with_digest(SHA).unwrap().familiar_string(), format!("a:t@{SHA}"));
}

#[test]
fn filter_patterns_follow_path_match() {
    let r = parse_normalized("repo/nginx:1.2").unwrap();
    for (pattern, expected) in [
        ("repo/*", true),
        ("*", false),
        ("*/*:1.?", true),
        ("repo/ng[a-j]nx", true),
        ("repo/ng[^a-j]nx", false),
        ("nginx", false),
    ] {
        assert_eq!(r.familiar_match(pattern), Ok(expected), "{pattern}");
    }
    for bad in ["[", "[]a]", "[a-", "a\\", "[-x]"] {
        assert_eq!(r.familiar_match(bad), Err(BadPattern), "{bad}");
    }
}
