//! The engine's numbers on this machine, without a browser: `cargo bench -p engine-wasm --bench native -- DIR` prints one JSON object of medians.
//! `DIR` has the archives that `cargo xtask bench` makes (`gzip.tar`, `large.tar`); without it, only what needs none is measured.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use engine_wasm::cli::format::container;
use engine_wasm::dockerfile::{self, hadolint, instructions, lint};
use engine_wasm::image::{Archive, Digests, LayerReader, Limits, Options, ReadAt};
use serde_json::{Value, json};

const DOCKERFILE: &str = include_str!("Dockerfile");

fn main() {
    let dir = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).map(PathBuf::from);
    let data = containers(1000);
    let mut out = json!({
        "parse_us": median(3000, || drop(dockerfile::parse(DOCKERFILE))),
        "check_us": median(500, check),
        "bytes": DOCKERFILE.len(),
        "list_us": median(50, || list(&data)),
    });
    if let Some(dir) = dir {
        out["index_us"] = median(20, || drop(open(&dir.join("large.tar")))).into();
        let (mut bytes, path) = (0, dir.join("gzip.tar"));
        let taken = median(5, || bytes = unpack(&path));
        // Bytes per microsecond are megabytes per second.
        out["unpack_mb_per_s"] = (bytes as f64 / taken).into();
    }
    println!("{out}");
}

/// Microseconds.
fn median(times: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut taken: Vec<f64> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    taken[times / 2]
}

/// Parsing, and both sets of checks.
fn check() {
    let file = dockerfile::parse(DOCKERFILE);
    let program = instructions::program(&file);
    let report = lint::check_parsed(DOCKERFILE, &file, &program, &lint::Options::default());
    let other = hadolint::check_file(DOCKERFILE, &file, &hadolint::Options::default());
    assert!(report.errors.is_empty() && !other.is_empty(), "{:?}", report.errors);
}

/// What `GET /containers/json` gives of so many.
fn containers(count: usize) -> Value {
    (0..count)
        .map(|i| {
            json!({
                "Id": format!("{i:064x}"), "Names": [format!("/container-{i}")], "Image": "nginx:1.27", "ImageID": "sha256:0",
                "Command": "/docker-entrypoint.sh nginx -g 'daemon off;'", "Created": 1_700_000_000 + i, "State": "running",
                "Status": "Up 3 hours", "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8000 + i, "Type": "tcp"}],
                "Labels": {"com.example.role": "web", "com.example.number": i.to_string()}, "Mounts": [], "NetworkSettings": {"Networks": {"bridge": {}}},
            })
        })
        .collect()
}

fn list(data: &Value) {
    let format = "table {{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}\t{{.Label \"com.example.role\"}}";
    let text = container::list(&container::template(format, false, false), data, true, 1_700_010_000).expect("a table");
    assert!(text.lines().count() == 1001);
}

#[derive(Clone)]
struct Disk(Rc<File>, u64);

impl ReadAt for Disk {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

fn open(path: &Path) -> Archive {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let size = file.metadata().expect("its size").len();
    Archive::open(Disk(Rc::new(file), size), &Limits::default()).expect("an archive")
}

/// Decompresses, lists and hashes every layer; says how many bytes they had.
fn unpack(path: &Path) -> u64 {
    let archive = open(path);
    let image = archive.select(None, None).expect("one image");
    let layers = image.layers.iter().map(|layer| {
        let mut reader = LayerReader::new(&archive, layer, Digests::Both, Options::default());
        while reader.step(&archive, layer).expect("a layer").is_some() {}
        let (unpacked, _) = reader.finish().expect("a layer");
        assert!(unpacked.diff_id.is_some());
        unpacked.size
    });
    layers.sum()
}
