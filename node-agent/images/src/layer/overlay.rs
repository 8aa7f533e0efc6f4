//! Mounts overlayfs over a stack of layers. Safe for callers with many threads: nothing here changes a process-wide state.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, move_mount, unmount,
};

/// mount(2) takes options of at most a page.
const OPTIONS_MAX: usize = 4095;

/// Whether this process lives in a user namespace other than the first one.
pub fn in_user_namespace() -> bool {
    let Ok(map) = fs::read_to_string("/proc/self/uid_map") else {
        return false;
    };
    let fields: Vec<&str> = map.split_whitespace().collect();
    fields != ["0", "0", "4294967295"]
}

/// What is stacked: `lower` from the top down, then the writable directories.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) lower: Vec<PathBuf>,
    pub(crate) upper: PathBuf,
    pub(crate) work: PathBuf,
    pub(crate) userns: bool,
}

/// Mounts the stack on `target`.
pub(crate) fn mount_stack(stack: &Stack, target: &Path) -> io::Result<()> {
    let lower: Vec<String> = stack.lower.iter().map(|path| path.display().to_string()).collect();
    let plain = [&stack.upper, &stack.work].iter().all(|path| !path.display().to_string().contains([',', ':', '\\']));
    let mut options =
        format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), stack.upper.display(), stack.work.display());
    for (key, value) in flags(stack.userns) {
        options.push(',');
        options.push_str(key);
        if !value.is_empty() {
            options.push('=');
            options.push_str(value);
        }
    }
    if plain && options.len() <= OPTIONS_MAX && lower.iter().all(|path| !path.contains([',', ':', '\\'])) {
        let options = std::ffi::CString::new(options)?;
        mount("overlay", target, "overlay", MountFlags::empty(), options.as_c_str())?;
        return Ok(());
    }
    mount_by_parts(stack, &lower, target)
}

/// Options that give Docker's behaviour: a changed file is copied whole, a renamed directory is not redirected.
fn flags(userns: bool) -> &'static [(&'static str, &'static str)] {
    if userns { &[("userxattr", "")] } else { &[("index", "off"), ("redirect_dir", "off"), ("metacopy", "off")] }
}

/// Linux 6.7's way, one lower layer at a time, for stacks whose description does not fit in a page.
fn mount_by_parts(stack: &Stack, lower: &[String], target: &Path) -> io::Result<()> {
    let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(fs.as_fd(), "source", "overlay")?;
    for path in lower {
        fsconfig_set_string(fs.as_fd(), "lowerdir+", path.as_str())?;
    }
    fsconfig_set_string(fs.as_fd(), "upperdir", stack.upper.as_path())?;
    fsconfig_set_string(fs.as_fd(), "workdir", stack.work.as_path())?;
    for (key, value) in flags(stack.userns) {
        if value.is_empty() {
            fsconfig_set_flag(fs.as_fd(), *key)?;
        } else {
            fsconfig_set_string(fs.as_fd(), *key, *value)?;
        }
    }
    fsconfig_create(fs.as_fd())?;
    let mounted = fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(mounted.as_fd(), "", rustix::fs::CWD, target, flags)?;
    Ok(())
}

/// Takes the mount at `target` away at once, even while something uses it. Not mounted is no error.
pub(crate) fn unmount_stack(target: &Path) -> io::Result<()> {
    match unmount(target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether something is mounted at `path`.
pub(crate) fn is_mounted(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let mount =
        |path: &Path| statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID).map(|stat| stat.stx_mnt_id);
    match (path.parent().map(mount), mount(path)) {
        (Some(Ok(above)), Ok(here)) => above != here,
        _ => false,
    }
}
