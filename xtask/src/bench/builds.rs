//! Building the tutorials' image of five steps by the real `docker` with the classic builder: from nothing and from the cache, by two engines in turns of
//! their own.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::measure::{Row, median};
use crate::engine::Engine;
use crate::process::run_quiet;

const DOCKERFILE: &str = "FROM slipway-bench\n\
    RUN mkdir -p /opt/app && echo installed > /opt/app/log\n\
    COPY app /app\n\
    WORKDIR /app\n\
    CMD [\"cat\", \"index.js\"]\n";

/// What was measured of one engine, medians in milliseconds.
struct Builds {
    cached_ms: f64,
    uncached_ms: f64,
}

/// Measures our engine, and the peer where there is one.
pub(super) fn rows(
    ours: impl FnOnce() -> Result<Engine>,
    peer: Option<impl FnOnce() -> Result<Engine>>,
    archive: &Path,
    dir: &Path,
    times: usize,
) -> Result<Vec<Row>> {
    let context = dir.join("build");
    fs::create_dir_all(context.join("app")).with_context(|| format!("making {}", context.display()))?;
    fs::write(context.join("Dockerfile"), DOCKERFILE).context("writing a Dockerfile")?;
    fs::write(context.join("app/index.js"), "console.log('hello')\n").context("writing a file")?;
    // One after the other, each gone before the next begins.
    let ours = measure(&ours()?, archive, &context, times)?;
    let peer = peer.map(|start| measure(&start()?, archive, &context, times)).transpose()?;
    let row = |what, value: fn(&Builds) -> f64| Row {
        what,
        ours: value(&ours),
        peer: peer.as_ref().map(|peer| ("dockerd".to_owned(), value(peer))),
        unit: "ms",
        promise: ">= 4 x",
    };
    Ok(vec![
        row("docker build, five steps, all cached", |builds| builds.cached_ms),
        row("docker build, five steps, --no-cache", |builds| builds.uncached_ms),
    ])
}

fn measure(engine: &Engine, archive: &Path, context: &Path, times: usize) -> Result<Builds> {
    engine.import(archive, "slipway-bench")?;
    let build = |flags: &[&str]| -> Result<f64> {
        let mut docker = engine.docker();
        docker.env("DOCKER_BUILDKIT", "0").args(["build", "--tag", "slipway-built"]).args(flags).arg(context);
        let begun = Instant::now();
        run_quiet(&mut docker, "building")?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    let (mut cached, mut uncached) = (Vec::new(), Vec::new());
    for round in 0..=times {
        let (new, known) = (build(&["--no-cache"])?, build(&[])?);
        // The first round warms the caches up.
        if round > 0 {
            uncached.push(new);
            cached.push(known);
        }
    }
    Ok(Builds { cached_ms: median(cached), uncached_ms: median(uncached) })
}
