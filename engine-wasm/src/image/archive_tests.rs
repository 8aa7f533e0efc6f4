//! Archives of every layout, whole and damaged.

use super::testing::{Oci, config, dir, docker_archive, file, gzip, hardlink, symlink, tar, zstd};
use super::*;

fn open(bytes: Vec<u8>) -> Result<Archive> {
    Archive::open(bytes, &Limits::default())
}

fn layers() -> Vec<Vec<u8>> {
    vec![tar(&[dir("a/"), file("a/x", b"one")]), tar(&[file("a/.wh.x", b""), file("b", b"two")])]
}

#[test]
fn a_docker_archive_tells_its_image_and_its_layers_are_verified() {
    let layers = layers();
    let history = [("/bin/sh -c #(nop) ADD file:x in / ", false), ("ENV A=b", true), ("RUN rm", false)];
    let archive = open(docker_archive(&layers, &history, &["demo:1", "demo:2"])).unwrap();
    assert_eq!(archive.format(), Format { docker: true, oci: false });
    let [image] = archive.images() else { panic!() };
    assert_eq!(image.names, ["demo:1", "demo:2"]);
    assert_eq!(image.config.history.len(), 3);
    assert_eq!(platform::format(&image.platform), "linux/amd64");
    for (layer, plain) in image.layers.iter().zip(&layers) {
        let (unpacked, tree) = archive.read_tree(layer, Digests::Both, Options::default()).unwrap();
        assert_eq!(unpacked.diff_id.as_ref(), layer.diff_id.as_ref());
        assert_eq!((unpacked.digest, unpacked.size), (Some(Digest::of(plain)), plain.len() as u64));
        assert_eq!(tree.entries, 2);
    }
    assert!(archive.problems().is_empty());
}

#[test]
fn layers_behind_links_are_found_and_loops_end() {
    let layers = layers();
    let config = config(&layers, &[]);
    let manifest =
        json!([{"Config": "c.json", "RepoTags": null, "Layers": ["x/layer.tar", "y/layer.tar", "loop/a", "h"]}]);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let archive = open(tar(&[
        file("c.json", &config),
        file("manifest.json", &manifest),
        file("x/layer.tar", &layers[0]),
        symlink("y/layer.tar", "../x/layer.tar"),
        symlink("loop/a", "b"),
        symlink("loop/b", "a"),
        hardlink("h", "x/layer.tar"),
        symlink("abs", "/x/layer.tar"),
    ]))
    .unwrap();
    let found: Vec<_> = archive.images()[0].layers.iter().map(|layer| layer.stored).collect();
    let size = layers[0].len() as u64;
    assert_eq!(found, [size, size, 0, size]);
    assert_eq!(archive.images()[0].layers[2].path, None);
    assert_eq!(archive.problems(), ["manifest.json has 4 layers for c.json, its configuration 2"]);
    assert_eq!(archive.files().size("abs"), None);
}

#[test]
fn platforms_nested_indexes_attestations_and_absent_images_are_told_apart() {
    let plain = layers();
    let mut oci = Oci::new();
    let packed = [(gzip(&plain[0]), plain[0].clone()), (zstd(&plain[1]), plain[1].clone())];
    let mut amd = oci.image(&packed, &[]);
    amd["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let mut arm = oci.image(&packed[..1], &[]);
    arm["platform"] = json!({"os": "linux", "architecture": "arm64", "variant": "v8"});
    let statement = oci.blob("application/vnd.in-toto+json", b"{}");
    let mut statement_layer = statement;
    statement_layer["annotations"] = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"});
    let config = oci.blob("application/vnd.oci.image.config.v1+json", b"{}");
    let mut attestation = oci.document(&json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [statement_layer],
    }));
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attestation["annotations"] =
        json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd["digest"]});
    let absent = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1,
        "digest": format!("sha256:{}", "0".repeat(64)), "platform": {"os": "linux", "architecture": "s390x"}});
    let inner = oci.document(&json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [amd, arm, attestation, absent],
    }));
    let mut named = inner.clone();
    named["annotations"] = json!({"io.containerd.image.name": "docker.io/library/demo:1"});
    let archive = open(oci.archive(&[named])).unwrap();
    let platforms: Vec<_> = archive.images().iter().map(|image| platform::format(&image.platform)).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64/v8"]);
    let amd = archive.select(Some("demo:1"), None).unwrap();
    assert_eq!(amd.attestations[0].statements[0].predicate_type, "https://slsa.dev/provenance/v0.2");
    assert_eq!(amd.index.as_ref().map(Digest::as_str), inner["digest"].as_str());
    let arm = platform::parse("arm64").unwrap();
    assert_eq!(archive.select(None, Some(&arm)).unwrap().layers.len(), 1);
    let error = archive.select(None, Some(&platform::parse("linux/s390x").unwrap())).unwrap_err();
    assert_eq!(error.to_string(), "no image for linux/s390x; the archive has linux/amd64, linux/arm64/v8");
    assert_eq!(archive.absent().len(), 1);
    for (layer, kind) in amd.layers.iter().zip([Compression::Gzip, Compression::Zstd]) {
        let (unpacked, _) = archive.read_tree(layer, Digests::Both, Options::default()).unwrap();
        assert_eq!((unpacked.digest, unpacked.diff_id), (layer.digest.clone(), layer.diff_id.clone()));
        assert_eq!((unpacked.compression, archive.compression(layer).unwrap()), (kind, kind));
    }
    // A layer that is not in the archive.
    let gone = archive.images()[0].layers[0].digest.clone().unwrap();
    oci.remove(gone.as_str());
    let archive = open(oci.archive(&[inner])).unwrap();
    let error = archive.read_tree(&archive.images()[0].layers[0], Digests::Neither, Options::default()).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
}

#[test]
fn what_both_layouts_describe_is_one_image() {
    let plain = layers();
    let mut oci = Oci::new();
    let manifest = oci.image(&plain.iter().map(|l| (l.clone(), l.clone())).collect::<Vec<_>>(), &[]);
    let mut manifest = manifest;
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
    let oci_bytes = oci.archive(&[manifest]);
    let config = format!("blobs/sha256/{}", Digest::of(&config(&plain, &[])).hex());
    let layers: Vec<_> = plain.iter().map(|l| format!("blobs/sha256/{}", Digest::of(l).hex())).collect();
    let docker = serde_json::to_vec(&json!([{"Config": config, "RepoTags": ["demo:1"], "Layers": layers}])).unwrap();
    let mut bytes = oci_bytes[..oci_bytes.len() - 1024].to_vec();
    bytes.extend_from_slice(&tar(&[file("manifest.json", &docker)]));
    let archive = open(bytes).unwrap();
    let [image] = archive.images() else { panic!("{} images", archive.images().len()) };
    assert_eq!(image.names, ["demo:1"]);
    assert!(image.manifest.is_some());
}

#[test]
fn what_is_no_image_archive_says_what_it_is() {
    let text = |bytes: Vec<u8>| open(bytes).unwrap_err().to_string();
    assert!(text(tar(&[file("etc/passwd", b"")])).contains("neither manifest.json nor index.json"));
    assert!(text(b"hello".to_vec()).contains("unexpected end of the tar"));
    assert!(text(vec![b'x'; 1024]).contains("checksum"));
    assert!(text(Vec::new()).contains("neither"));
    let whole = docker_archive(&layers(), &[], &[]);
    assert!(text(gzip(&whole)).contains("compressed with gzip"));
    assert!(text(zstd(&whole)).contains("compressed with zstd"));
    let unpacked = Archive::decompress(&gzip(&whole), &Limits::default()).unwrap();
    assert_eq!(unpacked, whole);
    let small = Limits { archive_in_memory: 100, ..Limits::default() };
    assert!(matches!(Archive::decompress(&gzip(&whole), &small), Err(Error::Limit { limit: 100, .. })));
    // Wherever it is cut off, that is told, or layers are missing.
    for cut in (0..whole.len() - 1024).step_by(128) {
        if let Ok(archive) = open(whole[..cut].to_vec()) {
            assert!(archive.images()[0].layers.iter().any(|layer| layer.path.is_none()), "cut at {cut}");
        }
    }
}

#[test]
fn documents_that_lie_are_named() {
    let text = |items: &[super::testing::Item<'_>]| open(tar(items)).unwrap_err().to_string();
    assert!(text(&[file("manifest.json", b"[{")]).starts_with("manifest.json: EOF"));
    assert!(text(&[file("manifest.json", b"[{\"Config\": 3}]")]).contains("invalid type"));
    assert!(text(&[file("manifest.json", br#"[{"Config":"x.json"}]"#)]).contains("the archive has no file x.json"));
    assert!(
        text(&[file("index.json", &[&b"{\"x\":"[..], &b"[".repeat(1000)].concat())]).starts_with("index.json: EOF")
    );
    let huge = vec![b' '; (4 << 20) + 1];
    assert!(text(&[file("index.json", &huge)]).contains("the size of an index exceeds the limit of 4194304"));
    let mut oci = Oci::new();
    let mut descriptor = oci.blob("application/vnd.oci.image.index.v1+json", b"{}");
    for _ in 0..10 {
        let media_type = "application/vnd.oci.image.index.v1+json";
        descriptor = oci.document(&json!({"schemaVersion": 2, "mediaType": media_type, "manifests": [descriptor]}));
    }
    assert!(
        open(oci.archive(&[descriptor]))
            .unwrap_err()
            .to_string()
            .contains("the nesting of indexes exceeds the limit of 8")
    );
    // A blob under another's name.
    let mut oci = Oci::new();
    let mut image = oci.image(&[], &[]);
    let wrong = format!("sha256:{}", "1".repeat(64));
    image["digest"] = json!(wrong);
    let archive = open(oci.archive(&[image])).unwrap();
    assert_eq!((archive.images().len(), archive.absent().len()), (0, 1));
}

#[test]
fn a_layer_that_is_missing_is_named() {
    let config = config(&[tar(&[file("a", b"1")])], &[]);
    let manifest = r#"[{"Config": "c.json", "RepoTags": ["demo:1"], "Layers": ["abc/layer.tar"]}]"#;
    let bytes = tar(&[file("c.json", &config), file("manifest.json", manifest.as_bytes())]);
    let archive = Archive::open(bytes, &Limits::default()).unwrap();
    let error = archive.read_layer(&archive.images()[0].layers[0], 0, &mut [0; 8]).unwrap_err().to_string();
    assert!(error.starts_with("layer sha256:") && error.ends_with("the archive has no file abc/layer.tar"), "{error}");
}
