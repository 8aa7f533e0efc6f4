//! Makes the mounts of a container: detached trees are opened by the runtime process, where the host's paths are reachable,
//! and attached by the container's init below its new root, without ever following a link out of it.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::mount::MsFlags;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::mount::{MoveMountFlags, OpenTreeFlags};

use crate::cgroups::Cgroup;
use crate::error::{Context, Error, Result};
use crate::mount_plan::{Kind, Options, Planned};
use crate::procfs::is_procfs;
use crate::sys::{self, MountAttr};

/// A detached copy of the mount at `path`, with all below it when `recursive`.
pub(crate) fn open_tree(path: &Path, recursive: bool) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let with = |flags| rustix::mount::open_tree(CWD, path, flags);
    let tree = match with(if recursive { flags | OpenTreeFlags::AT_RECURSIVE } else { flags }) {
        // Below a mount that a more privileged namespace has locked, only the whole tree may be taken.
        Err(rustix::io::Errno::INVAL) if !recursive => with(flags | OpenTreeFlags::AT_RECURSIVE),
        other => other,
    };
    tree.context(|| format!("open the mount source {}", path.display()))
}

/// Attaches a detached tree onto an opened place.
pub(crate) fn attach(tree: impl AsFd, place: impl AsFd) -> std::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(rustix::mount::move_mount(tree.as_fd(), "", place.as_fd(), "", flags)?)
}

/// Opens `path` below `root` for use as a mount point, making directories (and last a file, unless `directory`) where nothing is.
/// Symbolic links are resolved as if `root` were `/`.
pub(crate) fn place(root: impl AsFd, path: &Path, directory: bool) -> Result<OwnedFd> {
    let what = || format!("open or create the mount point {}", path.display());
    match open_below(&root, path) {
        Err(rustix::io::Errno::NOENT) => {}
        other => return other.context(what),
    }
    let names: Vec<&OsStr> =
        path.components().filter_map(|c| if let Component::Normal(name) = c { Some(name) } else { None }).collect();
    let mut prefix = std::path::PathBuf::from(".");
    for (i, name) in names.iter().enumerate() {
        let parent = prefix.clone();
        prefix.push(name);
        match open_below(&root, &prefix) {
            Err(rustix::io::Errno::NOENT) => {}
            other => {
                other.context(what)?;
                continue;
            }
        }
        let parent = open_below(&root, &parent).context(what)?;
        if directory || i + 1 < names.len() {
            rustix::fs::mkdirat(&parent, *name, Mode::from_raw_mode(0o755)).context(what)?;
        } else {
            rustix::fs::openat(
                &parent,
                *name,
                OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC,
                Mode::from_raw_mode(0o644),
            )
            .context(what)?;
        }
    }
    open_below(&root, path).context(what)
}

/// `openat2` with the container's root as the world's end.
pub(crate) fn open_below(root: impl AsFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    open_resolving(root, path, ResolveFlags::NO_MAGICLINKS)
}

fn open_resolving(root: impl AsFd, path: &Path, how: ResolveFlags) -> rustix::io::Result<OwnedFd> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
    // Another process renaming directories makes the kernel give up with EAGAIN rather than risk an escape: ask again.
    for _ in 0..64 {
        match rustix::fs::openat2(
            &root,
            relative,
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::IN_ROOT | how,
        ) {
            Err(rustix::io::Errno::AGAIN) => {}
            other => return other,
        }
    }
    Err(rustix::io::Errno::AGAIN)
}

/// Files of /proc that may be covered, each for what tools read there (as runc has it).
const COVERABLE: [&str; 10] = [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "slabinfo",
    "stat",
    "swaps",
    "sys/crypto/fips_enabled",
    "sys/kernel/ns_last_pid",
    "uptime",
];

/// Covering parts of /proc would undo masks and fool what trusts /proc; the root of one may be covered by another.
fn refuse_inside_proc(place: &OwnedFd, destination: &Path) -> Result<()> {
    let is_root = rustix::fs::fstat(place).is_ok_and(|stat| stat.st_ino == 1);
    let coverable =
        destination.strip_prefix("/proc").is_ok_and(|below| COVERABLE.iter().any(|name| below == Path::new(name)));
    if is_procfs(place) && !is_root && !coverable {
        return Err(Error::Spec(format!("{} cannot be mounted because it is inside /proc", destination.display())));
    }
    Ok(())
}

/// Whether the opened thing is a directory.
pub(crate) fn is_directory(fd: impl AsFd) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// What the mounts of one container need to know.
pub(crate) struct Maker<'a> {
    pub(crate) root: &'a OwnedFd,
    pub(crate) cgroup: &'a Cgroup,
    /// The container has a cgroup namespace of its own.
    pub(crate) cgroup_namespace: bool,
}

impl Maker<'_> {
    /// Makes one mount; `source` is the tree that the runtime process opened for a bind.
    pub(crate) fn make(&self, planned: &Planned, source: Option<&OwnedFd>) -> Result<()> {
        match (&planned.kind, source) {
            (Kind::Bind { .. }, Some(tree)) => self.bind(&planned.destination, tree, &planned.options),
            (Kind::Bind { source, recursive }, None) => {
                self.bind(&planned.destination, &open_tree(source, *recursive)?, &planned.options)
            }
            (Kind::FileSystem { fstype, source }, _) => {
                self.file_system(&planned.destination, fstype, source, &planned.options)
            }
            (Kind::Cgroup, _) => self.cgroups(&planned.destination, &planned.options),
        }
    }

    /// The place of a file system. What the kernel's own ones show is later masked by its usual path, so that path must not
    /// be a link of the image's to somewhere else (CVE-2019-19921).
    fn point(&self, destination: &Path, kernels: bool) -> Result<OwnedFd> {
        let point = place(self.root, destination, true)?;
        refuse_inside_proc(&point, destination)?;
        if !kernels {
            return Ok(point);
        }
        match open_resolving(self.root, destination, ResolveFlags::NO_SYMLINKS) {
            Err(rustix::io::Errno::LOOP) => Err(Error::Spec(format!(
                "{} leads over a symbolic link of the image: a kernel file system is not mounted there",
                destination.display()
            ))),
            other => other.context(|| format!("open the mount point {}", destination.display())),
        }
    }

    fn bind(&self, destination: &Path, tree: &OwnedFd, options: &Options) -> Result<()> {
        let what = || format!("bind mount to {}", destination.display());
        let place = place(self.root, destination, is_directory(tree))?;
        refuse_inside_proc(&place, destination)?;
        let (propagation, recursive) = options.propagation.unwrap_or((libc::MS_PRIVATE, true));
        // Flags that the source already has are never cleared: in a user namespace most of them are locked.
        sys::mount_setattr(tree, recursive, &MountAttr { propagation, ..MountAttr::default() }).context(what)?;
        if options.attr_set != 0 {
            sys::mount_setattr(tree, false, &attributes(options.attr_set, 0)).context(what)?;
        }
        if options.attr_set_recursive | options.attr_clear_recursive != 0 {
            sys::mount_setattr(tree, true, &attributes(options.attr_set_recursive, options.attr_clear_recursive))
                .context(what)?;
        }
        attach(tree, &place).context(what)
    }

    fn file_system(&self, destination: &Path, fstype: &str, source: &str, options: &Options) -> Result<()> {
        let what = || format!("mount {fstype} at {} (options {:?})", destination.display(), options.data);
        let point = self.point(destination, matches!(fstype, "proc" | "sysfs"))?;
        let target = format!("/proc/self/fd/{}", point.as_raw_fd());
        let flags = MsFlags::from_bits_retain(options.flags);
        let data = (!options.data.is_empty()).then_some(options.data.as_str());
        match nix::mount::mount(Some(source), target.as_str(), Some(fstype), flags, data) {
            Err(Errno::EPERM) if fstype == "sysfs" => {
                // The network namespace is not ours (host networking in a user namespace): what the host shows is all there is.
                let tree = open_tree(Path::new("/sys"), true)?;
                sys::mount_setattr(&tree, true, &attributes(sys::ATTR_RDONLY, 0)).context(what)?;
                attach(&tree, &point).context(what)?;
            }
            Err(Errno::EPERM) if fstype == "proc" => {
                return Err(Errno::EPERM)
                    .context(|| format!("{} (in a user namespace the outer /proc must have nothing masked)", what()));
            }
            other => other.context(what)?,
        }
        if let Some((propagation, recursive)) = options.propagation {
            let mounted = open_below(self.root, destination).context(what)?;
            sys::mount_setattr(&mounted, recursive, &MountAttr { propagation, ..MountAttr::default() })
                .context(what)?;
        }
        Ok(())
    }

    fn cgroups(&self, destination: &Path, options: &Options) -> Result<()> {
        let read_only = options.flags & libc::MS_RDONLY;
        let mut inner = Options { flags: options.flags, attr_set: options.attr_set, ..Options::default() };
        if self.cgroup.is_v2() {
            return match self.file_system(destination, "cgroup2", "cgroup", &inner) {
                Err(error) if matches!(error.errno(), Some(libc::EPERM | libc::EBUSY)) => {
                    self.bind(destination, &open_tree(Path::new("/sys/fs/cgroup"), true)?, options)
                }
                other => other,
            };
        }
        let top = Options { flags: options.flags & !libc::MS_RDONLY, data: "mode=755".into(), ..Options::default() };
        self.file_system(destination, "tmpfs", "tmpfs", &top)?;
        for hierarchy in self.cgroup.hierarchies() {
            let place = destination.join(&hierarchy.directory);
            let result = if self.cgroup_namespace {
                inner.data = hierarchy.mount_data.clone();
                self.file_system(&place, hierarchy.fstype(), "cgroup", &inner)
            } else {
                open_tree(&hierarchy.path, true).and_then(|tree| self.bind(&place, &tree, options))
            };
            if let Err(error) = result {
                crate::log::warn(&format!("the container sees no cgroup hierarchy {}: {error}", hierarchy.directory));
            }
            if hierarchy.directory.contains(',') {
                let top = open_below(self.root, destination).context(|| format!("open {}", destination.display()))?;
                for controller in hierarchy.directory.split(',') {
                    let _ = rustix::fs::symlinkat(hierarchy.directory.as_str(), &top, controller);
                }
            }
        }
        if read_only != 0 {
            let top = open_below(self.root, destination).context(|| format!("open {}", destination.display()))?;
            sys::mount_setattr(&top, false, &attributes(sys::ATTR_RDONLY, 0))
                .context(|| format!("make {} read-only", destination.display()))?;
        }
        Ok(())
    }
}

/// Bits to set and clear; setting an access-time mode means clearing the others of its field.
pub(crate) fn attributes(set: u64, clear: u64) -> MountAttr {
    let times = if (set | clear) & (sys::ATTR_NOATIME | sys::ATTR_STRICTATIME) != 0 { sys::ATTR_ATIME } else { 0 };
    MountAttr { set, clear: clear & !sys::ATTR_ATIME | times, ..MountAttr::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_time_mode_replaces_the_former_one() {
        assert_eq!(attributes(sys::ATTR_NOATIME, 0).clear, sys::ATTR_ATIME);
        assert_eq!(attributes(sys::ATTR_RDONLY, 0), MountAttr { set: sys::ATTR_RDONLY, ..MountAttr::default() });
    }

    #[test]
    fn mount_points_are_made_below_the_root_even_where_links_point_out_of_it() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("escape")).unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        let root = OwnedFd::from(std::fs::File::open(dir.path()).unwrap());
        place(&root, Path::new("/escape/slipway-test-file"), false).unwrap();
        assert!(dir.path().join("etc/slipway-test-file").is_file());
        place(&root, Path::new("/a/b/../c"), true).unwrap_or_else(|_| place(&root, Path::new("/a/c"), true).unwrap());
        assert!(dir.path().join("a").is_dir());
    }
}
