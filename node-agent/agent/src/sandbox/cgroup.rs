//! Control groups of nodes. On the host each node has `/slipway/<tag>`, which carries the limits and belongs to host root, and in
//! it `node`, which belongs to the node's root and is what the node sees as its cgroup root. Cgroup v2, and v1 with all its
//! hierarchies, work the same way.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::{Error, Result, at};
use crate::config::Limits;

/// The directory of all nodes in each hierarchy.
const PARENT: &str = "slipway";
/// The directory in a node's own that it may manage itself.
const DELEGATED: &str = "node";

/// Where the hierarchies are mounted.
#[derive(Clone, Debug)]
pub(crate) struct Hierarchies {
    /// Mount point, and the v1 controllers of it; none for v2.
    roots: Vec<(PathBuf, Vec<String>)>,
}

impl Hierarchies {
    /// Reads them from this process's mounts.
    pub(crate) fn discover() -> Result<Self> {
        let path = Path::new("/proc/self/mountinfo");
        let text = fs::read_to_string(path).map_err(at("read", path))?;
        Ok(Self::parse(&text))
    }

    fn parse(mountinfo: &str) -> Self {
        let mut roots: Vec<(PathBuf, Vec<String>)> = Vec::new();
        for line in mountinfo.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let Some(point) = left.split(' ').nth(4) else { continue };
            let mut right = right.split(' ');
            let (kind, options) = (right.next().unwrap_or(""), right.nth(1).unwrap_or(""));
            let controllers = match kind {
                "cgroup2" => Vec::new(),
                "cgroup" => options
                    .split(',')
                    .filter(|option| !matches!(*option, "rw" | "ro" | "xattr" | "clone_children" | "noprefix"))
                    .map(str::to_owned)
                    .collect(),
                _ => continue,
            };
            if !roots.iter().any(|(_, known)| *known == controllers) {
                roots.push((PathBuf::from(point), controllers));
            }
        }
        Self { roots }
    }

    /// Whether a v1 controller or (on v2) the unified tree can limit `controller`.
    pub(crate) fn has(&self, controller: &str) -> bool {
        self.roots.iter().any(|(root, controllers)| {
            controllers.iter().any(|name| name == controller)
                || (controllers.is_empty()
                    && fs::read_to_string(root.join("cgroup.controllers"))
                        .is_ok_and(|text| text.split_whitespace().any(|name| name == controller)))
        })
    }

    /// What `linux.cgroupsPath` of the node's bundle is.
    pub(crate) fn path_of(tag: &str) -> String {
        format!("/{PARENT}/{tag}/{DELEGATED}")
    }

    /// Makes the node's groups with their limits.
    pub(crate) fn create(&self, tag: &str, limits: &Limits) -> Result<()> {
        for (root, controllers) in &self.roots {
            let parent = root.join(PARENT);
            let node = parent.join(tag);
            make_dir(&parent)?;
            if controllers.is_empty() {
                enable_all(root);
                enable_all(&parent);
            } else if controllers.iter().any(|name| name == "cpuset") {
                inherit_cpuset(&parent)?;
            }
            make_dir(&node)?;
            for (file, value) in settings(controllers, limits) {
                write_limit(&node.join(file), &value)?;
            }
            if controllers.is_empty() {
                enable_all(&node);
            } else if controllers.iter().any(|name| name == "cpuset") {
                inherit_cpuset(&node)?;
            }
            make_dir(&node.join(DELEGATED))?;
        }
        Ok(())
    }

    /// Gives the inner groups to host id `owner`, the node's root.
    pub(crate) fn delegate(&self, tag: &str, owner: u32) -> Result<()> {
        for (root, controllers) in &self.roots {
            let group = root.join(PARENT).join(tag).join(DELEGATED);
            let files: &[&str] = if controllers.is_empty() {
                &["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "memory.oom.group"]
            } else {
                &["", "cgroup.procs", "tasks", "cgroup.clone_children"]
            };
            for file in files {
                let path = if file.is_empty() { group.clone() } else { group.join(file) };
                match std::os::unix::fs::chown(&path, Some(owner), Some(owner)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at("give away", &path)(error)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Host process ids of everything in the node.
    pub(crate) fn processes(&self, tag: &str) -> Vec<i32> {
        let mut all = Vec::new();
        for (root, _) in &self.roots {
            collect(&root.join(PARENT).join(tag), &mut all);
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Kills everything in the node and waits until nothing is left in it.
    pub(crate) fn kill(&self, tag: &str, patience: Duration) -> Result<()> {
        let start = Instant::now();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            for (root, controllers) in &self.roots {
                if controllers.is_empty() {
                    // Absent before kernel 5.14 and gone with the group; the signals below do the same more slowly.
                    let _ = fs::write(root.join(PARENT).join(tag).join("cgroup.kill"), "1");
                }
            }
            let left = self.processes(tag);
            seen.extend(left.iter().copied());
            for pid in &left {
                // It may have ended since the listing.
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
            for (root, controllers) in &self.roots {
                if controllers.iter().any(|name| name == "freezer") {
                    thaw(&root.join(PARENT).join(tag));
                }
            }
            // Orphans of the runtime are children of ours; a zombie keeps the node's pid namespace alive.
            seen.retain(|pid| waitpid(Pid::from_raw(*pid), Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive));
            if left.is_empty() && seen.is_empty() {
                return Ok(());
            }
            if start.elapsed() > patience {
                let step = format!("end the processes {left:?} of node {tag}");
                return Err(Error::System { step, source: io::ErrorKind::TimedOut.into() });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Removes the node's groups.
    pub(crate) fn remove(&self, tag: &str) -> Result<()> {
        let mut failed = Ok(());
        for (root, _) in &self.roots {
            if let Err(error) = remove_tree(&root.join(PARENT).join(tag)) {
                failed = Err(error);
            }
        }
        failed
    }

    /// Removes the groups' common parent if no node is left in it.
    pub(crate) fn remove_parent(&self) {
        for (root, _) in &self.roots {
            // Another instance's nodes keep it busy, which is as it should be.
            let _ = fs::remove_dir(root.join(PARENT));
        }
    }
}

fn make_dir(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at("create control group", path)(error)),
        _ => Ok(()),
    }
}

fn enable_all(group: &Path) {
    let Ok(controllers) = fs::read_to_string(group.join("cgroup.controllers")) else { return };
    for name in controllers.split_whitespace() {
        // A controller that this group cannot delegate is missed when its limit is written, with a better text.
        let _ = fs::write(group.join("cgroup.subtree_control"), format!("+{name}"));
    }
}

fn inherit_cpuset(group: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (own, above) = (group.join(file), group.parent().unwrap_or(group).join(file));
        let value = fs::read_to_string(&above).map_err(at("read", &above))?;
        fs::write(&own, value.trim()).map_err(at("write", &own))?;
    }
    let file = group.join("cgroup.clone_children");
    fs::write(&file, "1").map_err(at("write", &file))
}

fn settings(controllers: &[String], limits: &Limits) -> Vec<(&'static str, String)> {
    // The period is the kernel's default, 100 ms; the quota is in microseconds.
    let quota = ((limits.cpus * 100_000.0) as u64).max(1000);
    if controllers.is_empty() {
        return vec![
            ("memory.max", limits.memory.to_string()),
            ("memory.swap.max", "0".into()),
            ("pids.max", limits.pids.to_string()),
            ("cpu.max", format!("{quota} 100000")),
        ];
    }
    let mut all = Vec::new();
    for name in controllers {
        match name.as_str() {
            "memory" => {
                all.push(("memory.limit_in_bytes", limits.memory.to_string()));
                all.push(("memory.memsw.limit_in_bytes", limits.memory.to_string()));
            }
            "pids" => all.push(("pids.max", limits.pids.to_string())),
            "cpu" => all.push(("cpu.cfs_quota_us", quota.to_string())),
            _ => {}
        }
    }
    all
}

fn write_limit(path: &Path, value: &str) -> Result<()> {
    match fs::write(path, value) {
        // Swap accounting may be off, and on a hybrid host v2 has no controllers: the limit is then in another hierarchy.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(()),
        other => other.map_err(at("set the limit", path)),
    }
}

fn collect(group: &Path, into: &mut Vec<i32>) {
    if let Ok(text) = fs::read_to_string(group.join("cgroup.procs")) {
        into.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0));
    }
    for child in children(group) {
        collect(&child, into);
    }
}

/// Thaws a group of the version 1 freezer and those below it: what is frozen there (a paused container) does not even end when it is killed.
fn thaw(group: &Path) {
    // A group that has gone in the meantime holds nobody.
    let _ = fs::write(group.join("freezer.state"), "THAWED");
    for child in children(group) {
        thaw(&child);
    }
}

fn children(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn remove_tree(group: &Path) -> Result<()> {
    if !group.exists() {
        return Ok(());
    }
    for child in children(group) {
        remove_tree(&child)?;
    }
    // A group whose last process has just ended may stay busy for a moment.
    for attempt in 0.. {
        match fs::remove_dir(group) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) if attempt >= 500 => return Err(at("remove control group", group)(error)),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_hierarchies_are_read_from_the_mounts() {
        let text = "30 1 0:1 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                    31 30 0:2 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                    32 30 0:3 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
                    33 30 0:4 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let found = Hierarchies::parse(text).roots;
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].1, ["cpu", "cpuacct"]);
        assert_eq!(found[1].1, ["name=systemd"]);
        assert!(found[2].1.is_empty());
    }

    #[test]
    fn limits_are_written_in_each_versions_own_words() {
        let limits = Limits { memory: 1 << 30, pids: 100, cpus: 1.5, disk: 0 };
        assert!(settings(&[], &limits).contains(&("cpu.max", "150000 100000".into())));
        assert_eq!(settings(&["cpu".into()], &limits), [("cpu.cfs_quota_us", "150000".to_string())]);
        assert_eq!(settings(&["pids".into()], &limits), [("pids.max", "100".to_string())]);
    }
}
