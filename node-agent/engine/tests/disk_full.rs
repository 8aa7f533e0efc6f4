//! A data root that is full in the middle of a pull, a load, an import, a commit: a clear error, nothing of it left, and the same works
//! once there is room. The data root lies on a small filesystem of its own.

mod lab;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lab::Lab;
use serde_json::json;
use slipway_images::Digest;

/// Bytes of the file that does not fit: more than what is left on the full disk, less than the disk holds.
const BIG: usize = 12 << 20;
const ROOM: u64 = 6 << 20;

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// A layer with one big file that does not compress.
fn layer() -> Vec<u8> {
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(BIG)
    .collect();
    archive(&[("big", &noise)])
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_cksum();
        tar.append_data(&mut header, name, *bytes).expect("writing to memory");
    }
    tar.into_inner().expect("writing to memory")
}

fn config(layer: &[u8]) -> Vec<u8> {
    json!({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/big"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}, "history": [{"created_by": "a test"}],
    })
    .to_string()
    .into_bytes()
}

/// A registry on a socket that has `library/pulled:latest`.
fn registry(path: &Path, layer: &[u8]) {
    let config = config(layer);
    let described = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind,
        "config": described("application/vnd.oci.image.config.v1+json", &config),
        "layers": [described("application/vnd.oci.image.layer.v1.tar", layer)],
    })
    .to_string()
    .into_bytes();
    let mut answers = BTreeMap::from([("/v2/".to_owned(), ("application/json", b"{}".to_vec()))]);
    for name in ["latest".to_owned(), digest(&manifest)] {
        answers.insert(format!("/v2/library/pulled/manifests/{name}"), (kind, manifest.clone()));
    }
    for blob in [config, layer.to_vec()] {
        answers.insert(format!("/v2/library/pulled/blobs/{}", digest(&blob)), ("application/octet-stream", blob));
    }
    let answers = Arc::new(answers);
    let listener = UnixListener::bind(path).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let mut request = String::new();
                while reader.read_line(&mut request).is_ok_and(|n| n > 2) {}
                let mut words = request.split(' ');
                let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let path = path.split('?').next().unwrap_or_default();
                let none = (
                    "application/json",
                    b"{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"unknown\"}]}".to_vec(),
                );
                let (status, (kind, body)) =
                    answers.get(path).map_or(("404 Not Found", &none), |found| ("200 OK", found));
                let head = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {kind}\r\nDocker-Content-Digest: {}\r\nContent-Length: {}\r\n\r\n",
                    digest(body),
                    body.len()
                );
                let stream = reader.get_mut();
                // A client that has had enough hangs up.
                let _ = stream.write_all(head.as_bytes());
                if method == "GET" {
                    let _ = stream.write_all(body);
                }
            });
        }
    });
}

struct Full {
    lab: Lab,
    ballast: PathBuf,
}

impl Full {
    /// Bytes of the data root that are free.
    fn free(&self) -> u64 {
        let data = self.lab.dir.join("data").display().to_string();
        let free = self.lab.inside(&["stat", "-f", "-c", "%a %S", &data]);
        free.split_whitespace().map(|n| n.parse::<u64>().expect("a number")).product()
    }

    fn fill(&self) {
        let bytes = self.free() - ROOM;
        self.lab.inside(&["sh", "-c", &format!("head -c {bytes} /dev/zero > {}", self.ballast.display())]);
    }

    /// The work fails while the disk is full, leaves nothing, and is done when there is room.
    fn check(&mut self, what: &str, args: &[&str], input: Option<&Path>, image: &str) {
        self.fill();
        let (images, free) = (self.lab.ok(&["images", "-aq"]), self.free());
        let run = |lab: &Lab| {
            let mut command = lab.command(args);
            match input {
                Some(path) => command.stdin(File::open(path).expect("the input")),
                None => command.stdin(std::process::Stdio::null()),
            };
            command.output().expect("docker")
        };
        for _ in 0..2 {
            let failed = run(&self.lab);
            let text = [failed.stdout, failed.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            assert!(!failed.status.success() && text.contains("no space left on device"), "{what}: {text}");
            assert_eq!(self.lab.ok(&["images", "-aq"]), images, "{what} left no image");
            let left = free.saturating_sub(self.free());
            assert!(left < 128 << 10, "{what} left {left} bytes");
        }
        self.lab.inside(&["rm", &self.ballast.display().to_string()]);
        self.lab.fsck();
        let done = run(&self.lab);
        assert!(done.status.success(), "{what} with room: {done:?}");
        self.lab.ok(&["image", "inspect", image]);
        self.lab.ok(&["rmi", image]);
    }
}

#[test]
fn what_does_not_fit_says_so_leaves_nothing_and_works_when_there_is_room() {
    let place = std::env::temp_dir().join(format!("slipway-full-{}", std::process::id()));
    std::fs::create_dir_all(&place).expect("a directory");
    let socket = place.join("registry.sock");
    let layer = layer();
    registry(&socket, &layer);
    let mirror = format!("unix://{}", socket.display());
    let Some(lab) = Lab::on_a_small_disk("disk-full", 64, &["--registry-mirror", &mirror]) else { return };
    let ballast = lab.dir.join("data/ballast");
    let mut full = Full { lab, ballast };

    let root = place.join("root.tar");
    std::fs::write(&root, &layer).expect("an archive");
    full.check("import", &["import", "-", "imported"], Some(&root), "imported");

    let manifest =
        json!([{"Config": "config.json", "RepoTags": ["loaded:latest"], "Layers": ["layer.tar"]}]).to_string();
    let saved =
        archive(&[("config.json", &config(&layer)), ("layer.tar", &layer), ("manifest.json", manifest.as_bytes())]);
    let file = place.join("saved.tar");
    std::fs::write(&file, saved).expect("an archive");
    full.check("load", &["load"], Some(&file), "loaded");

    full.check("pull", &["pull", "pulled"], None, "pulled");

    let script = format!("head -c {BIG} /dev/urandom > /big");
    full.lab.ok(&["run", "--name", "writer", "alpine", "sh", "-c", &script]);
    full.check("commit", &["commit", "writer", "committed"], None, "committed");
    full.lab.ok(&["rm", "writer"]);
    std::fs::remove_dir_all(&place).expect("cleaning up");
}

#[test]
fn containers_are_stopped_and_thawed_without_a_byte_free() {
    let Some(lab) = Lab::on_a_small_disk("disk-full-stop", 32, &[]) else { return };
    for name in ["first", "second"] {
        lab.ok(&["run", "-d", "--name", name, "alpine", "sleep", "1000"]);
    }
    let states = || lab.ok(&["ps", "-a", "--format", "{{.Names}} {{.State}}"]);
    let ballast = lab.dir.join("data/ballast").display().to_string();
    lab.inside(&["sh", "-c", &format!("cat /dev/zero > {ballast} 2>/dev/null || true")]);
    let (_, said) = lab.fails(&["commit", "first", "committed"]);
    assert!(said.contains("no space left on device"), "{said}");
    assert_eq!(states(), "second running\nfirst running");
    lab.ok(&["pause", "second"]);
    lab.ok(&["unpause", "second"]);
    lab.ok(&["stop", "-t", "0", "first", "second"]);
    assert_eq!(states(), "second exited\nfirst exited");
    lab.inside(&["rm", &ballast]);
    lab.ok(&["start", "first"]);
    assert_eq!(states(), "second exited\nfirst running");
}
