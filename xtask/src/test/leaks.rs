//! What tests must not leave behind: mounts, loop devices, network namespaces and devices, cgroups, processes of ours. Taken before
//! and after; what is new afterwards is a leak.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The machine may need a moment: a killed process is reaped, a lazy unmount finishes.
const SETTLE: Duration = Duration::from_secs(5);

/// Everything on the machine that a test could forget, by name.
pub(super) struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// Looks at the machine. `target` is where our own programs are started from.
    pub(super) fn take(target: &Path) -> Self {
        let mut found = BTreeSet::new();
        for line in fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines() {
            if let Some(place) = line.split(' ').nth(4) {
                found.insert(format!("mount {place}"));
            }
        }
        for device in names("/sys/block") {
            if let Ok(file) = fs::read_to_string(format!("/sys/block/{device}/loop/backing_file")) {
                found.insert(format!("loop device {device} of {}", file.trim()));
            }
        }
        found.extend(names("/run/netns").into_iter().map(|name| format!("network namespace {name}")));
        found.extend(names("/sys/class/net").into_iter().map(|name| format!("network device {name}")));
        cgroups(Path::new("/sys/fs/cgroup"), &mut found);
        for pid in names("/proc") {
            let Ok(program) = fs::read_link(format!("/proc/{pid}/exe")) else { continue };
            if program.starts_with(target) && pid != std::process::id().to_string() {
                found.insert(format!("process {pid} {}", program.display()));
            }
        }
        Self(found)
    }

    /// What is there now and was not then, after a moment to settle.
    pub(super) fn leaks(&self, target: &Path) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let new: Vec<String> = Self::take(target).0.difference(&self.0).cloned().collect();
            if new.is_empty() || begun.elapsed() > SETTLE {
                return new;
            }
            sleep(Duration::from_millis(200));
        }
    }
}

fn names(dir: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// cgroups, without those that the system's own service manager comes and goes with.
fn cgroups(dir: &Path, found: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ![".service", ".scope", ".slice", ".mount"].iter().any(|unit| name.ends_with(unit)) {
            found.insert(format!("cgroup {}", entry.path().display()));
            cgroups(&entry.path(), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_stays_is_found_and_one_that_ends_is_not() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let program = dir.path().join("stays");
        fs::copy("/bin/sleep", &program).expect("a copy of sleep");
        let before = Snapshot::take(dir.path());
        let mut child = std::process::Command::new(&program).arg("60").spawn().expect("a process");
        let mine = |leaks: Vec<String>| leaks.into_iter().filter(|leak| leak.starts_with("process ")).count();
        let now = Snapshot::take(dir.path());
        assert_eq!(mine(now.0.difference(&before.0).cloned().collect()), 1);
        child.kill().expect("ending it");
        child.wait().expect("its end");
        assert_eq!(mine(before.leaks(dir.path())), 0);
    }
}
