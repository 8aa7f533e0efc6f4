//! Ignore files: the two ways of asking agree, a comment changes nothing, and reading what was read gives the same.

use engine_wasm::ignore::{Matcher, ParentResults, read};

use super::halves;

/// The text up to a NUL is the ignore file; what follows are paths, a line each.
pub fn ignore(data: &[u8]) {
    let (file, paths) = halves(data);
    let paths = String::from_utf8_lossy(paths);
    let Ok(patterns) = read(file) else { return };
    assert!(patterns.iter().all(|pattern| !pattern.is_empty() && !pattern.contains('\n')), "{patterns:?}");
    let Ok(matcher) = Matcher::from_file(file) else { return };
    assert_eq!(matcher.exclusions(), matcher.patterns().iter().any(|pattern| pattern.exclusion()));
    let commented = [b"# nothing\n".as_slice(), file].concat();
    for path in paths.split('\n').take(50) {
        let ignored = matcher.ignores(path);
        assert_eq!(ignored, matcher.ignores(path));
        if !file.starts_with("\u{feff}".as_bytes()) {
            let other = Matcher::from_file(&commented).expect("a comment is no fault");
            assert_eq!(ignored, other.ignores(path));
        }
        let _ = (matcher.matches_or_parent_matches(path), matcher.matches_one_parent(path));
        let _ = matcher.matches_using_parent_results(path, &ParentResults::default());
        let _ = matcher.can_skip(path);
    }
    let mut walk = matcher.walk();
    for (number, path) in paths.split('\n').take(50).enumerate() {
        let _ = walk.visit(path, number % 2 == 0);
    }
}
