//! Layers of archives are unpacked while the archive comes in, before it is known what lies below them: what is loaded so is what is
//! registered otherwise.

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use common::{Tar, config, gzip, image, root_or_skip, store, tree};
use serde_json::json;
use slipway_images::{ChainId, DiffId, ImageId, Store, fsck};
use tar::EntryType;

/// An archive whose images have these files for their layers, the lowest first.
fn archive(files: &[(&str, &[u8])], images: &[&[&str]], diffs: &[&[DiffId]]) -> Vec<u8> {
    let mut tar = Tar::new();
    for (name, content) in files {
        tar = tar.file(name, content);
    }
    let mut manifest = Vec::new();
    for (at, (layers, diffs)) in images.iter().zip(diffs).enumerate() {
        tar = tar.file(&format!("{at}.json"), &config(diffs, &at.to_string()));
        manifest.push(json!({"Config": format!("{at}.json"), "RepoTags": [format!("x:{at}")], "Layers": layers}));
    }
    tar.file("manifest.json", json!(manifest).to_string().as_bytes()).end()
}

fn load(store: &Store, archive: &[u8]) -> Vec<ImageId> {
    let loaded = store.load(archive, None, &mut |_| {}).expect("a good archive");
    loaded.into_iter().map(|image| image.id).collect()
}

/// Everything under a directory that an image's user can see of it.
fn looks(dir: &Path) -> Vec<String> {
    let look = |path: &Path| {
        let meta = fs::symlink_metadata(path).unwrap();
        let name = path.strip_prefix(dir).unwrap().display().to_string();
        let content = if meta.is_file() { fs::read(path).unwrap().len() } else { 0 };
        let device = meta.file_type().is_char_device().then(|| meta.rdev());
        let opaque = rustix::fs::lgetxattr(path, "trusted.overlay.opaque", &mut [0; 8][..]).is_ok();
        let owner = (meta.uid(), meta.gid(), meta.permissions().mode());
        format!("{name} {owner:?} {content} {device:?} {opaque} {}", if meta.is_file() { meta.mtime() } else { 0 })
    };
    std::iter::once(look(dir)).chain(tree(dir).iter().map(|path| look(path))).collect()
}

/// The directories of an image's layers, the lowest first.
fn layers(store: &Store, id: &ImageId) -> Vec<Vec<String>> {
    let diffs = store.image(id).unwrap().layers.clone();
    ChainId::stack(&diffs).iter().map(|chain| looks(&store.layer_dir(chain).unwrap())).collect()
}

#[test]
fn what_lies_below_decides_as_if_it_had_been_known_from_the_start() {
    if !root_or_skip() {
        return;
    }
    // A root of its own, one that is inherited, whiteouts with something below and with nothing.
    let base = Tar::new().dir("./", 0o750).file("a", b"one").dir("d/", 0o700).file("d/b", b"two").end();
    let top = Tar::new().file(".wh.a", b"").file("d/.wh..wh..opq", b"").file("d/c", b"three").end();
    let (base_diff, top_diff) = (DiffId::of(&base), DiffId::of(&top));
    let (registered_dir, registered) = store();
    let wanted: Vec<_> = [vec![base.clone(), top.clone()], vec![top.clone()], vec![top.clone(), base.clone()]]
        .iter()
        .map(|tars| layers(&registered, &image(&registered, tars, "x")))
        .collect();
    let stacks: [&[DiffId]; 3] = [&[base_diff, top_diff], &[top_diff], &[top_diff, base_diff]];
    for compress in [<[u8]>::to_vec, gzip] {
        let (dir, loaded) = store();
        let files = [("1", compress(&base)), ("2", compress(&top))];
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
        let ids = load(&loaded, &archive(&files, &[&["1", "2"], &["2"], &["2", "1"]], &stacks));
        let found: Vec<_> = ids.iter().map(|id| layers(&loaded, id)).collect();
        assert_eq!(found, wanted);
        // And each can be given out again.
        for stack in stacks {
            for (chain, tar) in
                ChainId::stack(stack).iter().zip(stack.iter().map(|diff| [&base, &top][usize::from(*diff == top_diff)]))
            {
                let mut out = Vec::new();
                loaded.write_layer_tar(chain, &mut out).unwrap();
                assert_eq!(&out, tar);
            }
        }
        drop(loaded);
        assert_eq!(fsck::check(dir.path(), true).unwrap().problems, Vec::new());
    }
    drop(registered);
    assert_eq!(fsck::check(registered_dir.path(), true).unwrap().problems, Vec::new());
}

#[test]
fn files_that_no_image_wants_leave_nothing_whatever_they_are() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let good = Tar::new().file("a", &[1; 5_000]).end();
    let bad = Tar::new().file("../../out", b"x").end();
    let torn = gzip(&good)[..40].to_vec();
    let devices = Tar::new().device("n", EntryType::Char, 1, 3).end();
    let diff = DiffId::of(&good);
    let files: [(&str, &[u8]); 5] =
        [("bad.tar", &bad), ("torn.tar.gz", &torn), ("other.tar", &devices), ("good.tar", &good), ("text", b"text")];
    let ids = load(&store, &archive(&files, &[&["good.tar"]], &[&[diff]]));
    assert_eq!(layers(&store, &ids[0]).len(), 1);
    let dirs = fs::read_dir(dir.path().join("overlay2")).unwrap().flatten();
    let names: Vec<_> = dirs.map(|entry| entry.file_name()).filter(|name| name.len() == 64).collect();
    assert_eq!(names.len(), 1, "only the image's layer stays: {names:?}");
    // The same archive again changes nothing.
    assert_eq!(load(&store, &archive(&files, &[&["good.tar"]], &[&[diff]])), ids);
    let again = fs::read_dir(dir.path().join("overlay2")).unwrap().flatten();
    assert_eq!(again.filter(|entry| entry.file_name().len() == 64).count(), 1);
    drop(store);
    assert_eq!(fsck::check(dir.path(), true).unwrap().problems, Vec::new());
}
