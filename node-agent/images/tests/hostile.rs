//! Archives that want out, or lie. Each ends in a sentence, and nothing is left.

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};

use common::{Tar, gzip, root_or_skip, store, tree};
use slipway_images::{DiffId, Error};
use tar::EntryType;

#[test]
fn archives_that_lead_out_or_lie_are_refused_and_leave_nothing() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let outside = dir.path().join("outside");
    fs::write(&outside, "safe").unwrap();
    let out = outside.display().to_string();
    let up = "../".repeat(20) + out.trim_start_matches('/');
    let mut giant = tar::Header::new_gnu();
    giant.set_entry_type(EntryType::Regular);
    giant.set_path("giant").unwrap();
    giant.set_size(1 << 62);
    giant.set_cksum();
    let mut long_name = tar::Header::new_gnu();
    long_name.set_entry_type(EntryType::GNULongName);
    long_name.set_size(1 << 40);
    long_name.set_cksum();
    let good = Tar::new().file("a", &[1; 5000]).end();
    let mut torn = good.clone();
    torn[0] ^= 1;
    let sparse_map = |map: &str| {
        let records: [(&str, &[u8]); 3] =
            [("GNU.sparse.size", b"1000"), ("GNU.sparse.map", map.as_bytes()), ("GNU.sparse.major", b"0")];
        Tar::new().pax(&records).file("sparse", &[1; 10]).end()
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("..", Tar::new().file(&up, b"x").end()),
        (".. in the middle", Tar::new().dir("a/", 0o755).file("a/../../x", b"x").end()),
        ("absolute link, then through it", Tar::new().symlink("l", "/").file("l/tmp/slipway-x", b"x").end()),
        ("relative link, then through it", Tar::new().symlink("l", "../../..").file("l/slipway-x", b"x").end()),
        ("directory through a link", Tar::new().symlink("l", dir.path().to_str().unwrap()).dir("l/new/", 0o755).end()),
        ("hard link outside", Tar::new().hardlink("h", &up).end()),
        ("hard link to nothing", Tar::new().hardlink("h", "missing").end()),
        ("hard link through a link", Tar::new().symlink("l", "/etc").hardlink("h", "l/passwd").end()),
        ("whiteout of ..", Tar::new().file(".wh...", b"").end()),
        ("opaque mark through a link", Tar::new().symlink("l", "/").file("l/.wh..wh..opq", b"").end()),
        ("whiteout device", Tar::new().device("w", EntryType::Char, 0, 0).end()),
        ("giant size", giant.as_bytes().to_vec()),
        ("giant name", long_name.as_bytes().to_vec()),
        ("sparse map beyond the end", sparse_map("990,20")),
        ("sparse map out of order", sparse_map("100,5,50,5")),
        ("sparse map and size disagree", sparse_map("0,5")),
        (
            "giant sparse",
            Tar::new()
                .pax(&[("GNU.sparse.size", b"9223372036854775808"), ("GNU.sparse.map", b"0,1")])
                .file("s", b"x")
                .end(),
        ),
        ("checksum", torn),
        ("truncated", good[..3000].to_vec()),
        ("truncated gzip", gzip(&good)[..60].to_vec()),
        ("zero byte in a name", Tar::new().pax(&[("path", b"a\0b")]).file("x", b"").end()),
        ("no tar", b"#!/bin/sh\necho this is no archive, whatever its name may say\n".repeat(20).to_vec()),
        ("bzip2", b"BZh91AY&SY".to_vec()),
    ];
    let parent = store.register_layer(None, &Tar::new().file("base", b"1").end()[..], None).unwrap();
    let before = tree(dir.path());
    for (what, archive) in cases {
        let error = store.register_layer(Some(&parent.chain_id), &archive[..], None).expect_err(what);
        assert!(matches!(error, Error::Unpack(_)), "{what}: {error}");
        assert!(error.to_string().len() > 30, "{what}: {error}");
        assert_eq!(tree(dir.path()), before, "{what} leaves something");
        assert_eq!(fs::read_to_string(&outside).unwrap(), "safe", "{what}");
    }
    let error = store.register_layer(None, &good[..], Some(&DiffId::of(b"else"))).unwrap_err();
    assert!(matches!(error, Error::WrongDiffId { .. }));
    assert_eq!(tree(dir.path()), before);
    assert!(!std::path::Path::new("/tmp/slipway-x").exists());
}

#[test]
fn what_could_not_be_made_again_is_refused() {
    if !root_or_skip() {
        return;
    }
    for (archive, name) in [
        (Tar::new().file("a", b"first").file("a", b"second"), "a"),
        (Tar::new().file("a", b"first").dir("./a/", 0o700), "a"),
        (Tar::new().dir("a/", 0o700).file("a/b", b"x").symlink("a//b", "c"), "a/b"),
        (Tar::new().file("a", b"x").hardlink("b", "a").file("c/../b", b"y"), "b"),
    ] {
        let (_dir, store) = store();
        let error = store.register_layer(None, &archive.end()[..], None).unwrap_err().to_string();
        let why = format!("error processing tar file: duplicates of file paths not supported: {name:?}");
        assert!(error.ends_with(&why), "{error}");
    }
}

#[test]
fn what_is_odd_but_right_is_unpacked() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let long = "n".repeat(200);
    let archive = Tar::new()
        .dir("./", 0o711)
        .dir("usr/lib/", 0o755)
        .symlink("lib", "usr/lib")
        .file("lib/through", b"inside the layer a link may be followed")
        .raw("setuid", "", EntryType::Regular, 0o4755, b"x")
        .pax(&[("SCHILY.xattr.security.capability", &capability), ("SCHILY.xattr.trusted.overlay.opaque", b"y")])
        .file("ping", b"x")
        .pax(&[("mtime", b"1234567890.123456789"), ("uid", b"3000000"), ("path", long.as_bytes())])
        .file("x", b"times and owners")
        .pax(&[("GNU.sparse.size", b"10000000"), ("GNU.sparse.map", b"0,2,5000000,3"), ("GNU.sparse.name", b"sparse")])
        .file("GNUSparseFile.0/sparse", b"abcde")
        .device("null", EntryType::Char, 1, 3)
        .raw("type7", "", EntryType::Continuous, 0o600, b"old")
        .end();
    let zstd = zstd_stored(&archive);
    for stream in [archive.clone(), gzip(&archive), zstd] {
        let layer = store.register_layer(None, &stream[..], Some(&DiffId::of(&archive))).unwrap();
        let mut again = Vec::new();
        store.write_layer_tar(&layer.chain_id, &mut again).unwrap();
        assert!(again == archive, "the stream can be made again");
        let root = store.layer_dir(&layer.chain_id).unwrap();
        let stat = |name: &str| fs::symlink_metadata(root.join(name)).unwrap();
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o711);
        assert!(stat("usr/lib/through").is_file());
        assert_eq!(stat("setuid").mode() & 0o7777, 0o4755);
        assert_eq!(stat(&long).mtime_nsec(), 123_456_789);
        assert_eq!(stat(&long).uid(), 3_000_000);
        assert_eq!((stat("sparse").len(), stat("sparse").blocks() < 100), (10_000_000, true));
        let sparse = fs::read(root.join("sparse")).unwrap();
        assert_eq!((&sparse[..2], &sparse[5_000_000..5_000_003]), (&b"ab"[..], &b"cde"[..]));
        assert!(stat("null").file_type().is_char_device());
        let mut value = [0; 64];
        let length = rustix::fs::lgetxattr(root.join("ping"), "security.capability", &mut value[..]).unwrap();
        assert_eq!(&value[..length], capability);
        assert!(rustix::fs::lgetxattr(root.join("ping"), "trusted.overlay.opaque", &mut value[..]).is_err());
    }
}

/// A zstd frame of raw blocks, with a skippable frame before it.
fn zstd_stored(data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 9, 9, 9, 9];
    frame.extend([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]);
    let chunks: Vec<&[u8]> = data.chunks(65536).collect();
    for (at, chunk) in chunks.iter().enumerate() {
        let header = (u32::try_from(chunk.len()).unwrap() << 3) | u32::from(at + 1 == chunks.len());
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(*chunk);
    }
    frame
}
