//! One mounted cgroup hierarchy and the container's directory in it; found through `/proc/self/{mountinfo,cgroup}`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Context, Result};

/// One hierarchy, with the container's directory.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Controllers bound to it (version 1: `name=systemd` counts as one).
    pub(crate) controllers: Vec<String>,
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
    /// Last component of the mount point ("cpu,cpuacct").
    pub(crate) directory: String,
    /// Options that mount the same hierarchy again.
    pub(crate) mount_data: String,
    /// The container's directory.
    pub(crate) path: PathBuf,
}

/// Finds the hierarchies and the container's directory `path` in each; true for a pure version 2 host.
pub(crate) fn discover(path: &Path) -> Result<(bool, Vec<Hierarchy>)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").context(|| "read /proc/self/mountinfo".into())?;
    let own = fs::read_to_string("/proc/self/cgroup").context(|| "read /proc/self/cgroup".into())?;
    Ok(parse(&mounts, &own, path))
}

fn parse(mounts: &str, own: &str, path: &Path) -> (bool, Vec<Hierarchy>) {
    let own: HashMap<&str, &str> = own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect();
    let (mut v1, mut v2): (Vec<Hierarchy>, Vec<Hierarchy>) = (Vec::new(), Vec::new());
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let (left, right): (Vec<&str>, Vec<&str>) = (left.split(' ').collect(), right.split(' ').collect());
        let (&[_, _, _, root, mount, ..], &[fstype, _, options]) = (left.as_slice(), right.as_slice()) else {
            continue;
        };
        if !matches!(fstype, "cgroup" | "cgroup2") || !mount.starts_with("/sys/fs/cgroup") {
            continue;
        }
        let words: Vec<&str> = options
            .split(',')
            .filter(|o| !matches!(*o, "rw" | "ro" | "xattr" | "nsdelegate" | "none") && !o.starts_with("release_agent"))
            .collect();
        let (key, controllers) = if fstype == "cgroup2" {
            (String::new(), Vec::new())
        } else {
            let controllers: Vec<String> =
                words.iter().filter(|w| !w.contains('=') || w.starts_with("name=")).map(|w| (*w).to_owned()).collect();
            (controllers.join(","), controllers)
        };
        let mine = own.get(key.as_str()).copied().unwrap_or("/");
        let hierarchy = Hierarchy {
            path: directory(Path::new(mount), root, mine, path),
            directory: Path::new(mount).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            mount_data: if key.starts_with("name=") { format!("none,{key}") } else { key },
            mount: mount.into(),
            controllers,
        };
        // A mount that covers an earlier one at the same place is the one that counts.
        let list = if fstype == "cgroup2" { &mut v2 } else { &mut v1 };
        list.retain(|h| h.mount != hierarchy.mount);
        list.push(hierarchy);
    }
    if v1.is_empty() { (true, v2) } else { (false, v1) }
}

/// The container's directory: absolute paths start at the mount, relative ones at the runtime's own group.
fn directory(mount: &Path, root: &str, own: &str, path: &Path) -> PathBuf {
    match path.strip_prefix("/") {
        Ok(below) => mount.join(below),
        // The mount may show only a part of the hierarchy, from `root` down.
        Err(_) => mount
            .join(
                Path::new(own)
                    .strip_prefix(root)
                    .unwrap_or(Path::new(""))
                    .strip_prefix("/")
                    .unwrap_or_else(|_| Path::new(own).strip_prefix(root).unwrap_or(Path::new(""))),
            )
            .join(path),
    }
}

impl Hierarchy {
    /// A hierarchy that carries no limits (`name=…`) is nice to have only.
    pub(crate) fn optional(&self) -> bool {
        self.controllers.iter().all(|c| c.starts_with("name=")) && !self.controllers.is_empty()
    }

    /// The type to mount it again with.
    pub(crate) fn fstype(&self) -> &'static str {
        if self.controllers.is_empty() { "cgroup2" } else { "cgroup" }
    }

    /// Makes the container's directory and what stands above it.
    pub(crate) fn create(&mut self, v2: bool) -> Result<()> {
        let mut missing: Vec<PathBuf> =
            self.path.ancestors().take_while(|p| *p != self.mount && !p.exists()).map(Path::to_owned).collect();
        missing.reverse();
        if v2 {
            self.enable_controllers()?;
        }
        for dir in &missing {
            match fs::create_dir(dir) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.context(|| format!("create the control group {}", dir.display()))?,
            }
            if v2 && *dir != self.path {
                enable_all(dir)?;
            }
        }
        if self.controllers.iter().any(|c| c == "cpuset") {
            let top = missing.first().cloned().unwrap_or_else(|| self.path.clone());
            self.inherit_cpuset(&top)?;
        }
        if v2 {
            let text = fs::read_to_string(self.path.join("cgroup.controllers")).unwrap_or_default();
            self.controllers = text.split_ascii_whitespace().map(str::to_owned).collect();
        }
        Ok(())
    }

    fn enable_controllers(&self) -> Result<()> {
        let mut above: Vec<&Path> =
            self.path.ancestors().skip(1).take_while(|p| p.starts_with(&self.mount)).filter(|p| p.exists()).collect();
        above.reverse();
        above.into_iter().try_for_each(enable_all)
    }

    /// A new version 1 cpuset is empty, and no process can join it before it has processors and memory.
    fn inherit_cpuset(&self, top: &Path) -> Result<()> {
        let mut dirs: Vec<&Path> = self.path.ancestors().take_while(|p| p.starts_with(top)).collect();
        dirs.reverse();
        for dir in dirs {
            for name in ["cpuset.cpus", "cpuset.mems"] {
                let file = dir.join(name);
                if fs::read_to_string(&file).is_ok_and(|t| t.trim().is_empty()) {
                    let parent = dir.parent().unwrap_or(dir).join(name);
                    let value = fs::read_to_string(&parent).context(|| format!("read {}", parent.display()))?;
                    fs::write(&file, value.trim())
                        .context(|| format!("write {:?} to {}", value.trim(), file.display()))?;
                }
            }
        }
        Ok(())
    }

    /// Removes the container's directory, deepest first, waiting while processes are still dying in it.
    pub(crate) fn delete(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut pause = Duration::from_micros(200);
        loop {
            match remove(&self.path) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < deadline => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
                other => {
                    return other.context(|| {
                        format!("remove the control group {} (processes left in it?)", self.path.display())
                    });
                }
            }
        }
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EBUSY)) => {
            let mut result = Ok(());
            for entry in fs::read_dir(dir)?.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
                result = result.and(remove(&entry.path()));
            }
            result.and_then(|()| fs::remove_dir(dir))
        }
        other => other,
    }
}

/// Enables whatever controllers a version 2 group has for those below it.
fn enable_all(dir: &Path) -> Result<()> {
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    // Below a group with processes of its own most controllers cannot be enabled; with those that can (cpu, pids) it becomes a
    // threaded domain, whose children take no container's process. The root, which has no type, is exempt.
    if dir.join("cgroup.type").exists() && !read("cgroup.procs").is_empty() {
        return Ok(());
    }
    let enabled = read("cgroup.subtree_control");
    let file = dir.join("cgroup.subtree_control");
    for controller in read("cgroup.controllers").split_ascii_whitespace() {
        if enabled.split_ascii_whitespace().all(|c| c != controller) {
            // One by one: a controller that cannot be enabled here must not keep the others away; a limit that needs it says so.
            let _ = fs::write(&file, format!("+{controller}"));
        }
    }
    Ok(())
}

/// The init's group, from its /proc/PID/cgroup, as a directory at or below the container's own group `container`.
pub(crate) fn leaf(container: &Path, init: &str) -> Option<PathBuf> {
    let group = init.lines().find_map(|l| l.strip_prefix("0::/"))?;
    let name = container.file_name()?;
    let mut parts = Path::new(group).components();
    // The mount may not start at the hierarchy's root, so the two paths meet at the container's own name.
    parts.find(|part| part.as_os_str() == name)?;
    let below = parts.as_path();
    let inside = below.components().all(|c| matches!(c, std::path::Component::Normal(_)));
    inside.then(|| container.join(below))
}

/// Visits `dir` and all directories below it.
pub(crate) fn walk(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    visit(dir);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            walk(&entry.path(), visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_processes_of_its_own_is_not_made_a_threaded_domain() {
        let dir = tempfile::tempdir().unwrap();
        let group = |files: &[(&str, &str)]| {
            files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
            enable_all(dir.path()).unwrap();
            fs::read_to_string(dir.path().join("cgroup.subtree_control")).unwrap()
        };
        let controllers = [("cgroup.controllers", "pids\n"), ("cgroup.subtree_control", "")];
        assert_eq!(
            group(&[&controllers[..], &[("cgroup.procs", "7\n")]].concat()),
            "+pids",
            "the root of the hierarchy"
        );
        let typed = [&controllers[..], &[("cgroup.type", "domain\n")]].concat();
        assert_eq!(group(&typed), "", "a group with processes");
        assert_eq!(group(&[&typed[..], &[("cgroup.procs", "")]].concat()), "+pids", "a group without");
    }

    const HYBRID: &str = "30 29 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
31 29 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
32 29 0:28 /docker/x /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
33 29 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

    #[test]
    fn hybrid_hosts_use_version_1() {
        let (v2, found) =
            parse(HYBRID, "4:cpu,cpuacct:/a\n3:name=systemd:/\n2:pids:/docker/x/y\n0::/\n", Path::new("c1"));
        assert!(!v2);
        let paths: Vec<_> = found.iter().map(|h| h.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["/sys/fs/cgroup/cpu,cpuacct/a/c1", "/sys/fs/cgroup/systemd/c1", "/sys/fs/cgroup/pids/y/c1"]);
        assert_eq!(found[1].mount_data, "none,name=systemd");
        assert!(found[1].optional() && !found[0].optional());
    }

    #[test]
    fn the_leaf_of_a_container_that_manages_its_own_groups_is_found() {
        let find = |text| leaf(Path::new("/sys/fs/cgroup/slipway/node1"), text);
        assert_eq!(
            find("0::/outer/slipway/node1/init.scope\n").unwrap(),
            Path::new("/sys/fs/cgroup/slipway/node1/init.scope")
        );
        assert_eq!(find("0::/elsewhere/init.scope\n"), None);
        assert_eq!(find("0::/slipway/node1/../other\n"), None);
    }

    #[test]
    fn absolute_paths_start_at_the_mount() {
        let (_, found) = parse(HYBRID, "4:cpu,cpuacct:/a\n", Path::new("/docker/c1"));
        assert_eq!(found[0].path, Path::new("/sys/fs/cgroup/cpu,cpuacct/docker/c1"));
    }

    #[test]
    fn a_host_without_version_1_hierarchies_is_version_2() {
        let (v2, found) =
            parse("25 20 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup rw,nsdelegate", "0::/user.slice\n", Path::new("c1"));
        assert!(v2);
        assert_eq!(found[0].path, Path::new("/sys/fs/cgroup/user.slice/c1"));
    }
}
