//! What is made to do harm: every archive here must end in an error that names its place, or be read within the limits.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::testing::{Item, Oci, config, dir, docker_archive, file, gzip, hardlink, header, symlink, tar, zstd};
use super::*;

fn open(bytes: Vec<u8>) -> Result<Archive> {
    Archive::open(bytes, &Limits::default())
}

/// A layer of one tar, and what reading it says.
fn layer_error(layer: Vec<u8>) -> String {
    let archive = open(docker_archive(&[layer], &[], &["demo:1"])).unwrap();
    let layer = &archive.images()[0].layers[0];
    let error = archive.read_tree(layer, Digests::Both, Options::default()).unwrap_err().to_string();
    error.replace(&layer.title(), "LAYER")
}

fn small() -> [Vec<u8>; 2] {
    let plain = tar(&[dir("d"), file("d/a", b"some text"), symlink("d/l", "a"), hardlink("d/h", "d/a")]);
    let mut oci = Oci::new();
    let image = oci.image(&[(gzip(&plain), plain.clone()), (zstd(&plain), plain.clone())], &[("x", false)]);
    [docker_archive(&[plain.clone(), plain], &[("a", false), ("b", false)], &["demo:1"]), oci.archive(&[image])]
}

/// Reads all there is, as a page does.
fn explore(archive: &Archive) {
    for image in archive.images() {
        inspect(image, 0);
        history(image, &[0u64; 0]);
        let trees: Vec<Arc<Tree>> = image
            .layers
            .iter()
            .filter_map(|layer| archive.read_tree(layer, Digests::Both, Options::default()).ok())
            .map(|(_, tree)| Arc::new(tree))
            .collect();
        efficiency(&trees);
    }
}

#[test]
fn an_archive_that_is_cut_anywhere_is_never_taken_for_whole() {
    for bytes in small() {
        // Padding and the two blocks of zeros at the end may be missing.
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for cut in 0..end {
            let Ok(archive) = open(bytes[..cut].to_vec()) else { continue };
            // What an index names may be elsewhere, but it is told.
            assert!(!archive.absent().is_empty() || !archive.verify().is_good(), "cut at {cut} of {}", bytes.len());
            explore(&archive);
        }
    }
}

#[test]
fn damage_anywhere_is_survived() {
    let step = if cfg!(debug_assertions) { 29 } else { 1 };
    for bytes in small() {
        for at in (0..bytes.len()).step_by(step) {
            for flip in [0xff, 1 << (at % 8)] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                if let Ok(archive) = open(bytes) {
                    archive.verify();
                    explore(&archive);
                }
            }
        }
    }
}

#[test]
fn paths_do_not_lead_out() {
    let at = |name: &str| format!("LAYER at byte 0, entry {name:?}: the path leads out of the layer");
    for name in ["../x", "a/../../x", "..", "/../x"] {
        assert_eq!(layer_error(tar(&[file(name, b"")])), at(name));
    }
    // In the archive itself such names are none.
    let manifest = br#"[{"Config":"../../etc/passwd","RepoTags":[],"Layers":[]}]"#;
    let error = open(tar(&[file("../../etc/passwd", b"{}"), file("manifest.json", manifest)])).unwrap_err();
    assert_eq!(error.to_string(), "manifest.json: the archive has no file ../../etc/passwd");
    // A link out of the layer leads to its root, as in a container.
    let tree = testing::tree(&[symlink("out", "../../.."), file("out/x", b"x")]);
    assert!(tree.find(b"x").is_some());
}

#[test]
fn links_that_lead_in_circles_end() {
    let circle = [symlink("a", "b"), symlink("b", "a"), file("a/x", b"")];
    assert_eq!(layer_error(tar(&circle)), "LAYER at byte 1024, entry \"a/x\": too many levels of symbolic links");
    let own = [symlink("manifest.json", "manifest.json"), symlink("a", "b"), symlink("b", "a")];
    assert!(open(tar(&own)).unwrap_err().to_string().contains("neither manifest.json nor index.json"));
    let chain: Vec<(String, String)> = (0..50).map(|n| (format!("l{n}"), format!("l{}", n + 1))).collect();
    let mut items: Vec<Item<'_>> = chain.iter().map(|(from, to)| symlink(from, to)).collect();
    items.push(file("l50", b"[]"));
    items.push(symlink("manifest.json", "l0"));
    assert!(open(tar(&items)).is_err(), "51 links");
}

#[test]
fn sizes_that_lie_name_the_place() {
    let mut bytes = header(b"manifest.json", b'0', b"", 1 << 32).to_vec();
    bytes.extend_from_slice(&[b' '; 1024]);
    let error = open(bytes).unwrap_err().to_string();
    assert_eq!(error, "the archive at byte 0, entry \"manifest.json\": unexpected end of the tar");
    // A size beyond 64 bits, in base 256.
    let mut block = header(b"manifest.json", b'0', b"", 0);
    block[124] = 0x80;
    block[125..136].fill(0xff);
    testing::seal(&mut block);
    let error = open([&block[..], &[0; 1024]].concat()).unwrap_err().to_string();
    assert!(error.starts_with("the archive at byte 0") && error.ends_with("the field size is no number"), "{error}");
    let mut layer = tar(&[file("a", b"1")]);
    layer.truncate(1024);
    layer.extend_from_slice(&header(b"big", b'0', b"", 5000));
    let error = layer_error(layer);
    assert!(error.starts_with("LAYER at byte ") && error.ends_with("unexpected end of the tar"), "{error}");
}

#[test]
fn bombs_are_stopped_in_layers_and_archives() {
    let zeros = tar(&[file("zeros", &vec![0; 8 << 20])]);
    let limits = Limits { ratio_from: 1 << 20, ratio: 50, ..Limits::default() };
    for packed in [gzip(&zeros), zstd(&zeros)] {
        let mut oci = Oci::new();
        let image = oci.image(&[(packed, zeros.clone())], &[]);
        let archive = Archive::open(oci.archive(&[image]), &limits).unwrap();
        let layer = &archive.images()[0].layers[0];
        let error = archive.read_tree(layer, Digests::Both, Options::default()).unwrap_err().to_string();
        let wanted = "the ratio of decompressed to compressed size exceeds the limit of 50";
        assert_eq!(error, format!("{}: {wanted}", layer.title()));
        assert!(!archive.verify().is_good());
    }
    let tight = Limits { layer: 1 << 20, ..Limits::default() };
    let archive = Archive::open(docker_archive(&[zeros], &[], &["a:1"]), &tight).unwrap();
    let error = archive.read_tree(&archive.images()[0].layers[0], Digests::Both, Options::default()).unwrap_err();
    assert!(error.to_string().ends_with("the decompressed size exceeds the limit of 1048576"), "{error}");
}

#[test]
fn documents_that_are_too_large_or_too_deep_are_refused() {
    let deep = [&b"[".repeat(100_000)[..], &b"]".repeat(100_000)].concat();
    let error = open(tar(&[file("manifest.json", &deep)])).unwrap_err().to_string();
    assert!(error.starts_with("manifest.json: "), "{error}");
    let name = format!("{}.json", "c".repeat(64));
    let manifest = format!(r#"[{{"Config":"{name}","Layers":[]}}]"#);
    let huge = vec![b' '; (8 << 20) + 1];
    let error = open(tar(&[file("manifest.json", manifest.as_bytes()), file(&name, &huge)])).unwrap_err().to_string();
    assert_eq!(error, format!("{name}: the size of a configuration exceeds the limit of 8388608"));
    // More layers than an image may have.
    let layers = vec!["l"; 2000].join("\",\"");
    let config = config(&[], &[]);
    let manifest = format!(r#"[{{"Config":"c","Layers":["{layers}"]}}]"#);
    let items = [file("manifest.json", manifest.as_bytes()), file("c", &config), file("l", b"")];
    let error = open(tar(&items)).unwrap_err().to_string();
    assert!(error.contains("the number of layers exceeds the limit of 1024"), "{error}");
    let path = "d/".repeat(2000) + "f";
    let error = layer_error(tar(&[file(&path, b"")]));
    assert!(error.contains("the depth of a path exceeds the limit of 1024"), "{error}");
}

#[test]
fn of_several_files_of_one_name_the_last_counts() {
    let good = docker_archive(&[tar(&[file("a", b"1")])], &[], &["demo:1"]);
    let mut bytes = tar(&[file("manifest.json", b"this is no JSON"), file("layer0/layer.tar", b"nor this a tar")]);
    bytes.truncate(bytes.len() - 1024);
    bytes.extend_from_slice(&good);
    assert!(open(bytes).unwrap().verify().is_good());
    let twice = tar(&[file("a", b"1"), dir("a"), file("a/b", b"22"), file("a", b"333")]);
    let archive = open(docker_archive(&[twice], &[], &[])).unwrap();
    let (_, tree) = archive.read_tree(&archive.images()[0].layers[0], Digests::Both, Options::default()).unwrap();
    assert!(tree.find(b"a/b").is_none());
    assert_eq!(tree.node(tree.find(b"a").unwrap()).size, 3);
}

/// An archive that is nowhere: headers and documents at their places, zeros between them. Counts what is read of it.
struct Sparse {
    /// Offsets and bytes, in order.
    pieces: Vec<(u64, Vec<u8>)>,
    size: u64,
    read: Rc<Cell<(u64, u64)>>,
}

impl Sparse {
    /// `layers` of so many bytes each.
    fn save(layers: usize, bytes: u64) -> Self {
        let plain = vec![vec![0; 1024]; layers];
        let config = config(&plain, &[]);
        let names: Vec<String> = (0..layers).map(|n| format!("layer{n}/layer.tar")).collect();
        let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": ["big:1"], "Layers": names}]);
        let manifest = serde_json::to_vec(&manifest).unwrap();
        let (mut pieces, mut at) = (Vec::new(), 0);
        for name in &names {
            pieces.push((at, header(name.as_bytes(), b'0', b"", bytes).to_vec()));
            at += 512 + bytes.next_multiple_of(512);
        }
        let end = tar(&[file("config.json", &config), file("manifest.json", &manifest)]);
        let size = at + end.len() as u64;
        pieces.push((at, end));
        Self { pieces, size, read: Rc::default() }
    }
}

impl ReadAt for Sparse {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.size.saturating_sub(offset)).unwrap());
        buffer[..length].fill(0);
        let from = self.pieces.partition_point(|(at, bytes)| at + bytes.len() as u64 <= offset);
        for (at, bytes) in self.pieces[from..].iter().take_while(|(at, _)| *at < offset + length as u64) {
            let (skip, place) = (offset.saturating_sub(*at) as usize, at.saturating_sub(offset) as usize);
            let count = (bytes.len() - skip).min(length - place);
            buffer[place..place + count].copy_from_slice(&bytes[skip..skip + count]);
        }
        let (calls, bytes) = self.read.get();
        self.read.set((calls + 1, bytes + length as u64));
        Ok(length)
    }
}

#[test]
fn listing_a_large_archive_reads_its_headers_and_documents_alone() {
    let archive = Sparse::save(4, 256 << 20);
    let read = Rc::clone(&archive.read);
    let archive = Archive::open(archive, &Limits::default()).unwrap();
    assert_eq!(archive.images()[0].layers.len(), 4);
    assert_eq!(archive.images()[0].layers[3].stored, 256 << 20);
    let (calls, bytes) = read.get();
    assert!(calls <= 16 && bytes <= 16 << 10, "{calls} reads of {bytes} bytes");
    // A layer is read in pieces, and only as far as somebody asks for it.
    let layer = &archive.images()[0].layers[0];
    let mut reader = LayerReader::new(&archive, layer, Digests::Neither, Options::default());
    reader.step(&archive, layer).unwrap();
    assert!(read.get().1 - bytes <= CHUNK as u64 + 512);
}

#[test]
fn archives_and_layers_of_very_many_entries_have_an_end() {
    // As many as the limit allows, and one more; optimised tests take a million.
    let count = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
    let limits = Limits { archive_entries: count, layer_entries: count, ..Limits::default() };
    let many = |count: usize| -> Vec<u8> {
        let mut out = Vec::with_capacity((count + 2) * 512);
        for n in 0..count {
            out.extend_from_slice(&header(format!("d{}/f{n}", n % 100).as_bytes(), b'0', b"", 0));
        }
        out.resize(out.len() + 1024, 0);
        out
    };
    let read = |layer: Vec<u8>| {
        let archive = Archive::open(docker_archive(&[layer], &[], &[]), &limits).unwrap();
        archive.read_tree(&archive.images()[0].layers[0], Digests::Neither, Options::default())
    };
    let (_, tree) = read(many(count)).unwrap();
    assert_eq!(tree.entries, count as u64);
    assert!(tree.memory() < count * 300, "{} bytes", tree.memory());
    let error = read(many(count + 1)).unwrap_err().to_string();
    assert!(error.contains(&format!("the number of entries exceeds the limit of {count}")), "{error}");
    assert!(Archive::open(many(count), &limits).unwrap_err().to_string().contains("holds no image"));
    let error = Archive::open(many(count + 1), &limits).unwrap_err().to_string();
    assert!(error.starts_with(&format!("the archive at byte {}, entry", count * 512)), "{error}");
}

#[test]
fn names_without_end_are_not_gathered() {
    let long = "n".repeat(60_000);
    let names: Vec<String> = (0..20).map(|n| format!("{n}{long}")).collect();
    let items: Vec<Item<'_>> = names.iter().map(|name| file(name, b"")).collect();
    let limits = Limits { archive_names: 1 << 20, names: 1 << 20, ..Limits::default() };
    let error = Archive::open(tar(&items), &limits).unwrap_err().to_string();
    assert!(error.ends_with("the length of all names exceeds the limit of 1048576"), "{}", &error[error.len() - 80..]);
    let archive = Archive::open(docker_archive(&[tar(&items)], &[], &[]), &limits).unwrap();
    assert!(archive.read_tree(&archive.images()[0].layers[0], Digests::Neither, Options::default()).is_err());
}
