//! A session's registry over real HTTP: pushed to by hand and by skopeo, read back, and refused what it must refuse.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use tempfile::TempDir;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry on a free port, for as long as the test's runtime lives.
struct Registry {
    address: SocketAddr,
    dir: TempDir,
}

impl Registry {
    async fn start(quota: u64) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let address = serve(dir.path(), quota).await;
        Self { address, dir }
    }

    /// A request as `moby`.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let login = format!("Basic {}", STANDARD.encode("moby:dock"));
        let mut all = vec![("Authorization", login.as_str())];
        all.extend_from_slice(headers);
        self.ask_as(method, path, &all, body).await
    }

    async fn ask_as(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        let mut request = format!("{request}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend_from_slice(body);
        let address = self.address;
        let asked = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("a connection");
            // A registry that refuses may close before it has read everything.
            let _ = stream.write_all(&request);
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("an answer");
            let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("the end of the head");
            let head = String::from_utf8(answer[..end].to_vec()).expect("a head of text");
            Answer { status: head[9..12].parse().expect("a status"), head, body: answer[end + 4..].to_vec() }
        });
        asked.await.expect("the request")
    }

    async fn push_blob(&self, name: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let answer = self.ask("POST", &format!("/v2/{name}/blobs/uploads/?digest={digest}"), &[], bytes).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        digest
    }

    async fn push_manifest(&self, name: &str, reference: &str, kind: &str, manifest: &Value) -> Answer {
        let path = format!("/v2/{name}/manifests/{reference}");
        self.ask("PUT", &path, &[("Content-Type", kind)], manifest.to_string().as_bytes()).await
    }

    /// An image of one layer; its digest.
    async fn push_image(&self, name: &str, tag: &str, layer: &[u8]) -> String {
        let (config, size) = (self.push_blob(name, b"{}").await, layer.len());
        let layer = self.push_blob(name, layer).await;
        let manifest = image(&config, 2, &layer, size);
        let answer = self.push_manifest(name, tag, IMAGE, &manifest).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        sha256(manifest.to_string().as_bytes())
    }

    fn pushed_bytes(&self) -> u64 {
        let dir = self.dir.path().join("pushes/contents");
        std::fs::read_dir(dir).expect("contents").flatten().map(|entry| entry.metadata().expect("a file").len()).sum()
    }
}

async fn serve(dir: &Path, quota: u64) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let routes =
        node_agent::registry::taking(dir.join("library"), &dir.join("pushes"), quota, None).expect("a registry");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn code(&self) -> Value {
        self.json()["errors"][0]["code"].clone()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn image(config: &str, config_size: usize, layer: &str, size: usize) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": size }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_pushed_is_read_back_listed_and_searched() {
    let registry = Registry::start(1 << 20).await;
    let digest = registry.push_image("moby/app", "1.0", b"layer").await;
    for reference in ["1.0", digest.as_str()] {
        let path = format!("/v2/moby/app/manifests/{reference}");
        let found = registry.ask_as("GET", &path, &[], b"").await;
        assert_eq!((found.status, sha256(&found.body)), (200, digest.clone()));
        assert_eq!(found.header("content-type"), Some(IMAGE));
    }
    let blob = registry.ask_as("GET", &format!("/v2/moby/app/blobs/{}", sha256(b"layer")), &[], b"").await;
    assert_eq!(blob.body, b"layer");
    assert_eq!(registry.ask_as("GET", "/v2/moby/app/tags/list", &[], b"").await.json()["tags"], json!(["1.0"]));
    let catalog = registry.ask_as("GET", "/v2/_catalog", &[], b"").await.json();
    assert_eq!(catalog["repositories"], json!(["moby/app"]));
    let found = registry.ask_as("GET", "/v1/search?q=MOBY&n=5", &[], b"").await.json();
    assert_eq!((&found["num_results"], &found["results"][0]["name"]), (&json!(1), &json!("moby/app")));
    assert_eq!(found["results"][0]["is_official"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_comes_in_chunks_and_a_chunk_out_of_place_is_told_where_to_go_on() {
    let registry = Registry::start(1 << 20).await;
    let begun = registry.ask("POST", "/v2/moby/app/blobs/uploads/", &[], b"").await;
    assert_eq!(begun.status, 202);
    let place = begun.header("location").expect("a place").to_owned();
    let chunk = registry.ask("PATCH", &place, &[("Content-Range", "0-4")], b"first").await;
    assert_eq!((chunk.status, chunk.header("range")), (202, Some("0-4")));
    let wrong = registry.ask("PATCH", &place, &[("Content-Range", "9-12")], b"last").await;
    assert_eq!((wrong.status, wrong.header("range")), (416, Some("0-4")));
    let asked = registry.ask("GET", &place, &[], b"").await;
    assert_eq!((asked.status, asked.header("range")), (204, Some("0-4")));
    let digest = sha256(b"firstlast");
    let done = registry.ask("PUT", &format!("{place}?digest={digest}"), &[("Content-Range", "5-8")], b"last").await;
    assert_eq!(done.status, 201, "{}", done.text());
    let blob = registry.ask("GET", &format!("/v2/moby/app/blobs/{digest}"), &[], b"").await;
    assert_eq!(blob.body, b"firstlast");
    assert_eq!(registry.ask("GET", &place, &[], b"").await.code(), "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_what_their_digest_says_are_not_kept() {
    let registry = Registry::start(100).await;
    let wrong = sha256(b"other");
    for _ in 0..30 {
        let path = format!("/v2/moby/app/blobs/uploads/?digest={wrong}");
        let answer = registry.ask("POST", &path, &[], b"bytes").await;
        assert_eq!((answer.status, answer.code()), (400, json!("DIGEST_INVALID")), "and the room is given back");
    }
    let path = format!("/v2/moby/app/blobs/uploads/?digest=sha512:{}", hex::encode(Sha512::digest(b"bytes")));
    assert_eq!(registry.ask("POST", &path, &[], b"bytes").await.status, 201);
    assert_eq!(registry.ask("POST", &path, &[], b"other").await.code(), "DIGEST_INVALID");
    assert_eq!(registry.pushed_bytes(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_writes_and_an_unknown_visitor_is_asked_to_log_in() {
    let registry = Registry::start(1 << 20).await;
    let begin = "/v2/moby/app/blobs/uploads/";
    let nobody = registry.ask_as("POST", begin, &[], b"").await;
    assert_eq!((nobody.status, nobody.code()), (401, json!("UNAUTHORIZED")));
    let challenge = "Bearer realm=\"http://registry/token\",service=\"Slipway\"";
    assert_eq!(nobody.header("www-authenticate"), Some(challenge), "under the name that was asked for");
    let token = registry.ask_as("GET", "/token", &[], b"").await.json()["token"].as_str().expect("a token").to_owned();
    let anonymous = registry.ask_as("POST", begin, &[("Authorization", &format!("Bearer {token}"))], b"").await;
    assert_eq!((anonymous.status, anonymous.code()), (403, json!("DENIED")));
    assert_eq!(registry.ask_as("GET", "/v2/", &[], b"").await.status, 401);
    assert_eq!(registry.ask("GET", "/v2/", &[], b"").await.status, 200);
    for path in ["/v2/whale/app/blobs/uploads/", "/v2/library/ubuntu/blobs/uploads/", "/v2/app/blobs/uploads/"] {
        let other = registry.ask("POST", path, &[], b"").await;
        assert_eq!((other.status, other.code()), (403, json!("DENIED")), "{path}");
        assert!(other.text().contains("requested access to the resource is denied"));
    }
    let digest = registry.push_image("moby/app", "latest", b"layer").await;
    for path in [format!("/v2/moby/app/manifests/{digest}"), "/v2/moby/app/manifests/latest".into()] {
        assert_eq!(registry.ask_as("DELETE", &path, &[], b"").await.status, 401, "{path}");
    }
    assert_eq!(registry.ask_as("GET", "/v2/moby/app/manifests/latest", &[], b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_of_another_repository_is_mounted_and_kept_once() {
    let registry = Registry::start(1 << 20).await;
    let digest = registry.push_blob("moby/one", b"layer").await;
    let mount = format!("/v2/moby/two/blobs/uploads/?mount={digest}&from=moby/one");
    let mounted = registry.ask("POST", &mount, &[], b"").await;
    assert_eq!((mounted.status, mounted.header("docker-content-digest")), (201, Some(digest.as_str())));
    assert_eq!(registry.ask("GET", &format!("/v2/moby/two/blobs/{digest}"), &[], b"").await.body, b"layer");
    assert_eq!(registry.pushed_bytes(), 5);
    let none = format!("/v2/moby/two/blobs/uploads/?mount={}&from=moby/one", sha256(b"none"));
    assert_eq!(registry.ask("POST", &none, &[], b"").await.status, 202, "then it is uploaded");
    let elsewhere = format!("/v2/moby/three/blobs/{digest}");
    assert_eq!(registry.ask("GET", &elsewhere, &[], b"").await.status, 404, "a repository has only what it was given");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_without_its_blobs_is_refused_and_so_is_one_that_is_none() {
    let registry = Registry::start(1 << 20).await;
    let config = registry.push_blob("moby/app", b"{}").await;
    let missing = image(&config, 2, &sha256(b"missing"), 7);
    let answer = registry.push_manifest("moby/app", "latest", IMAGE, &missing).await;
    assert_eq!((answer.status, answer.code()), (400, json!("MANIFEST_BLOB_UNKNOWN")));
    let index = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": IMAGE, "digest": sha256(b"x"), "size": 1 }] });
    assert_eq!(registry.push_manifest("moby/app", "latest", INDEX, &index).await.code(), "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(registry.push_manifest("moby/app", "latest", IMAGE, &json!([])).await.code(), "MANIFEST_INVALID");
    let named = format!("sha256:{}", "0".repeat(64));
    let answer = registry.push_manifest("moby/app", &named, IMAGE, &json!({ "schemaVersion": 2 })).await;
    assert_eq!(answer.code(), "DIGEST_INVALID");
    let large = vec![b' '; (4 << 20) + 1];
    let answer = registry.ask("PUT", "/v2/moby/app/manifests/big", &[("Content-Type", IMAGE)], &large).await;
    assert_eq!((answer.status, answer.code()), (413, json!("MANIFEST_INVALID")));
    assert_eq!(registry.ask("GET", "/v2/moby/app/manifests/latest", &[], b"").await.code(), "MANIFEST_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_about_an_image_is_found_by_the_image() {
    let registry = Registry::start(1 << 20).await;
    let subject = registry.push_image("moby/app", "latest", b"layer").await;
    let mut about = image(&sha256(b"{}"), 2, &sha256(b"layer"), 5);
    about["artifactType"] = json!("application/x-signature");
    about["subject"] = json!({ "mediaType": IMAGE, "digest": subject, "size": 1 });
    about["annotations"] = json!({ "by": "moby" });
    let digest = sha256(about.to_string().as_bytes());
    let answer = registry.push_manifest("moby/app", &digest, IMAGE, &about).await;
    assert_eq!((answer.status, answer.header("oci-subject")), (201, Some(subject.as_str())));
    let path = format!("/v2/moby/app/referrers/{subject}");
    let found = registry.ask("GET", &path, &[], b"").await;
    assert_eq!(found.header("content-type"), Some(INDEX));
    assert_eq!(found.json()["manifests"][0]["digest"], digest);
    assert_eq!(found.json()["manifests"][0]["annotations"]["by"], "moby");
    let other = registry.ask("GET", &format!("{path}?artifactType=application/x-other"), &[], b"").await;
    assert_eq!(
        (other.json()["manifests"].clone(), other.header("oci-filters-applied")),
        (json!([]), Some("artifactType"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_registry_says_so_and_takes_more_when_something_is_deleted() {
    let registry = Registry::start(1000).await;
    let digest = registry.push_blob("moby/app", &[1; 900]).await;
    let more = sha256(&[2; 200]);
    let path = format!("/v2/moby/app/blobs/uploads/?digest={more}");
    let full = registry.ask("POST", &path, &[], &[2; 200]).await;
    assert_eq!((full.status, full.code()), (403, json!("DENIED")));
    assert!(full.text().contains("full"), "{}", full.text());
    assert_eq!(registry.ask("DELETE", &format!("/v2/moby/app/blobs/{digest}"), &[], b"").await.status, 202);
    assert_eq!(registry.ask("POST", &path, &[], &[2; 200]).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_pulls_and_is_refused_a_strangers_repository() {
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert_ne!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(), Ok("1"), "skopeo is not installed");
        eprintln!("SKIP: skopeo is not installed");
        return;
    }
    let registry = Registry::start(1 << 20).await;
    let digest = registry.push_image("moby/app", "1.0", b"").await;
    let at = registry.address;
    let copy = move |to: &str, tls: &str, credentials: &str| {
        let from = format!("docker://{at}/moby/app:1.0");
        let mut command = Command::new("skopeo");
        command.args(["--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false"]);
        command.args([tls, credentials, &from, to]);
        let output = command.output().expect("skopeo runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let done = tokio::task::spawn_blocking(move || {
        let to = |name: &str| format!("docker://{at}/{name}:2.0");
        let own = copy(&to("moby/copy"), "--dest-tls-verify=false", "--dest-creds=moby:dock");
        let strange = copy(&to("whale/copy"), "--dest-tls-verify=false", "--dest-creds=moby:dock");
        (own, strange)
    });
    let (own, strange) = done.await.expect("a thread");
    assert!(own.0, "{}", own.1);
    assert!(!strange.0 && strange.1.contains("denied"), "{}", strange.1);
    let copied = registry.ask("GET", "/v2/moby/copy/manifests/2.0", &[], b"").await;
    assert_eq!(sha256(&copied.body), digest);
}
