//! Images: configurations that are what their names say, with all layers; names, parents and origins that lead somewhere.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use super::{Facts, Report, is_leftover};
use crate::digest::{ChainId, DiffId, Digest, ImageId};
use crate::error::{IoContext as _, Result};
use crate::fsutil::{names, read_optional};
use crate::image::ImageConfig;
use crate::reference::Reference;
use crate::store::paths::Paths;

/// Reads all configurations and the parents.
pub(super) fn read(paths: &Paths, facts: &mut Facts, report: &mut Report) -> Result<()> {
    for name in names(&paths.configs())?.into_iter().filter(|name| !is_leftover(name)) {
        let path = paths.configs().join(&name);
        let Ok(id) = format!("sha256:{name}").parse::<ImageId>() else {
            report.add(path, "this name is no image id");
            continue;
        };
        let raw = fs::read(&path).at("read", &path)?;
        if ImageId::of(&raw) != id {
            report.add(path, format!("its content has the digest {}", ImageId::of(&raw)));
            continue;
        }
        let config: ImageConfig = match serde_json::from_slice(&raw) {
            Ok(config) => config,
            Err(error) => {
                report.add(path, format!("it is no image configuration: {error}"));
                continue;
            }
        };
        let diffs = config.rootfs.diff_ids;
        for (chain, diff) in ChainId::stack(&diffs).iter().zip(&diffs) {
            match facts.layers.get(chain) {
                None => report.add(&path, format!("its layer {chain} is missing")),
                Some(layer) if layer.diff != *diff => {
                    report.add(&path, format!("its layer {chain} has the diff id {}, not {diff}", layer.diff));
                }
                Some(_) => {}
            }
        }
        facts.images.insert(id, diffs);
        report.images += 1;
    }
    for name in names(&paths.metadata_root())?.into_iter().filter(|name| !is_leftover(name)) {
        let dir = paths.metadata_root().join(&name);
        let known = |text: &str| text.parse::<ImageId>().is_ok_and(|id| facts.images.contains_key(&id));
        if !known(&format!("sha256:{name}")) {
            report.add(&dir, "there is no such image");
        }
        if let Some(parent) = read_optional(&dir.join("parent"))?
            && !known(&parent)
        {
            report.add(dir.join("parent"), format!("there is no image {parent}"));
        }
    }
    Ok(())
}

#[derive(Default, Deserialize)]
struct Names {
    #[serde(rename = "Repositories", default)]
    repositories: BTreeMap<String, BTreeMap<String, ImageId>>,
}

/// Every name leads to an image and stands where it belongs.
pub(super) fn check_names(paths: &Paths, facts: &Facts, report: &mut Report) -> Result<()> {
    let file = paths.repositories();
    let Some(text) = read_optional(&file)? else {
        return Ok(());
    };
    let content: Names = match serde_json::from_str(&text) {
        Ok(content) => content,
        Err(error) => {
            report.add(file, format!("it cannot be understood: {error}"));
            return Ok(());
        }
    };
    for (repository, entries) in content.repositories {
        if entries.is_empty() {
            report.add(&file, format!("the repository {repository} has no names"));
        }
        for (name, id) in entries {
            if !facts.images.contains_key(&id) {
                report.add(&file, format!("{name} leads to {id}, which does not exist"));
            }
            let fits = Reference::parse(&name)
                .is_ok_and(|parsed| parsed.familiar_string() == name && parsed.familiar_name() == repository);
            if !fits {
                report.add(&file, format!("{name} is no name in the repository {repository}"));
            }
        }
    }
    Ok(())
}

/// What is known of blobs in registries can be read.
pub(super) fn check_distribution(paths: &Paths, report: &mut Report) -> Result<()> {
    let by_digest = paths.distribution().join("diffid-by-digest/sha256");
    for name in names(&by_digest)?.into_iter().filter(|name| !is_leftover(name)) {
        let path = by_digest.join(&name);
        let text = read_optional(&path)?.unwrap_or_default();
        if format!("sha256:{name}").parse::<Digest>().is_err() || text.parse::<DiffId>().is_err() {
            report.add(path, "it does not lead from a digest to a diff id");
        }
    }
    let by_diff = paths.distribution().join("v2metadata-by-diffid/sha256");
    for name in names(&by_diff)?.into_iter().filter(|name| !is_leftover(name)) {
        let path = by_diff.join(&name);
        let text = read_optional(&path)?.unwrap_or_default();
        let entries: Result<Vec<serde_json::Value>, _> = serde_json::from_str(&text);
        if format!("sha256:{name}").parse::<DiffId>().is_err() || entries.is_err() {
            report.add(path, "it does not lead from a diff id to blobs");
        }
    }
    Ok(())
}
