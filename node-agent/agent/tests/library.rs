//! The library as a registry, over real HTTP: a small layout is made here, served on a free port, and asked by hand and by skopeo.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A layout with one image of one layer under two names, as `library build` writes it.
fn layout(dir: &Path) -> String {
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a directory for blobs");
    let add = |media_type: &str, bytes: &[u8]| {
        let hex = hex::encode(Sha256::digest(bytes));
        fs::write(blobs.join(&hex), bytes).expect("a blob");
        json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() })
    };
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(6);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "etc/greeting", &b"hello\n"[..]).expect("an entry");
    let archive = archive.into_inner().expect("an archive");
    let layer = add("application/vnd.oci.image.layer.v1.tar", &archive);
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": { "Cmd": ["sh"] },
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
        "history": [{ "created_by": "a test" }],
    });
    let config = add("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer] });
    let manifest = add(kind, manifest.to_string().as_bytes());
    let entries: Vec<Value> = ["latest", "1.0"]
        .iter()
        .map(|tag| {
            let mut entry = manifest.clone();
            entry["annotations"] = json!({
                "io.containerd.image.name": format!("docker.io/library/greeting:{tag}"),
                "org.opencontainers.image.ref.name": tag,
            });
            entry
        })
        .collect();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("the marker");
    fs::write(dir.join("index.json"), json!({ "schemaVersion": 2, "manifests": entries }).to_string())
        .expect("the index");
    manifest["digest"].as_str().expect("a digest").to_owned()
}

/// Serves until the test's runtime is dropped.
async fn serve(dir: &Path) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let router = node_agent::registry::reading(dir.to_owned());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// One request written by hand, so that the path reaches the server as it stands here.
async fn ask(address: SocketAddr, method: &'static str, path: &str, extra: &'static str) -> Answer {
    let path = path.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: library\r\nConnection: close\r\n{extra}\r\n")
            .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("the end of the head");
        let head = String::from_utf8(answer[..end].to_vec()).expect("a head of text");
        let status = head[9..12].parse().expect("a status");
        Answer { status, head, body: answer[end + 4..].to_vec() }
    });
    asked.await.expect("the request")
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_are_found_by_tag_and_digest_and_head_has_no_body() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let digest = layout(dir.path());
    let at = serve(dir.path()).await;
    assert_eq!(ask(at, "GET", "/v2/", "").await.header("docker-distribution-api-version"), Some("registry/2.0"));
    for reference in ["latest", "1.0", digest.as_str()] {
        let found = ask(at, "GET", &format!("/v2/library/greeting/manifests/{reference}"), "").await;
        assert_eq!(found.status, 200, "{reference}");
        assert_eq!(found.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(found.header("content-type"), Some("application/vnd.oci.image.manifest.v1+json"));
        assert_eq!(format!("sha256:{}", hex::encode(Sha256::digest(&found.body))), digest);
        let head = ask(at, "HEAD", &format!("/v2/library/greeting/manifests/{reference}"), "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(found.body.len().to_string().as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_can_go_on_where_it_stopped() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let digest = layout(dir.path());
    let at = serve(dir.path()).await;
    let path = format!("/v2/library/greeting/blobs/{digest}");
    let whole = ask(at, "GET", &path, "").await;
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let rest = ask(at, "GET", &path, "Range: bytes=10-\r\n").await;
    assert_eq!((rest.status, &rest.body[..]), (206, &whole.body[10..]));
    let length = whole.body.len();
    assert_eq!(rest.header("content-range"), Some(format!("bytes 10-{}/{length}", length - 1).as_str()));
    let beyond = ask(at, "GET", &path, "Range: bytes=100000-\r\n").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some(format!("bytes */{length}").as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_refused_in_distributions_words() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    layout(dir.path());
    fs::write(dir.path().join("secret"), "outside the blobs").expect("a file");
    let at = serve(dir.path()).await;
    let none = format!("sha256:{}", "0".repeat(64));
    for (method, path, status, code) in [
        ("GET", "/v2/library/greeting/manifests/2.0".to_owned(), 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/library/nothing/manifests/latest".to_owned(), 404, "NAME_UNKNOWN"),
        ("GET", "/v2/library/nothing/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
        ("GET", format!("/v2/library/greeting/blobs/{none}"), 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/library/greeting/blobs/sha256:../../secret".to_owned(), 404, "NAME_INVALID"),
        ("GET", "/v2/library/greeting/blobs/..%2f..%2fsecret".to_owned(), 400, "DIGEST_INVALID"),
        ("PUT", "/v2/library/greeting/manifests/latest".to_owned(), 405, "UNSUPPORTED"),
    ] {
        let answer = ask(at, method, &path, "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.json()["errors"][0]["code"], code, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_with_a_link_to_the_next() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    layout(dir.path());
    let at = serve(dir.path()).await;
    assert_eq!(ask(at, "GET", "/v2/_catalog", "").await.json(), json!({ "repositories": ["library/greeting"] }));
    let first = ask(at, "GET", "/v2/library/greeting/tags/list?n=1", "").await;
    assert_eq!(first.json()["tags"], json!(["1.0"]));
    let link = first.header("link").expect("a link");
    let next = link.trim_start_matches('<').split('>').next().expect("its address");
    let second = ask(at, "GET", next, "").await;
    assert_eq!(second.json()["tags"], json!(["latest"]));
    assert_eq!(second.header("link"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_is_made_later_is_seen_without_a_restart() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let place = dir.path().join("later");
    let at = serve(&place).await;
    assert_eq!(ask(at, "GET", "/v2/library/greeting/manifests/latest", "").await.status, 404);
    layout(&place);
    assert_eq!(ask(at, "GET", "/v2/library/greeting/manifests/latest", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_an_image_from_it() {
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert_ne!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(), Ok("1"), "skopeo is not installed");
        eprintln!("SKIP: skopeo is not installed");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    layout(&dir.path().join("library"));
    let at = serve(&dir.path().join("library")).await;
    let copy = dir.path().join("copy");
    let target = format!("oci:{}:copied", copy.display());
    let skopeo = tokio::task::spawn_blocking(move || {
        Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--src-tls-verify=false"])
            .arg(format!("docker://{at}/library/greeting:1.0"))
            .arg(target)
            .output()
    });
    let output = skopeo.await.expect("a thread").expect("skopeo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let index: Value = serde_json::from_slice(&fs::read(copy.join("index.json")).expect("an index")).expect("JSON");
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(1));
}
