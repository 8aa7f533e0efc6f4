//! `cargo xtask build`: the static binary with the site inside, and the npm package of engine-wasm.

use anyhow::Result;

use crate::layout::Layout;
use crate::package;
use crate::setup::{self, Purpose};

/// Leaves `target/slipway/node-agent` and `target/slipway/engine-wasm/`.
pub fn run(layout: &Layout) -> Result<()> {
    setup::run(layout, Purpose::Build, None)?;
    println!("{}", layout.node_agent().display());
    println!("{}", layout.package().display());
    Ok(())
}

/// Leaves `target/slipway/engine-wasm/` alone.
pub fn package(layout: &Layout) -> Result<()> {
    setup::packages::install(Purpose::Build)?;
    package::build(layout)?;
    println!("{}", layout.package().display());
    Ok(())
}
