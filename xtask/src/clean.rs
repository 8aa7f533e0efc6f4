//! Removes what xtask made. cargo's own output stays: `cargo clean` is for that.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result, bail};

use crate::layout::Layout;

/// Removes `target/slipway`, unless something is still mounted in it (a server may be running there).
pub fn run(layout: &Layout) -> Result<()> {
    let out = layout.out();
    let mounts = fs::read_to_string("/proc/self/mounts").context("reading /proc/self/mounts")?;
    let prefix = format!("{}/", out.display());
    if let Some(mount) = mounts.lines().filter_map(|line| line.split(' ').nth(1)).find(|at| at.starts_with(&prefix)) {
        bail!("{mount} is still mounted: stop the server that runs from {} first", out.display());
    }
    match fs::remove_dir_all(&out) {
        Ok(()) => eprintln!("removed {}", out.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => eprintln!("nothing to remove"),
        Err(error) => return Err(error).with_context(|| format!("removing {}", out.display())),
    }
    Ok(())
}
