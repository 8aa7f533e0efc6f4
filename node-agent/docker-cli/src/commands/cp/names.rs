//! cp's rules about names: whether a path must be a directory, which directory a copy goes into, and what its first component is called there.
//! Paths are texts as the user gave them, for a trailing `/` or `/.` says something.

use super::failed;
use crate::error::Failure;
use engine_wasm::ignore::path;
use std::path::{Component, Path, PathBuf};

/// One end of a copy.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    pub(super) path: String,
    pub(super) exists: bool,
    pub(super) directory: bool,
    /// What the source is to be called if not by its own name.
    pub(super) rebase: Option<String>,
}

/// A prefix of names in an archive and what takes its place.
pub(super) type Rename = (String, String);

fn is_current(text: &str) -> bool {
    path::base(text) == "."
}

fn asserts_directory(text: &str) -> bool {
    text.ends_with('/') || is_current(text)
}

/// The path made absolute, with the trailing `/` or `/.` that it was given with.
pub(super) fn absolute(text: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    with_tail(path::clean(&here.join(text).to_string_lossy()), text)
}

/// The path with a trailing `/` or `/.` where the other has one.
fn with_tail(mut cleaned: String, like: &str) -> String {
    if !is_current(&cleaned) && is_current(like) {
        cleaned += if cleaned.ends_with('/') { "." } else { "/." };
    }
    if !cleaned.ends_with('/') && like.ends_with('/') {
        cleaned.push('/');
    }
    cleaned
}

/// The directory and the last component, which is `.` where the path says so.
pub(super) fn split_entry(text: &str) -> (String, String) {
    let mut cleaned = path::clean(text);
    if is_current(text) {
        cleaned += "/.";
    }
    (path::dir(&cleaned), path::base(&cleaned).to_owned())
}

/// Where a link found at `place` leads.
pub(super) fn follow(place: &str, link: &str) -> String {
    if link.starts_with('/') { link.to_owned() } else { path::join(&split_entry(place).0, link) }
}

/// A followed path with the tail of the one that was asked for, and the name that was asked for if the two differ.
pub(super) fn rebase(asked: &str, resolved: &str) -> (String, Option<String>) {
    let resolved = with_tail(resolved.to_owned(), asked);
    let name = path::base(asked);
    let renamed = (name != path::base(&resolved)).then(|| name.to_owned());
    (resolved, renamed)
}

/// The directory to unpack in, and what is renamed on the way.
pub(super) fn place(source: &End, target: &End) -> Result<(String, Option<Rename>), Failure> {
    if target.exists && target.directory {
        return Ok((target.path.clone(), None));
    }
    if target.exists && source.directory {
        return Err(Failure::new("cannot copy directory"));
    }
    if !target.exists && !source.directory && asserts_directory(&target.path) {
        return Err(Failure::new("no such directory"));
    }
    let (into, new) = split_entry(&target.path);
    let old = source.rebase.clone().unwrap_or_else(|| split_entry(&source.path).1);
    Ok((into, Some((old, new))))
}

/// The name with every rename done, in their order. The root has no name, so its new one goes before all others.
pub(super) fn renamed(name: &[u8], renames: &[Rename]) -> Vec<u8> {
    renames.iter().fold(name.to_vec(), |name, (old, new)| {
        let old = if old == "/" { "" } else { old };
        name.strip_prefix(old.as_bytes()).map(|rest| [new.as_bytes(), rest].concat()).unwrap_or(name)
    })
}

/// How often links are followed before they count as a circle.
const MOST_LINKS: u32 = 255;

/// The path with no link in it (`filepath.EvalSymlinks`).
fn without_links(text: &str) -> Result<PathBuf, Failure> {
    let mut links = 0;
    walk(PathBuf::from("/"), Path::new(text), &mut links, asserts_directory(text))
}

fn walk(mut at: PathBuf, rest: &Path, links: &mut u32, directory: bool) -> Result<PathBuf, Failure> {
    let mut parts = rest.components().peekable();
    while let Some(part) = parts.next() {
        match part {
            Component::RootDir => at = PathBuf::from("/"),
            Component::ParentDir => _ = at.pop(),
            Component::Normal(name) => {
                let next = at.join(name);
                let wrong = |e| failed("lstat", next.display(), &e);
                let mut found = next.symlink_metadata().map_err(wrong)?;
                if found.is_symlink() {
                    *links += 1;
                    if *links > MOST_LINKS {
                        return Err(Failure::new("EvalSymlinks: too many links"));
                    }
                    let link = next.read_link().map_err(wrong)?;
                    at = walk(at, &link, links, false)?;
                    found = at.symlink_metadata().map_err(|e| failed("lstat", at.display(), &e))?;
                } else {
                    at = next;
                }
                if !found.is_dir() && (directory || parts.peek().is_some()) {
                    return Err(Failure::new("not a directory"));
                }
            }
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(at)
}

/// What is to be copied from here: the links before the last component resolved, and the last one too if links are followed.
pub(super) fn local_source(text: &str, follow_last: bool) -> Result<End, Failure> {
    let (path, rebase) = if follow_last {
        rebase(text, &without_links(text)?.to_string_lossy())
    } else {
        let (directory, name) = text.split_at(text.rfind('/').map_or(0, |at| at + 1));
        let resolved = format!("{}/{name}", without_links(directory)?.display());
        let renamed = text.ends_with('/') && path::base(text) != path::base(&resolved);
        (resolved, renamed.then(|| path::base(text).to_owned()))
    };
    let found = Path::new(&path).symlink_metadata().map_err(|e| failed("lstat", &path, &e))?;
    Ok(End { exists: true, directory: found.is_dir(), path, rebase })
}

/// Where a copy goes here: what a link there leads to, for a copy is written through it.
pub(super) fn local_target(text: &str) -> Result<End, Failure> {
    let mut path = text.to_owned();
    for _ in 0..12 {
        match Path::new(&path).symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                let link = Path::new(&path).read_link().map_err(|e| failed("readlink", &path, &e))?;
                path = follow(&path, &link.to_string_lossy());
            }
            Ok(found) => return Ok(End { exists: true, directory: found.is_dir(), path, rebase: None }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let (parent, _) = split_entry(&path);
                let found = std::fs::metadata(&parent).map_err(|e| failed("stat", &parent, &e))?;
                if !found.is_dir() {
                    return Err(Failure::new("not a directory"));
                }
                return Ok(End { path, ..End::default() });
            }
            Err(e) => return Err(failed("lstat", &path, &e)),
        }
    }
    Err(Failure::new(format!("too many symlinks in {text}")))
}
