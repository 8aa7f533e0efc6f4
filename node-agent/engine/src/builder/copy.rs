//! Copying into the root of an image that is being built. Every path is resolved inside that root, links included, so that no
//! image and no Dockerfile can make the builder write anywhere else.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use engine_wasm::store::Mode;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::owner::Owner;
use super::place::{make_dirs_of_mode, resolve};
use super::source::{Source, names};
use super::unpack::{is_archive, unpack};
use crate::error::{Error, Result};
use crate::rootfs::Inside;

/// Whom new directories belong to.
pub(crate) const ROOT: Owner = (0, 0);

/// How a copy is made.
pub(crate) struct How<'a> {
    /// The new owner; `None` keeps the source's.
    pub(crate) owner: Option<Owner>,
    /// The new owner of what archives hold; `None` keeps the archive's.
    pub(crate) archive_owner: Option<Owner>,
    /// `--chmod`.
    pub(crate) mode: Option<&'a Mode>,
    /// Archives are unpacked.
    pub(crate) unpack: bool,
    /// Source paths that are left out.
    pub(crate) skip: &'a dyn Fn(&Path) -> bool,
}

/// Copies a source to `dest`, an absolute path in `root` as written: with a slash at its end it is a directory.
///
/// # Errors
/// When something stands in the way, or the disk is full.
pub(crate) fn copy(root: &Path, dest: &str, source: &Source, how: &How<'_>) -> Result<()> {
    let from = Inside::open(&source.root, &source.path)?;
    let meta = from.metadata()?;
    let target = resolve(root, Path::new(dest))?;
    // Directories on the way have the mode that is asked for, too, as in BuildKit; a change of modes has nothing there to change.
    let mode = how.mode.map_or(0o755, |mode| if let Mode::Octal(bits) = mode { *bits } else { 0o755 });
    let make_dirs = |path: &Path| make_dirs_of_mode(root, path, how.owner.or(Some(ROOT)), mode);
    let mut linked = HashMap::new();
    if meta.is_dir() {
        let dir = make_dirs(&target).map_err(|e| e.context("failed to copy directory"))?;
        return tree(&from.path(), &dir.path(), &source.path, how, &mut linked);
    }
    if how.unpack && !source.packed && is_archive(&from.path())? {
        let dir = make_dirs(&target)?;
        return unpack(&from.path(), &dir.path(), how);
    }
    let existing = Inside::open(root, &target).ok().map(|found| found.metadata()).transpose()?;
    let into = dest.ends_with('/') || dest.ends_with("/.") || existing.is_some_and(|meta| meta.is_dir());
    let target = if into { target.join(source.path.file_name().unwrap_or_default()) } else { target };
    // In a directory the name may be a link again; what it leads to is what is replaced.
    let parent = make_dirs(target.parent().unwrap_or(Path::new("/")))?;
    let name = target.file_name().ok_or_else(|| Error::bad("cannot copy a file over the root directory"))?;
    node(&from.path(), &meta, &parent.path().join(name), how, &mut linked)
}

/// Copies what is in a directory.
fn tree(from: &Path, to: &Path, path: &Path, how: &How<'_>, linked: &mut HashMap<(u64, u64), PathBuf>) -> Result<()> {
    for name in names(from)? {
        let (source, target, path) = (from.join(&name), to.join(&name), path.join(&name));
        if (how.skip)(&path) {
            continue;
        }
        let meta = std::fs::symlink_metadata(&source)?;
        if !meta.is_dir() {
            node(&source, &meta, &target, how, linked)?;
            continue;
        }
        match std::fs::symlink_metadata(&target) {
            Ok(old) if old.is_dir() => {}
            Ok(_) => {
                std::fs::remove_file(&target)?;
                std::fs::create_dir(&target)?;
            }
            Err(_) => std::fs::create_dir(&target)?,
        }
        tree(&source, &target, &path, how, linked)?;
        attributes(&source, &meta, &target, how)?;
    }
    Ok(())
}

/// Copies one file, link or special file; what stands in its place is removed.
fn node(
    from: &Path,
    meta: &Metadata,
    to: &Path,
    how: &How<'_>,
    linked: &mut HashMap<(u64, u64), PathBuf>,
) -> Result<()> {
    match std::fs::symlink_metadata(to) {
        Ok(old) if old.is_dir() => std::fs::remove_dir_all(to)?,
        Ok(_) => std::fs::remove_file(to)?,
        Err(_) => {}
    }
    let kind = meta.file_type();
    if meta.nlink() > 1 && !kind.is_symlink() {
        if let Some(first) = linked.get(&(meta.dev(), meta.ino())) {
            return Ok(std::fs::hard_link(first, to)?);
        }
        linked.insert((meta.dev(), meta.ino()), to.to_owned());
    }
    if kind.is_symlink() {
        std::os::unix::fs::symlink(std::fs::read_link(from)?, to)?;
    } else if kind.is_file() {
        let (mut source, mut target) = (File::open(from)?, File::create_new(to)?);
        io::copy(&mut source, &mut target)?;
    } else if kind.is_socket() {
        return Ok(());
    } else {
        let file_type = rustix::fs::FileType::from_raw_mode(meta.mode());
        let mode = rustix::fs::Mode::from_raw_mode(meta.mode() & 0o7777);
        rustix::fs::mknodat(CWD, to, file_type, mode, meta.rdev()).map_err(io::Error::from)?;
    }
    attributes(from, meta, to, how)
}

/// Owner, extended attributes, mode and times.
fn attributes(from: &Path, meta: &Metadata, to: &Path, how: &How<'_>) -> Result<()> {
    let (uid, gid) = how.owner.unwrap_or((meta.uid(), meta.gid()));
    std::os::unix::fs::lchown(to, Some(uid), Some(gid))?;
    if !meta.is_symlink() {
        let mode = how.mode.map_or(meta.mode() & 0o7777, |mode| mode.apply(meta.mode(), meta.is_dir()));
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(mode))?;
        extended(from, to)?;
    }
    let time = Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
    Ok(())
}

/// Capabilities and the like, but not overlayfs' own marks.
fn extended(from: &Path, to: &Path) -> io::Result<()> {
    let mut list = vec![0u8; 16 * 1024];
    let length = match rustix::fs::listxattr(from, &mut list[..]) {
        Ok(length) => length,
        Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::RANGE) => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    for name in list[..length].split(|b| *b == 0).filter(|name| !name.is_empty()) {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if name.contains(".overlay.") || name.starts_with("system.") {
            continue;
        }
        let mut value = vec![0u8; 64 * 1024];
        if let Ok(length) = rustix::fs::getxattr(from, name, &mut value[..]) {
            match rustix::fs::setxattr(to, name, &value[..length], rustix::fs::XattrFlags::empty()) {
                // In a user namespace some cannot be set; Docker goes on as well.
                Ok(()) | Err(rustix::io::Errno::PERM | rustix::io::Errno::NOTSUP) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn base(name: &str) -> PathBuf {
        let base = std::env::temp_dir().join(format!("slipway-copy-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&base);
        std::fs::create_dir_all(base.join("root")).unwrap();
        std::fs::create_dir_all(base.join("context/d/e")).unwrap();
        std::fs::write(base.join("context/f"), "file").unwrap();
        std::fs::write(base.join("context/d/x"), "x").unwrap();
        std::fs::write(base.join("context/d/e/y"), "y").unwrap();
        base
    }

    fn put(base: &Path, from: &str, to: &str) -> Result<(), String> {
        let keep = |_: &Path| false;
        let root = nix::unistd::geteuid();
        let owner = Some((root.as_raw(), nix::unistd::getegid().as_raw()));
        let how = How { owner, archive_owner: None, mode: None, unpack: true, skip: &keep };
        for source in source::find(&base.join("context"), from, false, &keep).map_err(|e| e.message)? {
            copy(&base.join("root"), to, &source, &how).map_err(|e| e.message)?;
        }
        Ok(())
    }

    #[test]
    fn files_go_to_names_and_into_directories() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIP: root is needed to give files away");
            return;
        }
        let base = base("plain");
        let read = |path: &str| std::fs::read_to_string(base.join("root").join(path)).unwrap();
        put(&base, "f", "/a").unwrap();
        put(&base, "f", "/b/").unwrap();
        put(&base, "f", "/b").unwrap();
        put(&base, "d", "/c").unwrap();
        put(&base, "d", "/c").unwrap();
        assert_eq!(
            (read("a"), read("b/f"), read("c/x"), read("c/e/y")),
            ("file".into(), "file".into(), "x".into(), "y".into())
        );
        assert!(!base.join("root/c/d").exists(), "a directory's content is copied, not the directory");
        assert_eq!(put(&base, "d", "/a").unwrap_err(), "failed to copy directory: mkdir /a: not a directory");
        std::fs::create_dir_all(base.join("root/over/f")).unwrap();
        put(&base, "f", "/over").unwrap();
        assert_eq!(read("over/f"), "file", "a file takes a directory's place");
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn links_in_the_image_lead_nowhere_outside() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIP: root is needed to give files away");
            return;
        }
        let base = base("links");
        let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, base.join("root").join(name)).unwrap();
        link("../../../../../../out", "up");
        link("/real", "absolute");
        link("loop", "loop");
        put(&base, "f", "/up").unwrap();
        assert_eq!(std::fs::read_to_string(base.join("root/out")).unwrap(), "file");
        assert!(!base.join("out").exists());
        put(&base, "d", "/absolute/deep").unwrap();
        assert!(base.join("root/real/deep/x").is_file());
        assert!(put(&base, "f", "/loop/x").is_err());
        assert_eq!(resolve(&base.join("root"), Path::new("/../../absolute/../x")).unwrap(), Path::new("/x"));
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn copies_have_the_modes_that_chmod_gives() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIP: root is needed to give files away");
            return;
        }
        let base = base("modes");
        // BuildKit's X looks at the mode before the first change, and its sticky bit is nobody's: such changes are left out.
        let changes = "+x a+x u+x -x a-w go-rwx u=rw,go=r u=rwX,go=rX a+X a-X =r u= go= g=u o=g go=u-w g=u,o=g u+s g+s ug+s \
                       u-s a-s +s o+s +t -t u+r-w ug=rwX,o= +rw -r ugo=rx uo+w,g-r g-u o+u u=o a=X u=rws,g=rs aug+r u+w,g=u-x,o=";
        let starts = [0, 0o644, 0o600, 0o755, 0o100, 0o010, 0o001, 0o777, 0o4755, 0o2755, 0o6640, 0o246];
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for change in changes.split(' ') {
            let parsed = Mode::parse(change).unwrap();
            let files: Vec<PathBuf> = starts.iter().map(|start| base.join(format!("context/{start:o}"))).collect();
            for (file, start) in files.iter().zip(starts) {
                std::fs::write(file, "").unwrap();
                std::fs::set_permissions(file, std::fs::Permissions::from_mode(start)).unwrap();
                let source = source::find_plain(&base.join("context"), Path::new(file.file_name().unwrap())).unwrap();
                let how =
                    How { owner: Some(ROOT), archive_owner: None, mode: Some(&parsed), unpack: true, skip: &|_| false };
                copy(&base.join("root"), "/to/", &source, &how).unwrap();
            }
            // The shell's umask would hold back what no class is named for; and a change may look like an option.
            let chmod = std::process::Command::new("sh")
                .args(["-c", "umask 0; exec chmod -- \"$@\"", "sh", change])
                .args(&files)
                .status();
            assert!(chmod.unwrap().success(), "{change}");
            for (file, start) in files.iter().zip(starts) {
                let copied = base.join("root/to").join(file.file_name().unwrap());
                assert_eq!(mode(&copied), mode(file), "{change} of {start:o}");
            }
            assert_eq!(mode(&base.join("root/to")), 0o755, "a directory on the way is changed by no symbolic mode");
        }
        std::fs::remove_dir_all(base).unwrap();
    }
}
