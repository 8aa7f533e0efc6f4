//! Directories of layers under `overlay2`: their files, their short link, and on what they lie.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::{IoContext as _, Result};
use crate::fsutil::{random_link, read_optional, remove_tree};
use crate::layer::overlay::{is_mounted, unmount_stack};
use crate::store::paths::{Paths, mkdir};

/// Makes `overlay2/<id>` with its short link, over the layers in `lower` (the top one first).
pub(in crate::store) fn make_cache(paths: &Paths, id: &str, lower: &[String]) -> Result<()> {
    let dir = paths.cache(id);
    mkdir(&dir, 0o710)?;
    mkdir(&dir.join("diff"), 0o755)?;
    let link = random_link();
    let link_path = paths.links().join(&link);
    std::os::unix::fs::symlink(format!("../{id}/diff"), &link_path).at("link", &link_path)?;
    fs::write(dir.join("link"), &link).at("write", dir.join("link"))?;
    if let Some(parent) = lower.first() {
        inherit(paths, id, parent)?;
        put_on(paths, id, lower)?;
    }
    Ok(())
}

/// Gives the root of a layer the owner and mode of the one below: the mounted root shows the attributes of the topmost root.
pub(super) fn inherit(paths: &Paths, id: &str, parent: &str) -> Result<()> {
    let (diff, below) = (paths.diff(id), paths.diff(parent));
    let metadata = fs::metadata(&below).at("stat", &below)?;
    std::os::unix::fs::chown(&diff, Some(metadata.uid()), Some(metadata.gid())).at("chown", &diff)?;
    fs::set_permissions(&diff, fs::Permissions::from_mode(metadata.mode() & 0o7777)).at("chmod", &diff)
}

/// Puts a layer's directory on those in `lower`.
pub(super) fn put_on(paths: &Paths, id: &str, lower: &[String]) -> Result<()> {
    let dir = paths.cache(id);
    mkdir(&dir.join("work"), 0o700)?;
    let mut text = String::new();
    for id in lower {
        let file = paths.cache(id).join("link");
        let link = fs::read_to_string(&file).at("read", &file)?;
        if !text.is_empty() {
            text.push(':');
        }
        text.push_str("l/");
        text.push_str(&link);
    }
    fs::write(dir.join("lower"), text).at("write", dir.join("lower"))
}

/// Marks a directory as one that something is stacked on, as Docker does.
pub(in crate::store) fn mark_committed(paths: &Paths, id: &str) -> Result<()> {
    let mark = paths.cache(id).join("committed");
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&mark).at("write", &mark).map(drop)
}

/// Removes a layer directory and its short link. Files of the host's are only unmounted.
pub(in crate::store) fn remove_cache(links: &Path, dir: &Path) -> Result<()> {
    let diff = dir.join("diff");
    if is_mounted(&diff) {
        unmount_stack(&diff).at("unmount", &diff)?;
    }
    if let Ok(Some(link)) = read_optional(&dir.join("link"))
        && !link.contains('/')
        && !link.is_empty()
    {
        let link = links.join(link);
        match fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).at("remove", &link);
            }
            _ => {}
        }
    }
    remove_tree(dir)
}
