//! `docker cp` and `docker export`: a container's files as tar, always resolved inside its root. Blocking.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use slipway_images::{Target, UnpackError};

use super::Container;
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::rootfs::Inside;
use crate::types::Record;

/// Links on the way of a path, as the kernel limits them.
const MAX_LINKS: usize = 40;

/// A container's root, mounted while this lives.
struct Mounted {
    engine: Arc<Engine>,
    id: String,
    root: PathBuf,
}

/// Where a path of a container lies.
struct Place {
    /// What is `/` for links on the way: the container's root, or a volume.
    root: PathBuf,
    /// The path seen from there.
    inside: PathBuf,
    /// Whether it is a file that something else is mounted on.
    mounted_file: bool,
    /// Whether it may be written to.
    writable: bool,
}

impl Mounted {
    fn new(engine: &Arc<Engine>, container: &Container) -> Result<Self> {
        let root = engine.store.mount_rw(&container.id)?;
        Ok(Self { engine: engine.clone(), id: container.id.clone(), root })
    }

    /// Where `path`, absolute and clean, leads, links on its way and, if `last` says so, in its last place followed.
    fn find(&self, container: &Container, path: &Path, last: bool) -> Place {
        // Where nothing is mounted the kernel follows them.
        let plain = container.data().record.mount_points.is_empty();
        if plain { self.locate(container, path) } else { self.locate(container, &self.resolve(container, path, last)) }
    }

    /// `path` without the links that it leads through: in the container these lead into volumes and out of them again.
    fn resolve(&self, container: &Container, path: &Path, last: bool) -> PathBuf {
        let (mut done, mut links) = (PathBuf::from("/"), 0);
        let mut rest: Vec<OsString> = backwards(path);
        while let Some(part) = rest.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            let next = done.join(part);
            let follow = (last || !rest.is_empty()) && links < MAX_LINKS;
            let found = follow.then(|| self.locate(container, &next).open(false).ok()).flatten();
            // What cannot be read is found to be so when it is opened.
            let link = found.filter(|found| found.metadata().is_ok_and(|meta| meta.is_symlink()));
            match link.and_then(|link| link.link_target().ok()) {
                Some(target) => {
                    links += 1;
                    if target.starts_with('/') {
                        done = PathBuf::from("/");
                    }
                    rest.extend(backwards(Path::new(&target)));
                }
                None => done = next,
            }
        }
        done
    }

    /// Where `path`, absolute and clean, lies: in a volume, as a file that is mounted, or in the root.
    fn locate(&self, container: &Container, path: &Path) -> Place {
        let data = container.data();
        let record = &data.record;
        let points = record.mount_points.values().filter(|m| m.kind != "tmpfs" && path.starts_with(&m.destination));
        if let Some(m) = points.max_by_key(|m| m.destination.len()) {
            let source = Path::new(&m.source);
            let rest = path.strip_prefix(&m.destination).unwrap_or(Path::new(""));
            if source.is_dir() {
                let inside = Path::new("/").join(rest);
                return Place { root: source.to_owned(), inside, mounted_file: false, writable: m.rw };
            }
            if rest.as_os_str().is_empty()
                && let Some(place) = mounted_file(source, m.rw)
            {
                return place;
            }
        }
        let own = own_files(record).into_iter().find(|(target, _)| *target == path);
        if let Some(place) = own.and_then(|(_, source)| mounted_file(Path::new(&source), true)) {
            return place;
        }
        let writable = !data.host.readonly_rootfs;
        Place { root: self.root.clone(), inside: path.to_owned(), mounted_file: false, writable }
    }
}

/// A path's parts, the last one first.
fn backwards(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.map(|part| part.as_os_str().to_owned()).rev().collect()
}

fn mounted_file(source: &Path, writable: bool) -> Option<Place> {
    let inside = Path::new("/").join(source.file_name()?);
    source.is_file().then(|| Place {
        root: source.parent().unwrap_or(source).to_owned(),
        inside,
        mounted_file: true,
        writable,
    })
}

/// The files that the engine keeps for a container and mounts over its own.
fn own_files(record: &Record) -> [(&'static Path, String); 3] {
    [
        (Path::new("/etc/hostname"), record.hostname_path.clone()),
        (Path::new("/etc/hosts"), record.hosts_path.clone()),
        (Path::new("/etc/resolv.conf"), record.resolv_conf_path.clone()),
    ]
}

/// A path as clients send it: absolute and without `..`, and whether it must be a directory.
fn cleaned(path: &str) -> (PathBuf, bool) {
    let clean = engine_wasm::ignore::path::clean(&format!("/{path}"));
    (PathBuf::from(clean), path.ends_with('/') || path.ends_with("/."))
}

impl Place {
    /// What is there. A path that says directory follows a link in the last place, and finds nothing else.
    fn open(&self, directory: bool) -> std::io::Result<Inside> {
        if !directory {
            return Inside::open_nofollow(&self.root, &self.inside);
        }
        let found = Inside::open(&self.root, &self.inside)?;
        if found.metadata()?.is_dir() { Ok(found) } else { Err(std::io::ErrorKind::NotADirectory.into()) }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(e) = self.engine.store.unmount_rw(&self.id) {
            tracing::warn!("unmounting the root of container {}: {e}", self.id);
        }
    }
}

fn missing(container: &Container, place: &Place, path: &str, e: &std::io::Error) -> Error {
    match e.kind() {
        std::io::ErrorKind::NotADirectory if path.ends_with('/') || path.ends_with("/.") => {
            Error::internal(format!("lstat {}{path}: not a directory", place.root.display()))
        }
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            Error::not_found(format!("Could not find the file {path} in container {}", container.id))
        }
        _ => Error::internal(format!("reading {path} in container {}: {e}", container.id)),
    }
}

/// What `X-Docker-Container-Path-Stat` says of a path.
pub fn stat(engine: &Arc<Engine>, container: &Container, path: &str) -> Result<Value> {
    let mounted = Mounted::new(engine, container)?;
    let (clean, directory) = cleaned(path);
    let place = mounted.find(container, &clean, directory);
    let file = place.open(directory).map_err(|e| missing(container, &place, path, &e))?;
    let meta = file.metadata().map_err(|e| missing(container, &place, path, &e))?;
    let target = if meta.is_symlink() { file.link_target().unwrap_or_default() } else { String::new() };
    let name = clean.file_name().map_or_else(|| "/".into(), |n| n.to_string_lossy().into_owned());
    let modified = time::OffsetDateTime::from_unix_timestamp(meta.mtime()).unwrap_or_else(|_| clock::now());
    let target = if target.is_empty() || target.starts_with('/') {
        target
    } else {
        clean.parent().unwrap_or(Path::new("/")).join(target).to_string_lossy().into_owned()
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
    let (clean, directory) = cleaned(path);
    let place = mounted.find(container, &clean, directory);
    let file = place.open(directory).map_err(|e| missing(container, &place, path, &e))?;
    let meta = file.metadata()?;
    let name = clean.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned());
    if meta.is_dir() {
        let name = if path.ends_with("/.") { "." } else { &name };
        // The directory itself, not the descriptor's link to it.
        slipway_images::write_tree(&file.path().join("."), name, out)?;
        return Ok(());
    }
    let mut tar = tar::Builder::new(out);
    let mut entry = header(&meta);
    if meta.is_symlink() {
        entry.set_size(0);
        tar.append_link(&mut entry, &name, file.link_target()?)?;
    } else if meta.is_file() {
        tar.append_data(&mut entry, &name, File::open(file.path())?.take(meta.size()))?;
    } else {
        entry.set_size(0);
        tar.append_data(&mut entry, &name, std::io::empty())?;
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
    let mounted = Mounted::new(engine, container)?;
    let (clean, _) = cleaned(path);
    let place = mounted.find(container, &clean, true);
    if !place.writable {
        let what = if place.root == mounted.root { "container rootfs" } else { "mounted volume" };
        return Err(Error::new(http::StatusCode::FORBIDDEN, format!("{what} is marked read-only")));
    }
    let dir = Inside::open(&place.root, &place.inside).map_err(|e| missing(container, &place, path, &e))?;
    if place.mounted_file || !dir.metadata()?.is_dir() {
        return Err(Error::bad("extraction point is not a directory"));
    }
    let busy = if place.root == mounted.root { busy(container) } else { Vec::new() };
    let target = Target { root: &place.root, dir: &place.inside, keep_kinds: strict, busy: &busy };
    slipway_images::extract(tar, &target).map_err(|e| wrong(&clean, e))?;
    container.event(engine, "extract-to-dir", &[("path", path.to_owned())]);
    Ok(())
}

/// What is mounted on in the container and so cannot be replaced in its root.
fn busy(container: &Container) -> Vec<PathBuf> {
    let data = container.data();
    let own = own_files(&data.record).into_iter().filter(|(_, source)| Path::new(source).is_file());
    let points = data.record.mount_points.values().map(|m| PathBuf::from(&m.destination));
    own.map(|(target, _)| target.to_owned()).chain(points).collect()
}

/// A failed extraction in Docker's words.
fn wrong(dir: &Path, e: UnpackError) -> Error {
    match e {
        UnpackError::Breakout { path, .. } => Error::internal(format!("{path:?} is outside of {dir:?}")),
        UnpackError::Entry { action, path, source } => Error::internal(format!("{action} /{path}: {source}")),
        UnpackError::Stream(source) => Error::internal(source),
        UnpackError::Kind { .. } => Error::bad(e.to_string()),
        other => Error::internal(other),
    }
}

/// Writes the whole root as tar.
pub fn export(engine: &Arc<Engine>, container: &Container, out: &mut dyn Write) -> Result<()> {
    let mounted = Mounted::new(engine, container)?;
    slipway_images::write_tree(&mounted.root, "", out)?;
    Ok(())
}
