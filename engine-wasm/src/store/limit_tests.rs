//! Tests of what does not fit, and of archives that `ADD` cannot unpack.

use super::*;
use crate::image::testing::{file, gzip, tar, zstd};

/// Bytes that gzip cannot make small.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(length)
    .collect()
}

fn small(most: u64) -> Store {
    Store { most, ..Store::default() }
}

fn named(name: &str, content: Vec<u8>) -> Fs {
    context([ContextFile::file(name, 0o644, content)]).unwrap()
}

/// Builds and tells the error.
fn fails(store: &mut Store, text: &str, files: &Fs) -> String {
    let error = store.build(text, files, &BuildOptions::default()).unwrap_err();
    assert_eq!(error.lines, (2, 2), "{error}");
    error.to_string()
}

const TOO_LARGE: &str = "the layers would take more than 100000 bytes: remove images, or build on a node";

#[test]
fn a_layer_without_room_is_an_error_and_the_store_stays_usable() {
    let mut store = small(100_000);
    let options = BuildOptions::default();
    let first = named("a", vec![1; 60_000]);
    let built = store.build("FROM scratch\nCOPY a /\n", &first, &options).unwrap();
    assert_eq!(fails(&mut store, "FROM scratch\nCOPY a /\n", &named("a", vec![2; 60_000])), TOO_LARGE);
    // What is held already takes no more room.
    assert_eq!(store.build("FROM scratch\nCOPY a /\n", &first, &options).unwrap(), built);
    assert!(store.build("FROM scratch\nCOPY a /\n", &named("a", vec![2; 10_000]), &options).is_ok());
    assert_eq!(store.ids().count(), 2);
    store.remove(built.id.hex(), false).unwrap();
    assert!(store.build("FROM scratch\nCOPY a /\n", &named("a", vec![2; 60_000]), &options).is_ok());
}

#[test]
fn a_layer_beyond_all_bounds_is_refused_before_it_is_written() {
    // One file in memory, 17 in the layer.
    let links = (0..17).map(|n| ContextFile::symlink(format!("l{n}"), "f"));
    let file = ContextFile::file("f", 0o644, vec![0; 64 << 20]);
    let files = context(links.chain([file])).unwrap();
    let said = fails(&mut Store::default(), "FROM scratch\nCOPY l* /\n", &files);
    assert!(said.contains("1073741824"), "{said}");
}

#[test]
fn archives_that_are_broken_or_too_large_are_errors() {
    // Several blocks, for what is cut off to have a beginning.
    let plain = tar(&[file("f", &noise(400_000)), file("g", b"1")]);
    let add = "FROM scratch\nADD x /\n";
    for packed in [gzip(&plain), zstd(&plain)] {
        assert!(small(500_000).build(add, &named("x", packed.clone()), &BuildOptions::default()).is_ok());
        let said = fails(&mut small(500_000), add, &named("x", packed[..packed.len() / 2].to_vec()));
        assert!(said.starts_with("x: ") && said.contains("unexpected end of the stream"), "{said}");
    }
    let said = fails(&mut small(500_000), add, &named("x", plain[..50_000].to_vec()));
    assert!(said.contains("unexpected end of the tar"), "{said}");
    let large = gzip(&tar(&[file("f", &vec![0; 600_000])]));
    assert_eq!(
        fails(&mut small(100_000), add, &named("x", large)),
        "x: the decompressed size exceeds the limit of 362144"
    );
    // Each alone would have room.
    let two = gzip(&tar(&[file("f", &vec![0; 300_000])]));
    let files = context(["x", "y"].map(|name| ContextFile::file(name, 0o644, two.clone()))).unwrap();
    let said = fails(&mut small(310_000), "FROM scratch\nADD x y /\n", &files);
    assert!(said.starts_with("y: the decompressed size"), "{said}");
}

#[test]
fn add_copies_what_is_no_archive_and_refuses_what_it_cannot_read() {
    for packed in [gzip(b"words"), gzip(&noise(600_000)), b"\x1f\x8b\x08 no gzip".to_vec(), b"short".to_vec()] {
        let mut store = Store::default();
        let built = store.build("FROM scratch\nADD x /d/\n", &named("x", packed.clone()), &BuildOptions::default());
        let fs = store.files(&built.unwrap().id).unwrap();
        let Some(Body::File(content)) = fs.get("d/x").map(|node| &node.body) else { panic!("no file") };
        assert!(content.bytes() == packed, "{} bytes", packed.len());
    }
    for (name, packed) in [("x.tar.xz", &b"\xfd7zXZ\0\0\x04"[..]), ("x.tar.bz2", b"BZh91AY&SY")] {
        let said =
            fails(&mut Store::default(), &format!("FROM scratch\nADD {name} /\n"), &named(name, packed.to_vec()));
        let kind = name.rsplit('.').next().unwrap().replace("bz2", "bzip2");
        assert_eq!(
            said,
            format!("ADD {name}: {kind} cannot be unpacked here; compress it with gzip or zstd, or build on a node")
        );
    }
}

#[test]
fn sparse_files_take_the_room_that_they_are_written_out_to() {
    let mut block = crate::image::testing::header(b"s", b'S', b"", 512);
    block[257..265].copy_from_slice(b"ustar  \0");
    // One part of 512 bytes at 1024, of 2048 in all.
    block[386..398].copy_from_slice(b"00000002000\0");
    block[398..410].copy_from_slice(b"00000001000\0");
    block[483..495].copy_from_slice(b"00000004000\0");
    crate::image::testing::seal(&mut block);
    let tar = [&block[..], &[b'x'; 512], &[0; 1024]].concat();
    let mut store = small(20_000);
    let built = store.build("FROM scratch\nADD s.tar /\n", &named("s.tar", tar.clone()), &BuildOptions::default());
    let fs = store.files(&built.unwrap().id).unwrap();
    let Some(Body::File(content)) = fs.get("s").map(|node| &node.body) else { panic!("no file") };
    assert_eq!(content.bytes(), [vec![0; 1024], vec![b'x'; 512], vec![0; 512]].concat());
    let said = fails(&mut small(2_500), "FROM scratch\nADD s.tar /\n", &named("s.tar", tar));
    assert!(said.contains("the size of sparse files exceeds the limit"), "{said}");
}

#[test]
fn an_archive_takes_no_more_memory_than_its_bytes() {
    let mut store = Store::default();
    let built =
        store.build("FROM scratch\nCOPY a /\n", &named("a", vec![1; 300_000]), &BuildOptions::default()).unwrap();
    let saved = store.save(&[built.id.hex()], SaveFormat::Docker).unwrap();
    assert!(
        saved.len() > 300_000 && saved.capacity() < saved.len() + 16_384,
        "{} of {}",
        saved.len(),
        saved.capacity()
    );
}
