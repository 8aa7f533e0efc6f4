//! Host ids for nodes: each node has a range of 65,536 ids of its own, and its root filesystem's lower layer is shown with ids
//! moved into that range by an idmapped mount, so that nothing is ever copied or chowned.

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

use super::{Error, Result, at};

/// Ids in a node's range.
pub(crate) const RANGE: u32 = 65_536;
/// Ranges in the pool, hence nodes at a time.
pub(crate) const RANGES: u32 = 4096;

/// Hands out numbers below a bound, lowest free first; used for id ranges and addresses.
#[derive(Debug)]
pub(crate) struct Pool {
    taken: BTreeSet<u32>,
    size: u32,
}

impl Pool {
    pub(crate) fn new(size: u32) -> Self {
        Self { taken: BTreeSet::new(), size }
    }

    pub(crate) fn take(&mut self) -> Option<u32> {
        let free = (0..self.size).find(|number| !self.taken.contains(number))?;
        self.taken.insert(free);
        Some(free)
    }

    pub(crate) fn give_back(&mut self, number: u32) {
        self.taken.remove(&number);
    }
}

/// A user namespace that maps ids 0…65535 to `base`…, held by a descriptor only.
pub(crate) fn user_namespace(base: u32) -> Result<OwnedFd> {
    mapping(0, base)
}

/// A user namespace that maps ids `from`… to `base`…, a range of them, held by a descriptor only.
pub(crate) fn mapping(from: u32, base: u32) -> Result<OwnedFd> {
    // SAFETY: a plain fork-like clone (no shared memory, no new stack); the child only calls pause and _exit, both
    // async-signal-safe, so it is sound in a process with threads.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0, 0, 0, 0) };
    match pid {
        0 => loop {
            // SAFETY: the child has nothing to do but wait for its SIGKILL.
            unsafe { libc::pause() };
        },
        -1 => Err(Error::System { step: "create a user namespace".into(), source: io::Error::last_os_error() }),
        pid => {
            let result = map_and_open(pid, from, base);
            // The parent owns this child: nobody else waits for it, so the pid cannot have been reused.
            // SAFETY: kill and waitpid on a child of ours; the status pointer may be null.
            unsafe {
                libc::kill(pid as libc::pid_t, libc::SIGKILL);
                libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), 0);
            }
            result
        }
    }
}

fn map_and_open(pid: i64, from: u32, base: u32) -> Result<OwnedFd> {
    let map = format!("{from} {base} {RANGE}\n");
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{pid}/{file}");
        std::fs::write(&path, &map).map_err(at("write the id mapping", Path::new(&path)))?;
    }
    let path = format!("/proc/{pid}/ns/user");
    Ok(File::open(&path).map_err(at("open", Path::new(&path)))?.into())
}

/// Mounts `source` read-only at `target` with its ids moved by `namespace`.
pub(crate) fn mount_idmapped(source: &Path, target: &Path, namespace: BorrowedFd<'_>) -> Result<()> {
    mount_with(source, target, namespace, libc::MOUNT_ATTR_RDONLY)
}

/// As [`mount_idmapped`], for writing: what is written there as id 0 of `namespace` is root's at `source`. Nothing there is ever run.
pub(crate) fn mount_idmapped_writable(source: &Path, target: &Path, namespace: BorrowedFd<'_>) -> Result<()> {
    mount_with(source, target, namespace, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC)
}

fn mount_with(source: &Path, target: &Path, namespace: BorrowedFd<'_>, set: u64) -> Result<()> {
    let tree = open_tree(rustix::fs::CWD, source, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)
        .map_err(|errno| at("take a mount of", source)(errno.into()))?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP | set,
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
    if set != 0 {
        return Err(at("map the ids of (its filesystem must support idmapped mounts)", source)(
            io::Error::last_os_error(),
        ));
    }
    move_mount(tree.as_fd(), c"", rustix::fs::CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|errno| at("mount the node image at", target)(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_gives_the_lowest_free_number_and_ends() {
        let mut pool = Pool::new(3);
        assert_eq!([pool.take(), pool.take(), pool.take(), pool.take()], [Some(0), Some(1), Some(2), None]);
        pool.give_back(1);
        assert_eq!(pool.take(), Some(1));
    }
}
