//! The container's `/proc` as something to write to, only after proof that it is the kernel's own and not the image's imitation.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::error::{Context, Error, Result};

const PROC_SUPER_MAGIC: i64 = 0x9fa0;
/// `PROC_ROOT_INO`: the inode of the root of every proc file system.
const ROOT_INODE: u64 = 1;

/// An opened, genuine `/proc`.
pub(crate) struct Proc(OwnedFd);

impl Proc {
    /// Opens `/proc`; a link, or anything but the root of a proc file system, is refused.
    pub(crate) fn open() -> Result<Proc> {
        let proc = rustix::fs::open(
            "/proc",
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .context(|| "open /proc in the container".into())?;
        let stat = rustix::fs::fstat(&proc).context(|| "inspect /proc".into())?;
        if !is_procfs(&proc) || stat.st_ino != ROOT_INODE {
            return Err(Error::Spec("/proc in the container is not a proc file system: add one to mounts".into()));
        }
        Ok(Proc(proc))
    }

    /// Writes to a file below it, refusing whatever is mounted over any part of the path.
    pub(crate) fn write(&self, path: &Path, value: &str) -> Result<()> {
        let what = || format!("write {value:?} to /proc/{}", path.display());
        let file = rustix::fs::openat2(
            &self.0,
            path,
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV,
        )
        .context(what)?;
        std::fs::File::from(file).write_all(value.as_bytes()).context(what)
    }
}

/// Whether an opened path lies on a proc file system.
pub(crate) fn is_procfs(fd: impl std::os::fd::AsFd) -> bool {
    rustix::fs::fstatfs(fd).is_ok_and(|s| s.f_type == PROC_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_a_genuine_proc_are_written_and_others_refused() {
        let proc = Proc::open().unwrap();
        proc.write(Path::new("thread-self/comm"), "renamed").unwrap();
        assert_eq!(std::fs::read_to_string("/proc/thread-self/comm").unwrap(), "renamed\n");
        assert!(proc.write(Path::new("self/fd/0"), "").is_err());
        assert!(proc.write(Path::new("../etc/nothing"), "").is_err());
    }
}
