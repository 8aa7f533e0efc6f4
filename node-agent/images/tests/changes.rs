//! What a container has changed, and the image made of it.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use common::{Tar, image, root_or_skip, store};
use slipway_images::{ChangeKind, CommitOptions, ImageId, Store};

fn base() -> Vec<u8> {
    Tar::new()
        .dir("bin/", 0o755)
        .file("bin/sh", b"#!")
        .hardlink("bin/bash", "bin/sh")
        .dir("etc/", 0o755)
        .file("etc/passwd", b"root")
        .dir("old/", 0o755)
        .file("old/a", b"a")
        .file("old/b", b"b")
        .dir("gone/", 0o755)
        .file("gone/x", b"x")
        .file("swap", b"file")
        .dir("tmp/", 0o1777)
        .end()
}

fn diff(store: &Store, container: &str) -> Vec<String> {
    let letter = |kind| match kind {
        ChangeKind::Modified => 'C',
        ChangeKind::Added => 'A',
        ChangeKind::Deleted => 'D',
    };
    let changes = store.changes(container).unwrap();
    changes.iter().map(|change| format!("{} {}", letter(change.kind), change.path.display())).collect()
}

/// The changes that the tests make, in a mounted root.
fn change(root: &Path) {
    fs::write(root.join("tmp/new"), "12345").unwrap();
    fs::create_dir(root.join("tmp/dir")).unwrap();
    fs::hard_link(root.join("tmp/new"), root.join("tmp/dir/link")).unwrap();
    fs::set_permissions(root.join("etc/passwd"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_dir_all(root.join("gone")).unwrap();
    fs::remove_dir_all(root.join("old")).unwrap();
    fs::create_dir(root.join("old")).unwrap();
    fs::write(root.join("old/c"), "c").unwrap();
    fs::write(root.join("old/a"), "again").unwrap();
    fs::remove_file(root.join("swap")).unwrap();
    fs::create_dir(root.join("swap")).unwrap();
    fs::write(root.join("swap/in"), "x").unwrap();
    symlink("/etc/passwd", root.join("bin/ln")).unwrap();
    // Touched, but the same: not a change.
    let sh = fs::File::options().append(true).open(root.join("bin/sh")).unwrap();
    sh.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    // By a short path: a socket's has room for 107 bytes, and the directory of temporary files may lie deep.
    let tmp = fs::File::open(root.join("tmp")).unwrap();
    let socket = format!("/proc/self/fd/{}/socket", std::os::fd::AsRawFd::as_raw_fd(&tmp));
    drop(std::os::unix::net::UnixListener::bind(socket).unwrap());
}

const EXPECTED: [&str; 18] = [
    "C /bin",
    "A /bin/ln",
    "C /etc",
    "C /etc/passwd",
    "C /old",
    "C /old/a",
    "A /old/c",
    "D /old/b",
    "C /swap",
    "A /swap/in",
    "C /tmp",
    "A /tmp/dir",
    "A /tmp/dir/link",
    "A /tmp/new",
    "A /tmp/socket",
    "D /gone",
    "",
    "",
];

fn options(base: ImageId) -> CommitOptions {
    CommitOptions {
        base: Some(base),
        config: serde_json::json!({"Cmd": ["sh"]}),
        created: "2024-05-06T07:08:09.123456789Z".into(),
        comment: "added figlet".into(),
        created_by: "bash".into(),
        ..CommitOptions::default()
    }
}

#[test]
fn changes_are_told_as_docker_diff_tells_them() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let id = image(&store, &[base()], "base");
    store
        .create_rw("c", Some(&id), |root| {
            fs::write(root.join("etc/hosts"), "").and(fs::write(root.join(".dockerenv"), ""))
        })
        .unwrap();
    assert_eq!(diff(&store, "c"), [""; 0], "what init makes is no change");
    let root = store.mount_rw("c").unwrap();
    change(&root);
    let expected: Vec<&str> = EXPECTED.into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(diff(&store, "c"), expected);
    store.unmount_rw("c").unwrap();
    assert_eq!(diff(&store, "c"), expected, "mounted or not");
}

#[test]
fn a_commit_is_an_image_with_the_containers_files() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let id = image(&store, &[base()], "base");
    store.create_rw("c", Some(&id), |_| Ok(())).unwrap();
    let root = store.mount_rw("c").unwrap();
    change(&root);
    store.unmount_rw("c").unwrap();
    let new = store.commit("c", &options(id)).unwrap();
    assert_eq!(store.parent(&new), Some(id));
    assert_eq!(store.children(&id), [new]);
    let made = store.image(&new).unwrap();
    assert_eq!(made.layers.len(), 2);
    assert_eq!(made.config.history[1].comment.as_deref(), Some("added figlet"));
    assert_eq!(made.config.architecture, "amd64");
    assert_eq!(store.commit("c", &options(id)).unwrap(), new, "the same container gives the same image");

    store.create_rw("d", Some(&new), |_| Ok(())).unwrap();
    let root = store.mount_rw("d").unwrap();
    assert!(!root.join("gone").exists() && !root.join("old/b").exists() && !root.join("tmp/socket").exists());
    assert_eq!(fs::read(root.join("old/a")).unwrap(), b"again");
    assert_eq!(fs::read(root.join("swap/in")).unwrap(), b"x");
    assert_eq!(fs::metadata(root.join("etc/passwd")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(root.join("tmp/new")).unwrap().ino(),
        fs::metadata(root.join("tmp/dir/link")).unwrap().ino()
    );
    assert_eq!(fs::read_link(root.join("bin/ln")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(fs::metadata(root.join("tmp")).unwrap().mode() & 0o7777, 0o1777);
    store.unmount_rw("d").unwrap();
    assert_eq!(diff(&store, "d"), [""; 0]);

    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.image(&new).unwrap().size, made.size);
    assert_eq!(store.parent(&new), Some(id));
}

#[test]
fn a_commit_without_changes_adds_no_layer() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let id = image(&store, &[base()], "base");
    store.create_rw("c", Some(&id), |_| Ok(())).unwrap();
    let made = store.image(&store.commit("c", &options(id)).unwrap()).unwrap();
    assert_eq!(made.layers, store.image(&id).unwrap().layers);
    assert!(made.config.history[1].empty_layer);
}
