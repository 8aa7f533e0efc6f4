//! Gives everything in a writable layer one time, for images that must come out the same wherever they are built.

use std::io;
use std::path::Path;

use super::upper::UpperDir;

/// Sets the times of all that is in `upper`, links themselves included, to so many seconds since 1970.
pub(crate) fn set_times(upper: &Path, seconds: i64) -> io::Result<()> {
    walk(&UpperDir::open(upper)?, seconds)
}

fn walk(dir: &UpperDir, seconds: i64) -> io::Result<()> {
    for entry in dir.entries()? {
        if entry.metadata.is_dir()
            && let Some(child) = dir.child(&entry.name)?
        {
            walk(&child, seconds)?;
        }
        dir.set_time(&entry.name, seconds)?;
    }
    Ok(())
}
