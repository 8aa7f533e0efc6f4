//! `docker cp` and `docker export`: a container's files as tar, always resolved inside its root. Blocking.

use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::Container;
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::rootfs::Inside;

/// A container's root, mounted while this lives.
struct Mounted {
    engine: Arc<Engine>,
    id: String,
    root: PathBuf,
}

impl Mounted {
    fn new(engine: &Arc<Engine>, container: &Container) -> Result<Self> {
        let root = engine.store.mount_rw(&container.id)?;
        Ok(Self { engine: engine.clone(), id: container.id.clone(), root })
    }

    /// Where `path` leads: into a volume, or into the root.
    fn locate(&self, container: &Container, path: &str) -> (PathBuf, PathBuf) {
        let data = container.data();
        let path = Path::new("/").join(path);
        let points =
            data.record.mount_points.values().filter(|m| m.kind != "tmpfs" && path.starts_with(&m.destination));
        match points.max_by_key(|m| m.destination.len()) {
            Some(m) if Path::new(&m.source).is_dir() => {
                let rest = path.strip_prefix(&m.destination).unwrap_or(Path::new(""));
                (m.source.clone().into(), Path::new("/").join(rest))
            }
            _ => (self.root.clone(), path),
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(e) = self.engine.store.unmount_rw(&self.id) {
            tracing::warn!("unmounting the root of container {}: {e}", self.id);
        }
    }
}

fn missing(container: &Container, path: &str, e: &std::io::Error) -> Error {
    if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) {
        return Error::not_found(format!("Could not find the file {path} in container {}", container.id));
    }
    Error::internal(format!("reading {path} in container {}: {e}", container.id))
}

/// What `X-Docker-Container-Path-Stat` says of a path.
pub fn stat(engine: &Arc<Engine>, container: &Container, path: &str) -> Result<Value> {
    let mounted = Mounted::new(engine, container)?;
    let (root, inside) = mounted.locate(container, path);
    let file = Inside::open_nofollow(&root, &inside).map_err(|e| missing(container, path, &e))?;
    let meta = file.metadata().map_err(|e| missing(container, path, &e))?;
    let target = if meta.is_symlink() { file.link_target().unwrap_or_default() } else { String::new() };
    let name = inside.file_name().map_or_else(|| "/".into(), |n| n.to_string_lossy().into_owned());
    let modified = time::OffsetDateTime::from_unix_timestamp(meta.mtime()).unwrap_or_else(|_| clock::now());
    let target = if target.is_empty() || target.starts_with('/') {
        target
    } else {
        inside.parent().unwrap_or(Path::new("/")).join(target).to_string_lossy().into_owned()
    };
    Ok(
        json!({ "name": name, "size": meta.size(), "mode": go_mode(&meta), "mtime": clock::rfc3339_nano(modified), "linkTarget": target }),
    )
}

/// Go's `os.FileMode` bits.
fn go_mode(meta: &Metadata) -> u32 {
    let mut mode = meta.mode() & 0o777;
    let kind = match meta.mode() & 0o170_000 {
        0o040_000 => 1 << 31,
        0o120_000 => 1 << 27,
        0o060_000 => 1 << 26,
        0o020_000 => (1 << 26) | (1 << 21),
        0o010_000 => 1 << 25,
        0o140_000 => 1 << 24,
        _ => 0,
    };
    mode |= kind;
    for (bit, go) in [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)] {
        if meta.mode() & bit != 0 {
            mode |= go;
        }
    }
    mode
}

/// Writes the tar of a file or directory, named by its last component.
pub fn read(engine: &Arc<Engine>, container: &Container, path: &str, out: &mut dyn Write) -> Result<()> {
    let mounted = Mounted::new(engine, container)?;
    let (root, inside) = mounted.locate(container, path);
    let file = Inside::open_nofollow(&root, &inside).map_err(|e| missing(container, path, &e))?;
    let name = inside.file_name().map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let mut tar = tar::Builder::new(out);
    tar.follow_symlinks(false);
    let meta = file.metadata()?;
    if meta.is_symlink() {
        let mut entry = header(&meta);
        entry.set_entry_type(tar::EntryType::Symlink);
        entry.set_size(0);
        tar.append_link(&mut entry, &name, file.link_target()?)?;
    } else if meta.is_dir() {
        let name = if name == Path::new("/") { PathBuf::from(".") } else { name };
        let prefix = if path.ends_with("/.") { PathBuf::from(".") } else { name };
        tar.append_dir_all(prefix, file.path())?;
    } else {
        tar.append_path_with_name(std::fs::canonicalize(file.path())?, &name)?;
    }
    tar.finish()?;
    Ok(())
}

fn header(meta: &Metadata) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_metadata(meta);
    header
}

/// Unpacks a tar into an existing directory.
pub fn write(engine: &Arc<Engine>, container: &Container, path: &str, strict: bool, tar: impl Read) -> Result<()> {
    let (read_only, target_rw) = {
        let data = container.data();
        let point = data.record.mount_points.values().find(|m| Path::new(path).starts_with(&m.destination));
        (data.host.readonly_rootfs, point.map(|p| p.rw))
    };
    if target_rw == Some(false) {
        return Err(Error::new(http::StatusCode::FORBIDDEN, "mounted volume is marked read-only"));
    }
    if read_only && target_rw.is_none() {
        return Err(Error::new(http::StatusCode::FORBIDDEN, "container rootfs is marked read-only"));
    }
    let mounted = Mounted::new(engine, container)?;
    let (root, inside) = mounted.locate(container, path);
    let dir = Inside::open(&root, &inside).map_err(|e| missing(container, path, &e))?;
    if !dir.metadata()?.is_dir() {
        return Err(Error::bad("extraction point is not a directory"));
    }
    let mut archive = tar::Archive::new(tar);
    archive.set_preserve_permissions(true);
    archive.set_preserve_mtime(true);
    archive.set_preserve_ownerships(true);
    archive.set_overwrite(true);
    let base = dir.path();
    // The library's own words for a stream that ends within a header.
    let damaged = |e: std::io::Error| match e.to_string().as_str() {
        "failed to read entire block" => Error::internal("unexpected EOF"),
        text => Error::internal(text),
    };
    for entry in archive.entries()? {
        let mut entry = entry.map_err(damaged)?;
        let target = base.join(
            entry.path()?.components().filter(|c| matches!(c, std::path::Component::Normal(_))).collect::<PathBuf>(),
        );
        if strict && let Ok(found) = std::fs::symlink_metadata(&target) {
            let (old_dir, new_dir) = (found.is_dir(), entry.header().entry_type().is_dir());
            if old_dir != new_dir {
                let (old, new) = if old_dir { ("directory", "non-directory") } else { ("non-directory", "directory") };
                return Err(Error::bad(format!("cannot overwrite {old} \"{}\" with {new} \"{}\"", path, path)));
            }
        }
        // `unpack_in` keeps every entry below the directory, links included.
        entry.unpack_in(&base).map_err(|e| Error::internal(format!("unpacking into {path}: {e}")))?;
    }
    container.event(engine, "extract-to-dir", &[("path", path.to_owned())]);
    Ok(())
}

/// Writes the whole root as tar.
pub fn export(engine: &Arc<Engine>, container: &Container, out: &mut dyn Write) -> Result<()> {
    let mounted = Mounted::new(engine, container)?;
    let mut tar = tar::Builder::new(out);
    tar.follow_symlinks(false);
    append_tree(&mut tar, &mounted.root, Path::new(""))?;
    tar.finish()?;
    Ok(())
}

fn append_tree(tar: &mut tar::Builder<&mut dyn Write>, dir: &Path, name: &Path) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        let meta = entry.metadata()?;
        let mut head = header(&meta);
        if meta.is_dir() {
            head.set_size(0);
            tar.append_data(&mut head, &name, std::io::empty())?;
            append_tree(tar, &path, &name)?;
        } else if meta.is_symlink() {
            head.set_size(0);
            tar.append_link(&mut head, &name, std::fs::read_link(&path)?)?;
        } else if meta.is_file() {
            tar.append_data(&mut head, &name, File::open(&path)?.take(meta.size()))?;
        } else if meta.mode() & 0o170_000 != 0o140_000 {
            head.set_size(0);
            tar.append_data(&mut head, &name, std::io::empty())?;
        }
    }
    Ok(())
}
