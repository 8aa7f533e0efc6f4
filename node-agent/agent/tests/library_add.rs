//! `library add` from a real docker-registry and from the archives of other tools, by the real binary: what comes in, that it goes on
//! where it stopped, and what is said when it does not work.

#[path = "fetcher/upstream.rs"]
mod upstream;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use upstream::{Trouble, Upstream};

fn skip(why: &str) {
    assert_ne!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(), Ok("1"), "cannot run: {why}");
    eprintln!("SKIP: {why}");
}

fn setting() -> Option<(tempfile::TempDir, Upstream)> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let upstream = Upstream::start(dir.path());
    if upstream.is_none() {
        skip("docker-registry or skopeo is not installed");
    }
    Some((dir, upstream?))
}

/// Runs `library add`: whether it succeeded, and all that it said.
fn add(dir: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_node-agent"))
        .args(["library", "add", "--output"])
        .arg(dir.join("library"))
        .args(args)
        .env("DOCKER_CONFIG", dir.join("nothing"))
        .output()
        .expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The library's names and the digests that they mean.
fn names(dir: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read(dir.join("library/index.json")).expect("an index");
    let index: Value = serde_json::from_slice(&text).expect("JSON");
    let entries = index["manifests"].as_array().expect("entries").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    entries.map(|e| (text(&e["annotations"]["io.containerd.image.name"]), text(&e["digest"]))).collect()
}

fn library(expected: &[(&str, &String)]) -> BTreeMap<String, String> {
    expected.iter().map(|(name, digest)| (format!("docker.io/library/{name}"), (*digest).clone())).collect()
}

fn skopeo(args: &[&str]) {
    let output = Command::new("skopeo").arg("--insecure-policy").args(args).output().expect("skopeo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_image_comes_from_a_registry_by_tag_digest_and_platform() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (_, amd64) = upstream.push(dir, "team/app:1", b"one");
    let at = upstream.address;
    let (good, said) = add(dir, &[&format!("{at}/team/app:1")]);
    assert!(!good && said.contains("--name"), "{said}");
    let (good, said) = add(dir, &[&format!("{at}/team/app:1"), "--name", "app"]);
    assert!(good, "{said}");
    assert_eq!(names(dir), library(&[("app:latest", &amd64)]));
    let (good, said) = add(dir, &[&format!("{at}/team/app@{amd64}"), "--name", "app:digest"]);
    assert!(good && said.contains("already there"), "{said}");
    assert_eq!(names(dir)["docker.io/library/app:digest"], amd64);

    let (good, said) = add(dir, &[&format!("{at}/team/app:1"), "--name", "app:other", "--platform", "linux/s390x"]);
    assert!(!good && said.contains("it has no image for linux/s390x, but for linux/"), "{said}");

    // An index of two platforms, and what build tools add beside them.
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let entry = |digest: &str, size: usize, os: &str, architecture: &str| {
        json!({ "mediaType": kind, "digest": digest, "size": size,
                "platform": { "os": os, "architecture": architecture } })
    };
    let manifest = upstream.get(&format!("/v2/team/app/manifests/{amd64}"), kind);
    let (_, arm64) = upstream.push(dir, "team/app:arm", b"other");
    let other = upstream.get(&format!("/v2/team/app/manifests/{arm64}"), kind);
    let (machine, foreign) = if cfg!(target_arch = "x86_64") { ("amd64", "arm64") } else { ("arm64", "amd64") };
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry(&amd64, manifest.len(), "unknown", "unknown"), entry(&arm64, other.len(), "linux", foreign),
                      entry(&amd64, manifest.len(), "linux", machine)],
    });
    upstream.put("/v2/team/app/manifests/all", "application/vnd.oci.image.index.v1+json", &index.to_string());
    let name = format!("{at}/team/app:all");
    let (good, said) = add(dir, &[&name, "--name", "all:1"]);
    assert!(good, "{said}");
    let (good, said) = add(dir, &[&name, "--name", "all:2", "--platform", &format!("linux/{foreign}")]);
    assert!(good, "{said}");
    let (good, said) = add(dir, &[&name, "--name", "all:3", "--platform", "linux/s390x"]);
    assert!(!good && said.contains("no matching manifest for linux/s390x"), "{said}");
    let expected = [("all:1", &amd64), ("all:2", &arm64), ("app:digest", &amd64), ("app:latest", &amd64)];
    assert_eq!(names(dir), library(&expected));
}

#[test]
fn what_breaks_off_goes_on_and_what_cannot_be_had_is_said() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let noise: Vec<u8> = (0..2_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    upstream.push(dir, "team/app:1", &noise);
    let name = format!("{}/team/app:1", upstream.address);
    // The configuration may be the first blob that is asked for; it is shorter than that.
    upstream.trouble(Trouble::Cut(700_000));
    let (good, said) = add(dir, &[&name, "--name", "app"]);
    assert!(good, "{said}");
    for (which, words) in [("team/app:2", "manifest unknown"), ("team/none:1", "unknown")] {
        let (good, said) = add(dir, &[&format!("{}/{which}", upstream.address), "--name", "x"]);
        assert!(!good && said.contains(words) && said.contains(which), "{said}");
    }
    let missing = format!("{}/team/app@sha256:{}", upstream.address, "0".repeat(64));
    let (good, said) = add(dir, &[&missing, "--name", "x:1"]);
    assert!(!good && said.contains("manifest unknown"), "{said}");
    let (good, said) = add(dir, &["127.0.0.1:1/app", "--name", "x"]);
    assert!(!good && said.contains("connection refused"), "{said}");
    let (good, said) = add(dir, &["team/UPPER"]);
    assert!(!good && said.contains("lowercase"), "{said}");
    assert_eq!(names(dir).len(), 1, "a failure names nothing");
    // A layer that is not the configuration's, though it is what its digest says.
    upstream.push(dir, "team/app:other", &noise[..1000]);
    let (good, said) = add(dir, &[&format!("{}/team/app:other", upstream.address), "--name", "other"]);
    assert!(good, "{said}");
    let manifest = |name: &str| -> Value {
        let digest =
            names(dir)[&format!("docker.io/library/{name}:latest")].replace("sha256:", "library/blobs/sha256/");
        serde_json::from_slice(&std::fs::read(dir.join(digest)).expect("a manifest")).expect("JSON")
    };
    let mut mixed = manifest("app");
    mixed["layers"] = manifest("other")["layers"].clone();
    let head = "200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json";
    upstream.instead("/v2/team/app/manifests/mixed", head, &mixed.to_string());
    let (good, said) = add(dir, &[&format!("{}/team/app:mixed", upstream.address), "--name", "mixed"]);
    assert!(!good && said.contains("its configuration says sha256:"), "{said}");
    assert_eq!(names(dir).len(), 2, "a failure names nothing");
}

/// Debian's docker-registry with a password: `secret`, for janet.
struct Guarded(Child, String);

impl Guarded {
    fn start(dir: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
        let htpasswd = dir.join("htpasswd");
        std::fs::write(&htpasswd, "janet:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n")
            .expect("a file");
        let config = json!({
            "version": 0.1, "log": { "level": "error" },
            "storage": { "filesystem": { "rootdirectory": dir.join("guarded") } },
            "http": { "addr": port.to_string() },
            "auth": { "htpasswd": { "realm": "test", "path": htpasswd } },
        });
        let file = dir.join("guarded.yml");
        std::fs::write(&file, config.to_string()).expect("a configuration");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry starts");
        let begun = Instant::now();
        while TcpStream::connect(port).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child, port.to_string())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_registry_with_a_password_gets_that_of_docker_login() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (_, digest) = upstream.push(dir, "team/app:1", b"guarded");
    let guarded = Guarded::start(dir);
    let name = format!("{}/team/app:1", guarded.1);
    skopeo(&[
        "copy",
        "--preserve-digests",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--dest-creds=janet:secret",
        &format!("docker://{}/team/app:1", upstream.address),
        &format!("docker://{name}"),
    ]);
    let (good, said) = add(dir, &[&name, "--name", "app"]);
    assert!(!good && said.contains("docker login") && said.contains("--docker-config"), "{said}");
    for (auth, expected) in [("amFuZXQ6d3Jvbmc=", false), ("amFuZXQ6c2VjcmV0", true)] {
        let config = dir.join("config");
        std::fs::create_dir_all(&config).expect("a directory");
        let auths = json!({ "auths": { (guarded.1.as_str()): { "auth": auth } } });
        std::fs::write(config.join("config.json"), auths.to_string()).expect("a file");
        let (good, said) = add(dir, &[&name, "--name", "app", "--docker-config", &config.to_string_lossy()]);
        assert_eq!(good, expected, "{said}");
        assert!(good || said.contains("unauthorized"), "{said}");
    }
    assert_eq!(names(dir), library(&[("app:latest", &digest)]));
}

#[test]
fn archives_of_other_tools_come_in_compressed_or_not() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (_, digest) = upstream.push(dir, "team/app:1", b"archived");
    let source = format!("docker://{}/team/app:1", upstream.address);
    let file = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let copy = |target: String| skopeo(&["copy", "--src-tls-verify=false", &source, &target]);
    let as_it_is = |target: String| skopeo(&["copy", "--preserve-digests", "--src-tls-verify=false", &source, &target]);
    as_it_is(format!("oci-archive:{}:app:oci", file("oci.tar")));
    copy(format!("docker-archive:{}:app:docker", file("docker.tar")));
    // As podman calls what it has built itself.
    as_it_is(format!("oci-archive:{}:localhost/app:1", file("local.tar")));
    for archive in ["oci.tar", "docker.tar"] {
        let (good, said) = add(dir, &[&file(archive)]);
        assert!(good, "{said}");
    }
    let found = names(dir);
    assert_eq!(found["docker.io/library/app:oci"], digest, "its manifest stays as it is");
    assert!(found.contains_key("docker.io/library/app:docker"), "{found:?}");
    let (good, said) = add(dir, &[&file("local.tar")]);
    assert!(!good && said.contains("localhost/app:1") && said.contains("--name"), "{said}");
    let (good, said) = add(dir, &[&file("local.tar"), "--name", "local"]);
    assert!(good, "{said}");
    assert_eq!(names(dir)["docker.io/library/local:latest"], digest);
    let packed = PathBuf::from(file("oci.tar.gz"));
    let mut gzip =
        flate2::write::GzEncoder::new(std::fs::File::create(&packed).expect("a file"), flate2::Compression::fast());
    gzip.write_all(&std::fs::read(file("oci.tar")).expect("the archive")).expect("compressed");
    gzip.finish().expect("compressed");
    let (good, said) = add(dir, &[&packed.to_string_lossy(), "--name", "packed"]);
    assert!(good, "{said}");
    assert_eq!(names(dir)["docker.io/library/packed:latest"], digest);
    let (good, said) = add(dir, &[&file("absent.tar")]);
    assert!(!good && said.contains("absent.tar") && said.contains("No such file"), "{said}");
}

impl Upstream {
    /// One request to the registry itself: the body of the answer.
    fn exchange(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.direct).expect("a connection");
        write!(stream, "{head}\r\nHost: registry\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 20"), "{answer}");
        body.to_owned()
    }

    fn get(&self, path: &str, kind: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nAccept: {kind}"), "")
    }

    fn put(&self, path: &str, kind: &str, body: &str) {
        self.exchange(&format!("PUT {path} HTTP/1.1\r\nContent-Type: {kind}"), body);
    }
}
