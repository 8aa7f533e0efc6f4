//! What `COPY` and `ADD` take: paths and patterns resolved inside a root (the context, a stage, an image), each with a hash of its
//! content, by which the cache knows it. Links are followed as inside of the root and never lead out of it.

use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use engine_wasm::ignore::{file_match, has_meta};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::rootfs::Inside;

/// One thing to copy.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The root that it was found in.
    pub(crate) root: PathBuf,
    /// Its path in there, as named, without a leading slash; empty for the root itself.
    pub(crate) path: PathBuf,
    /// Where `--parents` puts it below the destination.
    pub(crate) below: PathBuf,
    /// `file:…` or `dir:…`.
    pub(crate) hash: String,
    /// An archive is not to be unpacked: it came from the network.
    pub(crate) packed: bool,
}

/// A name without its leading slash and `.`; `..` that leads out is an error.
fn clean(name: &str) -> Result<PathBuf> {
    let mut out = PathBuf::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => out.push(part),
            Component::ParentDir if !out.pop() => {
                return Err(Error::bad(format!("forbidden path outside the build context: {name} ()")));
            }
            _ => {}
        }
    }
    Ok(out)
}

/// Finds what a word of `COPY` names in `root`. `owners` makes owners part of the hash.
///
/// # Errors
/// Docker's sentences for what is not there.
pub(crate) fn find(root: &Path, name: &str, owners: bool, skip: &dyn Fn(&Path) -> bool) -> Result<Vec<Source>> {
    if !has_meta(name) {
        let path = clean(name)?;
        return Ok(vec![one(root, &path, owners, skip)?]);
    }
    let pattern = clean(name)?;
    let parts: Vec<String> = pattern.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let mut found = Vec::new();
    matching(root, Path::new(""), &parts, &mut found)?;
    found.retain(|path| !skip(path));
    found.iter().map(|path| one(root, path, owners, skip)).collect()
}

/// What `/./` in a name of `--parents` cuts off: the part that is not made again below the destination.
pub(crate) fn cut(name: &str, sources: &mut [Source]) -> Result<()> {
    if let Some((pivot, _)) = name.split_once("/./") {
        let pivot = clean(pivot)?;
        for source in sources {
            source.below = source.path.strip_prefix(&pivot).map_or_else(|_| source.path.clone(), Path::to_path_buf);
        }
    }
    Ok(())
}

/// One path that is known to be there, as it is.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn find_plain(root: &Path, path: &Path) -> Result<Source> {
    one(root, path, false, &|_| false)
}

fn matching(root: &Path, dir: &Path, parts: &[String], found: &mut Vec<PathBuf>) -> Result<()> {
    let Some((pattern, rest)) = parts.split_first() else { return Ok(()) };
    let Ok(open) = Inside::open_nofollow(root, dir) else { return Ok(()) };
    if !open.metadata()?.is_dir() {
        return Ok(());
    }
    for name in names(&open.path())? {
        let text = name.to_string_lossy();
        // A pattern that is none matches nothing, as in Docker.
        if file_match(pattern, &text).unwrap_or(false) {
            let path = dir.join(&name);
            if rest.is_empty() {
                found.push(path);
            } else {
                matching(root, &path, rest, found)?;
            }
        }
    }
    Ok(())
}

/// The names in a directory, sorted.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn names(dir: &Path) -> Result<Vec<std::ffi::OsString>> {
    let mut names: Vec<_> = std::fs::read_dir(dir)?.map(|e| e.map(|e| e.file_name())).collect::<Result<_, _>>()?;
    names.sort_unstable();
    Ok(names)
}

fn one(root: &Path, path: &Path, owners: bool, skip: &dyn Fn(&Path) -> bool) -> Result<Source> {
    let missing = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            Error::bad(format!("stat {}: file does not exist", path.display()))
        }
        _ => Error::bad(format!("stat {}: {e}", path.display())),
    };
    let found = Inside::open(root, path).map_err(missing)?;
    let meta = found.metadata()?;
    let mut hash = Sha256::new();
    let kind = if meta.is_dir() {
        let mut walk = Walk { owners, skip, hash: &mut hash };
        walk.dir(&found.path(), path)?;
        "dir"
    } else {
        // The name counts, as it is what the file is called in a directory.
        hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        entry(&mut hash, &meta, owners);
        content(&mut hash, &found.path(), &meta)?;
        "file"
    };
    let hash = format!("{kind}:{}", hex::encode(hash.finalize()));
    Ok(Source { root: root.to_owned(), path: path.to_owned(), below: path.to_owned(), hash, packed: false })
}

struct Walk<'a> {
    owners: bool,
    skip: &'a dyn Fn(&Path) -> bool,
    hash: &'a mut Sha256,
}

impl Walk<'_> {
    fn dir(&mut self, dir: &Path, path: &Path) -> Result<()> {
        for name in names(dir)? {
            let (file, path) = (dir.join(&name), path.join(&name));
            if (self.skip)(&path) {
                continue;
            }
            let meta = std::fs::symlink_metadata(&file)?;
            let bytes = name.as_encoded_bytes();
            self.hash.update((bytes.len() as u64).to_le_bytes());
            self.hash.update(bytes);
            entry(self.hash, &meta, self.owners);
            if meta.is_dir() {
                self.dir(&file, &path)?;
                self.hash.update(b"\0up");
            } else {
                content(self.hash, &file, &meta)?;
            }
        }
        Ok(())
    }
}

/// What counts of a file beside its content: kind, mode, device, and owners where they are kept. Not its times.
fn entry(hash: &mut Sha256, meta: &Metadata, owners: bool) {
    hash.update(meta.mode().to_le_bytes());
    hash.update(meta.rdev().to_le_bytes());
    if owners {
        hash.update(meta.uid().to_le_bytes());
        hash.update(meta.gid().to_le_bytes());
    }
}

fn content(hash: &mut Sha256, path: &Path, meta: &Metadata) -> Result<()> {
    if meta.is_symlink() {
        hash.update(std::fs::read_link(path)?.as_os_str().as_encoded_bytes());
    } else if meta.is_file() {
        hash.update(meta.size().to_le_bytes());
        let mut file = std::fs::File::open(path)?;
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
        }
    }
    Ok(())
}

/// The hash of several sources together, as the history shows it.
pub(crate) fn hash_of(sources: &[Source]) -> String {
    match sources {
        [one] => one.hash.clone(),
        many => {
            let joined: Vec<&str> = many.iter().map(|source| source.hash.as_str()).collect();
            format!("multi:{}", hex::encode(Sha256::digest(joined.join(","))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> PathBuf {
        let root = std::env::temp_dir().join(format!(
            "slipway-source-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("d/e")).unwrap();
        for (name, text) in [("a.txt", "1"), ("b.txt", "2"), ("c.log", "3"), ("d/x.txt", "4"), ("d/e/y", "5")] {
            std::fs::write(root.join(name), text).unwrap();
        }
        root
    }

    fn keep(_: &Path) -> bool {
        false
    }

    fn paths(root: &Path, name: &str) -> Vec<String> {
        find(root, name, false, &keep).unwrap().iter().map(|s| s.path.display().to_string()).collect()
    }

    fn error(root: &Path, name: &str) -> String {
        find(root, name, false, &keep).unwrap_err().message
    }

    #[test]
    fn names_and_patterns_are_found_inside_only() {
        let root = tree();
        assert_eq!(paths(&root, "*.txt"), ["a.txt", "b.txt"]);
        assert_eq!(paths(&root, "/d/*"), ["d/e", "d/x.txt"]);
        assert_eq!(paths(&root, "[ab].txt"), ["a.txt", "b.txt"]);
        assert_eq!(paths(&root, "./d/../a.txt"), ["a.txt"]);
        assert_eq!(paths(&root, "."), [""]);
        assert!(paths(&root, "*.nope").is_empty());
        assert_eq!(error(&root, "nope"), "stat nope: file does not exist");
        assert_eq!(error(&root, "../x"), "forbidden path outside the build context: ../x ()");
        std::os::unix::fs::symlink("../../../../etc/passwd", root.join("out")).unwrap();
        assert_eq!(error(&root, "out"), "stat out: file does not exist", "a link leads nowhere outside");
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_hash_is_of_names_modes_and_content_and_not_of_times() {
        let root = tree();
        let hash = |name: &str| hash_of(&find(&root, name, false, &keep).unwrap());
        let (file, dir) = (hash("a.txt"), hash("d"));
        assert!(file.starts_with("file:") && dir.starts_with("dir:") && hash("*.txt").starts_with("multi:"));
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(7);
        std::fs::File::open(root.join("a.txt")).unwrap().set_modified(old).unwrap();
        assert_eq!(hash("a.txt"), file);
        std::fs::set_permissions(root.join("a.txt"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_ne!(hash("a.txt"), file);
        std::fs::rename(root.join("d/e/y"), root.join("d/e/z")).unwrap();
        assert_ne!(hash("d"), dir);
        std::fs::rename(root.join("d/e/z"), root.join("d/e/y")).unwrap();
        assert_eq!(hash("d"), dir);
        std::fs::write(root.join("d/e/y"), "6").unwrap();
        assert_ne!(hash("d"), dir);
        std::fs::remove_dir_all(root).unwrap();
    }
}
