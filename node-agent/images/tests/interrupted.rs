//! Pulls and pushes that are killed at any moment, and a disk that fills up: afterwards the store is consistent and the
//! work can be done again.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::image::{Image, pull, quick, run};
use common::server::{Reply, serve};
use common::{root_or_skip, tree};
use slipway_images::registry::{Credentials, PushOptions};
use slipway_images::{ChainId, Reference, Store};

const WORKER: &str = "SLIPWAY_TEST_TRANSFER_WORKER";
const ROUNDS: u64 = 25;

/// Pulls into, pushes from, and empties a store, again and again, until somebody kills us.
fn work(dir: &Path, name: &str) {
    let store = Arc::new(Store::open(dir).unwrap());
    println!("ready");
    loop {
        pull(&quick(), &store, name).0.unwrap();
        let credentials = Credentials::default();
        let options = PushOptions { reference: Reference::parse(name).unwrap(), credentials, platform: None };
        let registries = quick();
        run(|tell| registries.push(Arc::clone(&store), &options, tell)).0.unwrap();
        store.remove_image(name, true, false, &|_| Vec::new()).unwrap();
        let id = store.images().first().map(|summary| summary.image.id);
        if let Some(id) = id {
            store.remove_image(&id.to_string(), true, false, &|_| Vec::new()).unwrap();
        }
    }
}

/// Every image has its layers with their bytes, every layer directory an owner, and nothing temporary is left.
fn check(dir: &Path, store: &Store) {
    for summary in store.images() {
        for chain in ChainId::stack(&summary.image.layers) {
            store.write_layer_tar(&chain, &mut std::io::sink()).unwrap();
        }
    }
    let names = |path: &Path| -> Vec<String> {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let db = dir.join("image/overlay2/layerdb/sha256");
    let owners: Vec<String> =
        names(&db).iter().map(|layer| std::fs::read_to_string(db.join(layer).join("cache-id")).unwrap()).collect();
    let caches: Vec<String> = names(&dir.join("overlay2")).into_iter().filter(|name| name.len() >= 64).collect();
    assert!(caches.iter().all(|cache| owners.contains(cache)), "a layer's directory has no owner");
    assert_eq!(owners.len(), caches.len());
    let left: Vec<_> = tree(dir)
        .into_iter()
        .filter(|path| {
            path.display().to_string().contains("/.tmp-") || path.starts_with(dir.join("tmp/")) && path.is_file()
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A registry that has the image and takes every push.
fn registry(image: &Image) -> String {
    let served = image.clone();
    let uploads = AtomicUsize::new(0);
    serve(move |request| match request.method.as_str() {
        "POST" | "PATCH" => {
            let number = uploads.fetch_add(1, Ordering::SeqCst);
            // Seen from where the upload begins, and from where it goes on.
            let location = match request.method.as_str() {
                "POST" => number.to_string(),
                _ => format!("../uploads/{number}?state=x"),
            };
            Reply::new(202, "").with("Location", location)
        }
        "PUT" => Reply::new(201, ""),
        _ => served.answer(request),
    })
}

#[test]
fn a_store_survives_transfers_that_are_killed() {
    if let Ok(job) = std::env::var(WORKER) {
        let (dir, name) = job.split_once(' ').unwrap();
        return work(dir.as_ref(), name);
    }
    if !root_or_skip() {
        return;
    }
    let image = Image::new(4, 300_000);
    let name = format!("{}/tool:latest", registry(&image));
    let temp = tempfile::Builder::new().prefix("slipway-transfer").tempdir().unwrap();
    let dir = temp.path().join("data");
    for round in 0..ROUNDS {
        let mut worker = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_store_survives_transfers_that_are_killed", "--nocapture"])
            .env(WORKER, format!("{} {name}", dir.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = std::io::BufReader::new(worker.stdout.take().unwrap());
        let ready = std::io::BufRead::lines(output).map_while(Result::ok).any(|line| line.contains("ready"));
        assert!(ready, "round {round}: the worker does not start");
        std::thread::sleep(Duration::from_micros((round * 7919) % 97 * 3_000));
        worker.kill().unwrap();
        let status = worker.wait().unwrap();
        assert_eq!(status.code(), None, "round {round}: the worker failed by itself");
        check(&dir, &Store::open(&dir).unwrap());
    }
    let store = Arc::new(Store::open(&dir).unwrap());
    assert_eq!(pull(&quick(), &store, &name).0.unwrap(), image.digest());
    check(&dir, &store);
}

/// A small file system, gone with the value.
struct Small(tempfile::TempDir);

impl Small {
    fn new(options: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir.path()).status();
        assert!(mounted.is_ok_and(|status| status.success()), "a tmpfs can be mounted");
        Self(dir)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_ends_a_pull_that_can_be_repeated_when_there_is_room() {
    if !root_or_skip() {
        return;
    }
    let image = Image::new(3, 1_500_000);
    let name = format!("{}/tool:latest", registry(&image));
    // Too small for the downloads; and large enough for these, but not for the layers and the last download together.
    for size in ["2m", "5m"] {
        let small = Small::new(&format!("size={size}"));
        let dir = small.0.path().join("data");
        let store = Arc::new(Store::open(&dir).unwrap());
        let error = pull(&quick(), &store, &name).0.unwrap_err().to_string();
        assert!(error.contains("No space left on device"), "{size}: {error}");
        assert!(store.images().is_empty());
        check(&dir, &store);
        drop(store);
        let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(small.0.path()).status().unwrap();
        assert!(grown.success());
        let store = Arc::new(Store::open(&dir).unwrap());
        check(&dir, &store);
        assert_eq!(pull(&quick(), &store, &name).0.unwrap(), image.digest());
        check(&dir, &store);
    }
}
