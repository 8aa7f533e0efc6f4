//! A process that works on a store is killed at random moments. Whatever it was doing, the store opens, holds nothing half,
//! and the work can be done again.

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Tar, gzip, image, root_or_skip, tree};
use slipway_images::{CommitOptions, Reference, Store};

const WORKER: &str = "SLIPWAY_TEST_WORKER";
const ROUNDS: u64 = 40;

fn layers(seed: u8) -> Vec<Vec<u8>> {
    (0..4u8)
        .map(|n| {
            let mut tar = Tar::new().dir("d/", 0o755);
            for file in 0..30 {
                tar = tar.file(&format!("d/{n}-{file}"), &[seed ^ n; 9_000]);
            }
            gzip(&tar.file("d/.wh.0-1", b"").end())
        })
        .collect()
}

/// Everything that a store does, again and again, until somebody kills us.
fn work(dir: &Path) {
    let store = Store::open(dir).unwrap();
    println!("ready");
    for seed in 0.. {
        let id = image(&store, &layers(seed), "x");
        let name = Reference::parse("x:1").unwrap();
        store.tag(&name, &id).unwrap();
        let container = format!("c{seed}");
        store.remove_rw(&container).unwrap();
        store
            .create_rw(&container, Some(&id), |root| {
                std::fs::write(root.join("init"), "")
            })
            .unwrap();
        let root = store.mount_rw(&container).unwrap();
        std::fs::write(root.join("d/new"), "x").unwrap();
        let options = CommitOptions {
            base: Some(id),
            config: serde_json::json!({}),
            ..CommitOptions::default()
        };
        let child = store.commit(&container, &options).unwrap();
        store.unmount_rw(&container).unwrap();
        store.remove_rw(&container).unwrap();
        store
            .remove_image(&child.to_string(), true, true, &|_| Vec::new())
            .unwrap();
        store
            .remove_image("x:1", true, false, &|_| Vec::new())
            .unwrap();
    }
}

/// Every directory has an owner, every image its layers, every layer its parent, every link its layer.
fn check(dir: &Path, store: &Store) {
    let mut caches = 0;
    for summary in store.images() {
        for chain in slipway_images::ChainId::stack(&summary.image.layers) {
            assert!(store.layer_dir(&chain).unwrap().is_dir());
            store.write_layer_tar(&chain, &mut std::io::sink()).unwrap();
        }
    }
    let db = dir.join("image/overlay2/layerdb");
    let names = |path: &Path| {
        std::fs::read_dir(path)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>()
    };
    assert!(names(&db.join("tmp")).is_empty());
    let mut owners: Vec<String> = Vec::new();
    for layer in names(&db.join("sha256")) {
        owners
            .push(std::fs::read_to_string(db.join("sha256").join(layer).join("cache-id")).unwrap());
    }
    for mount in names(&db.join("mounts")) {
        for part in ["mount-id", "init-id"] {
            owners
                .push(std::fs::read_to_string(db.join("mounts").join(&mount).join(part)).unwrap());
        }
    }
    for name in names(&dir.join("overlay2"))
        .into_iter()
        .filter(|name| name.len() >= 64)
    {
        assert!(owners.contains(&name), "nobody owns {name}");
        assert!(!dir.join("overlay2").join(&name).join("merged").exists());
        caches += 1;
    }
    assert_eq!(owners.len(), caches);
    assert_eq!(names(&dir.join("overlay2/l")).len(), caches);
    let temporary = tree(dir)
        .into_iter()
        .filter(|path| path.display().to_string().contains("/.tmp-"));
    assert_eq!(
        temporary.collect::<Vec<_>>(),
        [""; 0].map(std::path::PathBuf::from)
    );
}

#[test]
fn a_store_survives_kills_at_any_moment() {
    if let Some(dir) = std::env::var_os(WORKER) {
        return work(dir.as_ref());
    }
    if !root_or_skip() {
        return;
    }
    let temp = tempfile::Builder::new()
        .prefix("slipway-crash")
        .tempdir()
        .unwrap();
    let dir = temp.path().join("data");
    for round in 0..ROUNDS {
        // In a mount namespace of its own, whose mounts go with it.
        let mut worker = Command::new("unshare")
            .args(["-m", "--"])
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "a_store_survives_kills_at_any_moment",
                "--nocapture",
            ])
            .env(WORKER, &dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(worker.stdout.take().unwrap());
        let ready = output
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains("ready"));
        assert!(ready, "round {round}: the worker does not start");
        std::thread::sleep(Duration::from_micros((round * 7919) % 97 * 2_500));
        worker.kill().unwrap();
        let status = worker.wait().unwrap();
        assert_eq!(
            status.code(),
            None,
            "round {round}: the worker failed by itself"
        );
        check(&dir, &Store::open(&dir).unwrap());
    }
    let store = Store::open(&dir).unwrap();
    let id = image(&store, &layers(0), "x");
    assert_eq!(store.image(&id).unwrap().layers.len(), 4);
}
