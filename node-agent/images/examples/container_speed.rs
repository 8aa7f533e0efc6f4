//! Measures what the store does for one container: make the writable layer, mount it, unmount it, remove it.
//! `cargo run --release -p slipway-images --example container_speed -- ROOTFS.tar.gz [ROUNDS]`, as root; prints medians.

use std::fs::File;
use std::time::{Duration, Instant};

use slipway_images::{ImportOptions, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let rootfs = args.next().ok_or("usage: container_speed ROOTFS.tar.gz [ROUNDS]")?;
    let rounds: usize = args.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(100);
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let options = ImportOptions { config: serde_json::json!({}), ..ImportOptions::default() };
    let image = store.import(File::open(rootfs)?, &options)?;
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..rounds {
        let start = Instant::now();
        store.create_rw("c", Some(&image), |root| std::fs::write(root.join(".dockerenv"), ""))?;
        let created = Instant::now();
        store.mount_rw("c")?;
        let mounted = Instant::now();
        store.unmount_rw("c")?;
        let unmounted = Instant::now();
        store.remove_rw("c")?;
        let spans = [created - start, mounted - created, unmounted - mounted, unmounted.elapsed()];
        times.iter_mut().zip(spans).for_each(|(times, span)| times.push(span));
    }
    for (name, times) in ["create", "mount", "unmount", "remove"].iter().zip(&mut times) {
        times.sort_unstable();
        println!("{name:8} {:?}", times[times.len() / 2]);
    }
    Ok(())
}
