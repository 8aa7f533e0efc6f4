//! Archives of images, and of files for a container, that lie, want out or do not end. Each ends in a sentence; nothing leaves
//! its root, and the store is as it was.

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Tar, config, gzip, image, root_or_skip, store, tree};
use serde_json::json;
use slipway_images::{DiffId, Digest, Store, Target, extract, fsck};
use tar::EntryType;

/// What is in a store, but for the directory for temporary files.
fn kept(data: &Path) -> Vec<PathBuf> {
    tree(data).into_iter().filter(|path| *path != data.join("tmp")).collect()
}

fn loads(store: &Store, archive: impl Read) -> Result<usize, String> {
    store.load(archive, None, &mut |_| {}).map(|images| images.len()).map_err(|error| error.to_string())
}

fn manifest(layers: &[&str]) -> Vec<u8> {
    json!([{"Config": "config.json", "RepoTags": ["x:1"], "Layers": layers}]).to_string().into_bytes()
}

/// An archive in docker's layout with these layers.
fn archive(config: &[u8], layers: &[(&str, &[u8])], names: &[&str]) -> Vec<u8> {
    let mut tar = Tar::new().file("config.json", config);
    for (name, layer) in layers {
        tar = tar.file(name, layer);
    }
    tar.file("manifest.json", &manifest(names)).end()
}

#[test]
fn archives_of_images_that_lie_are_refused_and_leave_nothing() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    image(&store, &[Tar::new().file("base", b"1").end()], "base");
    let before = kept(dir.path());
    let good = Tar::new().file("a", &[1; 5_000]).end();
    let out = Tar::new().file("../../../../../../tmp/slipway-out", b"x").end();
    let link = Tar::new().symlink("l", "/tmp").file("l/slipway-out", b"x").end();
    let of = |layers: &[&[u8]]| config(&layers.iter().map(|layer| DiffId::of(layer)).collect::<Vec<_>>(), "x");
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    let oci = |layer: &[u8], said: &[u8]| {
        let config = of(&[layer]);
        let described = |bytes: &[u8]| json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Digest::of(bytes), "size": bytes.len()});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(&config), "size": config.len()},
            "layers": [described(said)],
        })
        .to_string()
        .into_bytes();
        let index = json!({"schemaVersion": 2, "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": Digest::of(&manifest), "size": manifest.len(),
        }]});
        let tar = Tar::new().file("index.json", index.to_string().as_bytes()).file(&blob(&config), &config);
        tar.file(&blob(&manifest), &manifest).file(&blob(said), layer).end()
    };
    let whole = archive(&of(&[&good]), &[("1.tar", &good)], &["1.tar"]);
    let mut torn = whole.clone();
    torn[0] ^= 1;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a layer leads out", archive(&of(&[&out]), &[("1.tar", &out)], &["1.tar"]), "outside"),
        ("a layer's link leads out", archive(&of(&[&link]), &[("1.tar", &link)], &["1.tar"]), "outside"),
        ("another layer than said", archive(&of(&[&good]), &[("1.tar", &out)], &["1.tar"]), "outside"),
        ("another diff id", archive(&of(&[b"else"]), &[("1.tar", &good)], &["1.tar"]), "invalid diffID for layer 0"),
        ("too many layers named", archive(&of(&[&good]), &[("1.tar", &good)], &["1.tar", "1.tar"]), "length mismatch"),
        ("a layer that is not there", archive(&of(&[&good]), &[], &["1.tar"]), "no file 1.tar"),
        ("a layer outside", archive(&of(&[&good]), &[("1.tar", &good)], &["../1.tar"]), "no file ../1.tar"),
        ("an entry outside", Tar::new().file("../config.json", b"{}").end(), "leads out of it"),
        (
            "a link in a circle",
            Tar::new().symlink("manifest.json", "b").symlink("b", "manifest.json").end(),
            "manifest.json",
        ),
        ("a link outside", Tar::new().symlink("manifest.json", "../../../etc/passwd").end(), "manifest.json"),
        (
            "a config that is a device",
            Tar::new().device("config.json", EntryType::Char, 1, 5).file("manifest.json", &manifest(&[])).end(),
            "no file config.json",
        ),
        ("a config that is none", archive(b"{}", &[("1.tar", &good)], &["1.tar"]), "no RootFS key"),
        ("an oci blob under another digest", oci(&good, b"else"), "layer verification failed"),
        (
            "the second layer is torn",
            archive(&of(&[&good, &good[..700]]), &[("1.tar", &good), ("2.tar", &good[..700])], &["1.tar", "2.tar"]),
            "unexpected EOF",
        ),
        ("a checksum", torn, "invalid tar header"),
        ("truncated", whole[..4_000].to_vec(), "unexpected EOF"),
        ("truncated and compressed", gzip(&whole)[..200].to_vec(), ""),
        ("compressed by nothing that there is", b"BZh9nonsense that is no bzip2 stream at all".to_vec(), ""),
        ("xz of nonsense", b"\xfd7zXZ\0nonsense that is no xz stream at all".to_vec(), ""),
    ];
    for (what, archive, wanted) in cases {
        let error = loads(&store, &archive[..]).expect_err(what);
        assert!(error.contains(wanted) && error.len() > 8, "{what}: {error}");
        assert_eq!(kept(dir.path()), before, "{what} leaves something");
    }
    assert!(!Path::new("/tmp/slipway-out").exists());
    // The same layer twice is odd, and right.
    let twice = archive(&of(&[&good, &good]), &[("1.tar", &good)], &["1.tar", "1.tar"]);
    assert_eq!(loads(&store, &twice[..]), Ok(1));
    drop(store);
    assert_eq!(fsck::check(dir.path(), true).unwrap().problems, Vec::new());
}

#[test]
fn a_hundred_thousand_entries_are_too_many_for_images_and_not_for_a_layer() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let before = kept(dir.path());
    let mut tar = Tar::new();
    for entry in 0..100_001 {
        tar = tar.file(&format!("e{entry}"), b"");
    }
    let many = tar.end();
    let error = loads(&store, &many[..]).unwrap_err();
    assert!(error.contains("more than 100000 entries"), "{error}");
    assert_eq!(kept(dir.path()), before);
    let layer = store.register_layer(None, &many[..], Some(&DiffId::of(&many))).unwrap();
    assert_eq!(fs::read_dir(store.layer_dir(&layer.chain_id).unwrap()).unwrap().count(), 100_001);
}

/// A small file system, gone with the value.
struct Small(tempfile::TempDir);

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_bomb_ends_at_the_edge_of_the_disk_and_leaves_it_empty() {
    if !root_or_skip() {
        return;
    }
    let small = Small(tempfile::tempdir().unwrap());
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(small.0.path()).status();
    assert!(mounted.is_ok_and(|status| status.success()));
    let data = small.0.path().join("data");
    let store = Store::open(&data).unwrap();
    let zeros = vec![0; 24 << 20];
    let layer = Tar::new().file("zeros", &zeros).end();
    let of = config(&[DiffId::of(&layer)], "x");
    let packed = gzip(&layer);
    assert!(packed.len() < 1 << 20);
    // Compressed as a whole, and a compressed layer in a plain archive.
    let outer = gzip(&archive(&of, &[("1.tar", &layer)], &["1.tar"]));
    let inner = archive(&of, &[("1.tar", &packed)], &["1.tar"]);
    let before = kept(&data);
    for (what, bomb) in [("outer", &outer), ("inner", &inner)] {
        let error = loads(&store, &bomb[..]).expect_err(what);
        assert!(error.contains("No space left on device"), "{what}: {error}");
        assert_eq!(kept(&data), before, "{what}");
    }
    let error = store.register_layer(None, &packed[..], None).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
    drop(store);
    assert_eq!(fsck::check(&data, true).unwrap().problems, Vec::new());
}

#[test]
fn files_for_a_container_never_leave_its_root() {
    if !root_or_skip() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/passwd"), "inside").unwrap();
    fs::write(root.join("etc/busy"), "mounted on").unwrap();
    fs::write(dir.path().join("outside"), "safe").unwrap();
    let busy = [Path::new("/etc/busy").to_owned()];
    let into = |dir: &str, archive: &[u8]| {
        let target = Target { root: &root, dir: Path::new(dir), keep_kinds: true, busy: &busy };
        extract(archive, &target).map_err(|error| error.to_string())
    };
    let refused: Vec<(&str, &str, Vec<u8>, &str)> = vec![
        ("..", "/tmp", Tar::new().file("../../up", b"x").end(), "is outside of \"/tmp\""),
        ("a hard link out", "/tmp", Tar::new().hardlink("h", "../../outside").end(), "is outside of \"/tmp\""),
        ("a hard link to nothing", "/tmp", Tar::new().hardlink("h", "/etc/nothing").end(), "No such file"),
        ("what is mounted", "/etc", Tar::new().file("busy", b"x").end(), "busy"),
        (
            "a directory over a file",
            "/etc",
            Tar::new().dir("passwd/", 0o755).end(),
            "cannot overwrite non-directory \"/etc/passwd\" with directory \"/etc\"",
        ),
        (
            "a file over a directory",
            "/",
            Tar::new().file("etc", b"x").end(),
            "cannot overwrite directory \"/etc\" with non-directory \"/\"",
        ),
        ("truncated", "/tmp", Tar::new().file("t", &[1; 5_000]).end()[..2_000].to_vec(), "unexpected EOF"),
    ];
    for (what, place, archive, wanted) in refused {
        let error = into(place, &archive).expect_err(what);
        assert!(error.contains(wanted), "{what}: {error}");
    }
    // Links lead where they do in the container.
    let up = "../".repeat(20);
    let through = Tar::new().symlink("abs", "/etc").file("abs/one", b"1").symlink("rel", &up).file("rel/two", b"2");
    into("/tmp", &through.file("/three", b"3").device("pipe", EntryType::Fifo, 0, 0).file(".wh.four", b"").end())
        .unwrap();
    assert_eq!(fs::read(root.join("etc/one")).unwrap(), b"1");
    assert_eq!(fs::read(root.join("two")).unwrap(), b"2");
    assert_eq!(fs::read(root.join("tmp/three")).unwrap(), b"3");
    assert!(fs::metadata(root.join("tmp/pipe")).unwrap().file_type().is_fifo() && root.join("tmp/.wh.four").exists());
    into("/tmp", &gzip(&Tar::new().file("packed", b"p").end())).unwrap();
    assert!(root.join("tmp/packed").exists());
    assert_eq!(fs::read_to_string(dir.path().join("outside")).unwrap(), "safe");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing but the root and the file beside it");
}
