//! `cargo xtask build`: the static binary with the site inside.

use anyhow::Result;

use crate::layout::Layout;
use crate::setup::{self, Purpose};

/// Leaves `target/slipway/node-agent`.
pub fn run(layout: &Layout) -> Result<()> {
    setup::run(layout, Purpose::Build, None)?;
    println!("{}", layout.node_agent().display());
    Ok(())
}
