//! The image library: built by the binary itself, which knows what is already there.

use std::process::Command;

use anyhow::Result;

use crate::layout::Layout;
use crate::process::run;
use crate::progress::step;

/// Leaves an OCI layout in `target/slipway/library`.
pub fn build(layout: &Layout) -> Result<()> {
    step("image library", || {
        run(
            Command::new(layout.node_agent()).args(["library", "build", "--output"]).arg(layout.library()),
            "building the starter images",
        )
    })
}
