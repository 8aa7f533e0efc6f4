use super::{BadPattern, Error, MAX_LINE, Matcher, ParentResults, Verdict, path, read};

fn ignores(patterns: &[&str], file: &str) -> bool {
    Matcher::new(patterns).unwrap().ignores(file).unwrap()
}

#[test]
fn a_file_is_read_without_comments_marks_and_slashes() {
    let text = b"\xEF\xBB\xBF# comment\n\n  a//b/ \r\n!  /c/./d \n /\n # no comment\n!\n/e/../../f\n";
    assert_eq!(read(text).unwrap(), ["a/b", "!c/d", "/", "# no comment", "!", "f"]);
    assert_eq!(Matcher::from_file(b"a\n!\n").unwrap_err(), Error::IllegalExclusion);
    assert_eq!(Error::IllegalExclusion.to_string(), "illegal exclusion pattern: \"!\"");
}

#[test]
fn a_line_has_a_limit() {
    let longest = vec![b'a'; MAX_LINE];
    assert_eq!(read(&longest).unwrap().len(), 1);
    assert_eq!(read(&[longest.as_slice(), b"a"].concat()).unwrap_err(), Error::LineTooLong);
}

#[test]
fn what_lies_in_an_ignored_directory_is_ignored() {
    assert!(ignores(&["a/b"], "a/b/c/d"));
    assert!(ignores(&["*/b"], "a/b/c/d"));
    assert!(!ignores(&["b"], "a/b"));
    assert!(ignores(&["**/b"], "a/b/c"));
    assert!(ignores(&["**/b"], "b"));
    assert!(!ignores(&["a/**"], "a"));
    assert!(ignores(&["a/**"], "a/b"));
    assert!(!ignores(&["*"], "."));
}

#[test]
fn later_patterns_overrule_earlier_ones() {
    let patterns = ["docs", "!docs/README.md", "docs/README.md"];
    assert!(ignores(&patterns, "docs/README.md"));
    assert!(!ignores(patterns.get(..2).unwrap(), "docs/README.md"));
    assert!(ignores(patterns.get(..2).unwrap(), "docs/x"));
}

#[test]
fn characters_of_regular_expressions_keep_mobys_meaning() {
    assert!(ignores(&["a.b"], "a.b") && !ignores(&["a.b*"], "axb"));
    assert!(ignores(&["a(b)+$*"], "a(b)+$c"));
    // These three are not escaped by moby.
    assert!(ignores(&["a|x*"], "a") && ignores(&["b{2}*"], "bb"));
    assert!(ignores(&[r"\d*"], "7up") && !ignores(&[r"\d*"], "up"));
    assert!(ignores(&[r"\Qa*"], "a[^/]*$b"));
    assert!(ignores(&["[[:alpha:]]"], "q") && !ignores(&["[[:alpha:]]"], "7"));
    assert!(ignores(&[r"\x41?"], "AB"));
}

#[test]
fn bad_patterns_are_reported_where_go_does() {
    for pattern in ["[", "a[", "[a", "[]a]", "[-]", "a\\", "[a-]", "!["] {
        assert_eq!(Matcher::new([pattern]).unwrap_err(), Error::BadPattern(BadPattern), "{pattern}");
    }
    assert_eq!(Error::BadPattern(BadPattern).to_string(), "syntax error in pattern");
    // The pattern's syntax allows it, the expression made of it does not.
    let late = Matcher::new(["[b-a]"]).unwrap();
    assert_eq!(late.ignores("a"), Err(BadPattern));
    let never = Matcher::new(["a", "[b-a]"]).unwrap();
    assert_eq!(never.ignores("a"), Ok(true));
}

#[test]
fn results_of_the_parent_give_the_same_answer() {
    let matcher = Matcher::new(["**", "!a/b", "a/b/c*"]).unwrap();
    let (ignored, a) = matcher.matches_using_parent_results("a", &ParentResults::default()).unwrap();
    assert!(ignored);
    let (ignored, b) = matcher.matches_using_parent_results("a/b", &a).unwrap();
    assert!(!ignored);
    assert!(matcher.matches_using_parent_results("a/b/cc", &b).unwrap().0);
    assert!(!matcher.matches_using_parent_results("a/b/d", &b).unwrap().0);
}

#[test]
fn a_walk_enters_only_what_may_hold_something() {
    let matcher = Matcher::new(["node_modules", "build", "!build/keep/this"]).unwrap();
    let mut walk = matcher.walk();
    let steps = [
        ("build", true, Verdict::Descend),
        ("build/keep", true, Verdict::Descend),
        ("build/keep/that", false, Verdict::Ignore),
        ("build/keep/this", true, Verdict::Keep),
        ("build/keep/this/too", false, Verdict::Keep),
        ("build/other", true, Verdict::Ignore),
        ("build2", false, Verdict::Keep),
        ("node_modules", true, Verdict::Ignore),
        ("src", true, Verdict::Keep),
    ];
    for (path, dir, verdict) in steps {
        assert_eq!(walk.visit(path, dir).unwrap(), verdict, "{path}");
    }
    assert!(!Matcher::new(["x", "!**/y"]).unwrap().can_skip("x"));
}

#[test]
fn huge_repetitions_are_refused() {
    let matcher = Matcher::new(["a{1000}".repeat(200) + "*"]).unwrap();
    assert_eq!(matcher.ignores("a"), Err(BadPattern));
}

#[test]
fn paths_are_cleaned_as_in_go() {
    for (dirty, clean) in [("", "."), ("/", "/"), ("//a/", "/a"), ("a/../..", ".."), ("/..", "/"), ("./a/./b//", "a/b")]
    {
        assert_eq!(path::clean(dirty), clean, "{dirty}");
    }
    assert_eq!((path::dir("a"), path::dir("/a"), path::dir("a/b/")), (".".into(), "/".into(), "a/b".into()));
    assert_eq!((path::base("a/b//"), path::base(""), path::base("//")), ("b", ".", "/"));
    assert_eq!(
        (path::join("", ""), path::join("a", "../b"), path::join("/", "a")),
        ("".into(), "b".into(), "/a".into())
    );
}
