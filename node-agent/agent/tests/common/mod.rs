//! What tests with real nodes share: whether they can run at all, namespaces of their own, a node image, and a census of what a
//! host can leak.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]

pub mod client;
pub mod images;
pub mod layers;
pub mod page;
pub mod server;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use node_agent::{config::Config, sandbox};

/// Says loudly why a test does not run; a failure where all must run.
fn refuse<T>(why: &str) -> Option<T> {
    assert!(std::env::var_os("SLIPWAY_REQUIRE_ROOT_TESTS").is_none_or(|value| value != "1"), "cannot run: {why}");
    eprintln!("SKIP: {why}");
    None
}

/// The image library, if one is named; says loudly that none is.
pub fn library() -> Option<PathBuf> {
    let dir = std::env::var_os("SLIPWAY_LIBRARY").map(PathBuf::from);
    dir.filter(|dir| dir.join("index.json").exists())
        .or_else(|| refuse("no image library: set SLIPWAY_LIBRARY to a layout with ubuntu:latest"))
}

/// Whether this machine can run nodes; says loudly why not.
pub fn possible() -> Option<(PathBuf, PathBuf)> {
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
/// The data directory of the test that runs: other tests on this machine have nodes, too, and theirs are not counted.
static OWN: Mutex<Option<PathBuf>> = Mutex::new(None);

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
            *OWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(data_dir.clone());
            let settings = sandbox::Settings { data_dir, node_image, agent, library: None, config };
            let _sweep = SweepAfterPanic(&settings);
            test(&settings);
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Removes what a failed test's nodes left, as a new agent would; a good test has nothing left.
struct SweepAfterPanic<'a>(&'a sandbox::Settings);

impl Drop for SweepAfterPanic<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let swept = sandbox::Host::open(self.0.clone()).and_then(|host| host.close());
        if let Err(error) = swept {
            eprintln!("the failed test's nodes may be left: {error}");
        }
    }
}

/// Everything of ours that a host can leak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    mounts: BTreeSet<String>,
    cgroups: BTreeSet<PathBuf>,
    devices: BTreeSet<String>,
    network_namespaces: BTreeSet<String>,
    loops: BTreeSet<String>,
    processes: BTreeSet<String>,
}

impl Census {
    /// How many there are of each.
    fn counts(&self) -> [usize; 6] {
        let Self { mounts, cgroups, devices, network_namespaces, loops, processes } = self;
        [mounts.len(), cgroups.len(), devices.len(), network_namespaces.len(), loops.len(), processes.len()]
    }

    /// What is here and not in `before`; what another test of this machine has removed meanwhile is no matter.
    pub fn without(&self, before: &Self) -> Self {
        let less = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
        Self {
            mounts: less(&self.mounts, &before.mounts),
            cgroups: self.cgroups.difference(&before.cgroups).cloned().collect(),
            devices: less(&self.devices, &before.devices),
            network_namespaces: less(&self.network_namespaces, &before.network_namespaces),
            loops: less(&self.loops, &before.loops),
            processes: less(&self.processes, &before.processes),
        }
    }

    /// How many network namespaces there are.
    pub fn network_namespaces(&self) -> usize {
        self.network_namespaces.len()
    }

    /// The part that outlives the namespaces of one test.
    pub fn of_the_host(self) -> Self {
        let Self { cgroups, loops, processes, .. } = self;
        Self { cgroups, loops, processes, ..Self::default() }
    }
}

/// Counts what is there now.
pub fn census() -> Census {
    let lines =
        |path: &str| fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let family = family();
    let mut mounts = BTreeSet::new();
    let mut network_namespaces = BTreeSet::new();
    for process in &family {
        let ours = |line: &String| line.contains("slipway-test-") || line.starts_with("nsfs /run/netns/slw-");
        mounts.extend(lines(&format!("/proc/{process}/mounts")).into_iter().filter(ours));
        // A namespace lives by a thread in it or a descriptor of it.
        for dir in [format!("/proc/{process}/task"), format!("/proc/{process}/fd")] {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let link = fs::read_link(entry.path().join("ns/net")).or_else(|_| fs::read_link(entry.path()));
                let name = link.map(|link| link.to_string_lossy().into_owned()).unwrap_or_default();
                if name.starts_with("net:[") {
                    network_namespaces.insert(name);
                }
            }
        }
    }
    mounts.extend(lines("/proc/thread-self/mounts").into_iter().filter(|line| line.contains("slipway-test-")));
    let devices = lines("/proc/thread-self/net/dev")
        .into_iter()
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect();
    let own = OWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut loops = BTreeSet::new();
    let mut foreign = BTreeSet::new();
    for block in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        // `<data-dir>/nodes/<tag>/disk.ext4`, of a deleted file with a word after it.
        let Ok(file) = fs::read_to_string(block.path().join("loop/backing_file")) else { continue };
        let mut parts = Path::new(file.trim()).ancestors().skip(1);
        let (tag, data_dir) = (parts.next().and_then(Path::file_name), parts.nth(1));
        if own.is_some() && data_dir == own.as_deref() {
            loops.insert(file.trim().to_owned());
        } else if let Some(tag) = tag {
            foreign.insert(tag.to_owned());
        }
    }
    let mut cgroups = BTreeSet::new();
    for root in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        cgroups.extend(
            fs::read_dir(root.path().join("slipway"))
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.path().is_dir() && !foreign.contains(&entry.file_name()))
                .map(|entry| entry.path()),
        );
    }
    let mut processes = BTreeSet::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let groups = fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
            let tag = groups.split_once("/slipway/").and_then(|(_, rest)| rest.split(['/', '\n']).next());
            if tag.is_some_and(|tag| !foreign.contains(std::ffi::OsStr::new(tag))) {
                processes.insert(name);
            }
        }
    }
    Census { mounts, cgroups, devices, network_namespaces, loops, processes }
}

/// This process and all that descend from it.
fn family() -> BTreeSet<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok());
        parents.extend(parent.map(|parent| (pid, parent)));
    }
    let mut family = BTreeSet::from([std::process::id()]);
    loop {
        let size = family.len();
        family.extend(
            parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if family.len() == size {
            return family;
        }
    }
}

/// How long what ends may take to be gone.
const SETTLE: Duration = Duration::from_secs(30);

/// Waits (the kernel frees some things a moment after their last user has gone) until nothing is there that was not `before`.
pub fn same(before: &Census, after: &Census) {
    let start = Instant::now();
    let mut left = after.without(before);
    while left != Census::default() && start.elapsed() < SETTLE {
        std::thread::sleep(Duration::from_millis(50));
        left = census().without(before);
    }
    assert_eq!(left, Census::default(), "something leaked");
}

/// As [`same`], for another run of the agent than the `idle` one: its registry's parts are as many and are named otherwise.
pub fn same_number(idle: &Census) {
    let start = Instant::now();
    while census().counts() != idle.counts() && start.elapsed() < SETTLE {
        std::thread::sleep(Duration::from_millis(50));
    }
    let now = census();
    assert_eq!(now.counts(), idle.counts(), "something leaked: {:#?}", now.without(idle));
}

/// As [`same`], for what outlives the namespaces of one test.
pub fn same_host(before: &Census) {
    let start = Instant::now();
    let left = || census().of_the_host().without(before);
    while left() != Census::default() && start.elapsed() < SETTLE {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(left(), Census::default(), "something leaked");
}

/// How many processes all nodes have together.
pub fn processes_of_nodes() -> usize {
    census().processes.len()
}
