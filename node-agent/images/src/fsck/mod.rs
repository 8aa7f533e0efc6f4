//! Tells whether a store on disk is whole: every image has its layers, every layer its directory, every directory an owner, and
//! nothing is left of work that was cut off. It reads the files for itself, so that a fault of the store's own code shows, and
//! it changes nothing.

mod images;
mod layers;
mod overlay;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::digest::{ChainId, DiffId, ImageId};
use crate::error::{Error, IoContext as _, Result};
use crate::fsutil::{TEMP_PREFIX, names};
use crate::store::paths::Paths;

/// Something in the store that must not be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Images with a whole configuration.
    pub images: usize,
    /// Layers with a whole record.
    pub layers: usize,
    /// Containers (and steps of builds) that have a writable layer.
    pub containers: Vec<String>,
    /// What is wrong, in the order of the search.
    pub problems: Vec<Problem>,
}

impl Report {
    fn add(&mut self, path: impl Into<PathBuf>, why: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), why: why.into() });
    }
}

/// A layer's record.
struct LayerFacts {
    diff: DiffId,
    parent: Option<ChainId>,
    cache_id: String,
}

/// A container's record.
struct MountFacts {
    mount_id: String,
    init_id: Option<String>,
    parent: Option<ChainId>,
}

/// What the records say.
#[derive(Default)]
struct Facts {
    layers: HashMap<ChainId, LayerFacts>,
    images: HashMap<ImageId, Vec<DiffId>>,
    mounts: Vec<MountFacts>,
}

/// Checks the store under `data_root`. With `deep` every layer's tar stream is made again and must have the layer's diff id,
/// and its files must have the size that is on record; that reads everything once.
///
/// # Errors
/// When an engine has the store open, or it cannot be read. What is wrong in it is no error but part of the report.
pub fn check(data_root: &Path, deep: bool) -> Result<Report> {
    let data_root = fs::canonicalize(data_root).at("resolve", data_root)?;
    let lock = File::open(&data_root).at("open", &data_root)?;
    flock(&lock, FlockOperation::NonBlockingLockShared).map_err(|_| Error::InUse(data_root.clone()))?;
    let paths = Paths::new(&data_root);
    let mut report = Report::default();
    leftovers(&paths, &mut report)?;
    let mut facts = Facts::default();
    layers::read(&paths, &mut facts, &mut report)?;
    images::read(&paths, &mut facts, &mut report)?;
    overlay::read_mounts(&paths, &mut facts, &mut report)?;
    images::check_names(&paths, &facts, &mut report)?;
    unneeded(&paths, &facts, &mut report);
    overlay::check(&paths, &facts, &mut report)?;
    images::check_distribution(&paths, &mut report)?;
    if deep {
        layers::check_content(&paths, &facts, &mut report);
    }
    Ok(report)
}

/// What an interrupted run leaves and the next start sweeps.
fn leftovers(paths: &Paths, report: &mut Report) -> Result<()> {
    for name in names(&paths.layer_transactions())? {
        report.add(paths.layer_transactions().join(name), "an unfinished layer");
    }
    for name in names(&paths.temporary())? {
        report.add(paths.temporary().join(name), "a temporary file");
    }
    let mut dirs = vec![paths.configs(), paths.layers(), paths.mounts(), paths.metadata_root()];
    dirs.extend(paths.repositories().parent().map(Path::to_owned));
    dirs.extend(names(&paths.metadata_root())?.into_iter().map(|name| paths.metadata_root().join(name)));
    dirs.extend(names(&paths.mounts())?.into_iter().map(|name| paths.mounts().join(name)));
    for kind in ["diffid-by-digest/sha256", "v2metadata-by-diffid/sha256"] {
        dirs.push(paths.distribution().join(kind));
    }
    for dir in dirs {
        for name in names(&dir)? {
            if name.starts_with(TEMP_PREFIX) || name.ends_with("-removing") {
                report.add(dir.join(name), "left over from work that was cut off");
            }
        }
    }
    Ok(())
}

/// Layers that neither an image nor a container needs.
fn unneeded(paths: &Paths, facts: &Facts, report: &mut Report) {
    let tops = facts.images.values().filter_map(|diffs| ChainId::stack(diffs).pop());
    let mut needed = HashSet::new();
    for top in tops.chain(facts.mounts.iter().filter_map(|mount| mount.parent)) {
        let mut next = Some(top);
        while let Some(id) = next.filter(|id| needed.insert(*id)) {
            next = facts.layers.get(&id).and_then(|layer| layer.parent);
        }
    }
    let mut idle: Vec<_> = facts.layers.keys().filter(|id| !needed.contains(*id)).collect();
    idle.sort_unstable();
    for id in idle {
        report.add(paths.layer(id), "no image and no container needs this layer");
    }
}

/// Whether a name of the store's own directories stands for something temporary, which is reported as that alone.
fn is_leftover(name: &str) -> bool {
    name.starts_with(TEMP_PREFIX) || name.ends_with("-removing")
}
