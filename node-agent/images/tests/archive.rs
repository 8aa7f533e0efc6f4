//! Images in and out of archives.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use common::{Tar, config, gzip, image, root_or_skip, small_root, store, tree};
use slipway_images::registry::Platform;
use slipway_images::{DiffId, Digest, ImportOptions, Progress, Reference, Store};

fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    };
    archive.entries().unwrap().map(read).collect()
}

fn load(store: &Store, archive: &[u8]) -> Result<Vec<String>, String> {
    let mut said = Vec::new();
    let loaded = store.load(archive, None, &mut |message: Progress| said.push(message.to_json()));
    loaded.map_err(|error| error.to_string())?;
    Ok(said.iter().filter_map(|message| message["stream"].as_str().map(str::to_owned)).collect())
}

fn two_layers() -> [Vec<u8>; 2] {
    let long = "d/".repeat(60) + "file";
    let base = Tar::new().dir("etc/", 0o755).file("./etc/a", b"one").raw("etc/n", "", tar::EntryType::Fifo, 0o644, b"");
    let base =
        base.pax(&[("path", long.as_bytes()), ("mtime", b"1.5")]).file("short", b"long").hardlink("etc/h", "etc/a");
    [base.end(), Tar::new().file("etc/.wh.a", b"").file("b", &[7; 70_000]).file("empty", b"").end()]
}

/// `index.json` names an image for each of two platforms; `manifest.json` one for another.
#[test]
fn of_several_platforms_the_one_asked_for_is_loaded_or_this_machines() {
    if !root_or_skip() {
        return;
    }
    let layer = Tar::new().file("f", b"x").end();
    let host = Platform::host();
    let other = if host.architecture == "arm64" { "amd64" } else { "arm64" };
    let made_for = |architecture: &str| {
        let mut config: serde_json::Value = serde_json::from_slice(&config(&[DiffId::of(&layer)], "x")).unwrap();
        config["architecture"] = architecture.into();
        config.to_string().into_bytes()
    };
    let (mut blobs, mut manifests) = (BTreeMap::from([(Digest::of(&layer), layer.clone())]), Vec::new());
    for architecture in [host.architecture.as_str(), other] {
        let config = made_for(architecture);
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(&config), "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Digest::of(&layer), "size": layer.len()}],
        });
        let manifest = manifest.to_string().into_bytes();
        manifests.push(serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": Digest::of(&manifest), "size": manifest.len(),
            "platform": {"os": "linux", "architecture": architecture},
            "annotations": {"io.containerd.image.name": format!("docker.io/library/{architecture}:1")},
        }));
        blobs.extend([config, manifest].map(|blob| (Digest::of(&blob), blob)));
    }
    let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests}).to_string();
    let mut oci = Tar::new().file("index.json", index.as_bytes());
    for (digest, blob) in &blobs {
        oci = oci.file(&format!("blobs/sha256/{}", digest.hex()), blob);
    }
    let oci = oci.end();
    let item = serde_json::json!([{"Config": "c.json", "RepoTags": ["tool:1"], "Layers": ["l.tar"]}]).to_string();
    let docker =
        Tar::new().file("manifest.json", item.as_bytes()).file("c.json", &made_for(other)).file("l.tar", &layer).end();
    let loaded = |archive: &[u8], platform: Option<&str>| {
        let (_dir, store) = store();
        let platform: Option<Platform> = platform.map(|text| text.parse().unwrap());
        let loaded = store.load(archive, platform.as_ref(), &mut |_| {}).map_err(|error| error.to_string())?;
        Ok::<_, String>(
            loaded.iter().flat_map(|image| &image.names).map(Reference::familiar_string).collect::<Vec<_>>(),
        )
    };
    let names = |names: &[String]| Ok(names.to_vec());
    assert_eq!(loaded(&oci, None), names(&[format!("{}:1", host.architecture)]));
    assert_eq!(loaded(&oci, Some(&format!("linux/{other}"))), names(&[format!("{other}:1")]));
    let none = loaded(&oci, Some("linux/s390x")).unwrap_err();
    assert_eq!(none, "invalid archive: no image for linux/s390x in index.json");
    assert_eq!(loaded(&docker, None), names(&["tool:1".into()]));
    assert_eq!(loaded(&docker, Some(&format!("linux/{other}"))), names(&["tool:1".into()]));
    assert_eq!(loaded(&docker, Some(&host.to_string())), names(&[]), "left out without a word, as by Docker");
}

#[test]
fn what_is_saved_is_what_was_registered_and_loads_again() {
    if !root_or_skip() {
        return;
    }
    let (_dir, first) = store();
    let tars = two_layers();
    let id = image(&first, &tars, "x");
    for name in ["tool:1", "tool:2", "localhost:5000/tool:1"] {
        first.tag(&Reference::parse(name).unwrap(), &id).unwrap();
    }
    let mut archive = Vec::new();
    first.save(&["tool".into(), "localhost:5000/tool:1".into()], &mut archive).unwrap();
    let files = entries(&archive);
    for tar in &tars {
        assert_eq!(&files[&format!("blobs/sha256/{}", DiffId::of(tar).hex())], tar, "byte for byte");
    }
    for (name, content) in &files {
        if let Some(hex) = name.strip_prefix("blobs/sha256/").filter(|hex| !hex.is_empty()) {
            assert_eq!(Digest::of(content).hex(), hex);
        }
    }
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest[0]["RepoTags"], serde_json::json!(["tool:1", "tool:2", "localhost:5000/tool:1"]));
    let mut again = Vec::new();
    first.save(&["tool".into(), "localhost:5000/tool:1".into()], &mut again).unwrap();
    assert_eq!(archive, again, "the same images give the same archive");

    for archive in [archive.clone(), gzip(&archive)] {
        let (_dir, second) = store();
        let said = load(&second, &archive).unwrap();
        assert_eq!(said, ["Loaded image: tool:1\n", "Loaded image: tool:2\n", "Loaded image: localhost:5000/tool:1\n"]);
        assert_eq!(second.resolve("tool:2"), Ok(id));
        assert_eq!(second.image(&id).unwrap().size, first.image(&id).unwrap().size);
    }
    // The same archive as pure OCI layout, without Docker's manifest.
    let mut oci = Tar::new();
    for (name, content) in files.iter().filter(|(name, _)| !name.ends_with('/') && *name != "manifest.json") {
        oci = oci.file(name, content);
    }
    let (_dir, third) = store();
    load(&third, &oci.end()).unwrap();
    assert_eq!(third.resolve("localhost:5000/tool:1"), Ok(id));
}

#[test]
fn a_name_that_moves_is_told() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store_a) = store();
    let (_dir, store_b) = store();
    let name = Reference::parse("tool").unwrap();
    let old = image(&store_b, &[Tar::new().file("a", b"1").end()], "old");
    store_b.tag(&name, &old).unwrap();
    let new = image(&store_a, &[Tar::new().file("a", b"2").end()], "new");
    store_a.tag(&name, &new).unwrap();
    let mut archive = Vec::new();
    store_a.save(&["tool".into()], &mut archive).unwrap();
    let said = load(&store_b, &archive).unwrap();
    let moved = format!("The image tool:latest already exists, renaming the old one with ID {old} to empty string\n");
    assert_eq!(said, [moved.as_str(), "Loaded image: tool:latest\n"]);
}

#[test]
fn old_archives_share_layers_by_links() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let layer = Tar::new().file("a", b"1").end();
    let config = config(&[DiffId::of(&layer), DiffId::of(&layer)], "old");
    let manifest = br#"[{"Config":"c.json","RepoTags":["old:1"],"Layers":["x/layer.tar","y/layer.tar"]}]"#;
    let archive = Tar::new()
        .dir("x/", 0o755)
        .file("x/layer.tar", &layer)
        .symlink("y/layer.tar", "../x/layer.tar")
        .file("c.json", &config)
        .file("manifest.json", manifest)
        .end();
    assert_eq!(load(&store, &archive).unwrap(), ["Loaded image: old:1\n"]);
}

#[test]
fn a_broken_archive_is_refused_and_leaves_nothing() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let layer = Tar::new().file("a", b"1").end();
    let good = config(&[DiffId::of(&layer)], "x");
    let wrong = config(&[DiffId::of(b"other")], "x");
    let manifest = |tags: &str| format!(r#"[{{"Config":"c.json","RepoTags":[{tags}],"Layers":["l.tar"]}}]"#);
    let archive = |config: &[u8], layer: Option<&[u8]>, manifest: &str| {
        let tar = Tar::new().file("c.json", config).file("manifest.json", manifest.as_bytes());
        match layer {
            Some(layer) => tar.file("l.tar", layer),
            None => tar,
        }
        .end()
    };
    let whole = archive(&good, Some(&layer), &manifest(""));
    let before = tree(dir.path());
    let cases: Vec<(Vec<u8>, String)> = vec![
        (b"hello".to_vec(), "unexpected EOF".into()),
        (Tar::new().file("x", b"").end(), "invalid archive: does not contain a manifest.json".into()),
        (archive(&good, None, &manifest("")), "invalid archive: no file l.tar".into()),
        (archive(b"{", Some(&layer), &manifest("")), "invalid image configuration".into()),
        (archive(&good, Some(&layer), "{}"), "invalid manifest.json".into()),
        (archive(&good, Some(&layer), &manifest("\"UPPER\"")), "invalid reference format".into()),
        (archive(&wrong, Some(&layer), &manifest("")), "invalid diffID for layer 0".into()),
        (archive(&config(&[], "x"), Some(&layer), &manifest("")), "expected 1, got 0".into()),
        (whole[..1200].to_vec(), "unexpected EOF".into()),
        (gzip(&whole)[..150].to_vec(), "".into()),
        (Tar::new().file("../x", b"").end(), "leads out".into()),
    ];
    for (archive, expected) in cases {
        let error = load(&store, &archive).unwrap_err();
        assert!(error.contains(&expected), "{error:?} does not contain {expected:?}");
        assert!(store.images().is_empty());
        assert_eq!(tree(dir.path()).len(), before.len() + 1, "only the directory for temporary files is new");
    }
    load(&store, &whole).unwrap();
}

#[test]
fn a_root_file_system_is_imported_and_runs_through_an_archive() {
    if !root_or_skip() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let Some(path) = small_root(place.path()) else { return };
    let (_dir, first) = store();
    let options = ImportOptions {
        config: serde_json::json!({"Cmd": ["/bin/sh"]}),
        message: "Imported from -".into(),
        created: "2024-01-02T03:04:05Z".into(),
        ..ImportOptions::default()
    };
    let id = first.import(fs::File::open(&path).unwrap(), &options).unwrap();
    first.tag(&Reference::parse("alpine:3.20").unwrap(), &id).unwrap();
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(&path).unwrap()).read_to_end(&mut tar).unwrap();
    assert_eq!(first.image(&id).unwrap().layers, [DiffId::of(&tar)]);
    let mut archive = Vec::new();
    first.save(&["alpine:3.20".into()], &mut archive).unwrap();
    let (_dir, second) = store();
    load(&second, &archive).unwrap();
    second.create_rw("c", Some(&id), |_| Ok(())).unwrap();
    let root = second.mount_rw("c").unwrap();
    assert!(root.join("etc/alpine-release").exists() && root.join("bin/sh").is_symlink());
    second.unmount_rw("c").unwrap();
}

#[test]
fn skopeo_and_umoci_read_what_is_saved() {
    if !root_or_skip() {
        return;
    }
    let run = |program: &str, args: &[&str]| {
        let output = std::process::Command::new(program).args(args).output().ok()?;
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    };
    if run("skopeo", &["--version"]).is_none() || run("umoci", &["--version"]).is_none() {
        eprintln!("SKIP: skopeo and umoci are not installed");
        return;
    }
    let (dir, store) = store();
    let id = image(&store, &two_layers(), "x");
    store.tag(&Reference::parse("tool:1").unwrap(), &id).unwrap();
    let file = dir.path().join("saved.tar").display().to_string();
    store.save(&["tool:1".into()], &mut fs::File::create(&file).unwrap()).unwrap();
    let config = run("skopeo", &["inspect", "--config", "--raw", &format!("docker-archive:{file}")]).unwrap();
    assert_eq!(config.trim_end().as_bytes(), store.image(&id).unwrap().raw);
    let layout = dir.path().join("oci").display().to_string();
    run("skopeo", &["--insecure-policy", "copy", &format!("oci-archive:{file}"), &format!("oci:{layout}:1")]).unwrap();
    let bundle = dir.path().join("bundle").display().to_string();
    run("umoci", &["unpack", "--image", &format!("{layout}:1"), &bundle]).unwrap();
    assert_eq!(fs::read(format!("{bundle}/rootfs/b")).unwrap(), [7; 70_000]);
    assert!(!fs::exists(format!("{bundle}/rootfs/etc/a")).unwrap());
    assert_eq!(fs::read(format!("{bundle}/rootfs/etc/h")).unwrap(), b"one");
}
