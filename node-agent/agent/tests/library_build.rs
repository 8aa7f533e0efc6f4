//! `library build` of an image that needs no network: it comes out the same every time, and an interrupted build goes on. As root, with
//! the real binary.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

fn build(dir: &Path) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_node-agent"))
        .args(["library", "build", "--only", "hello-world", "--output"])
        .arg(dir)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn possible() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        assert_ne!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(), Ok("1"), "building images needs root");
        eprintln!("SKIP: building images needs root");
    }
    root
}

/// Everything in the library by its path.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for part in [dir.to_owned(), dir.join("blobs/sha256")] {
        for entry in std::fs::read_dir(&part).expect("a directory").flatten() {
            if entry.path().is_file() {
                let name = entry.path().strip_prefix(dir).expect("below it").display().to_string();
                found.insert(name, std::fs::read(entry.path()).expect("a file"));
            }
        }
    }
    found
}

#[test]
fn two_builds_at_different_times_give_the_same_library_to_the_byte() {
    if !possible() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    build(&one);
    // Times in archives have seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    build(&two);
    let first = contents(&one);
    assert!(first.len() >= 5, "{:?}", first.keys());
    assert_eq!(first, contents(&two));
    let again = build(&one);
    assert!(String::from_utf8_lossy(&again.stderr).contains("hello-world: up to date"));
    assert!(!one.join(".workshop").exists() && !one.join(".partial").exists(), "nothing is left of the work");
}

#[test]
fn a_blob_that_is_gone_is_made_again() {
    if !possible() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    build(dir.path());
    let before = contents(dir.path());
    let layer = before.iter().max_by_key(|(name, bytes)| (name.starts_with("blobs"), bytes.len())).expect("a blob").0;
    std::fs::remove_file(dir.path().join(layer)).expect("removed");
    build(dir.path());
    assert_eq!(contents(dir.path()), before);
}
