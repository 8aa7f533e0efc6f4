//! The layout of `docker save`: `manifest.json` (moby's `image/spec/v1.2`, and `v1.3` with OCI beside it).

use super::archive::Archive;
use super::digest::Digest;
use super::error::{Error, Result};
use super::json::{Config, Item, Map};
use super::oci;
use super::parts::{Image, Layer};

pub(super) fn read(archive: &mut Archive) -> Result<()> {
    let limit = archive.limits.manifest;
    let Some(bytes) = archive.small("manifest.json", limit, "the size of a manifest")? else { return Ok(()) };
    let items: Vec<Item> = serde_json::from_slice(&bytes).map_err(|error| Error::document("manifest.json", error))?;
    for item in items {
        let config = archive.small(&item.config, archive.limits.config, "the size of a configuration")?;
        let Some(json) = config else {
            archive
                .problems
                .push(Error::Missing { what: "manifest.json".into(), file: item.config.clone() }.to_string());
            continue;
        };
        image(archive, item, json)?;
    }
    if archive.images.is_empty()
        && let Some(problem) = archive.problems.first()
    {
        return Err(Error::NoImage(problem.clone()));
    }
    Ok(())
}

/// The digest that a file's name claims: `<hex>.json`, `blobs/sha256/<hex>`, `sha256:<hex>`.
pub(super) fn named_digest(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next()?;
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    let hex = hex.split('.').next()?;
    format!("sha256:{hex}").parse().ok()
}

fn image(archive: &mut Archive, item: Item, json: Vec<u8>) -> Result<()> {
    let found = Digest::of(&json);
    if let Some(expected) = named_digest(&item.config)
        && archive.images.iter().all(|known| known.config_path != item.config)
    {
        oci::check(archive, &format!("config {}", item.config), &expected, &json);
    }
    // The same image as in index.json: its names are told once more, in full.
    let mut merged = false;
    for known in archive.images.iter_mut().filter(|known| known.config_path == item.config || known.id == found) {
        known.names.retain(|name| !is_bare_tag(name, &item.repo_tags));
        oci::add_names(known, &item.repo_tags);
        merged = true;
    }
    if merged {
        return Ok(());
    }
    archive.has_room()?;
    let config: Config =
        serde_json::from_slice(&json).map_err(|e| Error::document(format!("config {}", item.config), e))?;
    let diff_ids = &config.rootfs.diff_ids;
    if item.layers.len() > archive.limits.layers {
        let limit = archive.limits.layers as u64;
        return Err(Error::Limit { what: "manifest.json".into(), subject: "the number of layers", limit });
    }
    if diff_ids.len() != item.layers.len() {
        archive.problems.push(format!(
            "manifest.json has {} layers for {}, its configuration {}",
            item.layers.len(),
            item.config,
            diff_ids.len()
        ));
    }
    let layers = item.layers.into_iter().enumerate().map(|(at, file)| {
        let diff_id = diff_ids.get(at).cloned();
        let source = diff_id.as_ref().and_then(|id| item.layer_sources.get(id.as_str()));
        let stored = archive.files.size(&file);
        Layer {
            // Only a name among the blobs speaks of the blob as it stands.
            digest: file.starts_with("blobs/").then(|| named_digest(&file)).flatten(),
            media_type: source.map(|source| source.media_type.clone()).unwrap_or_default(),
            size: None,
            path: stored.map(|_| file.clone()),
            file,
            stored: stored.unwrap_or_default(),
            annotations: Map::new(),
            diff_id,
        }
    });
    let image = Image {
        names: item.repo_tags,
        manifest: None,
        index: None,
        platform: config.platform.clone(),
        id: found,
        config_path: item.config,
        layers: layers.collect(),
        config,
        config_json: json,
        annotations: Map::new(),
        attestations: Vec::new(),
    };
    archive.images.push(image);
    Ok(())
}

/// Whether `name` is the tag of one of the full names.
fn is_bare_tag(name: &str, full: &[String]) -> bool {
    full.iter().any(|full| full.rsplit_once(':').is_some_and(|(_, tag)| tag == name))
}
