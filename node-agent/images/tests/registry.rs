//! Pulling from a registry that the test plays itself, over TCP and over a unix socket, well-behaved and not.

mod common;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Tar, config, gzip, root_or_skip, store, tree};
use slipway_images::registry::{Options, PullError, Registries, Source, Wanted};
use slipway_images::{DiffId, Digest, Progress, Reference, Store};

type Routes = HashMap<String, (u16, &'static str, Vec<u8>)>;

/// Answers one request; a body under `/slow/` never ends.
fn answer(stream: &mut (impl Read + Write), routes: &Routes) {
    let mut path = String::new();
    let mut reader = BufReader::new(&mut *stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if line.starts_with("GET ") {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
    }
    let missing = (404, "application/json", br#"{"errors":[{"code":"NAME_UNKNOWN","message":"unknown"}]}"#.to_vec());
    let (status, kind, body) = routes.get(&path).unwrap_or(&missing);
    let extra = if *status == 307 { format!("Location: {}\r\n", String::from_utf8_lossy(body)) } else { String::new() };
    let stall = *kind == "stall";
    let length = if stall { body.len() + 1000 } else { body.len() };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{extra}\r\n");
    // A client that has gone away is part of the tests.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).and_then(|()| stream.flush());
    if stall {
        let _ = stream.read(&mut [0]);
    }
}

fn serve_tcp(routes: Routes) -> Source {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Arc::new(routes);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let routes = Arc::clone(&routes);
            std::thread::spawn(move || answer(&mut stream, &routes));
        }
    });
    format!("http://{address}").parse().unwrap()
}

fn serve_unix(path: &Path, routes: Routes) -> Source {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            answer(&mut stream, &routes);
        }
    });
    format!("unix://{}", path.display()).parse().unwrap()
}

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

struct Repository {
    routes: Routes,
    config: Vec<u8>,
    blobs: Vec<Vec<u8>>,
    index: Vec<u8>,
}

/// `library/tool:latest`: an index with linux/amd64 among others, five layers.
fn repository() -> Repository {
    let tars: Vec<Vec<u8>> = (0..5u8).map(|n| Tar::new().file(&format!("f{n}"), &[n; 100_000]).end()).collect();
    let diffs: Vec<DiffId> = tars.iter().map(|tar| DiffId::of(tar)).collect();
    let blobs: Vec<Vec<u8>> = tars.iter().map(|tar| gzip(tar)).collect();
    let config = config(&diffs, "tool");
    let descriptor = |bytes: &[u8]| serde_json::json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": Digest::of(bytes), "size": bytes.len()});
    let manifest = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2, "mediaType": OCI, "config": descriptor(&config),
        "layers": blobs.iter().map(|blob| descriptor(blob)).collect::<Vec<_>>(),
    }))
    .unwrap();
    let mut arm = descriptor(b"arm");
    arm["platform"] = serde_json::json!({"os": "linux", "architecture": "arm64"});
    let mut amd = descriptor(&manifest);
    amd["platform"] = serde_json::json!({"os": "linux", "architecture": "amd64"});
    let index = serde_json::to_vec(&serde_json::json!({"schemaVersion": 2, "manifests": [arm, amd]})).unwrap();
    let base = "/v2/library/tool";
    let mut routes = Routes::new();
    routes.insert(format!("{base}/manifests/latest"), (200, INDEX, index.clone()));
    routes.insert(format!("{base}/manifests/{}", Digest::of(&index)), (200, INDEX, index.clone()));
    routes.insert(format!("{base}/manifests/{}", Digest::of(&manifest)), (200, OCI, manifest));
    for blob in blobs.iter().chain([&config]) {
        routes.insert(format!("{base}/blobs/{}", Digest::of(blob)), (200, "application/octet-stream", blob.clone()));
    }
    let unknown = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    routes.insert(format!("{base}/manifests/nope"), (404, "application/json", unknown.to_vec()));
    Repository { routes, config, blobs, index }
}

fn blob_path(blob: &[u8]) -> String {
    format!("/v2/library/tool/blobs/{}", Digest::of(blob))
}

/// Registries whose `docker.io` is that, and whose seconds are short.
fn registries(source: &Source) -> Registries {
    Registries::new(Options { mirror: Some(source.clone()), second: Duration::from_millis(1), ..Options::default() })
}

fn try_pull(store: &Arc<Store>, source: &Source, name: &str) -> (Result<bool, PullError>, Vec<Progress>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let wanted = Wanted::new(Reference::parse(name).unwrap());
    let result = runtime.block_on(registries(source).pull(Arc::clone(store), &wanted, sender));
    let mut said = Vec::new();
    while let Ok(message) = receiver.try_recv() {
        said.push(message);
    }
    (result.map(|pulled| pulled.newer), said)
}

fn lines(said: &[Progress]) -> Vec<String> {
    let text = |message: &Progress| {
        let json = message.to_json();
        let id = json["id"].as_str().map(|id| format!("{id}: ")).unwrap_or_default();
        format!("{id}{}", json["status"].as_str().unwrap())
    };
    said.iter().map(text).collect()
}

#[test]
fn a_pull_tells_what_docker_tells_and_the_second_finds_all_there() {
    if !root_or_skip() {
        return;
    }
    let repository = repository();
    let digest = Digest::of(&repository.index);
    let (dir, store) = store();
    let store = Arc::new(store);
    let socket = dir.path().join("library.sock");
    let source = serve_unix(&socket, repository.routes);
    let (result, said) = try_pull(&store, &source, "tool");
    assert!(result.unwrap());
    let said = lines(&said);
    let ids: Vec<String> = repository.blobs.iter().map(|blob| Digest::of(blob).short()).collect();
    assert_eq!(said[0], "latest: Pulling from library/tool");
    let first: Vec<String> = ids.iter().map(|id| format!("{id}: Pulling fs layer")).collect();
    assert_eq!(said[1..6], first);
    assert_eq!(said[6..8], [format!("{}: Waiting", ids[3]), format!("{}: Waiting", ids[4])]);
    for id in &ids {
        let of_layer: Vec<&str> = said.iter().filter_map(|line| line.strip_prefix(&format!("{id}: "))).collect();
        let mut stages: Vec<&str> = of_layer.into_iter().filter(|stage| *stage != "Waiting").collect();
        stages.dedup();
        let expected = [
            "Pulling fs layer",
            "Downloading",
            "Verifying Checksum",
            "Download complete",
            "Extracting",
            "Pull complete",
        ];
        assert_eq!(stages, expected);
    }
    let complete: Vec<&String> = said.iter().filter(|line| line.ends_with("Pull complete")).collect();
    assert_eq!(
        complete,
        ids.iter().map(|id| format!("{id}: Pull complete")).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    let end = [format!("Digest: {digest}"), "Status: Downloaded newer image for tool:latest".to_owned()];
    assert_eq!(said[said.len() - 2..], end);

    let id = store.resolve("tool").unwrap();
    assert_eq!(store.image(&id).unwrap().raw, repository.config);
    assert_eq!(store.resolve(&format!("tool@{digest}")), Ok(id));
    assert_eq!(store.images()[0].digests[0].familiar_string(), format!("tool@{digest}"));
    let (result, said) = try_pull(&store, &source, "tool");
    assert!(!result.unwrap());
    let expected = [
        "latest: Pulling from library/tool".to_owned(),
        end[0].clone(),
        "Status: Image is up to date for tool:latest".into(),
    ];
    assert_eq!(lines(&said), expected);
}

#[test]
fn layers_that_are_there_are_not_fetched_again() {
    if !root_or_skip() {
        return;
    }
    let mut repository = repository();
    let (_dir, store) = store();
    let store = Arc::new(store);
    let kept = common::image(&store, &[Tar::new().file("f0", &[0; 100_000]).end()], "kept");
    repository.routes.remove(&blob_path(&repository.blobs[0]));
    let source = serve_tcp(repository.routes);
    let (result, said) = try_pull(&store, &source, "docker.io/library/tool:latest");
    assert!(result.unwrap());
    assert_eq!(lines(&said)[1], format!("{}: Already exists", Digest::of(&repository.blobs[0]).short()));
    assert!(store.image(&kept).is_ok());
}

#[test]
fn a_registry_that_lies_or_fails_leaves_nothing() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let store = Arc::new(store);
    drop(store.register_layer(None, &Tar::new().end()[..], None).unwrap());
    let _ = try_pull(&store, &"http://127.0.0.1:1".parse().unwrap(), "tool");
    std::fs::create_dir_all(dir.path().join("tmp")).unwrap();
    let before = tree(dir.path());
    let blob = blob_path(&repository().blobs[4]);
    let config = blob_path(&repository().config);
    let change = |path: &str, status: u16, kind: &'static str, body: &[u8]| {
        let mut routes = repository().routes;
        routes.insert(path.to_owned(), (status, kind, body.to_vec()));
        routes
    };
    let good = &repository().blobs[4];
    let manifest = "/v2/library/tool/manifests/latest";
    let cases: Vec<(Routes, &str)> = vec![
        (change(&blob, 200, "x", &[good, &b"more"[..]].concat()), "filesystem layer verification failed"),
        (change(&blob, 200, "x", &vec![0; good.len()]), "filesystem layer verification failed"),
        (change(&blob, 200, "x", &good[..50]), "filesystem layer verification failed"),
        (change(&blob, 500, "x", b""), "received unexpected HTTP status: 500"),
        (change(&blob, 307, "x", blob.as_bytes()), "stopped after 10 redirects"),
        (change(&config, 200, "x", b"{}"), "image config verification failed"),
        (change(&config, 200, "x", &vec![b' '; 9 << 20]), "longer than 8388608 bytes"),
        (change(manifest, 200, INDEX, b"{"), "invalid manifest"),
        (change(manifest, 200, INDEX, br#"{"manifests":[]}"#), "no matching manifest for linux/amd64"),
        (
            change(manifest, 200, "application/vnd.docker.distribution.manifest.v1+prettyjws", b"{}"),
            "schema 1 support has been removed. Suggest the author of docker.io/library/tool:latest to upgrade",
        ),
        (
            change(
                manifest,
                429,
                "application/json",
                br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#,
            ),
            "toomanyrequests: slow down",
        ),
        (
            Routes::new(),
            "pull access denied for tool, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
        ),
    ];
    for (routes, expected) in cases {
        let (result, _) = try_pull(&store, &serve_tcp(routes), "tool");
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not contain {expected:?}");
        assert!(store.images().is_empty());
        let left: Vec<_> = tree(dir.path());
        let new: Vec<_> = left
            .iter()
            .filter(|path| !before.contains(path))
            .filter(|p| !p.display().to_string().contains("/distribution/"))
            .collect();
        assert!(new.is_empty(), "{expected}: {new:?}");
    }
    let (result, _) = try_pull(&store, &serve_tcp(repository().routes), "tool:nope");
    assert_eq!(result.unwrap_err().to_string(), "manifest for tool:nope not found: manifest unknown: manifest unknown");
    let source = serve_tcp(repository().routes);
    let other = format!("{}/other", source.to_string().trim_start_matches("http://"));
    let (result, _) = try_pull(&store, &source, &other);
    assert!(result.unwrap_err().to_string().starts_with(&format!("repository {other} not found: name unknown: ")));
}

#[test]
fn a_pull_that_is_dropped_takes_its_layers_back() {
    if !root_or_skip() {
        return;
    }
    let repository = repository();
    let mut routes = repository.routes;
    let last = &repository.blobs[4];
    routes.insert(blob_path(last), (200, "stall", last[..100].to_vec()));
    let source = serve_tcp(routes);
    let (dir, store) = store();
    let store = Arc::new(store);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let wanted = Wanted::new(Reference::parse("tool").unwrap());
    let registries = registries(&source);
    runtime.block_on(async {
        let pulling = registries.pull(Arc::clone(&store), &wanted, sender);
        let fourth_layer = async {
            let mut complete = 0;
            while complete < 4 {
                let message = receiver.recv().await.expect("the pull goes on");
                complete += usize::from(message.to_json()["status"] == "Pull complete");
            }
        };
        tokio::select! {
            result = pulling => panic!("the pull ended: {result:?}"),
            () = fourth_layer => {}
        }
    });
    drop(runtime);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let left =
            tree(&dir.path().join("overlay2")).len() + tree(&dir.path().join("image/overlay2/layerdb/sha256")).len();
        // The directory of short links and the mark of the device.
        if left == 2 {
            break;
        }
        assert!(Instant::now() < until, "layers are left: {:?}", tree(&dir.path().join("overlay2")));
        std::thread::sleep(Duration::from_millis(10));
    }
}
