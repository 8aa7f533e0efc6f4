//! `cargo xtask bench`: the numbers that were promised, as ratios against peers found on this machine, in one run, as medians.
//! It prints what it measures and fails only when it could not measure.

mod archives;
mod builds;
mod engines;
mod measure;
mod pulls;
mod runtimes;
mod shared;
mod wasm;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::engine::{self, Engine};
use crate::layout::Layout;
use crate::server::Server;
use crate::setup::checks::installed;
use crate::setup::{self, Purpose};
use measure::{Row, median};

/// The part that measures the image engine, in browsers and natively.
const ENGINE: &str = "engine";
const CONTAINERS: usize = 15;
const BUILDS: usize = 9;
const PULLS: usize = 5;
const ARCHIVES: usize = 5;
const LIFECYCLES: usize = 40;
const SESSIONS: usize = 10;
const MEGABYTES: usize = 200;

/// Measures and prints; of the parts all, or only the one named.
pub fn run(layout: &Layout, only: Option<&str>) -> Result<()> {
    if only == Some(ENGINE) {
        // It needs neither nodes nor their images.
        setup::packages::install(Purpose::Bench)?;
    } else {
        setup::run(layout, Purpose::Bench, None)?;
    }
    let dir = layout.out().join("bench");
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let (rootfs, archive) = engine::busybox(&dir)?;

    let mut rows = Vec::new();
    let mut failures = 0;
    let parts: [(&str, Part<'_>); 8] = [
        ("runtimes", Box::new(|| runtime_rows(layout, &dir, &rootfs, &archive))),
        ("engines", Box::new(|| engine_rows(layout, &dir, &archive))),
        ("builds", Box::new(|| build_rows(layout, &dir, &archive))),
        ("pulls", Box::new(|| pull_rows(layout, &dir, &archive))),
        ("archives", Box::new(|| archive_rows(layout, &dir, &archive))),
        ("terminals", Box::new(|| terminal_rows(layout, &dir))),
        ("shared layers", Box::new(|| shared_rows(layout, &dir))),
        (ENGINE, Box::new(|| wasm::rows(layout, &dir))),
    ];
    let known: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    anyhow::ensure!(
        only.is_none_or(|only| known.contains(&only)),
        "there is no such part; there are: {}",
        known.join(", ")
    );
    for (name, part) in parts.into_iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        eprintln!("==> measuring {name}");
        match part() {
            Ok(new) => rows.extend(new),
            Err(error) => {
                failures += 1;
                eprintln!("warning: {name}: {error:#}");
            }
        }
    }
    println!("\n{:<46} {:>12} {:>24} {:>8}   promised", "", "ours", "peer", "ratio");
    for row in &rows {
        println!("{}", row.shown());
    }
    anyhow::ensure!(failures == 0, "{failures} of the parts above could not be measured; {} is kept", dir.display());
    fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))
}

type Part<'a> = Box<dyn FnOnce() -> Result<Vec<Row>> + 'a>;

/// The part of [`run`] that must not see both cgroup hierarchies; prints JSON.
pub fn run_runtimes(layout: &Layout, bundle: &Path) -> Result<()> {
    runtimes::print_medians(layout, bundle, LIFECYCLES)
}

fn runtime_rows(layout: &Layout, dir: &Path, rootfs: &Path, archive: &Path) -> Result<Vec<Row>> {
    let bundle = dir.join("bundle");
    let engine = Engine::ours(layout, &dir.join("bundler"))?;
    engine.import(archive, "slipway-bench")?;
    runtimes::bundle(&bundle, rootfs, &engine)?;
    drop(engine);
    let medians = runtimes::measure(&bundle)?;
    Ok(vec![Row {
        what: "runtime: create + start + wait + delete",
        ours: medians["ours"].as_f64().context("nothing measured")?,
        peer: medians["crun"].as_f64().map(|median| ("crun".to_owned(), median)),
        unit: "ms",
        promise: ">= 1 x",
    }])
}

fn engine_rows(layout: &Layout, dir: &Path, archive: &Path) -> Result<Vec<Row>> {
    // One after the other, each gone before the next begins.
    let ours = engines::cost(&Engine::ours(layout, &dir.join("engine"))?, archive, CONTAINERS)?;
    let peer = if installed("dockerd") {
        Some(engines::cost(&Engine::dockerd(&dir.join("dockerd"))?, archive, CONTAINERS)?)
    } else {
        None
    };
    let named = |value: fn(&engines::Cost) -> f64| {
        let name = |peer: &engines::Cost| format!("dockerd {}", peer.version.split('+').next().unwrap_or_default());
        peer.as_ref().map(|peer| (name(peer), value(peer)))
    };
    Ok(vec![
        Row {
            what: "docker run --rm IMAGE true",
            ours: ours.run_ms,
            peer: named(|peer| peer.run_ms),
            unit: "ms",
            promise: ">= 5 x",
        },
        Row {
            what: "idle engine, resident",
            ours: ours.resident_mb,
            peer: named(|peer| peer.resident_mb),
            unit: "MB",
            promise: "<= 10 MB",
        },
    ])
}

fn build_rows(layout: &Layout, dir: &Path, archive: &Path) -> Result<Vec<Row>> {
    let peer = installed("dockerd").then_some(|| Engine::dockerd(&dir.join("peer-builder")));
    builds::rows(layout, || Engine::ours(layout, &dir.join("builder")), peer, archive, dir, BUILDS)
}

fn pull_rows(layout: &Layout, dir: &Path, archive: &Path) -> Result<Vec<Row>> {
    anyhow::ensure!(installed("docker-registry"), "docker-registry is not installed");
    let storage = dir.join("registry");
    pulls::fill(&Engine::ours(layout, &dir.join("filler"))?, archive, dir, &storage)?;
    let ours = pulls::measure(&Engine::ours(layout, &dir.join("puller"))?, &storage, PULLS)?;
    let peer = match installed("dockerd") {
        true => Some(pulls::measure(&Engine::dockerd(&dir.join("peer-puller"))?, &storage, PULLS)?),
        false => None,
    };
    let named = |value: fn(&pulls::Pulls) -> f64| peer.as_ref().map(|peer| ("dockerd".to_owned(), value(peer)));
    Ok(vec![
        Row {
            what: "docker pull, 3 layers, 100 MB",
            ours: ours.new_ms,
            peer: named(|peer| peer.new_ms),
            unit: "ms",
            promise: ">= 2 x",
        },
        Row {
            what: "docker pull of what is there",
            ours: ours.known_ms,
            peer: named(|peer| peer.known_ms),
            unit: "ms",
            promise: "<= 30 ms",
        },
    ])
}

fn shared_rows(layout: &Layout, dir: &Path) -> Result<Vec<Row>> {
    let listen =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).context("finding a free port")?;
    let data = dir.join("sharing");
    let mut server = Server::start(layout, listen, &data, None, "warn")?;
    server.wait_until_ready()?;
    let measured = shared::measure(listen, &data);
    server.end()?;
    let measured = measured?;
    Ok(vec![
        Row {
            what: "docker pull of what the host has",
            ours: measured.pull_ms,
            peer: None,
            unit: "ms",
            promise: "<= 30 ms",
        },
        Row {
            what: "disk of ten sessions, same five images, to one",
            ours: measured.disk,
            peer: None,
            unit: "x",
            promise: "1 x",
        },
    ])
}

fn archive_rows(layout: &Layout, dir: &Path, archive: &Path) -> Result<Vec<Row>> {
    let change = dir.join("change");
    archives::change(&change)?;
    let ours = archives::measure(&Engine::ours(layout, &dir.join("archiver"))?, archive, &change, ARCHIVES)?;
    let peer = match installed("dockerd") {
        true => Some(archives::measure(&Engine::dockerd(&dir.join("peer-archiver"))?, archive, &change, ARCHIVES)?),
        false => None,
    };
    fs::remove_dir_all(&change).with_context(|| format!("removing {}", change.display()))?;
    let row = |what: &'static str, value: fn(&archives::Archives) -> f64| Row {
        what,
        ours: value(&ours),
        peer: peer.as_ref().map(|peer| ("dockerd".to_owned(), value(peer))),
        unit: "ms",
        promise: ">= 2 x",
    };
    Ok(vec![
        row("docker commit of a change of 100 MB", |archives| archives.commit_ms),
        row("docker save, 100 MB", |archives| archives.save_ms),
        row("docker load, 100 MB", |archives| archives.load_ms),
    ])
}

fn terminal_rows(layout: &Layout, dir: &Path) -> Result<Vec<Row>> {
    let listen =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).context("finding a free port")?;
    let mut server = Server::start(layout, listen, &dir.join("server"), None, "warn")?;
    server.wait_until_ready()?;
    let script = layout.root.join("xtask/src/bench/terminal.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(format!("http://{listen}")).args([SESSIONS.to_string(), MEGABYTES.to_string()]);
    let output =
        node.current_dir(layout.root.join("web")).stderr(std::process::Stdio::inherit()).output().context("node")?;
    server.end()?;
    anyhow::ensure!(output.status.success(), "terminal.mjs ended with {}", output.status);
    let measured: Value = serde_json::from_slice(&output.stdout).context("what terminal.mjs printed")?;
    let prompts = measured["prompts"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let rate = measured["rate"].as_f64().context("no rate measured")?;
    Ok(vec![
        Row {
            what: "POST session to first prompt",
            ours: median(prompts),
            peer: None,
            unit: "ms",
            promise: "<= 300 ms",
        },
        Row { what: "PTY to socket", ours: rate, peer: None, unit: "MB/s", promise: ">= 50 MB/s" },
    ])
}
