//! `library build`: for each recipe whose images are not there yet, makes the base's layer once, then config, manifest and names.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::base::{self, Layer, Mirrors};
use super::error::Error;
use super::layout::{IMAGE_NAME, Layout, RECIPE, REF_NAME, annotation};
use super::recipe::{Base, RECIPES, Recipe, STAND_IN};

/// What `build` was asked for.
pub(super) struct Options {
    /// Only these; empty: all.
    pub(super) only: Vec<String>,
    /// Files with certificates for every image.
    pub(super) extra_ca: Vec<PathBuf>,
    /// Make anew what is there.
    pub(super) refresh: bool,
}

/// Brings the layout up to date. What others put there stays.
pub(super) fn run(dir: &Path, options: &Options) -> Result<(), Error> {
    let recipes = chosen(&options.only)?;
    let certificates = certificates(&options.extra_ca)?;
    let mirrors = Mirrors::from_env();
    let layout = Layout::create(dir)?;
    let _lock = layout.lock()?;
    layout.sweep()?;

    let mut layers: Vec<(Base, Layer)> = Vec::new();
    for recipe in recipes {
        let stamp = stamp(&recipe, &base::stamp(&recipe.base, &mirrors, &certificates));
        if !options.refresh && up_to_date(&layout, &recipe, &stamp)? {
            eprintln!("{}: up to date", recipe.name);
            continue;
        }
        let layer = match layers.iter().find(|(base, _)| *base == recipe.base) {
            Some((_, layer)) => layer.clone(),
            None => {
                eprintln!("{}: making its base {} from Debian's packages", recipe.name, recipe.base.name);
                let begun = Instant::now();
                let layer = base::make(&recipe.base, &mirrors, &certificates, &layout)?;
                eprintln!(
                    "{}: {:.1} MB in {:.0} s",
                    recipe.base.name,
                    layer.size as f64 / 1e6,
                    begun.elapsed().as_secs_f64()
                );
                layers.push((recipe.base, layer.clone()));
                layer
            }
        };
        add_image(&layout, &recipe, &layer, &stamp)?;
        eprintln!("{}: {}", recipe.name, recipe.tags.join(", "));
    }
    if !layers.is_empty() {
        layout.collect_garbage()?;
    }
    let partial = layout.partial();
    fs::remove_dir_all(&partial).map_err(Error::io("removing", &partial))
}

fn chosen(only: &[String]) -> Result<Vec<Recipe>, Error> {
    if let Some(unknown) = only.iter().find(|name| !RECIPES.iter().any(|recipe| recipe.name == **name)) {
        let known: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
        return Err(Error::UnknownImage { name: unknown.clone(), known: known.join(", ") });
    }
    Ok(RECIPES
        .iter()
        .filter(|recipe| only.is_empty() || only.iter().any(|name| name == recipe.name))
        .copied()
        .collect())
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

/// Digest of the whole recipe: what its base was made of, and what the image adds.
fn stamp(recipe: &Recipe, base: &str) -> String {
    hex::encode(Sha256::digest(format!("{base} {recipe:?}")))
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

fn add_image(layout: &Layout, recipe: &Recipe, layer: &Layer, stamp: &str) -> Result<(), Error> {
    let config = layout.add_json("application/vnd.oci.image.config.v1+json", &config(recipe, layer))?;
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
    let descriptor = layout.add_json("application/vnd.oci.image.manifest.v1+json", &manifest)?;
    let names: Vec<(String, &str)> = recipe.full_names().collect();
    let mut entries = layout.entries()?;
    entries.retain(|entry| !names.iter().any(|(name, _)| entry["annotations"][IMAGE_NAME] == **name));
    for (name, tag) in names {
        let mut entry = descriptor.clone();
        entry["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        entry["annotations"] = json!({ IMAGE_NAME: name, REF_NAME: tag, RECIPE: stamp });
        entries.push(entry);
    }
    layout.write_index(&entries)
}

/// The image's configuration (image-spec, "OCI Image Configuration"), with a history that `docker history` shows as it was.
fn config(recipe: &Recipe, layer: &Layer) -> Value {
    let Base { suite, variant, .. } = recipe.base;
    let mut labels = serde_json::Map::new();
    if let Some(what) = recipe.stand_in {
        labels.insert(STAND_IN.into(), what.into());
    }
    let cmd = json!(recipe.cmd);
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
        assert_eq!(chosen(&[]).expect("all").len(), RECIPES.len());
        assert_eq!(chosen(&["ubuntu".into()]).expect("one")[0].name, "ubuntu");
        let error = chosen(&["fedora".into()]).expect_err("no such recipe").to_string();
        assert!(error.contains("fedora") && error.contains("debian, ubuntu"), "{error}");
    }

    #[test]
    fn a_stand_in_says_so_and_the_real_thing_does_not() {
        for recipe in RECIPES {
            let label = config(recipe, &layer())["config"]["Labels"][STAND_IN].as_str().map(str::to_owned);
            assert_eq!(label.as_deref(), recipe.stand_in, "{}", recipe.name);
        }
    }

    #[test]
    fn configurations_are_what_the_specification_asks_for() {
        for recipe in RECIPES {
            let text = config(recipe, &layer()).to_string();
            let parsed: oci_spec::image::ImageConfiguration =
                serde_json::from_str(&text).expect("an OCI image configuration");
            assert_eq!(parsed.rootfs().diff_ids().len(), 1);
            let filled = parsed.history().iter().flatten().filter(|step| step.empty_layer() != Some(true)).count();
            assert_eq!(filled, parsed.rootfs().diff_ids().len(), "one history step a layer");
            assert_eq!(config(recipe, &layer()).to_string(), text, "equal input gives equal bytes");
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
            for recipe in RECIPES {
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
