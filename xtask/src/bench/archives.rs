//! Committing a change of 100 MB, saving the image and loading it again, by two engines one after the other.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::measure::median;
use crate::engine::Engine;
use crate::process::run_quiet;

const CONTAINER: &str = "slipway-bench";
const NAME: &str = "slipway-bench:change";
const FILES: usize = 100;
const FILE: usize = 1_000_000;

/// What was measured of one engine, medians in milliseconds.
pub(super) struct Archives {
    /// `docker commit` of the change.
    pub(super) commit_ms: f64,
    /// `docker save -o FILE` of the image.
    pub(super) save_ms: f64,
    /// `docker load -i FILE` where the engine has only the base.
    pub(super) load_ms: f64,
}

/// Writes the change: files of letters, about as compressible as programs.
pub(super) fn change(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    for file in 0..FILES {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (file as u64 + 1).wrapping_mul(0x2545_f491_4f6c_dd1d);
        let mut text = Vec::with_capacity(FILE + 8);
        while text.len() < FILE {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.extend(state.to_le_bytes().map(|byte| b'A' + byte % 57));
        }
        fs::write(dir.join(format!("file{file}")), &text[..FILE]).context("writing a file")?;
    }
    Ok(())
}

/// Measures an engine.
pub(super) fn measure(engine: &Engine, base: &Path, change: &Path, times: usize) -> Result<Archives> {
    engine.import(base, "slipway-bench")?;
    let docker = |args: &[&str]| -> Result<f64> {
        let begun = Instant::now();
        run_quiet(engine.docker().args(args), &format!("docker {}", args[0]))?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    docker(&["create", "--name", CONTAINER, "slipway-bench", "/bin/true"])?;
    docker(&["cp", &change.display().to_string(), &format!("{CONTAINER}:/change")])?;
    let file = engine.dir().join("saved.tar").display().to_string();
    let (mut commits, mut saves, mut loads) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=times {
        let commit = docker(&["commit", CONTAINER, NAME])?;
        let save = docker(&["save", "-o", &file, NAME])?;
        docker(&["rmi", NAME])?;
        let load = docker(&["load", "-q", "-i", &file])?;
        docker(&["rmi", NAME])?;
        // The first one warms the caches up.
        if round > 0 {
            commits.push(commit);
            saves.push(save);
            loads.push(load);
        }
    }
    docker(&["rm", CONTAINER])?;
    Ok(Archives { commit_ms: median(commits), save_ms: median(saves), load_ms: median(loads) })
}
