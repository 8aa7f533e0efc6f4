//! Mounts for a node, as descriptors of mounts that are nowhere yet: read-only, without devices, with ids moved into the node's range,
//! and so that the node's root, who has every capability in the namespace where they end up, cannot change any of that.
//!
//! What is read-only by a flag of the mount's own could be made writable again there. The kernel locks such flags when a mount
//! namespace is copied for a less privileged user namespace, and copies of a locked mount are locked, too. So the mounts pass through such
//! a copy: a child process attaches them in a mount namespace of its own, leaves that for a copy in a user namespace of its own, and
//! takes them up again there.

use std::{
    ffi::CString,
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::PathBuf,
};

use rustix::{
    mount::{OpenTreeFlags, open_tree},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};
use slipway_images::shared::protocol::MAX_LAYERS;

/// Of each layer its files and its record.
const MAX_MOUNTS: usize = 2 * MAX_LAYERS;

/// Mounts of these directories and files, in order, for nodes whose ids `namespace` maps theirs to.
pub(crate) fn mounts(places: impl Iterator<Item = PathBuf>, namespace: BorrowedFd<'_>) -> io::Result<Vec<OwnedFd>> {
    let places: Vec<CString> =
        places.map(|place| CString::new(place.as_os_str().as_bytes())).collect::<Result<_, _>>()?;
    if places.is_empty() {
        return Ok(Vec::new());
    }
    if places.len() > MAX_MOUNTS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let trees: Vec<OwnedFd> = places.iter().map(|place| detached(place, namespace)).collect::<Result<_, _>>()?;
    locked(&places, &trees)
}

fn detached(place: &CString, namespace: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = open_tree(rustix::fs::CWD, place.as_c_str(), flags)?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP | libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV,
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: namespace.as_raw_fd().unsigned_abs().into(),
    };
    // SAFETY: the path is a valid empty C string with AT_EMPTY_PATH, and `attributes` is as large as said and only read.
    let set = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if set == 0 { Ok(tree) } else { Err(io::Error::last_os_error()) }
}

/// What the child says: the numbers of its descriptors, or a negated error.
const WORD: usize = size_of::<i32>();

fn locked(places: &[CString], trees: &[OwnedFd]) -> io::Result<Vec<OwnedFd>> {
    let (reader, writer) = io::pipe()?;
    let raw: Vec<(*const libc::c_char, RawFd)> =
        places.iter().zip(trees).map(|(place, tree)| (place.as_ptr(), tree.as_raw_fd())).collect();
    // SAFETY: a plain fork-like clone (no shared memory, no new stack). The child calls only `pass`, which makes nothing but system
    // calls on memory prepared here, so it is sound in a process with threads.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_NEWNS | libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        // SAFETY: as above; it does not return.
        unsafe { pass(&raw, writer.as_raw_fd()) };
    }
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    drop(writer);
    let taken = take(pid, reader, places.len());
    // SAFETY: kill and waitpid on a child of ours, which nobody else waits for; the status pointer may be null.
    unsafe {
        libc::kill(pid as libc::pid_t, libc::SIGKILL);
        libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), 0);
    }
    taken
}

fn take(pid: i64, reader: io::PipeReader, count: usize) -> io::Result<Vec<OwnedFd>> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    let child = pidfd_open(pid, PidfdFlags::empty())?;
    // SAFETY: the descriptor is given up by its owner in the same expression.
    let mut reader = unsafe { File::from_raw_fd(std::os::fd::IntoRawFd::into_raw_fd(reader)) };
    let mut taken = Vec::with_capacity(count);
    for _ in 0..count {
        let mut word = [0; WORD];
        reader.read_exact(&mut word)?;
        let said = i32::from_ne_bytes(word);
        if said < 0 {
            return Err(io::Error::from_raw_os_error(-said));
        }
        taken.push(pidfd_getfd(&child, said, PidfdGetfdFlags::empty())?);
    }
    Ok(taken)
}

/// The child's whole life.
///
/// # Safety
/// Only in a process that has just been forked. Allocates nothing and calls nothing but the kernel.
unsafe fn pass(mounts: &[(*const libc::c_char, RawFd)], to: RawFd) -> ! {
    // SAFETY: every pointer is to a C string or a word of the caller's that outlives this process; the rest are numbers.
    unsafe {
        let errno = || *libc::__errno_location();
        let say = |word: i32| libc::write(to, (&raw const word).cast(), WORD);
        let mut failed = 0;
        for (place, tree) in mounts {
            let flags = libc::MOVE_MOUNT_F_EMPTY_PATH;
            if libc::syscall(libc::SYS_move_mount, *tree, c"".as_ptr(), libc::AT_FDCWD, *place, flags) != 0 {
                failed = errno();
            }
        }
        if failed == 0 && libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) != 0 {
            failed = errno();
        }
        for (place, _) in mounts {
            let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
            let found =
                if failed == 0 { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, *place, flags) } else { -1 };
            let word = match (failed, i32::try_from(found)) {
                (0, Ok(found)) if found >= 0 => found,
                (0, _) => -errno(),
                (failed, _) => -failed,
            };
            say(word);
        }
        loop {
            libc::pause();
        }
    }
}
