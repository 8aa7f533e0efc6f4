//! `library build` of an image that needs no network: it comes out the same every time, and a build that was killed goes on and leaves
//! nothing behind. As root, with the real binary.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(dir: &Path, only: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node-agent"));
    // Scratch directories lie where only this test has any.
    let scratch = dir.with_extension("tmp");
    std::fs::create_dir_all(&scratch).expect("a directory");
    command.args(["library", "build", "--only", only, "--output"]).arg(dir).env("TMPDIR", scratch);
    command
}

fn build(dir: &Path) -> Output {
    let output = command(dir, "hello-world").output().expect("it runs");
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

/// Waits until no process works on the library or its scratch directory; then nothing of it may be mounted here.
fn quiet(dir: &Path) {
    let name = dir.to_string_lossy().into_owned();
    let busy = || -> Vec<PathBuf> {
        let mine = |path: &PathBuf| {
            let read = |file: &str| std::fs::read(path.join(file)).unwrap_or_default();
            let own = path.ends_with(std::process::id().to_string());
            !own && [read("cmdline"), read("environ")].iter().any(|text| String::from_utf8_lossy(text).contains(&name))
        };
        std::fs::read_dir("/proc").expect("processes").flatten().map(|entry| entry.path()).filter(mine).collect()
    };
    let begun = Instant::now();
    while let Some(process) = busy().first() {
        let what = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let what = String::from_utf8_lossy(&what).replace('\0', " ");
        assert!(begun.elapsed() < Duration::from_secs(60), "{} outlives the build: {what}", process.display());
        std::thread::sleep(Duration::from_millis(10));
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!mounts.contains(&name), "{mounts}");
}

/// Nothing but the library.
fn tidy(dir: &Path) {
    assert!(!dir.join(".workshop").exists() && !dir.join(".partial").exists());
    let scratch = std::fs::read_dir(dir.with_extension("tmp")).expect("scratch directories").flatten();
    let left: Vec<PathBuf> = scratch.map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_build_that_is_killed_at_any_time_goes_on_and_comes_out_the_same() {
    if !possible() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let whole = dir.path().join("whole");
    let begun = Instant::now();
    build(&whole);
    let mut took = begun.elapsed();
    let first = contents(&whole);
    // From the start of the engine over the steps to the writing of the layout, wherever these moments are.
    let kills = 10;
    let (mut kill, mut attempt) = (0, 0);
    while kill < kills {
        let place = dir.path().join(format!("attempt-{attempt}-"));
        let mut child = command(&place, "hello-world").stderr(Stdio::null()).spawn().expect("it starts");
        let moment = took * kill / kills;
        std::thread::sleep(moment);
        if child.try_wait().expect("a child").is_none() {
            kill += 1;
        } else {
            // It was over already: builds take less time than was thought.
            took = took * 4 / 5;
        }
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        quiet(&place);
        build(&place);
        assert_eq!(contents(&place), first, "killed after {moment:?} of {took:?}");
        tidy(&place);
        attempt += 1;
    }
}

/// The moment when what it starts is there, but may not have asked to end with it.
#[test]
fn a_build_that_is_killed_while_it_starts_its_engine_takes_it_along() {
    if !possible() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    for round in 0..40 {
        let place = dir.path().join(format!("round-{round}-"));
        let mut child = command(&place, "hello-world").stderr(Stdio::null()).spawn().expect("it starts");
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        while std::fs::read_to_string(&children).is_ok_and(|children| children.is_empty()) {
            assert_eq!(child.try_wait().expect("a child"), None, "it ended without an engine");
        }
        // A little later each time: two programs start one after the other.
        std::thread::sleep(Duration::from_micros(round * 100));
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        quiet(&place);
    }
}

#[test]
fn a_base_that_is_killed_in_the_making_leaves_nothing_behind() {
    if !possible() {
        return;
    }
    if Command::new("mmdebstrap").arg("--version").output().is_err() {
        assert_ne!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(), Ok("1"), "mmdebstrap is not installed");
        eprintln!("SKIP: mmdebstrap is not installed");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let place = dir.path().join("library");
    // A mirror that takes a connection and says nothing, so that mmdebstrap is at work for as long as it lives.
    let mirror = TcpListener::bind("127.0.0.1:0").expect("a free port");
    mirror.set_nonblocking(true).expect("a listener");
    let url = format!("http://{}/debian", mirror.local_addr().expect("its address"));
    let mut child = command(&place, "debian")
        .env("SLIPWAY_DEBIAN_MIRROR", &url)
        .env("SLIPWAY_DEBIAN_SECURITY_MIRROR", &url)
        .env("no_proxy", "127.0.0.1")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begun = Instant::now();
    let _connection = loop {
        if let Ok((connection, _)) = mirror.accept() {
            break connection;
        }
        assert_eq!(child.try_wait().expect("a child"), None, "it ended");
        assert!(begun.elapsed() < Duration::from_secs(60), "mmdebstrap asked nobody");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(place.join(".partial").read_dir().expect("its work").count() > 0);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    quiet(&place);
    build(&place);
    tidy(&place);
    let undisturbed = dir.path().join("undisturbed");
    build(&undisturbed);
    assert_eq!(contents(&place), contents(&undisturbed));
}
