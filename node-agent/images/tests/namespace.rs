//! The store inside a user namespace, as in a node: overlay with `userxattr`, whiteouts, no devices. The test runs itself
//! again in a new namespace.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use common::{Tar, image, root_or_skip, skip};
use slipway_images::{ChangeKind, CommitOptions, Store, in_user_namespace};
use tar::EntryType;

const INSIDE: &str = "SLIPWAY_TEST_INSIDE";

#[test]
fn all_of_it_works_in_a_user_namespace() {
    if let Some(dir) = std::env::var_os(INSIDE) {
        return inside(dir.as_ref());
    }
    if !root_or_skip() {
        return;
    }
    assert!(!in_user_namespace());
    let dir = tempfile::tempdir().unwrap();
    // The namespace's root is somebody else outside, and owns the directory.
    rustix::fs::chown(dir.path(), Some(rustix::fs::Uid::from_raw(200_000)), Some(rustix::fs::Gid::from_raw(200_000)))
        .unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let program = std::env::current_exe().unwrap();
    let copy = dir.path().join("test");
    fs::copy(program, &copy).unwrap();
    // `cat` holds the namespaces until its input ends; root outside may write any map.
    let mut holder = Command::new("unshare")
        .args(["--user", "--mount", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = holder.stdin.take().unwrap();
    input.write_all(b"!").unwrap();
    if holder.stdout.as_mut().unwrap().read(&mut [0]).unwrap_or(0) == 0 {
        holder.wait().unwrap();
        return skip("no user namespaces here");
    }
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", holder.id()), "0 200000 65536").unwrap();
    }
    let output = Command::new("nsenter")
        .args(["--target", &holder.id().to_string(), "--user", "--mount", "--setuid", "0", "--setgid", "0", "--"])
        .arg(&copy)
        .args(["--exact", "all_of_it_works_in_a_user_namespace", "--nocapture"])
        .env(INSIDE, dir.path())
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap();
    drop(input);
    holder.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
}

fn inside(dir: &std::path::Path) {
    assert!(in_user_namespace());
    let store = Store::open(&dir.join("store")).unwrap();
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let base = Tar::new()
        .dir("etc/", 0o755)
        .file("etc/a", b"a")
        .dir("old/", 0o755)
        .file("old/x", b"x")
        .device("null", EntryType::Char, 1, 3)
        .pax(&[("uid", b"1000"), ("SCHILY.xattr.security.capability", &capability)])
        .file("ping", b"x")
        .end();
    let top =
        Tar::new().dir("old/", 0o755).file("old/.wh..wh..opq", b"").file("etc/.wh.a", b"").file("new", b"n").end();
    let too_high = Tar::new().pax(&[("uid", b"70000")]).file("x", b"").end();
    let error = store.register_layer(None, &too_high[..], None).unwrap_err().to_string();
    assert!(error.contains("lchown /x"), "{error}");
    let id = image(&store, &[base, top], "x");
    let rw = store.create_rw("c", Some(&id), |root| fs::write(root.join("etc/hosts"), "")).unwrap();
    let root = store.mount_rw("c").unwrap();
    assert!(!root.join("etc/a").exists() && !root.join("old/x").exists() && root.join("new").exists());
    assert!(!root.join("null").exists(), "devices are left out");
    let ping = fs::metadata(root.join("ping")).unwrap();
    assert_eq!(ping.uid(), 1000);
    assert!(rustix::fs::lgetxattr(root.join("ping"), "security.capability", &mut [0; 64][..]).is_ok());
    fs::remove_file(root.join("new")).unwrap();
    fs::remove_dir_all(root.join("etc")).unwrap();
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/b"), "b").unwrap();
    let changes = || {
        let changes = store.changes("c").unwrap();
        changes.into_iter().map(|change| (change.kind, change.path.display().to_string())).collect::<Vec<_>>()
    };
    let expected = [
        (ChangeKind::Modified, "/etc"),
        (ChangeKind::Added, "/etc/b"),
        (ChangeKind::Deleted, "/etc/hosts"),
        (ChangeKind::Deleted, "/new"),
    ]
    .map(|(kind, path)| (kind, path.to_owned()));
    assert_eq!(changes(), expected);
    store.unmount_rw("c").unwrap();
    assert!(fs::symlink_metadata(rw.upper.join("new")).unwrap().file_type().is_char_device());
    let options = CommitOptions {
        base: Some(id),
        config: serde_json::json!({}),
        created: "2024-05-06T07:08:09Z".into(),
        ..CommitOptions::default()
    };
    let committed = store.commit("c", &options).unwrap();
    store.create_rw("d", Some(&committed), |_| Ok(())).unwrap();
    let root = store.mount_rw("d").unwrap();
    assert!(!root.join("new").exists() && !root.join("etc/hosts").exists());
    assert_eq!(fs::read(root.join("etc/b")).unwrap(), b"b");
    store.unmount_rw("d").unwrap();

    // The whiteouts that need no device: an empty file with an attribute, in a directory that says so.
    let name = |part: &str| format!("user.overlay.{part}");
    let flags = rustix::fs::XattrFlags::empty();
    let rw = store.create_rw("e", Some(&id), |_| Ok(())).unwrap();
    fs::write(rw.upper.join("ping"), "").unwrap();
    rustix::fs::setxattr(rw.upper.join("ping"), name("whiteout"), b"y", flags).unwrap();
    let told: Vec<_> = store.changes("e").unwrap().into_iter().map(|change| (change.kind, change.path)).collect();
    assert_eq!(told, [(ChangeKind::Deleted, "/ping".into())]);
    store.remove_rw("e").unwrap();
    store.remove_rw("d").unwrap();
    store.remove_rw("c").unwrap();
}
