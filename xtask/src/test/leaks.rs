//! What tests must not leave behind. Looked at before and after; what is ours and new is a leak. Only what Slipway makes counts (by
//! name, by the tests' own directory, by a mark in the environment), since other programs use the same machine meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process::stdout;

/// The machine may need a moment: a killed process is reaped, a lazy unmount finishes.
const SETTLE: Duration = Duration::from_secs(30);
/// Every process that a test starts inherits this variable with a value of this run's own.
pub(super) const MARK: &str = "SLIPWAY_TEST_RUN";

/// By what things of ours are known.
#[derive(Clone, Debug)]
pub(super) struct Ours {
    /// Directories in which tests and servers work: whatever is mounted, attached or started there is ours.
    pub(super) dirs: Vec<PathBuf>,
    /// The value of [`MARK`].
    pub(super) mark: String,
}

impl Ours {
    /// Everything of ours that the machine has now, by name.
    pub(super) fn snapshot(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for line in fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines() {
            if let Some(place) = line.split(' ').nth(4).filter(|place| self.holds(Path::new(place))) {
                found.insert(format!("mount {place}"));
            }
        }
        for device in names("/sys/block") {
            let file = fs::read_to_string(format!("/sys/block/{device}/loop/backing_file")).unwrap_or_default();
            if self.holds(Path::new(file.trim())) {
                found.insert(format!("loop device {device} of {}", file.trim()));
            }
        }
        let network = [("network namespace", "/run/netns"), ("network device", "/sys/class/net")];
        for (kind, dir) in network {
            found.extend(names(dir).into_iter().filter(|name| named(name)).map(|name| format!("{kind} {name}")));
        }
        let tables = stdout(Command::new("nft").args(["list", "tables"])).unwrap_or_default();
        found.extend(tables.lines().filter(|table| table.contains("slipway")).map(|table| format!("nft {table}")));
        cgroups(Path::new("/sys/fs/cgroup"), &mut found);
        found.extend(names("/proc").into_iter().filter_map(|pid| self.process(&pid)));
        found
    }

    /// What is there now and was not then, after a moment to settle.
    pub(super) fn leaks(&self, before: &BTreeSet<String>) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let new: Vec<String> = self.snapshot().difference(before).cloned().collect();
            if new.is_empty() || begun.elapsed() > SETTLE {
                return new;
            }
            sleep(Duration::from_millis(200));
        }
    }

    fn holds(&self, place: &Path) -> bool {
        self.dirs.iter().any(|dir| place.starts_with(dir))
    }

    /// Whether a process is ours, other than this one: it has the mark, or its program is one that was built here, whatever
    /// name its own mount namespace gives that file.
    fn process(&self, pid: &str) -> Option<String> {
        let number: u32 = pid.parse().ok()?;
        if number == std::process::id() {
            return None;
        }
        let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let mark = format!("{MARK}={}", self.mark);
        let marked = fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|variables| variables.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()));
        let built_here = || {
            let running = fs::metadata(format!("/proc/{pid}/exe")).ok();
            running.is_some_and(|running| {
                self.dirs
                    .iter()
                    .filter_map(|dir| fs::metadata(dir.join("node-agent")).ok())
                    .any(|agent| (agent.dev(), agent.ino()) == (running.dev(), running.ino()))
            })
        };
        (marked || self.holds(&program) || built_here()).then(|| format!("process {pid} {}", program.display()))
    }
}

/// The names that nodes, bridges and namespaces of ours have.
fn named(name: &str) -> bool {
    name.starts_with("slw-") || name.starts_with("slipway")
}

fn names(dir: impl AsRef<Path>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The nodes' cgroups, and those of containers, in every hierarchy. The directory of all containers stays by itself.
fn cgroups(root: &Path, found: &mut BTreeSet<String>) {
    let hierarchies = names(root).into_iter().map(|name| root.join(name)).chain([root.to_owned()]);
    for hierarchy in hierarchies {
        let docker = hierarchy.join("docker");
        let containers = names(&docker).into_iter().filter(|name| name.len() == 64).map(|name| docker.join(name));
        let nodes = names(&hierarchy).into_iter().filter(|name| named(name)).map(|name| hierarchy.join(name));
        let groups = nodes.chain(containers).filter(|group| group.join("cgroup.procs").exists());
        found.extend(groups.map(|group| format!("cgroup {}", group.display())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processes(ours: &Ours) -> usize {
        ours.snapshot().iter().filter(|name| name.starts_with("process ")).count()
    }

    #[test]
    fn a_process_that_stays_is_found_by_its_program_or_its_mark_and_others_are_not() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let ours = Ours { dirs: vec![dir.path().to_owned()], mark: format!("unit-{}", std::process::id()) };
        let program = dir.path().join("stays");
        fs::copy("/bin/sleep", &program).expect("a copy of sleep");
        for (command, mark, expected) in [
            (program.as_path(), None, 1),
            (Path::new("/bin/sleep"), Some(ours.mark.as_str()), 1),
            (Path::new("/bin/sleep"), Some("another run"), 0),
        ] {
            let mut process = Command::new(command);
            process.arg("60").env_remove(MARK).envs(mark.map(|mark| (MARK, mark)));
            let mut child = process.spawn().expect("a process");
            // `spawn` returns once the program runs, with its own environment.
            assert_eq!(processes(&ours), expected, "{} {mark:?}", command.display());
            child.kill().expect("ending it");
            child.wait().expect("its end");
            assert_eq!(processes(&ours), 0);
        }
    }

    #[test]
    fn only_our_names_are_ours() {
        assert!(named("slw-1a2b") && named("slipway0"));
        assert!(!named("docker0") && !named("eth0"));
    }
}
