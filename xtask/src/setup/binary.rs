//! The static binary `node-agent`, with the site inside.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::layout::Layout;
use crate::process::{cargo, run, stdout};
use crate::progress::step;

/// Compiles and copies to `target/slipway/node-agent`. cargo itself knows when there is nothing to do.
pub fn build(layout: &Layout) -> Result<()> {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    add_target(&target)?;
    step("node-agent (static, release)", || {
        run(
            cargo()
                .args(["build", "--release", "--locked", "--package", "node-agent", "--target", &target])
                .current_dir(&layout.root),
            "compiling node-agent",
        )?;
        publish(&layout.target().join(target).join("release/node-agent"), &layout.node_agent())
    })
}

/// A running server keeps the old file; the new one takes its name.
fn publish(built: &Path, wanted: &Path) -> Result<()> {
    if fs::read(wanted).is_ok_and(|old| fs::read(built).is_ok_and(|new| old == new)) {
        return Ok(());
    }
    let partial = wanted.with_extension("partial");
    fs::copy(built, &partial).with_context(|| format!("copying {} to {}", built.display(), partial.display()))?;
    fs::rename(&partial, wanted).with_context(|| format!("making {}", wanted.display()))
}

/// Makes sure that the compiler has a static standard library.
fn add_target(target: &str) -> Result<()> {
    let libraries = stdout(Command::new("rustc").args(["--print", "target-libdir", "--target", target]));
    if libraries.is_some_and(|dir| Path::new(&dir).is_dir()) {
        return Ok(());
    }
    step(&format!("Rust's standard library for {target}"), || {
        run(
            Command::new("rustup").args(["target", "add", target]),
            "adding a target to Rust (it needs Rust installed by rustup, https://rustup.rs)",
        )
    })
}
