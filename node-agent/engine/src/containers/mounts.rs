//! Volumes of a container at creation: parsing `-v` and `--mount`, making volumes, and copying an image's content into new ones.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use super::{Container, names};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::rootfs::Inside;
use crate::types::{HostConfig, Mount, MountPoint};

/// One mount as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    point: MountPoint,
    /// Copy the image's content into the volume if that is empty.
    copy: bool,
    /// A missing host path is an error (`--mount`) instead of being made (`-v`).
    must_exist: bool,
}

/// Parses `-v source:destination[:mode]`.
fn parse_bind(text: &str) -> Result<Wanted> {
    let invalid = || Error::bad(format!("invalid volume specification: '{text}'"));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, destination, mode) = match parts.as_slice() {
        [s, d] => (*s, *d, ""),
        [s, d, m] => (*s, *d, *m),
        _ => return Err(invalid()),
    };
    let kind = if source.starts_with('/') { "bind" } else { "volume" };
    if !destination.starts_with('/') {
        return Err(Error::bad(format!(
            "invalid volume specification: '{text}': invalid mount config for type \"{kind}\": invalid mount path: \
             '{destination}' mount path must be absolute"
        )));
    }
    if destination == "/" {
        return Err(Error::bad(format!(
            "invalid volume specification: '{text}': invalid mount config for type \"{kind}\": invalid specification: destination can't be '/'"
        )));
    }
    let bind = source.starts_with('/');
    let mut point =
        MountPoint { destination: clean(destination), mode: mode.to_owned(), rw: true, ..MountPoint::default() };
    let mut copy = !bind;
    for option in mode.split(',').filter(|o| !o.is_empty()) {
        match option {
            "rw" | "z" | "Z" | "consistent" | "cached" | "delegated" => {}
            "ro" => point.rw = false,
            "nocopy" if !bind => copy = false,
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" if bind => {
                point.propagation = option.into()
            }
            _ => return Err(Error::bad(format!("invalid mode: {mode}"))),
        }
    }
    if bind {
        point.kind = "bind".into();
        point.source = clean(source);
        if point.propagation.is_empty() {
            point.propagation = "rprivate".into();
        }
    } else {
        crate::volumes::check_name(source)?;
        point.kind = "volume".into();
        point.name = source.into();
        point.driver = "local".into();
        if point.mode.is_empty() {
            point.mode = "z".into();
        }
    }
    Ok(Wanted { point, copy, must_exist: false })
}

fn parse_mount(m: &Mount) -> Result<Wanted> {
    let error = |what: &str| Error::bad(format!("invalid mount config for type \"{}\": {what}", m.kind));
    if m.target.is_empty() {
        return Err(error("field Target must not be empty"));
    }
    if !m.target.starts_with('/') {
        return Err(error(&format!("invalid mount path: '{}' mount path must be absolute", m.target)));
    }
    if clean(&m.target) == "/" {
        return Err(error("invalid specification: destination can't be '/'"));
    }
    let mut point =
        MountPoint { kind: m.kind.clone(), destination: clean(&m.target), rw: !m.read_only, ..MountPoint::default() };
    match m.kind.as_str() {
        "bind" => {
            if m.source.is_empty() {
                return Err(error("field Source must not be empty"));
            }
            if !m.source.starts_with('/') {
                return Err(error(&format!("invalid mount path: '{}' mount path must be absolute", m.source)));
            }
            point.source = clean(&m.source);
            point.propagation =
                m.bind_options["Propagation"].as_str().filter(|p| !p.is_empty()).unwrap_or("rprivate").into();
            Ok(Wanted { point, copy: false, must_exist: true })
        }
        "volume" => {
            if !m.source.is_empty() {
                crate::volumes::check_name(&m.source)?;
            }
            point.name.clone_from(&m.source);
            point.driver = "local".into();
            point.mode = "z".into();
            let copy = m.volume_options["NoCopy"].as_bool() != Some(true);
            Ok(Wanted { point, copy, must_exist: false })
        }
        "tmpfs" => {
            let mut options = Vec::new();
            if let Some(size) = m.tmpfs_options["SizeBytes"].as_i64().filter(|s| *s > 0) {
                options.push(format!("size={size}"));
            }
            if let Some(mode) = m.tmpfs_options["Mode"].as_u64().filter(|m| *m > 0) {
                options.push(format!("mode={mode:o}"));
            }
            point.mode = options.join(",");
            Ok(Wanted { point, copy: false, must_exist: false })
        }
        _ => Err(error("mount type unknown")),
    }
}

fn clean(path: &str) -> String {
    let mut out = String::new();
    for part in path.split('/').filter(|p| !p.is_empty() && *p != ".") {
        out.push('/');
        out.push_str(part);
    }
    if out.is_empty() { "/".into() } else { out }
}

fn wanted(host: &HostConfig, image_volumes: impl Iterator<Item = String>) -> Result<Vec<Wanted>> {
    let mut list: Vec<Wanted> = Vec::new();
    for bind in host.binds.iter().flatten() {
        list.push(parse_bind(bind)?);
    }
    for mount in &host.mounts {
        list.push(parse_mount(mount)?);
    }
    for (n, w) in list.iter().enumerate() {
        if list[..n].iter().any(|other| other.point.destination == w.point.destination) {
            return Err(Error::bad(format!("Duplicate mount point: {}", w.point.destination)));
        }
    }
    for path in image_volumes {
        let destination = clean(&path);
        if list.iter().any(|w| w.point.destination == destination) || host.tmpfs.contains_key(&destination) {
            continue;
        }
        let point = MountPoint {
            kind: "volume".into(),
            destination,
            driver: "local".into(),
            rw: true,
            ..MountPoint::default()
        };
        list.push(Wanted { point, copy: true, must_exist: false });
    }
    Ok(list)
}

/// Makes everything a container's mounts need and enters them in its record. Blocking.
pub(super) fn prepare(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<()> {
    let (host, volumes) = {
        let data = container.data();
        let paths: Vec<String> = data.record.config.volumes.keys().cloned().collect();
        (data.host.clone(), paths)
    };
    let mut list = wanted(&host, volumes.into_iter())?;
    if let Some(from) = &host.volumes_from {
        take_from(engine, from, &mut list)?;
    }
    let mut root = None;
    for mut w in list {
        let mut anonymous = None;
        match w.point.kind.as_str() {
            "bind" => prepare_bind(&w)?,
            "volume" => {
                if w.point.name.is_empty() {
                    w.point.name = names::random_hex(32);
                    anonymous = Some(w.point.name.clone());
                }
                let volume = engine.volumes.ensure(engine, &w.point.name, anonymous.is_some())?;
                w.point.source = volume.mountpoint.to_string_lossy().into_owned();
                if w.copy && is_empty(&volume.mountpoint) {
                    if root.is_none() {
                        root = Some(engine.store.mount_rw(&container.id)?);
                    }
                    if let Some(root) = &root {
                        copy_up(root, &w.point.destination, &volume.mountpoint).map_err(|e| {
                            Error::internal(format!(
                                "copying {} into volume {}: {e}",
                                w.point.destination, w.point.name
                            ))
                        })?;
                    }
                }
            }
            _ => {}
        }
        let mut data = container.data();
        data.record.anonymous_volumes.extend(anonymous);
        data.record.mount_points.insert(w.point.destination.clone(), w.point);
    }
    if root.is_some() {
        engine.store.unmount_rw(&container.id)?;
    }
    Ok(())
}

fn prepare_bind(w: &Wanted) -> Result<()> {
    let source = Path::new(&w.point.source);
    if source.exists() {
        return Ok(());
    }
    if w.must_exist {
        return Err(Error::bad(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            w.point.source
        )));
    }
    std::fs::create_dir_all(source)
        .map_err(|e| Error::internal(format!("error while creating mount source path '{}': {e}", w.point.source)))
}

fn take_from(engine: &Engine, from: &[String], list: &mut Vec<Wanted>) -> Result<()> {
    for entry in from {
        let (name, mode) = entry.split_once(':').unwrap_or((entry, ""));
        if mode.split(',').any(|option| !matches!(option, "" | "ro" | "rw" | "z" | "Z")) {
            return Err(Error::bad(format!("invalid mode: {mode}")));
        }
        // Not 404, which would have the client pull the image.
        let other = engine.container(name).map_err(|e| Error::bad(e.message))?;
        for point in other.data().record.mount_points.values() {
            if list.iter().any(|w| w.point.destination == point.destination) {
                continue;
            }
            let mut point = point.clone();
            point.rw &= mode != "ro";
            list.push(Wanted { point, copy: false, must_exist: false });
        }
    }
    Ok(())
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

/// Copies what the image has at a volume's place into the new volume, ownership and all.
fn copy_up(root: &Path, destination: &str, volume: &Path) -> std::io::Result<()> {
    let Ok(source) = Inside::open(root, Path::new(destination)) else { return Ok(()) };
    let source = std::fs::canonicalize(source.path())?;
    if source.is_dir() { copy_dir(&source, volume) } else { Ok(()) }
}

fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let meta = entry.metadata()?;
        let kind = meta.file_type();
        if kind.is_dir() {
            std::fs::create_dir(&target)?;
            copy_dir(&source, &target)?;
            continue;
        }
        if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            std::fs::copy(&source, &target)?;
        } else {
            // Devices and sockets cannot be made in a user namespace, and mean nothing in a volume.
            continue;
        }
        std::os::unix::fs::lchown(&target, Some(meta.uid()), Some(meta.gid()))?;
        if kind.is_file() {
            // After chown, which clears the set-id bits.
            std::fs::set_permissions(&target, meta.permissions())?;
            let times = std::fs::FileTimes::new().set_modified(meta.modified()?).set_accessed(meta.accessed()?);
            std::fs::File::options().write(true).open(&target)?.set_times(times)?;
        }
    }
    let meta = std::fs::metadata(from)?;
    std::os::unix::fs::chown(to, Some(meta.uid()), Some(meta.gid()))?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(meta.mode() & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_and_named_volumes() {
        let bind = parse_bind("/a//b/:/c/./d:ro").unwrap();
        assert_eq!(
            (bind.point.source.as_str(), bind.point.destination.as_str(), bind.point.rw),
            ("/a/b", "/c/d", false)
        );
        assert_eq!((bind.point.kind.as_str(), bind.point.propagation.as_str()), ("bind", "rprivate"));
        let volume = parse_bind("data:/d:nocopy").unwrap();
        assert!(!volume.copy && volume.point.name == "data" && volume.point.kind == "volume");
        let plain = parse_bind("data:/d").unwrap();
        assert!(plain.copy && plain.point.mode == "z", "as moby notes it: shared");
    }

    #[test]
    fn bad_specifications_name_themselves() {
        for (text, part) in [
            ("a:b", "must be absolute"),
            ("/a:/", "can't be '/'"),
            ("/a:/b:x", "invalid mode: x"),
            ("a", "'a'"),
            ("a:b:c:d", "specification"),
        ] {
            let error = parse_bind(text).unwrap_err().message;
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn mounts_name_what_is_wrong_with_them() {
        let mount = |kind: &str, source: &str, target: &str| {
            let mount = Mount { kind: kind.into(), source: source.into(), target: target.into(), ..Mount::default() };
            parse_mount(&mount).unwrap_err().message
        };
        let start = "invalid mount config for type";
        assert_eq!(
            mount("tmpfs", "", "/"),
            format!("{start} \"tmpfs\": invalid specification: destination can't be '/'")
        );
        assert_eq!(mount("bind", "", "/a"), format!("{start} \"bind\": field Source must not be empty"));
        assert_eq!(mount("volume", "v", ""), format!("{start} \"volume\": field Target must not be empty"));
    }

    #[test]
    fn one_destination_is_mounted_once() {
        let host = HostConfig { binds: Some(vec!["/a:/x".into(), "data:/x".into()]), ..HostConfig::default() };
        assert_eq!(wanted(&host, std::iter::empty()).unwrap_err().message, "Duplicate mount point: /x");
        let host = HostConfig { binds: Some(vec!["/a:/x".into()]), ..HostConfig::default() };
        assert_eq!(wanted(&host, ["/x".to_owned()].into_iter()).unwrap().len(), 1, "the image's volume gives way");
    }
}
