//! The directories in `overlay2`: each belongs to one layer or container, and its `link` and `lower` files say what the
//! records say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::PathBuf;

use super::{Facts, MountFacts, Report, is_leftover};
use crate::digest::ChainId;
use crate::error::Result;
use crate::fsutil::{names, read_optional};
use crate::store::paths::Paths;

/// The length of a short link's name.
const LINK_LENGTH: usize = 26;

/// Reads the containers' records.
pub(super) fn read_mounts(paths: &Paths, facts: &mut Facts, report: &mut Report) -> Result<()> {
    for name in names(&paths.mounts())?.into_iter().filter(|name| !is_leftover(name)) {
        let dir = paths.mounts().join(&name);
        let Some(mount_id) = read_optional(&dir.join("mount-id"))? else {
            report.add(dir.join("mount-id"), "it is missing");
            continue;
        };
        let init_id = read_optional(&dir.join("init-id"))?.filter(|id| !id.is_empty());
        let parent = match read_optional(&dir.join("parent"))?.map(|text| text.parse::<ChainId>()) {
            None => None,
            Some(Ok(parent)) => Some(parent),
            Some(Err(_)) => {
                report.add(dir.join("parent"), "it holds no chain id");
                continue;
            }
        };
        if let Some(parent) = parent.filter(|parent| !facts.layers.contains_key(parent)) {
            report.add(dir.join("parent"), format!("there is no layer {parent}"));
        }
        facts.mounts.push(MountFacts { mount_id, init_id, parent });
        report.containers.push(name);
    }
    Ok(())
}

/// The directories of a layer and of those below it, the top one first; as far as the records go.
fn stack(facts: &Facts, top: Option<ChainId>) -> Vec<String> {
    let (mut ids, mut next, mut seen) = (Vec::new(), top, HashSet::new());
    while let Some(layer) = next.filter(|id| seen.insert(*id)).and_then(|id| facts.layers.get(&id)) {
        ids.push(layer.cache_id.clone());
        next = layer.parent;
    }
    ids
}

/// Checks every directory and every short link.
pub(super) fn check(paths: &Paths, facts: &Facts, report: &mut Report) -> Result<()> {
    // What each directory must have below it.
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for layer in facts.layers.values() {
        wanted.insert(layer.cache_id.clone(), stack(facts, layer.parent));
    }
    for mount in &facts.mounts {
        let mut below = stack(facts, mount.parent);
        if let Some(init) = &mount.init_id {
            wanted.insert(init.clone(), below.clone());
            below.insert(0, init.clone());
        }
        wanted.insert(mount.mount_id.clone(), below);
    }
    let mut links: HashMap<String, String> = HashMap::new();
    for id in wanted.keys() {
        let path = paths.cache(id).join("link");
        if let Some(link) = read_optional(&path)? {
            links.insert(id.clone(), link);
        }
    }
    for (id, below) in &wanted {
        directory(paths, id, below, &links, report)?;
    }
    for name in names(&paths.overlay())? {
        let known = wanted.contains_key(&name) || name == "l" || name == "backingFsBlockDev";
        if !known {
            report.add(paths.overlay().join(name), "no layer and no container has this directory");
        }
    }
    let used: HashMap<&str, &str> = links.iter().map(|(id, link)| (link.as_str(), id.as_str())).collect();
    for name in names(&paths.links())? {
        let path = paths.links().join(&name);
        let Some(id) = used.get(name.as_str()) else {
            report.add(path, "no directory has this link");
            continue;
        };
        if fs::read_link(&path).ok() != Some(PathBuf::from(format!("../{id}/diff"))) {
            report.add(path, format!("it does not lead to ../{id}/diff"));
        }
    }
    Ok(())
}

fn directory(
    paths: &Paths,
    id: &str,
    below: &[String],
    links: &HashMap<String, String>,
    report: &mut Report,
) -> Result<()> {
    let dir = paths.cache(id);
    if !dir.join("diff").is_dir() {
        report.add(dir.join("diff"), "it is missing");
        return Ok(());
    }
    match links.get(id) {
        None => report.add(dir.join("link"), "it is missing"),
        Some(link) if link.len() != LINK_LENGTH => report.add(dir.join("link"), "it holds no short link"),
        Some(link) if !paths.links().join(link).is_symlink() => {
            report.add(paths.links().join(link), "it is missing");
        }
        Some(_) => {}
    }
    let lower = read_optional(&dir.join("lower"))?;
    let expected: Vec<String> =
        below.iter().map(|id| format!("l/{}", links.get(id).map_or("?", String::as_str))).collect();
    let expected = Some(expected.join(":")).filter(|text| !text.is_empty());
    if lower != expected {
        report.add(
            dir.join("lower"),
            format!("it is {:?} and should be {:?}", lower.unwrap_or_default(), expected.unwrap_or_default()),
        );
    }
    if !below.is_empty() && !dir.join("work").is_dir() {
        report.add(dir.join("work"), "it is missing");
    }
    Ok(())
}
