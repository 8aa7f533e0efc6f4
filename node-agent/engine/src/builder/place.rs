//! Places in the root of an image that is being built: links are resolved inside, and directories made on the way.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::owner::Owner;
use crate::error::{Error, Result};
use crate::rootfs::Inside;

/// Links that are followed one after the other.
const MAX_LINKS: usize = 255;

/// Where `path` leads in `root`, every link resolved; what does not exist yet is taken as it is written.
///
/// # Errors
/// When links lead in a circle.
pub(crate) fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut done = PathBuf::from("/");
    let mut pending: Vec<std::ffi::OsString> = Vec::new();
    let push = |pending: &mut Vec<std::ffi::OsString>, path: &Path| {
        let parts = path.components().rev().filter(|c| !matches!(c, Component::RootDir | Component::CurDir));
        pending.extend(parts.map(|c| c.as_os_str().to_owned()));
    };
    push(&mut pending, path);
    let mut links = 0;
    while let Some(part) = pending.pop() {
        if part == ".." {
            done.pop();
            continue;
        }
        let next = done.join(&part);
        match Inside::open_nofollow(root, &next) {
            Ok(found) if found.metadata()?.is_symlink() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::from_raw_os_error(rustix::io::Errno::LOOP.raw_os_error()));
                }
                let target = PathBuf::from(found.link_target()?);
                if target.is_absolute() {
                    done = PathBuf::from("/");
                }
                push(&mut pending, &target);
            }
            _ => done = next,
        }
    }
    Ok(done)
}

/// Makes a directory (whose path has no links) with its parents; new ones belong to `owner`.
pub(crate) fn make_dirs(root: &Path, path: &Path, owner: Option<Owner>) -> Result<Inside> {
    make_dirs_of_mode(root, path, owner, 0o755)
}

/// As [`make_dirs`], with the mode of new directories.
///
/// # Errors
/// When a file stands in the way.
pub(crate) fn make_dirs_of_mode(root: &Path, path: &Path, owner: Option<Owner>, mode: u32) -> Result<Inside> {
    let mut done = PathBuf::from("/");
    for part in path.components() {
        let Component::Normal(name) = part else { continue };
        let parent = Inside::open(root, &done)?;
        done.push(name);
        let target = parent.path().join(name);
        match std::fs::create_dir(&target) {
            Ok(()) => {
                std::fs::set_permissions(&target, std::fs::Permissions::from_mode(mode))?;
                if let Some((uid, gid)) = owner {
                    std::os::unix::fs::lchown(&target, Some(uid), Some(gid))?;
                }
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && std::fs::metadata(&target)?.is_dir() => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::bad(format!("mkdir {}: not a directory", done.display())));
            }
            Err(e) => return Err(Error::internal(format!("mkdir {}: {e}", done.display()))),
        }
    }
    Ok(Inside::open(root, &done)?)
}
