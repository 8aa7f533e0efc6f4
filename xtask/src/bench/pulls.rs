//! Pulling an image of three layers and 100 MB from Debian's docker-registry, by two engines in turns of their own, from the
//! same storage over the loopback; and pulling what is there already.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::measure::median;
use crate::engine::Engine;
use crate::process::{run_quiet, succeeds};

const NAME: &str = "127.0.0.1:5000/slipway-bench:three";
const LAYERS: usize = 3;
const FILES_PER_LAYER: usize = 33;
const FILE: usize = 1 << 20;

/// What was measured of one engine, medians in milliseconds.
pub(super) struct Pulls {
    /// Everything is new.
    pub(super) new_ms: f64,
    /// Everything is there.
    pub(super) known_ms: f64,
}

/// A registry in an engine's network, ended when dropped.
struct Registry(Child);

impl Registry {
    fn start(engine: &Engine, storage: &Path) -> Result<Self> {
        let config = storage.with_extension("yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:5000\"}}\n",
            storage.display()
        );
        fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
        run_quiet(inside(engine, "ip").args(["link", "set", "lo", "up"]), "bringing the loopback up")?;
        let mut command = inside(engine, "docker-registry");
        command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self(command.spawn().context("starting docker-registry")?);
        let begun = Instant::now();
        // The shell's own connection: nothing else here can look into that network.
        while !succeeds(inside(engine, "bash").args(["-c", "exec 3<>/dev/tcp/127.0.0.1/5000"]).stderr(Stdio::null())) {
            if begun.elapsed() > Duration::from_secs(20) {
                bail!("docker-registry does not answer");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program in an engine's network.
fn inside(engine: &Engine, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--net", "--target", &engine.id().to_string(), program]);
    command
}

/// Puts the image into a registry's storage.
pub(super) fn fill(engine: &Engine, archive: &Path, dir: &Path, storage: &Path) -> Result<()> {
    let registry = Registry::start(engine, storage)?;
    engine.import(archive, "slipway-bench")?;
    let mut base = "slipway-bench".to_owned();
    for layer in 0..LAYERS {
        let files = dir.join(format!("layer{layer}"));
        fs::create_dir_all(&files).with_context(|| format!("making {}", files.display()))?;
        for file in 0..FILES_PER_LAYER {
            fs::write(files.join(format!("{layer}-{file}")), letters(layer * 1000 + file)).context("writing a file")?;
        }
        let next = format!("slipway-bench-{layer}");
        let docker = |args: &[&str]| run_quiet(engine.docker().args(args), "making an image of three layers");
        docker(&["create", "--name", "slipway-bench", &base, "/bin/true"])?;
        docker(&["cp", &files.display().to_string(), "slipway-bench:/"])?;
        docker(&["commit", "slipway-bench", &next])?;
        docker(&["rm", "slipway-bench"])?;
        fs::remove_dir_all(&files).with_context(|| format!("removing {}", files.display()))?;
        base = next;
    }
    run_quiet(engine.docker().args(["tag", &base, NAME]), "naming the image")?;
    run_quiet(engine.docker().args(["push", NAME]), "pushing the image")?;
    drop(registry);
    Ok(())
}

/// Text that compresses about as well as programs do.
fn letters(seed: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (seed as u64 + 1).wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut text = Vec::with_capacity(FILE);
    while text.len() < FILE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend(state.to_le_bytes().map(|byte| b'A' + byte % 57));
    }
    text
}

/// Measures an engine.
pub(super) fn measure(engine: &Engine, storage: &Path, times: usize) -> Result<Pulls> {
    let registry = Registry::start(engine, storage)?;
    let pull = || -> Result<f64> {
        let begun = Instant::now();
        run_quiet(engine.docker().args(["pull", "--quiet", NAME]), "pulling")?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    let (mut new, mut known) = (Vec::new(), Vec::new());
    for round in 0..=times {
        let (first, second) = (pull()?, pull()?);
        run_quiet(engine.docker().args(["rmi", "--force", NAME]), "removing what was pulled")?;
        // The first one warms the caches up.
        if round > 0 {
            new.push(first);
            known.push(second);
        }
    }
    drop(registry);
    Ok(Pulls { new_ms: median(new), known_ms: median(known) })
}
