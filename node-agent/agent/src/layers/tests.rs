//! The shelf with real layers and directories; what unpacks runs in this process, and mounts are left to the tests with nodes.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use slipway_images::{
    DiffId, Digest,
    shared::{Limits, protocol::Wanted, unpack_flat},
};

use super::{Layers, Report, Unpack, entry};

/// Unpacks in this process, and counts.
#[derive(Clone, Default)]
struct Here(Arc<AtomicUsize>);

impl Unpack for Here {
    fn unpack(
        &self,
        input: &mut (dyn Read + Send),
        out: &Path,
        has_parent: bool,
        limits: Limits,
    ) -> io::Result<Report> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let flat = unpack_flat(input, &out.join(entry::DIFF), has_parent, limits).map_err(io::Error::other)?;
        fs::write(out.join(entry::RECORD), flat.tar_split)?;
        Ok(Report { diff_id: flat.diff_id, size: flat.size })
    }

    fn stop(&self) {}
}

struct Bench {
    dir: tempfile::TempDir,
    unpacked: Here,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("library/blobs/sha256")).expect("a library");
        Self { dir, unpacked: Here::default() }
    }

    fn own() -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn open(&self, limit: u64) -> Arc<Layers> {
        let sources = vec![self.dir.path().join("none"), self.dir.path().join("library")];
        let unpack = Box::new(self.unpacked.clone());
        Arc::new(Layers::open(self.shelf(), Self::own(), sources, limit, unpack).expect("open"))
    }

    fn shelf(&self) -> std::path::PathBuf {
        self.dir.path().join("layers")
    }

    /// What stands on the shelf, by the names of directories.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.shelf()).expect("listed").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn blob(&self, digest: &Digest) -> std::path::PathBuf {
        self.dir.path().join("library/blobs/sha256").join(digest.hex())
    }

    /// Puts a layer with one file of these bytes into the library.
    fn layer(&self, name: &str, bytes: &[u8]) -> Wanted {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(Self::own().into());
        header.set_gid(nix::unistd::getegid().as_raw().into());
        builder.append_data(&mut header, name, bytes).expect("appended");
        let tar = builder.into_inner().expect("finished");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).expect("compressed");
        let blob = gzip.finish().expect("compressed");
        let digest = Digest::of(&blob);
        fs::write(self.blob(&digest), &blob).expect("written");
        Wanted { digest, diff_id: DiffId::of(&tar) }
    }

    fn guest(&self, layers: &Arc<Layers>, tag: &str) {
        let namespace = fs::File::open("/proc/self/ns/user").expect("a namespace").into();
        let dir = self.dir.path().join(format!("{tag}-{}", crate::random::hex::<4>()));
        layers.open_node(tag, &dir, Self::own(), namespace).expect("a socket");
    }
}

#[test]
fn many_that_ask_at_once_get_a_layer_that_is_unpacked_once() {
    let bench = Bench::new();
    let layers = bench.open(1 << 30);
    let stack = [bench.layer("a", b"lower"), bench.layer("b", b"upper")];
    for number in 0..8 {
        bench.guest(&layers, &format!("n{number}"));
    }
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (layers, stack) = (&layers, &stack);
            scope.spawn(move || assert_eq!(layers.get(&format!("n{number}"), stack, 0).len(), 2));
        }
    });
    assert_eq!((bench.unpacked.0.load(Ordering::SeqCst), bench.names().len()), (2, 2));
    let again = layers.get("n1", &stack, 1);
    assert_eq!(again.len(), 1);
    assert!(again[0].to_string().ends_with("-755-0-0"), "it has its root from the layer below: {}", again[0]);
    let file = bench.shelf().join(again[0].to_string()).join("diff/b");
    assert_eq!(fs::read(file).expect("there"), b"upper");
    assert!(layers.get("nobody", &stack, 0).is_empty(), "a node that is not there");
    layers.close();
    assert!(layers.get("n1", &stack, 0).is_empty(), "after the end");
}

#[test]
fn what_is_not_what_its_names_say_is_refused_and_nothing_stays() {
    let bench = Bench::new();
    let layers = bench.open(1 << 30);
    bench.guest(&layers, "n");
    let good = bench.layer("a", b"good");
    let other = bench.layer("a", b"other");
    let lying = Wanted { diff_id: other.diff_id, ..good };
    assert!(layers.get("n", &[lying], 0).is_empty(), "another diff id");
    assert_eq!(layers.get("n", &[good], 0).len(), 1, "which spoils nothing for others");

    let corrupt = bench.layer("a", b"corrupt");
    fs::copy(bench.blob(&other.digest), bench.blob(&corrupt.digest)).expect("copied");
    let cut = bench.layer("a", &[b'x'; 100_000]);
    let bytes = fs::read(bench.blob(&cut.digest)).expect("there");
    fs::write(bench.blob(&cut.digest), &bytes[..bytes.len() / 2]).expect("cut");
    let before = bench.unpacked.0.load(Ordering::SeqCst);
    for bad in [corrupt, cut] {
        for _ in 0..3 {
            assert!(layers.get("n", &[bad], 0).is_empty());
        }
    }
    assert_eq!(bench.unpacked.0.load(Ordering::SeqCst), before + 2, "each is tried once");
    assert_eq!(bench.names(), [good.digest.hex()]);
}

#[test]
fn only_blobs_that_lie_in_the_sources_are_used() {
    let bench = Bench::new();
    let layers = bench.open(1 << 30);
    bench.guest(&layers, "n");
    let layer = bench.layer("a", b"there");
    let outside = bench.dir.path().join("outside");
    fs::rename(bench.blob(&layer.digest), &outside).expect("moved");
    assert!(layers.get("n", &[layer], 0).is_empty());
    std::os::unix::fs::symlink(&outside, bench.blob(&layer.digest)).expect("linked");
    assert!(layers.get("n", &[layer], 0).is_empty(), "a link");
    fs::remove_file(bench.blob(&layer.digest)).expect("removed");
    fs::rename(&outside, bench.blob(&layer.digest)).expect("moved back");
    assert_eq!(layers.get("n", &[layer], 0).len(), 1);
    fs::remove_file(bench.blob(&layer.digest)).expect("removed");
    assert!(layers.get("n", &[layer], 0).is_empty(), "on the shelf, but no longer for all to read");
}

#[test]
fn a_new_agent_keeps_what_is_whole_and_removes_the_rest() {
    let bench = Bench::new();
    let (whole, old) = (bench.layer("a", b"whole"), bench.layer("b", b"old"));
    let layers = bench.open(1 << 30);
    bench.guest(&layers, "n");
    assert_eq!((layers.get("n", &[whole], 0).len(), layers.get("n", &[old], 0).len()), (1, 1));
    drop(layers);
    let notes = bench.shelf().join(old.digest.hex()).join("layer.json");
    let text = fs::read_to_string(&notes).expect("notes");
    let (head, _) = text.split_once("\"boot\"").expect("the run of the machine");
    fs::write(&notes, format!("{head}\"boot\":\"earlier\"}}")).expect("written");
    for junk in ["new-1234/diff/x", "old-5678/diff/y", "no layer"] {
        let path = bench.shelf().join(junk);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, b"junk").expect("written");
    }
    let layers = bench.open(1 << 30);
    assert_eq!(bench.names(), [whole.digest.hex()]);
    bench.guest(&layers, "m");
    assert_eq!((layers.get("m", &[whole], 0).len(), bench.unpacked.0.load(Ordering::SeqCst)), (1, 2));
}

#[test]
fn over_the_limit_the_least_recently_used_go_and_none_that_a_node_has() {
    let bench = Bench::new();
    // Each takes a little more than 1 MiB of disk.
    let noise = |seed: u8| -> Vec<u8> {
        let mut state = u32::from(seed) + 1;
        (0..1 << 20)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect()
    };
    let all: Vec<_> = (0..5).map(|seed| bench.layer("a", &noise(seed))).collect();
    let layers = bench.open(7 << 19);
    for tag in ["one", "two"] {
        bench.guest(&layers, tag);
    }
    let get = |tag: &str, number: usize| layers.get(tag, &[all[number]], 0).len();
    assert_eq!([get("one", 0), get("two", 1), get("one", 2)], [1, 1, 1], "three have room");
    assert_eq!(get("one", 3), 0, "all are in use");
    layers.close_node("two");
    assert_eq!(get("one", 3), 1, "the one that nobody has went");
    let there = |number: usize| bench.names().contains(&all[number].digest.hex());
    assert_eq!([there(0), there(1), there(2), there(3)], [true, false, true, true]);
    let name = layers.get("one", &[all[2]], 0).remove(0);
    layers.answer("one", super::Request::Drop { names: vec![name.to_string()] });
    assert_eq!(get("one", 4), 1);
    assert_eq!([there(0), there(2), there(3), there(4)], [true, false, true, true]);
    assert_eq!(bench.names().len(), 3, "nothing else is left");
}
