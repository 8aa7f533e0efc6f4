//! References: what was read is written so that reading it again gives the same, in full and as people write it.

use engine_wasm::reference::{
    AnyReference, DEFAULT_DOMAIN, NAME_MAX, glob_match, parse, parse_any, parse_docker_ref, parse_named,
    parse_normalized, validate_digest,
};
use engine_wasm::units::{bytes_size, from_human_size, human_size, ram_in_bytes};

use super::halves;

/// Reads the text up to a NUL as a reference and as a size; what follows is a pattern to match it with.
pub fn reference(data: &[u8]) {
    let (text, pattern) = halves(data);
    let (text, pattern) = (&*String::from_utf8_lossy(text), &*String::from_utf8_lossy(pattern));
    if let Ok(raw) = parse(text) {
        assert_eq!(raw.to_string(), text);
    }
    match parse_normalized(text) {
        Ok(reference) => {
            let full = reference.to_string();
            assert_eq!(parse_normalized(&full).as_ref(), Ok(&reference));
            assert_eq!(parse_named(&full).as_ref(), Ok(&reference));
            // The familiar form of `docker.io/a.b/c` is, in distribution too, `a.b/c`: another registry's.
            let first = reference.path().split('/').next().unwrap_or_default();
            let familiar = reference.familiar_string();
            // Nor is what looks like an id a name.
            let id = familiar.len() == 64 && familiar.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !id && (reference.domain() != DEFAULT_DOMAIN || !(first.contains('.') || first == "localhost")) {
                assert_eq!(parse_normalized(&familiar).as_ref(), Ok(&reference));
            }
            assert!(reference.path().len() <= NAME_MAX);
            if let Some(digest) = reference.digest() {
                assert_eq!(validate_digest(digest), Ok(()));
            }
            let docker = parse_docker_ref(text).expect("a reference is one for docker");
            assert!(docker.tag().is_some() != docker.digest().is_some(), "{docker}");
            let _ = reference.familiar_match(pattern);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(AnyReference::Digest(digest)) = parse_any(text) {
        assert_eq!(validate_digest(&digest), Ok(()));
    }
    let _ = glob_match(pattern, text);
    // What is printed is read again, up to peta: exa and above have names, but none that is read.
    let sizes = [from_human_size(text), ram_in_bytes(text)].into_iter().flatten();
    for size in sizes.filter(|size| (1..1_000_000_000_000_000_000).contains(size)) {
        assert!(from_human_size(&human_size(size as f64)).is_ok());
        assert!(ram_in_bytes(&bytes_size(size as f64)).is_ok());
    }
}
