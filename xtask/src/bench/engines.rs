//! What an engine costs: the time of a short container, and resident memory while it has nothing to do.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::measure::median_ms;
use crate::engine::Engine;
use crate::process::run_quiet;

/// What was measured of one engine.
pub(super) struct Cost {
    /// The engine's version, as it says itself.
    pub(super) version: String,
    /// Median of `docker run --rm` with a program that does nothing.
    pub(super) run_ms: f64,
    /// Resident memory of the engine and the processes it started, when all containers are gone.
    pub(super) resident_mb: f64,
}

/// Measures an engine.
pub(super) fn cost(engine: &Engine, archive: &Path, times: usize) -> Result<Cost> {
    engine.import(archive, "slipway-bench")?;
    let run_ms = median_ms(times, |_| {
        run_quiet(engine.docker().args(["run", "--rm", "slipway-bench", "/bin/true"]), "running a container")
    })?;
    Ok(Cost { version: engine.version(), run_ms, resident_mb: resident_mb(engine.id()).context("reading its memory")? })
}

/// The least that is seen within some seconds: what runs for a moment longer (a helper, an idle thread) is no part of it.
fn resident_mb(engine: u32) -> Option<f64> {
    let begun = Instant::now();
    let mut least: Option<u64> = None;
    while begun.elapsed() < Duration::from_secs(4) {
        let now = tree(engine).into_iter().filter_map(resident_kb).sum();
        least = Some(least.map_or(now, |least| least.min(now)));
        std::thread::sleep(Duration::from_millis(100));
    }
    least.filter(|kb| *kb > 0).map(|kb| kb as f64 / 1e3)
}

/// A process and all that descend from it.
fn tree(root: u32) -> Vec<u32> {
    let children = |pid: u32| -> Vec<u32> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
    };
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

fn resident_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}
