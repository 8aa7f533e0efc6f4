//! A build with `SOURCE_DATE_EPOCH` makes the very image that the store in memory makes of the same input: ids and layers are compared,
//! for each Dockerfile of `reproducible.txt`.

mod lab;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use engine_wasm::dockerfile::expand::{self, Platform};
use engine_wasm::image::tar::{Entry, Kind, Sink, Stream};
use engine_wasm::image::{Archive, Limits, TarProblem};
use engine_wasm::store::layer::{Header, LayerWriter};
use engine_wasm::store::{BuildOptions, ContextFile, Fs, Store, context};
use lab::Lab;

/// 2023-11-14T22:13:20Z
const EPOCH: i64 = 1_700_000_000;

const BASE: &str = "etc/passwd:root:x:0:0:r:/:/\nweb:x:1000:1001:w:/:/\n";

fn entry(kind: Kind, path: &str, mode: u32, owner: (u32, u32), link: &str) -> Header {
    let (uid, gid) = owner;
    Header { path: path.into(), kind: Some(kind), mode, uid, gid, link: link.into(), ..Header::default() }
}

fn archive(entries: &[(Header, &[u8])]) -> Vec<u8> {
    let mut writer = LayerWriter::new(0);
    for (header, content) in entries {
        writer.header(header, content.len() as u64);
        writer.content(content);
    }
    writer.finish()
}

/// What `ADD` unpacks at the begin of most cases: users, owners, links.
fn base() -> Vec<u8> {
    let (_, passwd) = BASE.split_once(':').expect("a path");
    archive(&[
        (entry(Kind::Directory, "etc", 0o755, (0, 0), ""), b""),
        (entry(Kind::File, "etc/passwd", 0o644, (0, 0), ""), passwd.as_bytes()),
        (entry(Kind::File, "etc/group", 0o644, (0, 0), ""), b"root:x:0:\nweb:x:1001:\nadm:x:4:\n"),
        (entry(Kind::Directory, "d", 0o711, (7, 8), ""), b""),
        (entry(Kind::File, "d/x", 0o644, (7, 8), ""), b"old"),
        (entry(Kind::Directory, "d/y", 0o700, (9, 9), ""), b""),
        (entry(Kind::File, "d/keep", 0o644, (0, 0), ""), b"keep"),
        (entry(Kind::Hardlink, "d/kept", 0o644, (0, 0), "d/keep"), b""),
        (entry(Kind::File, "ex", 0o600, (0, 0), ""), b"ex"),
        (entry(Kind::Symlink, "ld", 0o777, (0, 0), "/d"), b""),
        (entry(Kind::Symlink, "lrel", 0o777, (0, 0), "d"), b""),
        (entry(Kind::Symlink, "lf", 0o777, (0, 0), "/ex"), b""),
        (entry(Kind::Symlink, "ldang", 0o777, (0, 0), "/made/here"), b""),
    ])
}

fn small() -> Vec<u8> {
    archive(&[
        (entry(Kind::Directory, "s", 0o750, (3, 4), ""), b""),
        (entry(Kind::File, "s/one", 0o640, (3, 4), ""), b"one"),
        (entry(Kind::Symlink, "s/lnk", 0o777, (3, 4), "one"), b""),
        (entry(Kind::File, "x", 0o644, (0, 0), ""), b"tar-x"),
    ])
}

fn gzip(dir: &Path, bytes: &[u8]) -> Vec<u8> {
    let plain = dir.join("plain");
    std::fs::write(&plain, bytes).expect("a file");
    let packed = std::process::Command::new("gzip").arg("-nc").arg(&plain).output().expect("gzip");
    packed.stdout
}

/// The context of every case.
fn files(dir: &Path) -> Vec<ContextFile> {
    let file = |path: &str, mode: u32, text: &str| ContextFile::file(path, mode, text.as_bytes().to_vec());
    vec![
        file("a", 0o644, "A"),
        file("b", 0o600, "B"),
        file("f", 0o644, "F"),
        file("run.sh", 0o755, "#!"),
        file("dir/x", 0o644, "dx"),
        file("dir/y/z", 0o640, "dyz"),
        file("dir/.hid", 0o644, "h"),
        ContextFile::symlink("dir/lx", "x"),
        ContextFile::symlink("dir/ly", "y"),
        file("dir2/x", 0o644, "d2x"),
        file("dir2/only", 0o644, "o"),
        file(".dot", 0o644, "dot"),
        file("t1.txt", 0o644, "1"),
        file("t2.txt", 0o644, "2"),
        file("t[3].txt", 0o644, "3"),
        file("sp ace", 0o644, "s"),
        file("deep/p/q/r", 0o644, "r"),
        file("deep/p/q/s.txt", 0o644, "s"),
        file("deep/m/q/s.txt", 0o644, "t"),
        ContextFile::directory("empty", 0o755),
        ContextFile::directory("priv", 0o700),
        file("priv/k", 0o644, "k"),
        ContextFile::symlink("la", "a"),
        ContextFile::symlink("ldir", "dir"),
        file("é☺", 0o644, "unicode"),
        file(&format!("long/{}/{}", "d".repeat(90), "f".repeat(120)), 0o644, "long"),
        ContextFile::file("base.tar", 0o644, base()),
        ContextFile::file("s.tar", 0o644, small()),
        ContextFile::file("s.tgz", 0o644, gzip(dir, &small())),
        file("nottar.tar", 0o644, "not a tar"),
    ]
}

/// The same files on disk.
fn lay_out(dir: &Path, files: &[ContextFile]) {
    use engine_wasm::store::Body;
    for file in files {
        let path = dir.join(&file.path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        match &file.body {
            Body::Directory(_) => std::fs::create_dir_all(&path).expect("a directory"),
            Body::File(content) => std::fs::write(&path, content.bytes()).expect("a file"),
            Body::Symlink(target) => symlink(target, &path).expect("a link"),
            other => panic!("no context has {other:?}"),
        }
        if !matches!(file.body, Body::Symlink(_)) {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(file.mode)).expect("a mode");
        }
    }
}

struct Case {
    name: String,
    dockerfile: String,
    ignore: Option<String>,
    args: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    target: String,
}

/// `=== name`, lines of options (`> arg k=v`, `> label k=v`, `> target t`, `> ignore pattern`), then the Dockerfile.
/// `PRELUDE` stands for a stage from scratch that has unpacked `base.tar`.
fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case {
                name: name.into(),
                dockerfile: String::new(),
                ignore: None,
                args: vec![],
                labels: vec![],
                target: String::new(),
            });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        let Some(option) = line.strip_prefix("> ") else {
            case.dockerfile.push_str(&line.replace("PRELUDE", "FROM scratch\nADD base.tar /"));
            case.dockerfile.push('\n');
            continue;
        };
        let (key, value) = option.split_once(' ').expect("a value");
        let pair = || value.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).expect("name=value");
        match key {
            "arg" => case.args.push(pair()),
            "label" => case.labels.push(pair()),
            "target" => case.target = value.into(),
            "ignore" => {
                let patterns = case.ignore.get_or_insert_default();
                patterns.push_str(value);
                patterns.push('\n');
            }
            other => panic!("no option {other}"),
        }
    }
    cases
}

struct Listing(String);

impl Sink for Listing {
    fn entry(&mut self, entry: &Entry) -> Result<bool, TarProblem> {
        let (path, link) = (String::from_utf8_lossy(&entry.path), String::from_utf8_lossy(&entry.link));
        writeln!(
            self.0,
            "    {:?} {path} {:o} {}:{} {} {link} {}",
            entry.kind, entry.mode, entry.uid, entry.gid, entry.size, entry.mtime.0
        )
        .expect("memory");
        Ok(false)
    }

    fn content(&mut self, _: &[u8]) {}

    fn end(&mut self) {}
}

/// An image in words, for the case that two differ.
fn describe(store: &Store, name: &str) -> String {
    let id = store.resolve(name).expect("the image").clone();
    let document: serde_json::Value = serde_json::from_slice(store.config(&id).expect("bytes")).expect("JSON");
    let mut out = format!("{document}\n");
    for layer in document["rootfs"]["diff_ids"].as_array().into_iter().flatten() {
        let tar = store.layer(&layer.as_str().expect("a digest").parse().expect("a digest")).unwrap_or_default();
        let mut listing = Listing(String::new());
        Stream::new(&Limits::default(), "layer").feed(tar, &mut listing).expect("a tar");
        write!(out, "  {layer} {} bytes\n{}", tar.len(), listing.0).expect("memory");
    }
    out
}

#[test]
fn a_page_and_a_node_build_the_same_image() {
    let Some(lab) = Lab::new("reproducible") else { return };
    let (dir, all) = (lab.dir.join("context"), files(&lab.dir));
    lay_out(&dir, &all);
    let mut store = Store::default();
    let saved = lab.dir.join("saved.tar");
    lab.ok(&["save", "-o", &saved.display().to_string(), "alpine"]);
    let bytes = std::fs::read(&saved).expect("the archive");
    store.load(&Archive::open(bytes, &Limits::default()).expect("an archive")).expect("images");
    let text = std::fs::read_to_string(
        std::env::var("SLIPWAY_CASES")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reproducible.txt").into()),
    )
    .expect("cases");
    let own = Platform::new("linux", if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" });
    let mut wrong = Vec::new();
    let cases = cases(&text);
    assert!(cases.len() >= 12, "{} cases", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let mut context_files = all.clone();
        let (ignored, file) = (dir.join(".dockerignore"), lab.dir.join("Dockerfile"));
        let _ = std::fs::remove_file(&ignored);
        if let Some(patterns) = &case.ignore {
            context_files.push(ContextFile::file(".dockerignore", 0o644, patterns.clone().into_bytes()));
            std::fs::write(&ignored, patterns).expect("a file");
            std::fs::set_permissions(&ignored, PermissionsExt::from_mode(0o644)).expect("a mode");
        }
        std::fs::write(&file, &case.dockerfile).expect("a file");
        let files: Fs = context(context_files).expect("a context");
        let epoch = EPOCH.to_string();
        let mut build_args: BTreeMap<String, String> = case.args.iter().cloned().collect();
        build_args.insert("SOURCE_DATE_EPOCH".into(), epoch.clone());
        let name = format!("case:{number}");
        let options = BuildOptions {
            expand: expand::Options {
                build_args: build_args.clone(),
                target: case.target.clone(),
                build_platform: own.clone(),
                target_platform: own.clone(),
            },
            epoch: EPOCH,
            tags: vec![name.clone()],
            labels: case.labels.iter().cloned().collect(),
            ..BuildOptions::default()
        };
        let ours = store.build(&case.dockerfile, &files, &options);
        let mut command = lab.command(&["build", "-q", "-t", &name]);
        command.env("DOCKER_BUILDKIT", "0").arg("-f").arg(&file);
        for (name, value) in &build_args {
            command.arg("--build-arg").arg(format!("{name}={value}"));
        }
        for (name, value) in &case.labels {
            command.arg("--label").arg(format!("{name}={value}"));
        }
        if !case.target.is_empty() {
            command.arg("--target").arg(&case.target);
        }
        let theirs = command.arg(&dir).output().expect("docker");
        let id = String::from_utf8_lossy(&theirs.stdout).trim().to_owned();
        match ours {
            Ok(built) if built.id.as_str() == id => {}
            Err(error) if !theirs.status.success() => {
                eprintln!("{}: both refuse: {error}; {}", case.name, String::from_utf8_lossy(&theirs.stderr).trim());
            }
            Err(error) => wrong.push(format!("{}: only the store refuses: {error}", case.name)),
            Ok(_) if !theirs.status.success() => {
                let text = String::from_utf8_lossy(&theirs.stderr).into_owned();
                wrong.push(format!("{}: only the engine refuses: {}", case.name, text.trim()));
            }
            Ok(_) => {
                let (page, node) = (describe(&store, &name), {
                    lab.ok(&["save", "-o", &saved.display().to_string(), &name]);
                    let mut other = Store::default();
                    let bytes = std::fs::read(&saved).expect("the archive");
                    other.load(&Archive::open(bytes, &Limits::default()).expect("an archive")).expect("images");
                    describe(&other, &name)
                });
                let only = |a: &str, b: &str| {
                    a.lines()
                        .filter(|line| !b.lines().any(|l| l == *line))
                        .map(|l| format!("  {l}\n"))
                        .collect::<String>()
                };
                wrong.push(format!("{}:\n page\n{} node\n{}", case.name, only(&page, &node), only(&node, &page)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
