//! Building the tutorials' image of five steps with the classic builder: from nothing and from the cache, by two engines one after the
//! other, each under two clients in turns: our `docker`, whose rows carry the promise since nearly all of their time is the engine's,
//! and the machine's, which takes longer to start than an engine to answer from its cache.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::measure::{Row, interleaved, median};
use crate::engine::Engine;
use crate::layout::Layout;
use crate::process::run_quiet;

const DOCKERFILE: &str = "FROM slipway-bench\n\
    RUN mkdir -p /opt/app && echo installed > /opt/app/log\n\
    COPY app /app\n\
    WORKDIR /app\n\
    CMD [\"cat\", \"index.js\"]\n";
const PROMISE: &str = ">= 4 x";

/// What was measured: what the row says, and what it promises.
const ROWS: [(&str, &str); 4] = [
    ("build, five steps, --no-cache, by our docker", PROMISE),
    ("build, five steps, all cached, by our docker", PROMISE),
    ("build, five steps, --no-cache, by the real one", PROMISE),
    ("build, five steps, all cached, by the real one", "-"),
];

/// Measures our engine, and the peer where there is one.
pub(super) fn rows(
    layout: &Layout,
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
    let ours = measure(layout, &ours()?, archive, &context, times)?;
    let peer = peer.map(|start| measure(layout, &start()?, archive, &context, times)).transpose()?;
    let rows = ROWS.iter().enumerate().map(|(at, (what, promise))| Row {
        what,
        ours: ours[at],
        peer: peer.as_ref().map(|peer| ("dockerd".to_owned(), peer[at])),
        unit: "ms",
        promise,
    });
    Ok(rows.collect())
}

/// Medians in milliseconds, in the order of [`ROWS`]. A build from nothing comes before each from its cache.
fn measure(layout: &Layout, engine: &Engine, archive: &Path, context: &Path, times: usize) -> Result<Vec<f64>> {
    engine.import(archive, "slipway-bench")?;
    let taken = interleaved(times, ROWS.len(), |kind, _| {
        let mut docker = if kind < 2 { ours(layout, engine) } else { engine.docker() };
        docker.env("DOCKER_BUILDKIT", "0").args(["build", "--tag", "slipway-built"]);
        docker.args((kind % 2 == 0).then_some("--no-cache")).arg(context);
        run_quiet(&mut docker, "building")
    })?;
    Ok(taken.into_iter().map(median).collect())
}

/// Our `docker` command, speaking to an engine.
fn ours(layout: &Layout, engine: &Engine) -> Command {
    let mut docker = Command::new(layout.node_agent());
    docker.arg("docker").env_remove("DOCKER_CONTEXT").env("DOCKER_HOST", engine.host());
    docker
}
