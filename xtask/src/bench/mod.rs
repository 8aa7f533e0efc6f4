//! `cargo xtask bench`: the numbers that were promised, as ratios against peers found on this machine, in one run, as medians.
//! It prints what it measures and fails only when it could not measure.

mod engines;
mod measure;
mod runtimes;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::layout::Layout;
use crate::server::Server;
use crate::setup::checks::installed;
use crate::setup::{self, Purpose};
use engines::Engine;
use measure::{Row, median};

const CONTAINERS: usize = 15;
const LIFECYCLES: usize = 40;
const SESSIONS: usize = 10;
const MEGABYTES: usize = 200;

/// Measures and prints.
pub fn run(layout: &Layout) -> Result<()> {
    setup::run(layout, Purpose::Bench)?;
    let dir = layout.out().join("bench");
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let (rootfs, archive) = engines::busybox(&dir)?;

    let mut rows = Vec::new();
    let mut failures = 0;
    let parts: [(&str, Part<'_>); 3] = [
        ("runtimes", Box::new(|| runtime_rows(layout, &dir, &rootfs))),
        ("engines", Box::new(|| engine_rows(layout, &dir, &archive))),
        ("terminals", Box::new(|| terminal_rows(layout, &dir))),
    ];
    for (name, part) in parts {
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

fn runtime_rows(layout: &Layout, dir: &Path, rootfs: &Path) -> Result<Vec<Row>> {
    let agent = layout.node_agent();
    let bundle = dir.join("bundle");
    runtimes::bundle(&bundle, rootfs, &agent)?;
    let agent = agent.to_str().context("the path of node-agent is not UTF-8")?;
    let ours = runtimes::lifecycle_ms(&[agent, "runtime"], &dir.join("ours"), &bundle, LIFECYCLES)?;
    let peer = if installed("crun") {
        Some(("crun".to_owned(), runtimes::lifecycle_ms(&["crun"], &dir.join("crun"), &bundle, LIFECYCLES)?))
    } else {
        None
    };
    Ok(vec![Row { what: "runtime: create + start + wait + delete", ours, peer, unit: "ms", promise: ">= 1 x" }])
}

fn engine_rows(layout: &Layout, dir: &Path, archive: &Path) -> Result<Vec<Row>> {
    let measure = |engine: Engine| -> Result<(String, f64, f64)> {
        let run = engine.run_ms(archive, CONTAINERS)?;
        Ok((engine.version(), run, engine.resident_mb()))
    };
    let (_, run, resident) = measure(Engine::ours(layout, &dir.join("engine"))?)?;
    let peer = if installed("dockerd") { Some(measure(Engine::dockerd(&dir.join("dockerd"))?)?) } else { None };
    let named = |value: fn(&(String, f64, f64)) -> f64| {
        peer.as_ref().map(|peer| (format!("dockerd {}", peer.0.split('+').next().unwrap_or_default()), value(peer)))
    };
    Ok(vec![
        Row { what: "docker run --rm IMAGE true", ours: run, peer: named(|p| p.1), unit: "ms", promise: ">= 5 x" },
        Row { what: "idle engine, resident", ours: resident, peer: named(|p| p.2), unit: "MB", promise: "<= 10 MB" },
    ])
}

fn terminal_rows(layout: &Layout, dir: &Path) -> Result<Vec<Row>> {
    let listen =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).context("finding a free port")?;
    let mut server = Server::start(layout, listen, &dir.join("server"), None)?;
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
