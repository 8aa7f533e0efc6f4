//! Unpacks an archive below a directory, with modes and times but with the user's own ownership, as docker does. Never writes outside of
//! the directory, whatever the archive says: not by names, not by links, and not through links that it made before.

use super::failed;
use super::names::{Rename, renamed};
use crate::error::Failure;
use engine_wasm::ignore::path;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};
use std::ffi::OsStr;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{Read, copy};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use tar::EntryType;

type Entry<'a, R> = tar::Entry<'a, R>;

/// Unpacks below `into`, which exists; names and the targets of hard links change as `renames` say.
pub(super) fn unpack(source: impl Read, into: &Path, renames: &[Rename]) -> Result<(), Failure> {
    let broken = |e: std::io::Error| Failure::new(crate::error::go_io(&e));
    // Files that come later change a directory's time.
    let mut directories = Vec::new();
    for entry in tar::Archive::new(source).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        let name = renamed(&entry.path_bytes(), renames);
        let target = inside(into, &name).ok_or_else(|| {
            Failure::new(format!("{:?} is outside of {:?}", String::from_utf8_lossy(&name), into.display().to_string()))
        })?;
        make_parents(into, &target, &name)?;
        let directory = entry.header().entry_type().is_dir();
        if make_way(&target, into, directory)? && target == into {
            continue;
        }
        create(&mut entry, &target, into, renames)?;
        if directory {
            directories.push((target, seconds(&entry)));
        }
    }
    directories.iter().try_for_each(|(path, seconds)| set_time(path, *seconds))
}

/// The path that a name stands for; `None` for one that is not below the directory.
fn inside(into: &Path, name: &[u8]) -> Option<PathBuf> {
    let mut out = into.to_owned();
    let mut depth = 0u32;
    for part in Path::new(OsStr::from_bytes(name)).components() {
        match part {
            Component::Normal(name) => {
                out.push(name);
                depth += 1;
            }
            Component::ParentDir => {
                depth = depth.checked_sub(1)?;
                out.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(out)
}

/// Makes the directories that the archive does not tell of. All above the target must be directories, and no links to any.
fn make_parents(into: &Path, target: &Path, name: &[u8]) -> Result<(), Failure> {
    let Some(parent) = target.parent().and_then(|parent| parent.strip_prefix(into).ok()) else { return Ok(()) };
    let mut at = into.to_owned();
    for part in parent {
        at.push(part);
        match at.symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                return Err(Failure::new(format!(
                    "{:?} is outside of {:?}: {:?} is a link",
                    String::from_utf8_lossy(name),
                    into.display().to_string(),
                    at.display().to_string()
                )));
            }
            Ok(_) => {}
            Err(_) => DirBuilder::new().mode(0o755).create(&at).map_err(|e| failed("mkdir", at.display(), &e))?,
        }
    }
    Ok(())
}

/// Removes what a file takes the place of. Says whether a directory is there to stay; a file and a directory never take each other's place.
fn make_way(target: &Path, into: &Path, directory: bool) -> Result<bool, Failure> {
    let Ok(found) = target.symlink_metadata() else { return Ok(false) };
    let (there, comes) = match (found.is_dir(), directory) {
        (true, true) => return Ok(true),
        (true, false) => ("directory", "non-directory"),
        (false, true) => ("non-directory", "directory"),
        (false, false) => {
            std::fs::remove_file(target).map_err(|e| failed("unlinkat", target.display(), &e))?;
            return Ok(false);
        }
    };
    let (target, into) = (target.display().to_string(), into.display().to_string());
    Err(Failure::new(format!("cannot overwrite {there} {target:?} with {comes} {into:?}")))
}

fn create(entry: &mut Entry<'_, impl Read>, target: &Path, into: &Path, renames: &[Rename]) -> Result<(), Failure> {
    let kind = entry.header().entry_type();
    let mode = entry.header().mode().unwrap_or_default() & 0o7777;
    let link = entry.link_name_bytes().map(|name| name.into_owned()).unwrap_or_default();
    let shown = target.display();
    match kind {
        EntryType::Directory => {
            if !target.is_dir() {
                DirBuilder::new().mode(mode).create(target).map_err(|e| failed("mkdir", shown, &e))?;
            }
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let file = OpenOptions::new().write(true).create_new(true).mode(mode & 0o777).open(target);
            let mut file = file.map_err(|e| failed("open", shown, &e))?;
            copy(entry, &mut file).map_err(|e| Failure::new(crate::error::go_io(&e)))?;
        }
        EntryType::Link => {
            let name = renamed(&link, renames);
            let shown_link = String::from_utf8_lossy(&name);
            let refused =
                || Failure::new(format!("invalid hardlink {:?} -> {shown_link:?}", target.display().to_string()));
            let first = inside(into, &name).ok_or_else(refused)?;
            make_parents(into, &first, &name)?;
            // The file keeps the mode and the time that it has.
            return std::fs::hard_link(&first, target)
                .map_err(|e| failed("link", format!("{} {shown}", first.display()), &e));
        }
        EntryType::Symlink => {
            let text = String::from_utf8_lossy(&link);
            let leads = target.parent().map(|parent| path::join(&parent.to_string_lossy(), &text)).unwrap_or_default();
            if !Path::new(&leads).starts_with(into) {
                return Err(Failure::new(format!("invalid symlink {:?} -> {text:?}", target.display().to_string())));
            }
            std::os::unix::fs::symlink(OsStr::from_bytes(&link), target)
                .map_err(|e| failed("symlink", format!("{text} {shown}"), &e))?;
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => make_node(entry, kind, target, mode)?,
        other => return Err(Failure::new(format!("unhandled tar header type {}", other.as_byte()))),
    }
    set_attributes(entry, target)?;
    if kind != EntryType::Symlink {
        std::fs::set_permissions(target, Permissions::from_mode(mode))
            .map_err(|e| failed("chmod", target.display(), &e))?;
    }
    set_time(target, seconds(entry))
}

fn make_node(entry: &Entry<'_, impl Read>, kind: EntryType, target: &Path, mode: u32) -> Result<(), Failure> {
    let number = |part: std::io::Result<Option<u32>>| part.ok().flatten().unwrap_or_default();
    let header = entry.header();
    let device = rustix::fs::makedev(number(header.device_major()), number(header.device_minor()));
    let kind = match kind {
        EntryType::Char => FileType::CharacterDevice,
        EntryType::Block => FileType::BlockDevice,
        _ => FileType::Fifo,
    };
    rustix::fs::mknodat(CWD, target, kind, Mode::from_raw_mode(mode), device)
        .map_err(|e| Failure::new(crate::error::go_io(&e.into())))
}

/// What a PAX header says of extended attributes; those that this user may not set are left out.
fn set_attributes(entry: &mut Entry<'_, impl Read>, target: &Path) -> Result<(), Failure> {
    let Ok(Some(records)) = entry.pax_extensions() else { return Ok(()) };
    for record in records.flatten() {
        let Some(name) = record.key().ok().and_then(|key| key.strip_prefix("SCHILY.xattr.")) else { continue };
        match rustix::fs::lsetxattr(target, name, record.value_bytes(), XattrFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::PERM) => {}
            Err(e) => return Err(Failure::new(crate::error::go_io(&e.into()))),
        }
    }
    Ok(())
}

fn seconds(entry: &Entry<'_, impl Read>) -> i64 {
    entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or_default()
}

fn set_time(path: &Path, seconds: i64) -> Result<(), Failure> {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|e| failed("chtimes", path.display(), &e.into()))
}
