//! `image diff`: two images side by side.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use engine_wasm::image::{self, Difference, Merged};

use super::show::{printable, size};
use super::{Choice, source, trees};

/// Says whether they are alike.
pub(super) fn show(out: &mut dyn Write, paths: [&PathBuf; 2], choice: &Choice, json: bool) -> Result<bool> {
    let [first, second] = [source::open(paths[0])?, source::open(paths[1])?];
    let (a, b) = (choice.of(&first)?, choice.of(&second)?);
    let (one, two) = (Merged::of(&trees(&first, a)?), Merged::of(&trees(&second, b)?));
    let diff = image::diff((a, &one), (b, &two));
    let alike = diff.files.is_empty() && diff.config.is_empty();
    if json {
        serde_json::to_writer_pretty(&mut *out, &diff)?;
        writeln!(out)?;
        return Ok(alike);
    }
    writeln!(out, "first   {}  {}", a.id.short(), printable(&a.title()))?;
    writeln!(out, "second  {}  {}", b.id.short(), printable(&b.title()))?;
    writeln!(
        out,
        "layers  {} shared ({} at the bottom), {} only in the first, {} only in the second",
        diff.shared.len(),
        diff.common_base,
        diff.only_first.len(),
        diff.only_second.len()
    )?;
    for setting in &diff.config {
        let change = format!("{}: {} -> {}", setting.key, setting.before, setting.after);
        writeln!(out, "config  {}", printable(&change))?;
    }
    for file in &diff.files {
        let sign = match file.difference {
            Difference::Added => '+',
            Difference::Removed => '-',
            Difference::Changed => '~',
        };
        let shown = |bytes: Option<u64>| bytes.map(size).unwrap_or_default();
        let sizes = match (file.before, file.after) {
            (Some(a), Some(b)) if a != b => format!("{} -> {}", size(a), size(b)),
            (before, after) => shown(after.or(before)),
        };
        let what = if file.what.is_empty() { String::new() } else { format!("  ({})", file.what.join(", ")) };
        writeln!(out, "{sign} {}  {sizes}{}", printable(&file.path), printable(&what))?;
    }
    Ok(alike)
}
