//! What an archive says by `.wh.` names: a path that the layers below have is gone, or all of a directory's.

use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, XattrFlags, fsetxattr, mknodat, openat, statat};
use rustix::io::Errno;

use super::{META_PREFIX, OPAQUE_MARK, UnpackError, Unpacker, WHITEOUT_PREFIX, fail, join};
use crate::layer::xattr;

impl Unpacker<'_> {
    pub(super) fn whiteout(&mut self, dir: &[u8], name: &[u8]) -> Result<(), UnpackError> {
        let marks_all = name == OPAQUE_MARK;
        if !marks_all && name.starts_with(META_PREFIX) {
            // Metadata of AUFS that some old images still carry.
            return Ok(());
        }
        let hidden = &name[WHITEOUT_PREFIX.len()..];
        if !marks_all && matches!(hidden, b"" | b"." | b"..") {
            return Err(self.breakout(&join(dir, name)));
        }
        if !self.rules.has_parent {
            return Ok(());
        }
        self.hides = true;
        let parent = self.parent(dir)?;
        if marks_all {
            self.set_opaque(parent.as_fd(), dir)?;
        } else {
            let path = join(dir, hidden);
            match mknodat(&parent, hidden, FileType::CharacterDevice, Mode::empty(), 0) {
                Ok(()) => {
                    self.whiteouts.insert(path);
                }
                // The layer has something of that name itself: the whiteout speaks of what lies below only.
                Err(Errno::EXIST) => {
                    let stat = statat(&parent, hidden, AtFlags::SYMLINK_NOFOLLOW).map_err(fail("lstat", &path))?;
                    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                        let fd = openat(&parent, hidden, flags, Mode::empty()).map_err(fail("open", &path))?;
                        self.set_opaque(fd.as_fd(), &path)?;
                    }
                }
                Err(error) => return Err(fail("mknod", &path)(error)),
            }
        }
        self.parent = Some((dir.to_vec(), parent));
        Ok(())
    }

    pub(super) fn set_opaque(&mut self, dir: BorrowedFd<'_>, path: &[u8]) -> Result<(), UnpackError> {
        if self.opaque.insert(path.to_vec()) {
            let name = if self.rules.userns { xattr::USER_OPAQUE } else { xattr::TRUSTED_OPAQUE };
            fsetxattr(dir, name, b"y", XattrFlags::empty()).map_err(fail("setxattr", path))?;
        }
        Ok(())
    }
}
