//! A container's control group, on version 1 (one directory a hierarchy) or 2 (one directory): made, limited, joined, frozen and removed.
//!
//! Inside a user namespace only hierarchies that were delegated can be written; the others are left out, and a limit that
//! would need one of them is an error.

mod hierarchy;
mod v1;
mod v2;
mod v2_devices;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};
pub(crate) use hierarchy::Hierarchy;

/// The directories of one container's control group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cgroup {
    v2: bool,
    hierarchies: Vec<Hierarchy>,
}

/// A value to write into a controller's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) controller: &'static str,
    pub(crate) file: String,
    pub(crate) value: String,
}

impl Setting {
    fn new(controller: &'static str, file: &str, value: impl ToString) -> Setting {
        Setting { controller, file: file.to_owned(), value: value.to_string() }
    }
}

/// `linux.cgroupsPath`, as a path below the hierarchy (absolute) or below the runtime's own group (relative).
fn container_path(path: Option<&Path>, id: &str, systemd: bool) -> Result<PathBuf> {
    let Some(path) = path.filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(PathBuf::from(id));
    };
    let text = path.to_string_lossy();
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        // systemd's "slice:prefix:name": without a systemd to ask, the directories it would make.
        [slice, prefix, name] if systemd || !text.contains('/') => {
            let slice = if slice.is_empty() { "system.slice" } else { slice };
            Ok(Path::new("/").join(slice).join(if prefix.is_empty() {
                (*name).to_owned()
            } else {
                format!("{prefix}-{name}.scope")
            }))
        }
        _ if path.components().any(|c| c == std::path::Component::ParentDir) => {
            Err(Error::Spec(format!("linux.cgroupsPath {text:?} contains \"..\": name a group of the container's own")))
        }
        _ => Ok(path.to_owned()),
    }
}

impl Cgroup {
    /// Where the container's group is to be; nothing is made yet.
    pub(crate) fn plan(path: Option<&Path>, id: &str, systemd: bool) -> Result<Cgroup> {
        let path = container_path(path, id, systemd)?;
        let (v2, hierarchies) = hierarchy::discover(&path)?;
        Ok(Cgroup { v2, hierarchies })
    }

    /// Makes the directories; hierarchies that may not be written here are left out.
    pub(crate) fn create(&mut self) -> Result<()> {
        let nested = crate::id_map::in_user_namespace();
        let mut kept = Vec::with_capacity(self.hierarchies.len());
        for mut hierarchy in std::mem::take(&mut self.hierarchies) {
            match hierarchy.create(self.v2) {
                Ok(()) => kept.push(hierarchy),
                Err(error) if nested || !nix::unistd::geteuid().is_root() || hierarchy.optional() => {
                    if !matches!(error.errno(), Some(libc::EACCES | libc::EPERM | libc::EROFS | libc::ENOENT)) {
                        crate::log::warn(&error.to_string());
                    }
                }
                Err(error) => {
                    self.hierarchies = kept;
                    let _ = self.delete();
                    return Err(error);
                }
            }
        }
        self.hierarchies = kept;
        Ok(())
    }

    /// Puts a process into every hierarchy.
    pub(crate) fn add(&self, pid: nix::unistd::Pid) -> Result<()> {
        self.hierarchies.iter().try_for_each(|h| {
            let file = h.path.join("cgroup.procs");
            fs::write(&file, pid.to_string()).context(|| format!("write process {pid} to {}", file.display()))
        })
    }

    /// Puts a further process beside the container's init. On version 2 a container that manages groups of its own has moved
    /// its processes into a leaf, and the group itself takes none any more: then the leaf of the init it is.
    pub(crate) fn join(&self, pid: nix::unistd::Pid, init: i32) -> Result<()> {
        match self.add(pid) {
            Err(error) if self.v2 && error.errno() == Some(libc::EBUSY) => {
                let own = fs::read_to_string(format!("/proc/{init}/cgroup"))
                    .context(|| format!("read the control group of process {init}"))?;
                let leaf = self.hierarchies.first().and_then(|h| hierarchy::leaf(&h.path, &own)).ok_or(error)?;
                let file = leaf.join("cgroup.procs");
                fs::write(&file, pid.to_string()).context(|| format!("write process {pid} to {}", file.display()))
            }
            other => other,
        }
    }

    /// Puts limits in force.
    pub(crate) fn apply(&self, resources: &LinuxResources) -> Result<()> {
        let settings = if self.v2 { v2::settings(resources)? } else { v1::settings(resources) };
        for setting in &settings {
            self.write(setting).or_else(|error| {
                // Memory and memory+swap constrain each other: whichever order is right, the other one fails at first.
                let swap = settings.iter().find(|s| s.file == "memory.memsw.limit_in_bytes");
                match swap {
                    Some(swap) if setting.file == "memory.limit_in_bytes" => {
                        self.write(swap).and_then(|()| self.write(setting))
                    }
                    _ => Err(error),
                }
            })?;
        }
        match resources.devices() {
            Some(rules) if !crate::id_map::in_user_namespace() => self.apply_devices(rules),
            _ => Ok(()),
        }
    }

    fn apply_devices(&self, rules: &[oci_spec::runtime::LinuxDeviceCgroup]) -> Result<()> {
        if self.v2 {
            return self.hierarchies.first().map_or(Ok(()), |h| v2_devices::attach(&h.path, rules));
        }
        let Some(hierarchy) = self.find("devices") else {
            return Ok(());
        };
        for (file, line) in v1::device_lines(rules) {
            let path = hierarchy.path.join(file);
            fs::write(&path, &line).context(|| format!("write {line:?} to {}", path.display()))?;
        }
        Ok(())
    }

    fn write(&self, setting: &Setting) -> Result<()> {
        let hierarchy = self.find(setting.controller).ok_or_else(|| {
            Error::Spec(format!(
                "cannot set {} to {}: the {} controller is not available here",
                setting.file, setting.value, setting.controller
            ))
        })?;
        let path = hierarchy.path.join(&setting.file);
        fs::write(&path, &setting.value).context(|| format!("write {:?} to {}", setting.value, path.display()))
    }

    fn find(&self, controller: &str) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|h| h.controllers.iter().any(|c| c == controller)).or(if self.v2 {
            self.hierarchies.first()
        } else {
            None
        })
    }

    /// Gives the group to the container's root, so that it can make groups of its own below it (runtime-spec, "Cgroup ownership").
    pub(crate) fn delegate(&self, uid: u32, gid: u32) -> Result<()> {
        for hierarchy in &self.hierarchies {
            for name in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"] {
                let path = hierarchy.path.join(name);
                match std::os::unix::fs::lchown(&path, Some(uid), Some(gid)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other.context(|| format!("give {} to user {uid}", path.display()))?,
                }
            }
        }
        Ok(())
    }

    /// Stops or continues all processes of the group.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<()> {
        let (file, value) = match (self.v2, frozen) {
            (true, _) => ("cgroup.freeze", if frozen { "1" } else { "0" }),
            (false, true) => ("freezer.state", "FROZEN"),
            (false, false) => ("freezer.state", "THAWED"),
        };
        self.write(&Setting::new("freezer", file, value))?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.frozen() != frozen {
            if Instant::now() > deadline {
                return Err(Error::WrongState(format!(
                    "the processes did not become {} within 10 s",
                    value.to_lowercase()
                )));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Whether the group is frozen now.
    pub(crate) fn frozen(&self) -> bool {
        let Some(hierarchy) = self.find("freezer") else {
            return false;
        };
        if self.v2 {
            fs::read_to_string(hierarchy.path.join("cgroup.events")).is_ok_and(|t| t.lines().any(|l| l == "frozen 1"))
        } else {
            fs::read_to_string(hierarchy.path.join("freezer.state")).is_ok_and(|t| t.trim() == "FROZEN")
        }
    }

    /// All processes of the group and of those below it.
    pub(crate) fn pids(&self) -> Vec<i32> {
        let best = ["freezer", "pids", "devices"].iter().find_map(|c| self.find(c)).or(self.hierarchies.first());
        let mut pids = Vec::new();
        if let Some(hierarchy) = best {
            hierarchy::walk(&hierarchy.path, &mut |dir| {
                let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
                pids.extend(text.split_ascii_whitespace().filter_map(|p| p.parse::<i32>().ok()).filter(|p| *p > 0));
            });
        }
        pids
    }

    /// Signals every process of the group. A killing signal is repeated until none is left that could still fork, and reaches
    /// frozen ones too.
    pub(crate) fn signal_all(&self, signal: i32) -> Result<()> {
        let kills = signal == libc::SIGKILL;
        if kills
            && self.v2
            && let Some(hierarchy) = self.hierarchies.first()
            && fs::write(hierarchy.path.join("cgroup.kill"), "1").is_ok()
        {
            return Ok(());
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut thawed = !kills;
        loop {
            let pids = self.pids();
            for pid in &pids {
                // SAFETY: kill takes integers only. A process that has gone in the meantime needs no signal.
                let _ = unsafe { libc::kill(*pid, signal) };
            }
            if !std::mem::replace(&mut thawed, true) && self.frozen() {
                self.freeze(false)?;
            }
            if !kills || pids.is_empty() || Instant::now() > deadline {
                return Ok(());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Removes the group and those below it, waiting for processes that are still dying.
    pub(crate) fn delete(&self) -> Result<()> {
        self.hierarchies.iter().try_for_each(Hierarchy::delete)
    }

    /// True on a pure version 2 host.
    pub(crate) fn is_v2(&self) -> bool {
        self.v2
    }

    /// The hierarchies that the container is in.
    pub(crate) fn hierarchies(&self) -> &[Hierarchy] {
        &self.hierarchies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_relative_or_systemds() {
        let plan = |p: &str| container_path(Some(Path::new(p)), "id", false).unwrap();
        assert_eq!(container_path(None, "id", false).unwrap(), Path::new("id"));
        assert_eq!(plan("/docker/abc"), Path::new("/docker/abc"));
        assert_eq!(plan("user.slice:libpod:abc"), Path::new("/user.slice/libpod-abc.scope"));
        assert_eq!(plan(":docker:abc"), Path::new("/system.slice/docker-abc.scope"));
        assert!(container_path(Some(Path::new("/a/../b")), "id", false).is_err());
    }
}
