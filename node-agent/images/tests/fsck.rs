//! The check of a store: a whole one passes, and each kind of damage is found and named.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Tar, image, root_or_skip, store};
use slipway_images::{CommitOptions, Error, Reference, Store, fsck};

/// A store with two images that share a layer, names, a parent and a container.
fn filled() -> (tempfile::TempDir, Store) {
    let (dir, store) = store();
    let base = Tar::new().dir("etc/", 0o755).file("etc/a", b"one").end();
    let tool = image(&store, &[base.clone(), Tar::new().file("etc/.wh.a", b"").file("b", &[7; 70_000]).end()], "tool");
    let other = image(&store, &[base], "other");
    store.tag(&Reference::parse("tool:1").unwrap(), &tool).unwrap();
    store.tag(&Reference::parse("localhost:5000/other").unwrap(), &other).unwrap();
    store.create_rw("c1", Some(&tool), |root| fs::write(root.join("init"), "")).unwrap();
    let root = store.mount_rw("c1").unwrap();
    fs::write(root.join("new"), "new").unwrap();
    store.unmount_rw("c1").unwrap();
    let options = CommitOptions {
        base: Some(tool),
        config: serde_json::json!({}),
        created: "2024-05-06T07:08:09Z".into(),
        ..CommitOptions::default()
    };
    store.commit("c1", &options).unwrap();
    (dir, store)
}

fn problems(dir: &Path) -> Vec<String> {
    fsck::check(dir, true).unwrap().problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_store_has_no_problems_and_an_open_one_is_not_looked_at() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = filled();
    assert!(matches!(fsck::check(dir.path(), false), Err(Error::InUse(_))));
    drop(store);
    let report = fsck::check(dir.path(), true).unwrap();
    assert_eq!((report.images, report.layers, &report.containers[..]), (3, 3, &["c1".to_owned()][..]));
    assert_eq!(problems(dir.path()), Vec::<String>::new());
}

/// The directories of `parent` whose names are ids.
fn ids(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
    let mut ids: Vec<PathBuf> = entries.filter(|path| path.file_name().is_some_and(|name| name.len() >= 64)).collect();
    ids.sort();
    ids
}

/// What is done, and a word of what must be said.
type Damage<'a> = (&'a str, Box<dyn Fn() + 'a>, &'a str);

#[test]
fn each_kind_of_damage_is_found() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = filled();
    drop(store);
    let root = dir.path();
    let image_root = root.join("image/overlay2");
    let layers = image_root.join("layerdb/sha256");
    let on_top = || ids(&layers).into_iter().find(|layer| layer.join("parent").exists()).unwrap();
    let cache = |layer: &Path| root.join("overlay2").join(fs::read_to_string(layer.join("cache-id")).unwrap());
    // Of the image that has a name and a child.
    let config = || {
        let names = fs::read_to_string(image_root.join("repositories.json")).unwrap();
        let key = "\"tool:1\":\"sha256:";
        let at = names.find(key).unwrap() + key.len();
        image_root.join("imagedb/content/sha256").join(&names[at..at + 64])
    };
    let file_of = |layer: &Path| {
        let files = common::tree(&cache(layer).join("diff"));
        files.into_iter().find(|path| path.metadata().is_ok_and(|m| m.is_file() && m.len() > 0)).unwrap()
    };
    let mount = image_root.join("layerdb/mounts/c1");
    // What is done, and a word of what must be said.
    let cases: Vec<Damage<'_>> = vec![
        ("a config is changed", Box::new(|| fs::write(config(), "{}").unwrap()), "its content has the digest"),
        ("a config is gone", Box::new(|| fs::remove_file(config()).unwrap()), "leads to"),
        ("a layer is gone", Box::new(|| fs::remove_dir_all(on_top()).unwrap()), "is missing"),
        ("a file's content", Box::new(|| fs::write(file_of(&on_top()), vec![8; 70_000]).unwrap()), "made again"),
        ("a file's size", Box::new(|| fs::write(cache(&on_top()).join("diff/more"), "x").unwrap()), "its files have"),
        (
            "a diff id",
            Box::new(|| fs::write(on_top().join("diff"), format!("sha256:{}", "0".repeat(64))).unwrap()),
            "chain id does not fit",
        ),
        ("a parent", Box::new(|| fs::remove_file(on_top().join("parent")).unwrap()), "chain id does not fit"),
        ("a size", Box::new(|| fs::write(on_top().join("size"), "many").unwrap()), "no number"),
        ("a record", Box::new(|| fs::remove_file(on_top().join("tar-split.json.gz")).unwrap()), "missing"),
        (
            "a short link",
            Box::new(|| {
                fs::remove_file(
                    root.join("overlay2/l").join(fs::read_to_string(cache(&on_top()).join("link")).unwrap()),
                )
                .unwrap()
            }),
            "missing",
        ),
        ("a lower file", Box::new(|| fs::write(cache(&on_top()).join("lower"), "l/X").unwrap()), "should be"),
        ("a work directory", Box::new(|| fs::remove_dir(cache(&on_top()).join("work")).unwrap()), "missing"),
        (
            "a stray directory",
            Box::new(|| fs::create_dir(root.join("overlay2").join("f".repeat(64))).unwrap()),
            "no layer and no container",
        ),
        (
            "a stray link",
            Box::new(|| {
                std::os::unix::fs::symlink("../x/diff", root.join("overlay2/l/ABCDEFGHIJKLMNOPQRSTUVWXYZ")).unwrap()
            }),
            "no directory has this link",
        ),
        (
            "a stray transaction",
            Box::new(|| fs::create_dir(image_root.join("layerdb/tmp/write-set-1")).unwrap()),
            "unfinished",
        ),
        ("a temporary file", Box::new(|| fs::write(image_root.join(".tmp-1"), "").unwrap()), "cut off"),
        (
            "a container's parent",
            Box::new(|| fs::write(mount.join("parent"), format!("sha256:{}", "1".repeat(64))).unwrap()),
            "there is no layer",
        ),
        (
            "a container's directory",
            Box::new(|| {
                fs::remove_dir_all(root.join("overlay2").join(fs::read_to_string(mount.join("mount-id")).unwrap()))
                    .unwrap()
            }),
            "missing",
        ),
        ("names", Box::new(|| fs::write(image_root.join("repositories.json"), "{").unwrap()), "cannot be understood"),
        (
            "a name",
            Box::new(|| {
                let file = image_root.join("repositories.json");
                let text = fs::read_to_string(&file).unwrap().replace("\"tool:1\"", "\"other:1\"");
                fs::write(file, text).unwrap();
            }),
            "is no name in the repository",
        ),
    ];
    let kept = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
        assert!(done.success());
    };
    copy(root, &kept.path().join("data"));
    for (what, damage, wanted) in cases {
        damage();
        let found = problems(root);
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{what}: {found:?}");
        for path in ["overlay2", "image"] {
            fs::remove_dir_all(root.join(path)).unwrap();
            copy(&kept.path().join("data").join(path), &root.join(path));
        }
        assert_eq!(problems(root), Vec::<String>::new(), "{what} is mended");
    }
}
