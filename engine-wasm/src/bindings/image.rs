//! An opened image archive: what the package's `Image` object asks of it. Layers are read when a question needs them, once, with progress.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::args::{Args, Options as Named};
use super::{Failure, Place, graph};
use crate::dockerfile;
use crate::graph::from_archive;
use crate::image::tar::Kind;
use crate::image::{
    Archive, ContentReader, Error, Image, Limits, Merged, MergedId, Platform, Progress, ReadAt, TarProblem, Tree,
    Unpacked, Verifier, align, diff, efficiency, findings, history, inspect, platform, steps,
};

// WebAssembly has 4 GiB at the very most, and who runs out of it is ended: limits are lower here than where memory is plenty.
/// Entries that a layer may have.
const MAX_ENTRIES: usize = 2 << 20;
/// Bytes of a layer's names.
const MAX_NAMES: usize = 128 << 20;
/// Bytes of an archive that is compressed as a whole, and of a file that is asked for.
const MAX_IN_MEMORY: u64 = 384 << 20;

/// The code of what was told to stop.
pub(super) const CANCELLED: &str = "cancelled";

/// Told how many bytes of how many are done; says whether to go on.
pub type Watch<'a> = dyn FnMut(u64, u64) -> bool + 'a;

/// Names that every question's options may have: which image of the archive.
pub(super) const CHOICE: [&str; 2] = ["image", "platform"];
/// And of those that need no more of the layers than their sizes.
const SIZED: [&str; 3] = ["image", "platform", "sizes"];

/// An archive, and the layers of it that were read.
#[derive(Debug)]
pub struct Opened {
    pub(super) archive: Archive,
    /// Whether the archive is the source's bytes as they are.
    pub(super) direct: bool,
    /// By the file of the archive.
    pub(super) trees: HashMap<String, Arc<Tree>>,
    /// What docker counts of layers, likewise.
    pub(super) sizes: Vec<(String, u64)>,
    /// What is known of layers that were read outside, likewise.
    pub(super) known: HashMap<String, Unpacked>,
}

impl Opened {
    /// Indexes an archive; no layer is read. A compressed archive is decompressed into memory.
    ///
    /// # Errors
    /// What is wrong with the archive.
    pub fn open(source: impl ReadAt + Clone + 'static) -> Result<Self, Failure> {
        let (archive, direct) = archive(source)?;
        Ok(Self { archive, direct, trees: HashMap::new(), sizes: Vec::new(), known: HashMap::new() })
    }

    /// Answers a question with JSON.
    ///
    /// # Errors
    /// [`Failure`] for an unknown question, wrong arguments, a broken layer; with the code `cancelled` when `watch` said so.
    pub fn call(&mut self, name: &str, args: &str, watch: &mut Watch<'_>) -> Result<String, Failure> {
        let args = Args::parse(args)?;
        let value = match name {
            "list" => self.list(),
            "inspect" => {
                let named = args.options(0, &SIZED)?;
                let image = self.choose(&named)?;
                inspect(&image, self.sizes(&image, &named, watch)?.into_iter().sum::<Option<u64>>())
            }
            "config" => {
                let image = self.choose(&args.options(0, &CHOICE)?)?;
                serde_json::from_slice(&image.config_json).map_err(|error| Failure::new(error.to_string()))?
            }
            "history" => {
                let named = args.options(0, &SIZED)?;
                let image = self.choose(&named)?;
                history(&image, &self.sizes(&image, &named, watch)?)
            }
            "steps" => {
                let named = args.options(0, &["image", "platform", "dockerfile", "target"])?;
                let mut steps = steps(&self.choose(&named)?);
                if let Some(text) = named.text("dockerfile")? {
                    let program = dockerfile::instructions::program(&dockerfile::parse(text));
                    align(&mut steps, &program, named.text("target")?);
                }
                to_value(&steps)?
            }
            "graph" => graph::written(&from_archive(&self.archive), &args.options(0, &["format"])?)?,
            "layers" => self.layers(&args, watch)?,
            "tree" => self.tree(&args, watch)?,
            "search" => {
                let named = args.options(1, &["image", "platform", "limit"])?;
                let image = self.choose(&named)?;
                let merged = Merged::of(&self.read(&image, watch)?);
                let limit = named.count("limit")?.unwrap_or(1000);
                let found = merged.search(args.text(0, "pattern")?, limit);
                found.into_iter().map(|id| entry(&merged, id)).collect()
            }
            "efficiency" => {
                let image = self.choose(&args.options(0, &CHOICE)?)?;
                to_value(&efficiency(&self.read(&image, watch)?))?
            }
            "secrets" => {
                let image = self.choose(&args.options(0, &CHOICE)?)?;
                to_value(&findings(&self.read(&image, watch)?, &steps(&image)))?
            }
            "verify" => {
                let mut verifier = Verifier::new(&self.archive);
                verifier.know(std::mem::take(&mut self.known));
                while let Some(progress) = verifier.step(&self.archive) {
                    go_on(progress, 0, progress.total, watch)?;
                }
                let report = verifier.finish();
                json!({ "good": report.is_good(), "checks": to_value(&report.checks)?, "problems": report.problems })
            }
            other => return Err(Failure::new(format!("an image answers no question {other:?}"))),
        };
        Ok(value.to_string())
    }

    /// A file's content, links followed.
    ///
    /// # Errors
    /// [`Failure`] for no such file, a file that is larger than asked for, a broken layer.
    pub fn read_file(&mut self, args: &str, watch: &mut Watch<'_>) -> Result<Vec<u8>, Failure> {
        let args = Args::parse(args)?;
        let named = args.options(1, &["image", "platform", "most"])?;
        let image = self.choose(&named)?;
        let trees = self.read(&image, watch)?;
        let merged = Merged::of(&trees);
        let id = merged.resolve(args.text(0, "path")?.as_bytes()).map_err(failure)?;
        let (layer, node) = merged.content(id).map_err(failure)?;
        let (Some(layer), Some(tree)) = (image.layers.get(layer), trees.get(layer)) else {
            return Err(Failure::new("there is no such layer"));
        };
        let most = named.count("most")?.map_or(u64::MAX, |most| most as u64);
        let mut reader = ContentReader::new(&self.archive, layer, tree, node, most).map_err(failure)?;
        while let Some(progress) = reader.step(&self.archive, layer).map_err(failure)? {
            go_on(progress, 0, progress.total, watch)?;
        }
        Ok(reader.finish(tree.node(node).size).bytes)
    }

    /// What differs between an image of this archive and one of another, or of this one.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn diff(&mut self, other: Option<&mut Self>, args: &str, watch: &mut Watch<'_>) -> Result<String, Failure> {
        let args = Args::parse(args)?;
        let named = args.options(0, &["image", "platform", "otherImage", "otherPlatform"])?;
        let mine = self.choose(&named)?;
        let before = Merged::of(&self.read(&mine, watch)?);
        let other = other.unwrap_or(self);
        let theirs = other.chosen(named.text("otherImage")?, named.text("otherPlatform")?)?;
        let after = Merged::of(&other.read(&theirs, watch)?);
        Ok(to_value(&diff((&mine, &before), (&theirs, &after)))?.to_string())
    }

    pub(super) fn choose(&self, named: &Named<'_>) -> Result<Image, Failure> {
        self.chosen(named.text("image")?, named.text("platform")?)
    }

    fn chosen(&self, name: Option<&str>, wanted: Option<&str>) -> Result<Image, Failure> {
        self.archive.select(name, parsed(wanted)?.as_ref()).cloned().map_err(failure)
    }

    fn list(&self) -> Value {
        let images = self.archive.images().iter().map(|image| {
            let layers = image.layers.iter().map(|layer| {
                json!({
                    "diffId": layer.diff_id, "digest": layer.digest, "mediaType": layer.media_type,
                    "stored": layer.stored, "present": layer.path.is_some(),
                })
            });
            let attestations = image.attestations.iter().map(|attestation| {
                let statements = attestation.statements.iter().map(|statement| {
                    json!({ "predicateType": statement.predicate_type, "digest": statement.digest, "size": statement.size })
                });
                json!({ "digest": attestation.digest, "statements": statements.collect::<Vec<_>>() })
            });
            json!({
                "names": image.names,
                "id": image.id,
                "manifest": image.manifest.as_ref().map(|manifest| &manifest.digest),
                "platform": platform::format(&image.platform),
                "layers": layers.collect::<Vec<_>>(),
                "annotations": image.annotations,
                "attestations": attestations.collect::<Vec<_>>(),
            })
        });
        let absent = self.archive.absent().iter().map(|absent| {
            let platform = absent.platform.as_ref().map(platform::format);
            json!({ "names": absent.names, "digest": absent.digest, "platform": platform, "file": absent.file })
        });
        let format = self.archive.format();
        json!({
            "docker": format.docker,
            "oci": format.oci,
            "images": images.collect::<Vec<_>>(),
            "absent": absent.collect::<Vec<_>>(),
            "problems": self.archive.problems(),
        })
    }

    /// A directory: of the whole image, or as one layer left it.
    fn tree(&mut self, args: &Args, watch: &mut Watch<'_>) -> Result<Value, Failure> {
        let named = args.options(1, &["image", "platform", "layer", "removed"])?;
        let image = self.choose(&named)?;
        let trees = self.read(&image, watch)?;
        let upto = match named.count("layer")? {
            Some(layer) if layer >= trees.len() => {
                return Err(Failure::new(format!("the image has {} layers, counted from 0", trees.len())));
            }
            Some(layer) => layer + 1,
            None => trees.len(),
        };
        let merged = Merged::of(trees.get(..upto).unwrap_or_default());
        let (path, removed) = (args.text(0, "path")?, named.flag("removed")?);
        let id = merged.resolve_with(path.as_bytes(), removed).map_err(failure)?;
        if merged.kind(id) != Kind::Directory {
            return Err(Failure::new(format!("{path}: is no directory")));
        }
        Ok(merged.children(id, removed).into_iter().map(|id| entry(&merged, id)).collect())
    }
}

/// The platform of an option.
pub(super) fn parsed(platform: Option<&str>) -> Result<Option<Platform>, Failure> {
    platform.map(platform::parse).transpose().map_err(Failure::new)
}

/// What an archive may ask of a page.
pub(super) fn limits() -> Limits {
    Limits {
        layer_entries: MAX_ENTRIES,
        names: MAX_NAMES,
        archive_in_memory: MAX_IN_MEMORY,
        content: MAX_IN_MEMORY,
        ..Limits::default()
    }
}

/// Indexes an archive; says whether it is the source's bytes as they are, or had to be decompressed.
pub(super) fn archive(source: impl ReadAt + Clone + 'static) -> Result<(Archive, bool), Failure> {
    let limits = limits();
    match Archive::open(source.clone(), &limits) {
        Err(Error::CompressedArchive(_)) => {
            let archive = Archive::open(Archive::decompress(&source, &limits).map_err(failure)?, &limits);
            Ok((archive.map_err(failure)?, false))
        }
        other => Ok((other.map_err(failure)?, true)),
    }
}

fn entry(merged: &Merged, id: MergedId) -> Value {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let found = merged.entry(id);
    let node = found.map(|(_, tree, node)| tree.node(node));
    let kind = match merged.kind(id) {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Hardlink => "hardlink",
        Kind::Character => "character",
        Kind::Block => "block",
        Kind::Fifo => "fifo",
        Kind::Other => "other",
    };
    json!({
        "name": lossy(merged.name(id)),
        "path": lossy(&merged.path(id)),
        "kind": kind,
        "size": merged.size(id),
        "mode": node.map_or(0, |node| node.mode()),
        "uid": node.map_or(0, |node| node.uid),
        "gid": node.map_or(0, |node| node.gid),
        "mtime": node.map_or(0, |node| node.mtime),
        "link": found.and_then(|(_, tree, node)| tree.link(node)).map(lossy),
        "layer": found.map(|(layer, ..)| layer),
        "mark": merged.mark(id),
        "gone": merged.is_gone(id),
    })
}

pub(super) fn go_on(progress: Progress, before: u64, total: u64, watch: &mut Watch<'_>) -> Result<(), Failure> {
    if watch(before + progress.done, total) { Ok(()) } else { Err(failure(Error::Cancelled)) }
}

fn to_value(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::new(error.to_string()))
}

/// An error with its place in the archive.
pub(super) fn failure(error: Error) -> Failure {
    let mut failure = Failure::new(error.to_string());
    let (mut file, mut offset, mut entry) = (None, None, None);
    match error {
        Error::Tar { what, name, offset: at, problem } => {
            failure.code = matches!(problem, TarProblem::Limit(..)).then_some("limit");
            entry = Some(name).filter(|name| !name.is_empty());
            (file, offset) = (Some(what), Some(at));
        }
        Error::Compression { what, offset: at, .. } => (file, offset) = (Some(what), Some(at)),
        Error::Limit { what, .. } => (file, failure.code) = (Some(what), Some("limit")),
        Error::Io { what, .. }
        | Error::UnknownCompression { what, .. }
        | Error::Document { what, .. }
        | Error::Missing { what, .. }
        | Error::Digest { what, .. } => file = Some(what),
        Error::Path { path, .. } => entry = Some(path),
        Error::Cancelled => failure.code = Some(CANCELLED),
        _ => {}
    }
    failure.place = (file.is_some() || entry.is_some()).then(|| Box::new(Place { file, offset, entry }));
    failure
}
