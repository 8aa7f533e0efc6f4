//! What tests with real nodes share: whether they can run at all, namespaces of their own, a node image, and a census of what a
//! host can leak.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]

pub mod client;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use node_agent::{config::Config, sandbox};

/// Whether this machine can run nodes; says loudly why not.
pub fn possible() -> Option<(PathBuf, PathBuf)> {
    let refuse = |why: &str| {
        assert!(std::env::var_os("SLIPWAY_REQUIRE_ROOT_TESTS").is_none_or(|value| value != "1"), "cannot run: {why}");
        eprintln!("SKIP: {why}");
        None
    };
    if !nix::unistd::geteuid().is_root() {
        return refuse("nodes need root");
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let at =
        |variable: &str, usual: &str| std::env::var_os(variable).map_or_else(|| workspace.join(usual), PathBuf::from);
    let image = at("SLIPWAY_NODE_IMAGE", "target/slipway/node-image");
    if !image.join("usr/bin/bash").exists() {
        return refuse(&format!("no node image at {}: set SLIPWAY_NODE_IMAGE or build one", image.display()));
    }
    let agent = at("SLIPWAY_NODE_AGENT", "target/debug/node-agent");
    if !agent.exists() {
        return refuse(&format!(
            "no node-agent at {}: set SLIPWAY_NODE_AGENT or `cargo build -p node-agent`",
            agent.display()
        ));
    }
    Some((image, agent))
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `test` on a thread with mount and network namespaces of its own and a fresh data directory.
pub fn isolated(test: impl FnOnce(&sandbox::Settings) + Send) {
    let Some((node_image, agent)) = possible() else { return };
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            sandbox::isolate().expect("a mount namespace");
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace");
            slipway_runtime::net::run_in(None, async |links| links.set_up("lo").await).expect("a loopback device");
            let dir = tempfile::Builder::new().prefix("slipway-test-").tempdir().expect("a data directory");
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).expect("nodes can pass through");
            let runtime = std::env::var_os("SLIPWAY_TEST_RUNTIME").map(PathBuf::from);
            let config = Config { runtime, ..Config::default() };
            let data_dir = dir.path().to_owned();
            test(&sandbox::Settings { data_dir, node_image, agent, library: None, config });
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Everything of ours that a host can leak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    mounts: BTreeSet<String>,
    cgroups: BTreeSet<PathBuf>,
    devices: BTreeSet<String>,
    loops: BTreeSet<String>,
    processes: BTreeSet<String>,
}

impl Census {
    /// Expects a device.
    pub fn add_device(&mut self, name: &str) {
        self.devices.insert(name.to_owned());
    }
}

/// Counts what is there now.
pub fn census() -> Census {
    let lines =
        |path: &str| fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let mounts = lines("/proc/thread-self/mounts").into_iter().filter(|line| line.contains("slipway-test-")).collect();
    let devices = lines("/proc/thread-self/net/dev")
        .into_iter()
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect();
    let mut cgroups = BTreeSet::new();
    for root in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        cgroups.extend(
            fs::read_dir(root.path().join("slipway"))
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.path().is_dir())
                .map(|entry| entry.path()),
        );
    }
    let mut loops = BTreeSet::new();
    for block in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        if let Ok(file) = fs::read_to_string(block.path().join("loop/backing_file"))
            && file.contains("slipway-test-")
        {
            loops.insert(file.trim().to_owned());
        }
    }
    let mut processes = BTreeSet::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let groups = fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
            if groups.contains("/slipway/") {
                processes.insert(name);
            }
        }
    }
    Census { mounts, cgroups, devices, loops, processes }
}

/// Waits (the kernel frees some things a moment after their last user has gone) until nothing is there that was not `before`.
pub fn same(before: &Census, after: &Census) {
    let start = Instant::now();
    let mut after = after.clone();
    while *before != after && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
        after = census();
    }
    assert_eq!(*before, after, "something leaked");
}
