//! The layer database: each record complete, its chain id right, its stream what its diff id says.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Facts, LayerFacts, Report, is_leftover};
use crate::digest::{ChainId, DiffId};
use crate::error::Result;
use crate::fsutil::{names, read_optional};
use crate::layer::{assemble, size};
use crate::store::paths::Paths;

/// Reads all records.
pub(super) fn read(paths: &Paths, facts: &mut Facts, report: &mut Report) -> Result<()> {
    let mut owners: HashMap<String, ChainId> = HashMap::new();
    for name in names(&paths.layers())?.into_iter().filter(|name| !is_leftover(name)) {
        let dir = paths.layers().join(&name);
        let Ok(id) = format!("sha256:{name}").parse::<ChainId>() else {
            report.add(dir, "this name is no chain id");
            continue;
        };
        let Some(layer) = record(&dir, report)? else {
            continue;
        };
        if ChainId::new(layer.parent.as_ref(), &layer.diff) != id {
            report.add(dir, "the chain id does not fit the layer's diff id and parent");
            continue;
        }
        if let Some(other) = owners.insert(layer.cache_id.clone(), id) {
            report.add(dir, format!("it has the same directory as the layer {other}"));
        }
        facts.layers.insert(id, layer);
        report.layers += 1;
    }
    let orphans: Vec<ChainId> = facts
        .layers
        .iter()
        .filter(|(_, layer)| layer.parent.is_some_and(|parent| !facts.layers.contains_key(&parent)))
        .map(|(id, _)| *id)
        .collect();
    for id in orphans {
        report.add(paths.layer(&id).join("parent"), "there is no such layer");
    }
    Ok(())
}

/// One record; `None`, with a problem told, when it cannot be understood.
fn record(dir: &Path, report: &mut Report) -> Result<Option<LayerFacts>> {
    let mut text = |name: &str| -> Result<Option<String>> {
        let content = read_optional(&dir.join(name))?;
        if content.is_none() {
            report.add(dir.join(name), "it is missing");
        }
        Ok(content)
    };
    let (diff, cache_id, size) = (text("diff")?, text("cache-id")?, text("size")?);
    let parent = read_optional(&dir.join("parent"))?;
    if !dir.join("tar-split.json.gz").is_file() {
        report.add(dir.join("tar-split.json.gz"), "it is missing");
    }
    let (Some(diff), Some(cache_id), Some(size)) = (diff, cache_id, size) else {
        return Ok(None);
    };
    if size.parse::<u64>().is_err() {
        report.add(dir.join("size"), "it holds no number");
    }
    let Ok(diff) = diff.parse::<DiffId>() else {
        report.add(dir.join("diff"), "it holds no diff id");
        return Ok(None);
    };
    let parent = match parent.map(|text| text.parse::<ChainId>()) {
        None => None,
        Some(Ok(parent)) => Some(parent),
        Some(Err(_)) => {
            report.add(dir.join("parent"), "it holds no chain id");
            return Ok(None);
        }
    };
    Ok(Some(LayerFacts { diff, parent, cache_id }))
}

/// Makes every layer's stream again.
pub(super) fn check_content(paths: &Paths, facts: &Facts, report: &mut Report) {
    let mut ids: Vec<_> = facts.layers.keys().collect();
    ids.sort_unstable();
    for id in ids {
        let layer = &facts.layers[id];
        let (dir, diff) = (paths.layer(id), paths.diff(&layer.cache_id));
        let mut hash = HashWriter(Sha256::new());
        let written =
            File::open(dir.join("tar-split.json.gz")).and_then(|split| assemble::write(split, &diff, &mut hash));
        match written {
            Err(error) => report.add(&dir, format!("its tar stream cannot be made again: {error}")),
            Ok(()) => {
                let found = DiffId::from_bytes(hash.0.finalize().into());
                if found != layer.diff {
                    report.add(&dir, format!("its tar stream has the diff id {found}, not {}", layer.diff));
                }
            }
        }
        let on_record = fs::read_to_string(dir.join("size")).ok().and_then(|text| text.parse::<u64>().ok());
        match size::of_tree(&diff) {
            Err(error) => report.add(&diff, format!("it cannot be read: {error}")),
            Ok(found) if on_record != Some(found) => {
                report.add(dir.join("size"), format!("its files have {found} bytes"));
            }
            Ok(_) => {}
        }
    }
}

struct HashWriter(Sha256);

impl std::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
