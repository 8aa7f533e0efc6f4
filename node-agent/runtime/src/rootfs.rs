//! The container's root: attached in the new mount namespace, entered by `pivot_root`, then masked and made read-only where asked.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags};

use crate::error::{Context, Result};
use crate::mount_plan::propagation;
use crate::mounts::{attach, attributes, is_directory, open_below};
use crate::procfs::Proc;
use crate::sys::{self, MountAttr};

/// Cuts the new mount namespace off from the host's and attaches the root file system's tree.
pub(crate) fn attach_root(tree: &OwnedFd, path: &Path, rootfs_propagation: Option<&str>) -> Result<()> {
    let shared = matches!(rootfs_propagation, Some("shared" | "rshared" | "slave" | "rslave"));
    let cut = if shared { MsFlags::MS_SLAVE } else { MsFlags::MS_PRIVATE };
    mount(None::<&str>, "/", None::<&str>, cut | MsFlags::MS_REC, None::<&str>)
        .context(|| "cut mount propagation to the host".into())?;
    let mode = if shared { libc::MS_SLAVE } else { libc::MS_PRIVATE };
    sys::mount_setattr(tree, true, &MountAttr { propagation: mode, ..MountAttr::default() })
        .context(|| format!("set the propagation of {}", path.display()))?;
    // Where the path cannot be searched by the container's root, any place does: nothing refers to it by path later.
    let place = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .or_else(|_| rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()))
        .context(|| format!("open {}", path.display()))?;
    attach(tree, &place).context(|| format!("mount the root file system {}", path.display()))
}

/// Makes the attached tree the root of everything, and lets go of the old one.
pub(crate) fn enter(root: &OwnedFd, no_pivot: bool) -> Result<()> {
    rustix::process::fchdir(root).context(|| "enter the root file system".into())?;
    if no_pivot {
        mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)
            .context(|| "move the root file system to /".into())?;
        nix::unistd::chroot(".").context(|| "change the root directory".into())?;
    } else {
        nix::unistd::pivot_root(".", ".")
            .context(|| "pivot_root (on a root that is the initial ramfs, use --no-pivot)".into())?;
        // The old root now lies over the new one at ".".
        mount(None::<&str>, ".", None::<&str>, MsFlags::MS_SLAVE | MsFlags::MS_REC, None::<&str>)
            .context(|| "cut off the old root".into())?;
        umount2(".", MntFlags::MNT_DETACH).context(|| "detach the old root".into())?;
    }
    nix::unistd::chdir("/").context(|| "enter /".into())
}

/// Last touches on the root mount: `linux.rootfsPropagation` and `root.readonly`.
pub(crate) fn finish(rootfs_propagation: Option<&str>, readonly: bool) -> Result<()> {
    let root = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).context(|| "open /".into())?;
    if let Some((mode, recursive)) = rootfs_propagation.and_then(propagation) {
        sys::mount_setattr(&root, recursive, &MountAttr { propagation: mode, ..MountAttr::default() })
            .context(|| "set linux.rootfsPropagation".into())?;
    }
    if readonly {
        sys::mount_setattr(&root, false, &attributes(sys::ATTR_RDONLY, 0))
            .context(|| "make the root file system read-only".into())?;
    }
    Ok(())
}

/// Makes a path read-only, with all below it; a path that is not there needs none of it.
pub(crate) fn make_readonly(path: &str) -> Result<()> {
    let what = || format!("make {path} read-only");
    let Some(place) = open_existing(path).context(what)? else {
        return Ok(());
    };
    let tree = clone_tree(&place, true).context(what)?;
    sys::mount_setattr(&tree, true, &attributes(sys::ATTR_RDONLY, 0)).context(what)?;
    attach(&tree, &place).context(what)
}

/// What hides paths: an empty read-only directory and the null device, each made once and bound as often as needed.
pub(crate) struct Masks {
    null: OwnedFd,
    empty: Option<OwnedFd>,
}

impl Masks {
    /// Opens the container's null device; the empty directory is made when first wanted.
    pub(crate) fn new() -> Result<Masks> {
        Ok(Masks { null: null_device()?, empty: None })
    }

    /// Hides a path: a directory under an empty read-only one, anything else under `/dev/null`.
    pub(crate) fn hide(&mut self, path: &str) -> Result<()> {
        let what = || format!("mask {path}");
        let Some(place) = open_existing(path).context(what)? else {
            return Ok(());
        };
        if !is_directory(&place) {
            let tree = clone_tree(&self.null, false).context(what)?;
            return attach(&tree, &place).context(what);
        }
        match &self.empty {
            Some(empty) => {
                let tree = clone_tree(empty, false).context(what)?;
                attach(&tree, &place).context(what)
            }
            None => {
                let empty = empty_directory().context(what)?;
                attach(&empty, &place).context(what)?;
                self.empty = Some(empty);
                Ok(())
            }
        }
    }
}

/// A detached, empty, read-only tmpfs.
fn empty_directory() -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [("nr_blocks", "1"), ("nr_inodes", "1")] {
        rustix::mount::fsconfig_set_string(context.as_fd(), key, value)?;
    }
    rustix::mount::fsconfig_set_flag(context.as_fd(), "ro")?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// The container's own `/dev/null`, after checking that the image has not put something else there.
fn null_device() -> Result<OwnedFd> {
    let what = || "open /dev/null in the container, to mask paths with".to_owned();
    let null = rustix::fs::open("/dev/null", OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .context(what)?;
    let stat = rustix::fs::fstat(&null).context(what)?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFCHR || stat.st_rdev != rustix::fs::makedev(1, 3) {
        return Err(io::Error::other("it is not the null device")).context(what);
    }
    Ok(null)
}

/// Writes `linux.sysctl`.
pub(crate) fn sysctl(name: &str, value: &str) -> Result<()> {
    // "net.ipv4.conf.eth0/1.forwarding": a slash stands for a dot in a name.
    let path: String = name
        .chars()
        .map(|c| {
            if c == '.' {
                '/'
            } else if c == '/' {
                '.'
            } else {
                c
            }
        })
        .collect();
    Proc::open()?.write(&Path::new("sys").join(path), value)
}

/// Opens a path of the container; links are resolved inside it, and /proc's magic ones not at all.
fn open_existing(path: &str) -> io::Result<Option<OwnedFd>> {
    let root = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    match open_below(&root, Path::new(path)) {
        Ok(fd) => Ok(Some(fd)),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn clone_tree(fd: impl AsFd, recursive: bool) -> rustix::io::Result<OwnedFd> {
    const EMPTY: &CStr = c"";
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    rustix::mount::open_tree(fd, EMPTY, flags)
}

/// A detached copy of the single mount entry behind `fd` (a terminal's slave, say).
pub(crate) fn bind_of(fd: impl AsFd) -> Result<OwnedFd> {
    clone_tree(fd, false).context(|| "take a bind of an open file".into())
}

/// Opens a path of the container for attaching something there, making an empty file if need be.
pub(crate) fn file_place(path: &str) -> Result<OwnedFd> {
    let _ = rustix::fs::openat(CWD, path, OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC, Mode::from_raw_mode(0o600));
    rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .context(|| format!("open {path}"))
}
