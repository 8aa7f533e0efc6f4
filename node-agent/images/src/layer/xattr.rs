//! Extended attributes: which ones an archive may set or carry, and overlayfs' own in both their name spaces.

use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

pub(crate) const TRUSTED_OPAQUE: &str = "trusted.overlay.opaque";
pub(crate) const USER_OPAQUE: &str = "user.overlay.opaque";
const TRUSTED_WHITEOUT: &str = "trusted.overlay.whiteout";
const USER_WHITEOUT: &str = "user.overlay.whiteout";

/// Whether an archive may set this attribute: overlayfs' own would change what the layers below look like.
pub(crate) fn is_allowed(name: &[u8]) -> bool {
    !name.contains(&0) && !name.starts_with(b"trusted.overlay.") && !name.starts_with(b"user.overlay.")
}

/// Whether an archive carries this attribute: capabilities as in Docker, and what users have set.
pub(crate) fn is_exported(name: &[u8]) -> bool {
    name == b"security.capability" || (name.starts_with(b"user.") && is_allowed(name))
}

/// File systems and user namespaces without an attribute's name space are no error, as in Docker.
pub(crate) fn tolerate(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOTSUP | Errno::PERM) => Ok(()),
        other => other,
    }
}

/// A path for calls that have no `…at` form, through the directory's descriptor.
pub(crate) fn at_path(dir: BorrowedFd<'_>, name: &[u8]) -> PathBuf {
    Path::new(&format!("/proc/self/fd/{}", dir.as_raw_fd())).join(std::ffi::OsStr::from_bytes(name))
}

/// The value of an attribute, not following links; `None` when there is none.
pub(crate) fn get(path: &Path, name: &str) -> Result<Option<Vec<u8>>, Errno> {
    let mut buffer = vec![0; 256];
    loop {
        match rustix::fs::lgetxattr(path, name, &mut buffer[..]) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(Some(buffer));
            }
            Err(Errno::RANGE) if buffer.len() < 1 << 17 => buffer.resize(1 << 17, 0),
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// The names of all attributes, not following links.
pub(crate) fn list(path: &Path) -> Result<Vec<Vec<u8>>, Errno> {
    let mut buffer = vec![0; 1024];
    loop {
        match rustix::fs::llistxattr(path, &mut buffer[..]) {
            Ok(length) => {
                let names = buffer[..length].split(|b| *b == 0).filter(|name| !name.is_empty());
                return Ok(names.map(<[u8]>::to_vec).collect());
            }
            Err(Errno::RANGE) if buffer.len() < 1 << 17 => buffer.resize(1 << 17, 0),
            Err(Errno::NOTSUP | Errno::PERM) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    }
}

/// Whether a directory hides everything below it, in either name space.
pub(crate) fn is_opaque(path: &Path) -> Result<bool, Errno> {
    for name in [TRUSTED_OPAQUE, USER_OPAQUE] {
        if get(path, name)?.as_deref() == Some(b"y") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an empty regular file is a whiteout in the form that needs no device.
pub(crate) fn is_whiteout_file(path: &Path) -> Result<bool, Errno> {
    Ok(get(path, TRUSTED_WHITEOUT)?.is_some() || get(path, USER_WHITEOUT)?.is_some())
}
