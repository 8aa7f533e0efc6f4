//! The image library: built by the binary itself, which knows what is already there.

use std::path::Path;

use anyhow::Result;

use crate::layout::Layout;
use crate::process::{run, tied};
use crate::progress::step;

/// Leaves an OCI layout in `target/slipway/library`. The server's configuration names certificates that images must trust.
pub fn build(layout: &Layout, config: Option<&Path>) -> Result<()> {
    step("image library", || {
        // It ends when we do, however we end: the next set-up must not find it still at work.
        let mut command = tied("KILL");
        command.arg(layout.node_agent());
        command.args(["library", "build", "--output"]).arg(layout.library());
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        run(&mut command, "building the starter images")
    })
}
