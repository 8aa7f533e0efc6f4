//! Measures registering a compressed layer beside `tar xzf` of the same file, in turns, and prints the medians:
//! `cargo run --release -p slipway-images --example unpack_speed -- LAYER.tar.gz [ROUNDS]`.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, Instant};

use slipway_images::Store;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let file = args
        .next()
        .ok_or("usage: unpack_speed LAYER.tar.gz [ROUNDS]")?;
    let rounds: usize = args
        .next()
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(7);
    let dir = tempfile::tempdir()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut size = 0;
    for round in 0..rounds {
        let root = dir.path().join(format!("store{round}"));
        let store = Store::open(&root)?;
        let start = Instant::now();
        let layer = store.register_layer(None, File::open(&file)?, None)?;
        ours.push(start.elapsed());
        size = store.layer_tar_size(&layer.chain_id)?;
        drop((layer, store));
        fs::remove_dir_all(&root)?;

        let root = dir.path().join(format!("tar{round}"));
        fs::create_dir(&root)?;
        let start = Instant::now();
        let status = Command::new("tar")
            .arg("xzf")
            .arg(&file)
            .arg("-C")
            .arg(&root)
            .status()?;
        assert!(status.success(), "tar failed");
        theirs.push(start.elapsed());
        fs::remove_dir_all(&root)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate to three digits")]
    let rate = |time: Duration| size as f64 / 1e6 / time.as_secs_f64();
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "register_layer: {ours:?}, {:.0} MB/s (verified, recorded)",
        rate(ours)
    );
    println!("tar xzf:        {theirs:?}, {:.0} MB/s", rate(theirs));
    println!(
        "ratio:          {:.2}",
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
    Ok(())
}
