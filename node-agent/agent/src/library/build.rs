//! `library build`: makes the images that are missing or whose recipe has changed, bases first and Dockerfiles side by side. Each is in
//! the index as soon as it is made, so that a build that was interrupted goes on with the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::base::{self, Layer, Mirrors};
use super::error::Error;
use super::layout::{DESCRIPTION, IMAGE_NAME, Layout, RECIPE, REF_NAME, annotation};
use super::recipe::{self, Base, Made, Part, RECIPES, Recipe, STAND_IN};
use super::take;
use super::workshop::Workshop;

/// Dockerfiles that are built at a time, at most; mostly they wait for the network.
const AT_ONCE: usize = 3;

/// What `build` was asked for.
pub(super) struct Options {
    /// Only these and what they start from; empty: those that are made by default.
    pub(super) only: Vec<String>,
    /// All there are recipes for.
    pub(super) all: bool,
    /// Files with certificates for every image.
    pub(super) extra_ca: Vec<PathBuf>,
    /// Make anew what is there.
    pub(super) refresh: bool,
}

/// Brings the layout up to date. What others put there stays.
pub(super) fn run(dir: &Path, options: &Options) -> Result<(), Error> {
    let recipes = chosen(options)?;
    let certificates = certificates(&options.extra_ca)?;
    let mirrors = Mirrors::from_env();
    let layout = Layout::create(dir)?;
    let _lock = layout.lock()?;
    layout.sweep()?;

    let mut stale: Vec<&Recipe> = Vec::new();
    for recipe in recipes {
        let wanted =
            options.refresh && (options.only.is_empty() || options.only.iter().any(|name| name == recipe.name));
        let behind = recipe.needs().iter().any(|name| stale.iter().any(|other| other.name == *name));
        let stamp = stamp(recipe, &mirrors, &certificates);
        if wanted || behind || !up_to_date(&layout, recipe, &stamp)? {
            stale.push(recipe);
        } else {
            eprintln!("{}: up to date", recipe.name);
        }
    }
    let work = Work { layout: &layout, mirrors: &mirrors, certificates: &certificates, index: Mutex::default() };
    let (bases, built): (Vec<&Recipe>, Vec<&Recipe>) =
        stale.iter().copied().partition(|recipe| matches!(recipe.made, Made::Base { .. }));
    work.bases(&bases)?;
    if !built.is_empty() {
        let workshop = Workshop::open(&layout)?;
        work.dockerfiles(&workshop, &built, options.refresh)?;
        workshop.close()?;
    }
    match stale.is_empty() {
        true => Workshop::clear(&layout)?,
        false => drop(layout.collect_garbage()?),
    }
    let partial = layout.partial();
    fs::remove_dir_all(&partial).map_err(Error::io("removing", &partial))
}

/// What all images of one build are made with.
struct Work<'a> {
    layout: &'a Layout,
    mirrors: &'a Mirrors,
    certificates: &'a [Vec<u8>],
    /// Held while the index is changed.
    index: Mutex<()>,
}

impl Work<'_> {
    /// Makes the images that are a base and nothing more.
    fn bases(&self, recipes: &[&Recipe]) -> Result<(), Error> {
        let mut layers: Vec<(Base, Layer)> = Vec::new();
        for recipe in recipes {
            let Made::Base { base, cmd } = recipe.made else { continue };
            let layer = match layers.iter().find(|(made, _)| *made == base) {
                Some((_, layer)) => layer.clone(),
                None => {
                    eprintln!("{}: making its base {} from Debian's packages", recipe.name, base.name);
                    let begun = Instant::now();
                    let layer = base::make(&base, self.mirrors, self.certificates, self.layout)?;
                    let (size, time) = (layer.size as f64 / 1e6, begun.elapsed().as_secs_f64());
                    eprintln!("{}: {size:.1} MB in {time:.0} s", base.name);
                    layers.push((base, layer.clone()));
                    layer
                }
            };
            let config = config(recipe, &base, cmd, &layer);
            let config = self.layout.add_json("application/vnd.oci.image.config.v1+json", &config)?;
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config,
                "layers": [{
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": layer.digest,
                    "size": layer.size,
                }],
            });
            let descriptor = self.layout.add_json("application/vnd.oci.image.manifest.v1+json", &manifest)?;
            self.name(recipe, &descriptor)?;
        }
        Ok(())
    }

    /// Builds Dockerfiles side by side, each as soon as there is what it starts from. The first failure ends what has not begun.
    fn dockerfiles(&self, workshop: &Workshop, recipes: &[&Recipe], anew: bool) -> Result<(), Error> {
        let created = self.created()?;
        let queue = Mutex::new(Queue { waiting: recipes.to_vec(), running: Vec::new(), failed: None });
        let changed = Condvar::new();
        let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(recipes.len()) {
                scope.spawn(|| {
                    loop {
                        let mut held = lock();
                        let recipe = loop {
                            if held.failed.is_some() || held.waiting.is_empty() {
                                return;
                            }
                            if let Some(recipe) = held.take() {
                                break recipe;
                            }
                            held = changed.wait(held).unwrap_or_else(PoisonError::into_inner);
                        };
                        drop(held);
                        let made = self.dockerfile(workshop, recipe, anew, &created);
                        let mut held = lock();
                        held.running.retain(|name| *name != recipe.name);
                        if let Err(error) = made {
                            held.failed.get_or_insert(error);
                        }
                        changed.notify_all();
                    }
                });
            }
        });
        queue.into_inner().unwrap_or_else(PoisonError::into_inner).failed.map_or(Ok(()), Err)
    }

    fn dockerfile(&self, workshop: &Workshop, recipe: &Recipe, anew: bool, created: &str) -> Result<(), Error> {
        let Made::Dockerfile { context, .. } = recipe.made else { return Ok(()) };
        let begun = Instant::now();
        let archive = workshop.build(recipe, context, anew)?;
        let descriptor = take::take(self.layout, recipe, &archive, created, &self.layout.partial())?;
        fs::remove_file(&archive).map_err(Error::io("removing", &archive))?;
        self.name(recipe, &descriptor)?;
        eprintln!("{}: {} in {:.0} s", recipe.name, recipe.tags.join(", "), begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// Puts an image into the index under its recipe's names.
    fn name(&self, recipe: &Recipe, descriptor: &Value) -> Result<(), Error> {
        let stamp = stamp(recipe, self.mirrors, self.certificates);
        let _changing = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        name(self.layout, recipe, descriptor, &stamp)
    }

    /// The date of what is built on a base: the base's, which is that of Debian's package lists.
    fn created(&self) -> Result<String, Error> {
        let index = self.layout.index()?;
        let base = index.manifests().iter().find(|entry| {
            annotation(entry, IMAGE_NAME) == Some("docker.io/library/debian:latest") && self.layout.complete(entry)
        });
        let dated = |entry| -> Result<Option<String>, Error> {
            let config: oci_spec::image::ImageConfiguration =
                self.layout.read_json(self.layout.manifest(entry)?.config())?;
            Ok(config.created().clone())
        };
        let created = base.map(dated).transpose()?.flatten();
        Ok(created.unwrap_or_else(|| "2025-01-01T00:00:00Z".into()))
    }
}

/// Recipes that wait for a builder or for each other.
struct Queue<'a> {
    waiting: Vec<&'a Recipe>,
    running: Vec<&'static str>,
    failed: Option<Error>,
}

impl<'a> Queue<'a> {
    /// The next that needs nothing which is not there yet.
    fn take(&mut self) -> Option<&'a Recipe> {
        let missing = |name: &&str| self.running.contains(name) || self.waiting.iter().any(|other| other.name == *name);
        let at = self.waiting.iter().position(|recipe| !recipe.needs().iter().any(&missing))?;
        let recipe = self.waiting.remove(at);
        self.running.push(recipe.name);
        Some(recipe)
    }
}

/// The recipes asked for and those that they need, in the list's order.
fn chosen(options: &Options) -> Result<Vec<&'static Recipe>, Error> {
    let known = |all: bool| -> Vec<&'static str> {
        RECIPES.iter().filter(|recipe| all || recipe.by_default).map(|recipe| recipe.name).collect()
    };
    if let Some(unknown) = options.only.iter().find(|name| recipe::find(name).is_none()) {
        return Err(Error::UnknownImage { name: unknown.clone(), known: known(true).join(", ") });
    }
    let mut wanted: Vec<&str> = match options.only.as_slice() {
        [] => known(options.all),
        only => only.iter().map(String::as_str).collect(),
    };
    for recipe in RECIPES.iter().rev() {
        if wanted.contains(&recipe.name) {
            wanted.extend(recipe.needs());
        }
    }
    Ok(RECIPES.iter().filter(|recipe| wanted.contains(&recipe.name)).collect())
}

/// The certificates in the files, one by one as `update-ca-certificates` wants them.
fn certificates(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, Error> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut found = Vec::new();
    for path in files {
        let content = fs::read(path).map_err(Error::io("reading", path))?;
        let text = String::from_utf8_lossy(&content);
        let before = found.len();
        for part in text.split(BEGIN).skip(1) {
            let Some((body, _)) = part.split_once(END) else { continue };
            found.push(format!("{BEGIN}{body}{END}\n").into_bytes());
        }
        if found.len() == before {
            return Err(Error::NoCertificate { path: path.clone() });
        }
    }
    Ok(found)
}

/// Digest of the whole recipe: what it starts from, and what the image adds.
fn stamp(recipe: &Recipe, mirrors: &Mirrors, certificates: &[Vec<u8>]) -> String {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    for text in [recipe.name, recipe.description, recipe.stand_in.unwrap_or_default()].iter().chain(recipe.tags) {
        add(text.as_bytes());
    }
    match recipe.made {
        Made::Base { base, cmd } => {
            add(base::stamp(&base, mirrors, certificates).as_bytes());
            cmd.iter().for_each(|word| add(word.as_bytes()));
        }
        Made::Dockerfile { from, context } => {
            for needed in from.iter().filter_map(|name| recipe::find(name)) {
                add(stamp(needed, mirrors, certificates).as_bytes());
            }
            for Part { path, mode, .. } in context {
                add(format!("{path} {mode:o}").as_bytes());
            }
            context.iter().for_each(|part| add(&part.bytes()));
        }
    }
    hex::encode(digest.finalize())
}

fn up_to_date(layout: &Layout, recipe: &Recipe, stamp: &str) -> Result<bool, Error> {
    let index = layout.index()?;
    Ok(recipe.full_names().all(|(name, _)| {
        index.manifests().iter().any(|entry| {
            annotation(entry, IMAGE_NAME) == Some(&name)
                && annotation(entry, RECIPE) == Some(stamp)
                && layout.complete(entry)
        })
    }))
}

/// Lets the recipe's names mean the image.
fn name(layout: &Layout, recipe: &Recipe, descriptor: &Value, stamp: &str) -> Result<(), Error> {
    let names: Vec<(String, &str)> = recipe.full_names().collect();
    let mut entries = layout.entries()?;
    entries.retain(|entry| !names.iter().any(|(name, _)| entry["annotations"][IMAGE_NAME] == **name));
    for (name, tag) in names {
        let mut entry = descriptor.clone();
        entry["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        entry["annotations"] = json!({
            IMAGE_NAME: name,
            REF_NAME: tag,
            RECIPE: stamp,
            DESCRIPTION: recipe.stand_in.unwrap_or(recipe.description),
        });
        entries.push(entry);
    }
    layout.write_index(&entries)
}

/// The image's configuration (image-spec, "OCI Image Configuration"), with a history that `docker history` shows as it was.
fn config(recipe: &Recipe, base: &Base, cmd: &[&str], layer: &Layer) -> Value {
    let Base { suite, variant, .. } = base;
    let mut labels = serde_json::Map::new();
    if let Some(what) = recipe.stand_in {
        labels.insert(STAND_IN.into(), what.into());
    }
    let cmd = json!(cmd);
    let mut config = json!({
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "Cmd": cmd,
    });
    if !labels.is_empty() {
        config["Labels"] = Value::Object(labels);
    }
    json!({
        "created": layer.created,
        "architecture": architecture(),
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [layer.diff_id] },
        "history": [
            { "created": layer.created, "created_by": format!("mmdebstrap --variant={variant} {suite}"), "comment": "node-agent library build" },
            { "created": layer.created, "created_by": format!("/bin/sh -c #(nop)  CMD {cmd}"), "empty_layer": true },
        ],
    })
}

/// Go's name of this machine's architecture, as images use it.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> Layer {
        Layer {
            digest: format!("sha256:{}", "a".repeat(64)),
            diff_id: format!("sha256:{}", "b".repeat(64)),
            size: 4,
            created: "2025-06-03T02:03:04Z".into(),
        }
    }

    #[test]
    fn only_known_names_are_accepted_and_the_error_lists_them() {
        let names = |only: &[&str], all: bool| -> Result<Vec<&str>, Error> {
            let only = only.iter().map(ToString::to_string).collect();
            let options = Options { only, all, extra_ca: Vec::new(), refresh: false };
            Ok(chosen(&options)?.iter().map(|recipe| recipe.name).collect())
        };
        assert_eq!(names(&[], true).expect("all").len(), RECIPES.len());
        assert!(!names(&[], false).expect("those by default").contains(&"node"));
        assert_eq!(names(&["ubuntu"], false).expect("one"), ["ubuntu"]);
        assert_eq!(
            names(&["mhart/alpine-node"], false).expect("with its bases"),
            ["debian", "alpine", "mhart/alpine-node"]
        );
        let error = names(&["fedora"], false).expect_err("no such recipe").to_string();
        assert!(error.contains("fedora") && error.contains("debian, ubuntu"), "{error}");
    }

    #[test]
    fn a_recipe_waits_for_what_it_needs_and_for_nothing_else() {
        let (alpine, nginx, node) = (
            recipe::find("alpine").expect("a recipe"),
            recipe::find("nginx").expect("a recipe"),
            recipe::find("mhart/alpine-node").expect("a recipe"),
        );
        let mut queue = Queue { waiting: vec![node, alpine, nginx], running: Vec::new(), failed: None };
        assert_eq!(queue.take(), Some(alpine));
        assert_eq!(queue.take(), Some(nginx));
        assert_eq!(queue.take(), None, "its base is being built");
        queue.running.retain(|name| *name != "alpine");
        assert_eq!(queue.take(), Some(node));
    }

    #[test]
    fn the_stamp_of_an_image_changes_with_what_it_starts_from() {
        let certificate = [b"certificate".to_vec()];
        for name in ["debian", "alpine", "mhart/alpine-node"] {
            let recipe = recipe::find(name).expect("a recipe");
            let of = |certificates: &[Vec<u8>]| stamp(recipe, &Mirrors::from_env(), certificates);
            assert_eq!(of(&[]), of(&[]));
            assert_ne!(of(&[]), of(&certificate), "{name}");
        }
    }

    fn bases() -> Vec<(&'static Recipe, Base, &'static [&'static str])> {
        RECIPES
            .iter()
            .filter_map(|recipe| match recipe.made {
                Made::Base { base, cmd } => Some((recipe, base, cmd)),
                Made::Dockerfile { .. } => None,
            })
            .collect()
    }

    fn add_image(layout: &Layout, recipe: &Recipe, layer: &Layer, stamp: &str) -> Result<(), Error> {
        let (_, base, cmd) = bases().into_iter().find(|(other, ..)| other.name == recipe.name).expect("a base");
        let config = layout.add_json("application/vnd.oci.image.config.v1+json", &config(recipe, &base, cmd, layer))?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.digest, "size": layer.size }] });
        name(layout, recipe, &layout.add_json("application/vnd.oci.image.manifest.v1+json", &manifest)?, stamp)
    }

    #[test]
    fn a_stand_in_says_so_and_the_real_thing_does_not() {
        for (recipe, base, cmd) in bases() {
            let label = config(recipe, &base, cmd, &layer())["config"]["Labels"][STAND_IN].as_str().map(str::to_owned);
            assert_eq!(label.as_deref(), recipe.stand_in, "{}", recipe.name);
        }
    }

    #[test]
    fn configurations_are_what_the_specification_asks_for() {
        for (recipe, base, cmd) in bases() {
            let text = config(recipe, &base, cmd, &layer()).to_string();
            let parsed: oci_spec::image::ImageConfiguration =
                serde_json::from_str(&text).expect("an OCI image configuration");
            assert_eq!(parsed.rootfs().diff_ids().len(), 1);
            let filled = parsed.history().iter().flatten().filter(|step| step.empty_layer() != Some(true)).count();
            assert_eq!(filled, parsed.rootfs().diff_ids().len(), "one history step a layer");
            assert_eq!(config(recipe, &base, cmd, &layer()).to_string(), text, "equal input gives equal bytes");
        }
    }

    #[test]
    fn an_image_is_up_to_date_until_its_recipe_changes_or_a_blob_is_short() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout::create(dir.path()).expect("a layout");
        let layer = layer();
        let blob = layout.blob_path(&layer.digest).expect("a sound digest");
        fs::write(&blob, b"1234").expect("a blob");
        let recipe = RECIPES[0];
        assert!(!up_to_date(&layout, &recipe, "s").expect("an index"));
        add_image(&layout, &recipe, &layer, "s").expect("an image");
        add_image(&layout, &recipe, &layer, "s").expect("the same image again");
        assert_eq!(layout.images().expect("a list").len(), recipe.tags.len());
        assert!(up_to_date(&layout, &recipe, "s").expect("an index"));
        assert!(!up_to_date(&layout, &recipe, "t").expect("an index"));
        layout.collect_garbage().expect("nothing to collect");
        assert!(blob.exists(), "a blob in use stays");
        fs::write(&blob, b"12").expect("a shorter blob");
        assert!(!up_to_date(&layout, &recipe, "s").expect("an index"));
        layout.write_index(&[]).expect("an empty index");
        layout.collect_garbage().expect("collecting");
        assert!(!blob.exists(), "a blob that nothing reaches goes");
    }

    #[test]
    fn equal_recipes_and_layers_give_equal_libraries() {
        let index = || {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let layout = Layout::create(dir.path()).expect("a layout");
            for (recipe, ..) in bases() {
                add_image(&layout, recipe, &layer(), "s").expect("an image");
            }
            fs::read_to_string(dir.path().join("index.json")).expect("an index")
        };
        let first = index();
        // A hash map's order differs from one map to the next.
        for _ in 0..8 {
            assert_eq!(index(), first);
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("proxy.pem");
        fs::write(&path, "not a certificate").expect("a file");
        let error = certificates(std::slice::from_ref(&path)).expect_err("no certificate").to_string();
        assert!(error.contains("proxy.pem"), "{error}");
    }

    #[test]
    fn a_file_with_two_certificates_and_remarks_gives_two() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("proxy.pem");
        let one = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        fs::write(&path, format!("# root\n{}# and another\n{}", one("AAAA"), one("BBBB"))).expect("a file");
        let found = certificates(&[path]).expect("certificates");
        assert_eq!(found, [one("AAAA").into_bytes(), one("BBBB").into_bytes()]);
    }
}
