//! A set-up that is killed in the middle of the node image, and the next one. What takes the time, mmdebstrap, is played by a script,
//! so that the moment of the kill is known; everything around it is what set-up runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xtask::layout::Layout;
use xtask::setup::node_image;

/// Where this test, started again by itself, is to build.
const BUILD_IN: &str = "SLIPWAY_TEST_BUILD_IN";

/// Interrupted, it writes without end from a process of its own, with something mounted: what a real one would leave behind.
const MMDEBSTRAP: &str = r#"#!/bin/sh
for word in "$@"; do case $word in */node-image.partial) into=$word ;; esac; done
mkdir -p "$into/etc" "$into/proc" && cp "$SLIPWAY_RECIPE/packages" "$into/etc/packages" || exit 1
test -e "$SLIPWAY_TEST_BUILD_IN/whole" && exit 0
mount -t tmpfs none "$into/proc" || exit 1
(n=0; while :; do n=$((n + 1)); : > "$into/etc/$n"; done) &
: > "$SLIPWAY_TEST_BUILD_IN/begun"
wait
"#;

#[test]
fn a_set_up_killed_in_the_node_image_leaves_nothing_that_writes_and_the_next_one_makes_it_whole() {
    if let Some(root) = std::env::var_os(BUILD_IN) {
        return node_image::build(&Layout { root: root.into() }).expect("a node image");
    }
    if !rustix::process::geteuid().is_root() {
        println!("SKIP: only root can make a node image");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let root = dir.path();
    let layout = Layout { root: root.to_owned() };
    for place in ["bin", "target/slipway", "infra/node-image/overlay"] {
        fs::create_dir_all(root.join(place)).expect("a directory");
    }
    fs::write(root.join("infra/node-image/packages"), "bash\n").expect("a recipe");
    let script = root.join("bin/mmdebstrap");
    fs::write(&script, MMDEBSTRAP).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("an executable script");

    let mut killed = set_up(root).spawn().expect("a set-up");
    wait_for("mmdebstrap to be at work", || root.join("begun").exists());
    killed.kill().expect("kill -9");
    killed.wait().expect("its end");
    let partial = layout.out().join("node-image.partial");
    wait_for("the kernel to end what it had started", || processes_with(root).is_empty());
    assert!(partial.is_dir() && !layout.node_image().exists(), "an unfinished image took the place of a whole one");
    let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
    assert!(!mounts.contains(&*root.to_string_lossy()), "a mount was left behind:\n{mounts}");

    fs::write(root.join("whole"), "").expect("a file");
    let again = set_up(root).output().expect("a second set-up");
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let names = |place: &Path| fs::read_dir(place).expect("a directory").count();
    assert_eq!(names(&layout.node_image().join("etc")), 1, "files of the killed set-up are in the image");
    assert!(!partial.exists(), "the unfinished image is still there");

    // And a third finds it done: without mmdebstrap it could do nothing.
    fs::remove_file(&script).expect("the script's end");
    assert!(set_up(root).output().expect("a third set-up").status.success());
}

/// This test again, as a process that can be killed.
fn set_up(root: &Path) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.env("PATH", format!("{}:{path}", root.join("bin").display())).env(BUILD_IN, root);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Processes that have the directory in their environment.
fn processes_with(root: &Path) -> Vec<String> {
    let mark = format!("{BUILD_IN}={}", root.display());
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter(|entry| {
            fs::read(entry.path().join("environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()))
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn wait_for(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
