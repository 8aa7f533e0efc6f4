//! The store's life as root on a real file system with real overlay mounts.

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use common::{Tar, config, gzip, image, root_or_skip, store};
use slipway_images::{Error, Reference, ResolveError, Store};

#[test]
fn a_container_sees_its_layers_and_keeps_its_changes() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let base = Tar::new().dir("etc/", 0o755).file("etc/a", b"one").file("etc/b", b"two").dir("opt/", 0o700).end();
    let top = gzip(&Tar::new().dir("etc/", 0o755).file("etc/.wh.a", b"").file("etc/c", b"three").end());
    let id = image(&store, &[base, top], "x");
    let rw = store
        .create_rw("c1", Some(&id), |root| {
            assert!(root.join("etc/b").exists(), "init sees the image");
            fs::write(root.join("etc/hosts"), "")
        })
        .unwrap();
    let merged = store.mount_rw("c1").unwrap();
    assert_eq!(merged, rw.merged);
    let mut names: Vec<_> = fs::read_dir(merged.join("etc")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["b", "c", "hosts"]);
    fs::write(merged.join("etc/d"), "12345").unwrap();
    assert_eq!(store.rw_size("c1").unwrap(), 5);
    store.unmount_rw("c1").unwrap();
    assert!(!merged.exists());
    assert_eq!(fs::read(rw.upper.join("etc/d")).unwrap(), b"12345");
    drop(store);

    let store = Store::open(dir.path()).unwrap();
    let merged = store.mount_rw("c1").unwrap();
    assert_eq!(fs::read(merged.join("etc/d")).unwrap(), b"12345");
    store.unmount_rw("c1").unwrap();
    store.remove_rw("c1").unwrap();
    assert!(!rw.upper.exists());
    assert!(matches!(store.mount_rw("c1"), Err(Error::NoSuchRwLayer(_))));
}

#[test]
fn a_hundred_and_twenty_layers_can_be_mounted() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let tars: Vec<_> = (0..120).map(|n| Tar::new().file(&format!("f{n}"), b"x").end()).collect();
    let id = image(&store, &tars, "deep");
    store.create_rw("deep", Some(&id), |_| Ok(())).unwrap();
    let merged = store.mount_rw("deep").unwrap();
    assert_eq!(fs::read_dir(&merged).unwrap().count(), 120);
    store.unmount_rw("deep").unwrap();
    store.remove_rw("deep").unwrap();
}

#[test]
fn whiteouts_are_devices_and_the_layout_is_dockers() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let base = Tar::new().file("a", b"1").dir("d/", 0o755).file("d/x", b"1").end();
    let top = Tar::new().file(".wh.a", b"").dir("d/", 0o755).file("d/.wh..wh..opq", b"").end();
    let id = image(&store, &[base, top], "w");
    let info = store.image(&id).unwrap();
    assert_eq!(info.size, 2);
    let layer = store.layer(&info.chain_id().unwrap()).unwrap();
    let diff = store.layer_dir(&layer.chain_id).unwrap();
    let whiteout = fs::symlink_metadata(diff.join("a")).unwrap();
    assert!(whiteout.file_type().is_char_device() && whiteout.rdev() == 0);
    let cache = diff.parent().unwrap();
    let lower = fs::read_to_string(cache.join("lower")).unwrap();
    assert_eq!(lower.len(), 2 + 26);
    assert_eq!(fs::read_to_string(dir.path().join("overlay2").join(&lower).join("d/x")).unwrap(), "1");
    let db = dir.path().join("image/overlay2/layerdb/sha256").join(layer.chain_id.hex());
    assert_eq!(fs::read_to_string(db.join("diff")).unwrap(), layer.diff_id.to_string());
    assert_eq!(fs::read_to_string(db.join("size")).unwrap(), "0");
    store.create_rw("w", Some(&id), |_| Ok(())).unwrap();
    let merged = store.mount_rw("w").unwrap();
    assert!(!merged.join("a").exists() && !merged.join("d/x").exists() && merged.join("d").is_dir());
    store.unmount_rw("w").unwrap();
}

#[test]
fn images_are_found_by_name_and_by_the_beginning_of_their_id() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let id = image(&store, &[Tar::new().file("a", b"1").end()], "x");
    let name = Reference::parse("ubuntu").unwrap();
    store.tag(&name, &id).unwrap();
    for text in ["ubuntu", "ubuntu:latest", "docker.io/library/ubuntu", &id.to_string(), &id.hex(), &id.short()] {
        assert_eq!(store.resolve(text), Ok(id), "{text}");
    }
    assert_eq!(store.resolve("debian"), Err(ResolveError::NotFound("debian".into())));
    assert_eq!(store.references(&id), [name.clone().with_default_tag()]);
    let invalid = ResolveError::Invalid("invalid reference format".into());
    assert_eq!(store.resolve("not/a valid name"), Err(invalid));
    assert!(store.untag(&name).unwrap());
    assert_eq!(store.resolve("ubuntu"), Err(ResolveError::NotFound("ubuntu".into())));
}

#[test]
fn a_store_has_one_owner() {
    let (dir, _store) = store();
    assert!(matches!(Store::open(dir.path()), Err(Error::InUse(_))));
}

#[test]
fn a_configuration_without_its_layers_is_refused() {
    let (_dir, store) = store();
    let missing = slipway_images::DiffId::of(b"nothing");
    assert!(matches!(store.create_image(&config(&[missing], "x")), Err(Error::NoSuchLayer(_))));
    assert!(matches!(store.create_image(b"[]"), Err(Error::InvalidConfig(_))));
}
