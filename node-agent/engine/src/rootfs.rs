//! Paths inside a container's root, resolved so that no symbolic link leads out of it.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// A file or directory inside a root, held open by a descriptor; [`Self::path`] names exactly that object.
#[derive(Debug)]
pub(crate) struct Inside {
    fd: OwnedFd,
}

impl Inside {
    /// Resolves `path` within `root`, following links as if `root` were `/`.
    ///
    /// # Errors
    /// As `openat2`: `ENOENT`, `ENOTDIR`, `ELOOP`, ….
    pub(crate) fn open(root: &Path, path: &Path) -> io::Result<Self> {
        Self::with(root, path, OFlags::PATH)
    }

    /// As [`Self::open`], but a link in the last place is not followed.
    ///
    /// # Errors
    /// As `openat2`.
    pub(crate) fn open_nofollow(root: &Path, path: &Path) -> io::Result<Self> {
        Self::with(root, path, OFlags::PATH | OFlags::NOFOLLOW)
    }

    fn with(root: &Path, path: &Path, flags: OFlags) -> io::Result<Self> {
        let dir = File::open(root)?;
        let relative = relative(path);
        let fd = openat2(&dir, &relative, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)?;
        Ok(Self { fd })
    }

    /// What it is; a link that was not followed is a link.
    ///
    /// # Errors
    /// As `fstat`.
    pub(crate) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        File::from(self.fd.try_clone()?).metadata()
    }

    /// Where a link that was not followed leads.
    ///
    /// # Errors
    /// When it is no link.
    pub(crate) fn link_target(&self) -> io::Result<String> {
        let target = rustix::fs::readlinkat(&self.fd, "", Vec::new())?;
        Ok(target.to_string_lossy().into_owned())
    }

    /// A path by which this process reaches the object.
    #[must_use]
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }
}

/// `path` without its leading slash; the root itself is `.`.
fn relative(path: &Path) -> PathBuf {
    let relative: PathBuf = path.components().filter(|c| !matches!(c, Component::RootDir)).collect();
    if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
}

/// Reads a small file inside a root; `None` when it is not there.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn read(root: &Path, path: &str) -> io::Result<Option<String>> {
    let dir = File::open(root)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match openat2(&dir, relative(Path::new(path)), flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        Ok(fd) => {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut io::Read::take(File::from(fd), 4 << 20), &mut bytes)?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Makes a directory inside a root with its parents, as `mkdir -p` there would.
///
/// # Errors
/// When a component is no directory, or cannot be made.
pub(crate) fn create_dir_all(root: &Path, path: &Path) -> io::Result<Inside> {
    let mut done = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                let parent = Inside::open(root, &done)?;
                done.push(name);
                match std::fs::create_dir(parent.path().join(name)) {
                    Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                    _ => {}
                }
            }
            Component::ParentDir => drop(done.pop()),
            _ => {}
        }
    }
    let dir = Inside::open(root, &done)?;
    if !std::fs::metadata(dir.path())?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_never_lead_out_of_the_root() {
        let base = std::env::temp_dir().join(format!("slipway-rootfs-{}", std::process::id()));
        let root = base.join("root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::write(base.join("secret"), "outside").unwrap();
        std::fs::write(root.join("etc/real"), "inside").unwrap();
        std::os::unix::fs::symlink("/etc/real", root.join("etc/absolute")).unwrap();
        std::os::unix::fs::symlink("../../secret", root.join("etc/up")).unwrap();
        assert_eq!(read(&root, "/etc/absolute").unwrap().as_deref(), Some("inside"));
        assert_eq!(read(&root, "/etc/up").unwrap(), None);
        std::os::unix::fs::symlink("/new", root.join("link")).unwrap();
        std::fs::create_dir(root.join("new")).unwrap();
        create_dir_all(&root, Path::new("/link/a/b")).unwrap();
        assert!(root.join("new/a/b").is_dir());
        assert!(create_dir_all(&root, Path::new("/etc/real/x")).is_err());
        std::fs::remove_dir_all(base).unwrap();
    }
}
