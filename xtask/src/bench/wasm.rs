//! The image engine in Chromium and natively: Dockerfiles checked, layers unpacked, archives indexed, containers listed. Peers are the browser's
//! own decompression and hashing, and BuildKit's parser where Go and BuildKit's source are there (`SLIPWAY_BUILDKIT`, and `SLIPWAY_GO` or `go`).

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::measure::Row;
use crate::layout::Layout;
use crate::package;
use crate::process::{cargo, program, run_quiet};
use crate::web::install_packages;

/// Bytes of the layer that is unpacked.
const LAYER: u64 = 128 << 20;
/// Bytes of the archive that is only indexed.
const LARGE: u64 = 1 << 30;
const LARGE_LAYERS: u64 = 12;
const PARSES: &str = "3000";

pub(super) fn rows(layout: &Layout, dir: &Path) -> Result<Vec<Row>> {
    package::build(layout)?;
    install_packages(&layout.root.join("web"))?;
    let dir = dir.join("wasm");
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    gzip_archive(&dir).context("making an archive with a compressed layer")?;
    large_archive(&dir.join("large.tar")).context("making a large archive")?;

    let native = native(layout, &dir)?;
    let browser = browser(layout, &dir)?;
    let number = |value: &Value, name: &str| value[name].as_f64().with_context(|| format!("{name} was not measured"));
    let row = |what, ours, peer, unit, promise| Row { what, ours, peer, unit, promise };
    let parse = number(&native, "parse_us")?;
    let buildkit = buildkit(layout, &dir)?.map(|microseconds| ("BuildKit".to_owned(), microseconds));
    Ok(vec![
        row("Chromium: check 100 lines", number(&browser, "check_ms")?, None, "ms", "<= 1 ms"),
        row("natively: check 100 lines", number(&native, "check_us")? / 1e3, None, "ms", ""),
        row("natively: parse 100 lines", parse, buildkit, "us", ">= 1 x"),
        // The ratio is to say how many times the browser's own way is ours, as everywhere: for rates, of the times they take.
        row(
            "Chromium: gunzip + untar + sha256, 100 MB",
            1e5 / number(&browser, "unpack_mb_per_s")?,
            Some(("its own".to_owned(), 1e5 / number(&browser, "own_mb_per_s")?)),
            "ms",
            "<= 769 ms (130 MB/s), >= 1 x",
        ),
        row("Chromium: and sha256 of the blob", 1e5 / number(&browser, "blob_mb_per_s")?, None, "ms", ""),
        row("natively: the same", 1e5 / number(&native, "unpack_mb_per_s")?, None, "ms", ""),
        row("Chromium: index an archive of 1 GB", number(&browser, "index_ms")?, None, "ms", "<= 50 ms"),
        row("natively: the same", number(&native, "index_us")? / 1e3, None, "ms", "<= 50 ms"),
        row("Chromium: list 1,000 containers", number(&browser, "list_ms")?, None, "ms", "<= 20 ms"),
        row("natively: the same", number(&native, "list_us")? / 1e3, None, "ms", "<= 20 ms"),
    ])
}

fn native(layout: &Layout, dir: &Path) -> Result<Value> {
    let mut bench = cargo();
    bench.args(["bench", "--quiet", "--locked", "--package", "engine-wasm", "--bench", "native", "--"]).arg(dir);
    let output = bench.current_dir(&layout.root).stderr(Stdio::inherit()).output().context("cargo bench")?;
    ensure!(output.status.success(), "the native bench ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("what the native bench printed")
}

fn browser(layout: &Layout, dir: &Path) -> Result<Value> {
    let mut node = Command::new("node");
    node.arg(layout.root.join("engine-wasm/benches/browser.mjs")).arg(dir).env("SLIPWAY_PACKAGE", layout.package());
    let output = node.stderr(Stdio::inherit()).output().context("node")?;
    ensure!(output.status.success(), "browser.mjs ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("what browser.mjs printed")
}

/// Microseconds that BuildKit's parser takes for the same file. Its source is compiled as it stands, with our program laid over it.
fn buildkit(layout: &Layout, dir: &Path) -> Result<Option<f64>> {
    let go = std::env::var_os("SLIPWAY_GO").map(PathBuf::from).or_else(|| program("go"));
    let source = std::env::var_os("SLIPWAY_BUILDKIT").map(PathBuf::from);
    let (Some(go), Some(source)) = (go, source) else {
        eprintln!("SKIP: BuildKit's parser: no Go, or no source (SLIPWAY_GO, SLIPWAY_BUILDKIT)");
        return Ok(None);
    };
    let benches = layout.root.join("engine-wasm/benches");
    let overlay = dir.join("overlay.json");
    let place = source.join("cmd/slipway-bench/main.go");
    let map = json!({ "Replace": { place.display().to_string(): benches.join("buildkit/main.go") } });
    fs::write(&overlay, map.to_string()).context("writing an overlay for Go")?;
    let built = dir.join("buildkit-parser");
    let mut build = Command::new(&go);
    build.args(["build", "-mod=vendor", "-overlay"]).arg(&overlay).arg("-o").arg(&built).arg("./cmd/slipway-bench");
    // Nothing is fetched, and Go's cache stays here.
    build.env("GOCACHE", dir.join("go-cache")).env("GOFLAGS", "").env("GOTOOLCHAIN", "local");
    run_quiet(build.current_dir(&source), "compiling BuildKit's parser")?;
    let output =
        Command::new(&built).arg(benches.join("Dockerfile")).arg(PARSES).output().context("BuildKit's parser")?;
    ensure!(output.status.success(), "BuildKit's parser: {}", String::from_utf8_lossy(&output.stderr));
    let nanoseconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().context("what it printed")?;
    Ok(Some(nanoseconds / 1e3))
}

/// `gzip.tar`: an image with one layer, compressed, of this machine's programs and texts. `layer.tar.gz` is the layer alone; `blob.tar` is the
/// image with its layer's digest.
fn gzip_archive(dir: &Path) -> Result<()> {
    let mut files = Vec::new();
    let mut bytes = 0;
    for place in ["usr/lib", "usr/share", "usr/bin"] {
        // A third of each, so that it is the mixture which images have.
        let most = bytes + LAYER / 3;
        collect(Path::new("/"), Path::new(place), most, &mut bytes, &mut files)?;
    }
    let (list, tar) = (dir.join("files"), dir.join("layer.tar"));
    fs::write(&list, files.join("\0")).context("writing the list of files")?;
    let mut command = Command::new("tar");
    command.args(["--create", "--null", "--no-recursion", "--directory", "/", "--files-from"]).arg(&list);
    run_quiet(command.arg("--file").arg(&tar), "packing a layer")?;
    let layer = fs::read(&tar).context("reading the layer")?;
    let diff_id = hex(&Sha256::digest(&layer));
    let mut gzip =
        GzEncoder::new(File::create(dir.join("layer.tar.gz")).context("making the layer")?, Compression::default());
    gzip.write_all(&layer).and_then(|()| gzip.finish().map(drop)).context("compressing the layer")?;
    fs::remove_file(&tar).context("removing the layer")?;
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{diff_id}")]}});
    fs::write(dir.join("config.json"), config.to_string()).context("writing a configuration")?;
    let manifest = json!([{"Config": "config.json", "RepoTags": ["bench:gzip"], "Layers": ["layer.tar.gz"]}]);
    fs::write(dir.join("manifest.json"), manifest.to_string()).context("writing a manifest")?;
    let mut command = Command::new("tar");
    command.args(["--create", "--file"]).arg(dir.join("gzip.tar")).arg("--directory").arg(dir);
    run_quiet(command.args(["config.json", "manifest.json", "layer.tar.gz"]), "packing an image")?;
    // The same with a name that says the layer's digest, as what registries give: to verify it takes hashing the compressed bytes as well.
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs).context("making a place for the layer")?;
    let compressed = fs::read(dir.join("layer.tar.gz")).context("reading the layer")?;
    let blob = format!("blobs/sha256/{}", hex(&Sha256::digest(&compressed)));
    fs::write(dir.join(&blob), compressed).context("writing the layer")?;
    let manifest = json!([{"Config": "config.json", "RepoTags": ["bench:blob"], "Layers": [blob]}]);
    fs::write(dir.join("manifest.json"), manifest.to_string()).context("writing a manifest")?;
    let mut command = Command::new("tar");
    command.args(["--create", "--file"]).arg(dir.join("blob.tar")).arg("--directory").arg(dir);
    run_quiet(command.args(["config.json", "manifest.json", &blob]), "packing an image")?;
    fs::remove_dir_all(dir.join("blobs")).context("removing the layer")
}

/// Regular files below a directory, until they have so many bytes.
fn collect(root: &Path, at: &Path, most: u64, bytes: &mut u64, files: &mut Vec<String>) -> Result<()> {
    let mut entries: Vec<_> =
        fs::read_dir(root.join(at)).with_context(|| format!("listing /{}", at.display()))?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        if *bytes >= most {
            break;
        }
        let (path, kind) = (at.join(entry.file_name()), entry.file_type().context("the type of a file")?);
        let size = entry.metadata().map_or(0, |metadata| metadata.len());
        if kind.is_dir() {
            collect(root, &path, most, bytes, files)?;
        } else if kind.is_file() && size < LAYER / 16 && path.to_str().is_some() {
            *bytes += size;
            files.push(path.display().to_string());
        }
    }
    Ok(())
}

/// As `docker save` writes it, with layers that are holes: only headers are read of it.
fn large_archive(path: &Path) -> Result<()> {
    let mut file = File::create(path).context("making it")?;
    let layers: Vec<String> = (0..LARGE_LAYERS).map(|i| format!("{i:064x}/layer.tar")).collect();
    let ids: Vec<String> = (0..LARGE_LAYERS).map(|i| format!("sha256:{i:064x}")).collect();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}}).to_string();
    let manifest = json!([{"Config": "config.json", "RepoTags": ["bench:large"], "Layers": layers}]).to_string();
    for layer in &layers {
        let size = LARGE / LARGE_LAYERS / 512 * 512;
        file.write_all(&header(layer, size)).context("a header")?;
        file.seek(SeekFrom::Current(size.cast_signed())).context("a layer")?;
    }
    for (name, text) in [("config.json", &config), ("manifest.json", &manifest)] {
        file.write_all(&header(name, text.len() as u64)).context("a header")?;
        file.write_all(text.as_bytes()).context("a document")?;
        file.write_all(&vec![0; (512 - text.len() % 512) % 512]).context("a document")?;
    }
    file.write_all(&[0; 1024]).context("its end")
}

/// A tar header of a file.
fn header(name: &str, size: u64) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\x000000000\x000000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0        0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
