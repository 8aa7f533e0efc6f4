//! `image inspect`: docker's JSON, docker's table, and what an archive holds.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow, bail};
use engine_wasm::cli::format;
use engine_wasm::image::{self, Archive, Image, platform};
use engine_wasm::units;
use serde_json::json;

/// A stranger's text as it can be shown on a terminal: characters that steer one, line ends among them, are written out.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// Bytes for people, as docker's tables have them.
#[allow(clippy::cast_precision_loss)] // three digits are shown
pub(super) fn size(bytes: u64) -> String {
    units::human_size_with_precision(bytes as f64, 3)
}

pub(super) fn inspect(out: &mut dyn Write, image: &Image, size: Option<u64>, template: &str) -> Result<()> {
    let inspect = format::inspect::Format::new(template).map_err(|error| anyhow!(error))?;
    let (text, errors) = inspect.show(&[image::inspect(image, size)]);
    out.write_all(text.as_bytes())?;
    if !errors.is_empty() {
        bail!(errors.join("\n"));
    }
    Ok(())
}

pub(super) fn history(
    out: &mut dyn Write,
    image: &Image,
    sizes: &[Option<u64>],
    no_trunc: bool,
    template: Option<&str>,
    json: bool,
) -> Result<()> {
    let history = image::history(image, sizes);
    if json {
        serde_json::to_writer_pretty(&mut *out, &history)?;
        writeln!(out)?;
        return Ok(());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs()).cast_signed();
    let text = format::image::history(template.unwrap_or_default(), &history, false, true, !no_trunc, now);
    out.write_all(text.map_err(|error| anyhow!(error))?.as_bytes())?;
    Ok(())
}

pub(super) fn list(out: &mut dyn Write, archive: &Archive, json: bool) -> Result<()> {
    let stored = |image: &Image| image.layers.iter().map(|layer| layer.stored).sum::<u64>();
    if json {
        let images = archive.images().iter().map(|image| {
            let layers = image.layers.iter().map(|layer| {
                json!({"diff_id": layer.diff_id, "digest": layer.digest, "media_type": layer.media_type, "stored": layer.stored,
                    "path": layer.path, "compression": archive.compression(layer).ok()})
            });
            json!({"names": image.names, "id": image.id, "platform": image.platform, "index": image.index,
                "manifest": image.manifest, "annotations": image.annotations, "attestations": image.attestations,
                "layers": layers.collect::<Vec<_>>()})
        });
        let document = json!({"format": archive.format(), "images": images.collect::<Vec<_>>(), "absent": archive.absent(),
            "problems": archive.problems()});
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
        return Ok(());
    }
    for image in archive.images() {
        let names = if image.names.is_empty() { "<none>".to_owned() } else { image.names.join(", ") };
        let missing = image.layers.iter().filter(|layer| layer.path.is_none()).count();
        let missing = if missing == 0 { String::new() } else { format!(" ({missing} missing)") };
        let attested = if image.attestations.is_empty() { "" } else { ", attested" };
        writeln!(
            out,
            "{}  {names}  {}  {} layers{missing}, {} stored{attested}",
            image.id.short(),
            platform::format(&image.platform),
            image.layers.len(),
            size(stored(image))
        )?;
    }
    for absent in archive.absent() {
        let platform = absent.platform.as_ref().map_or_else(|| "?".into(), platform::format);
        writeln!(out, "not in the archive: {platform}  {}", absent.digest)?;
    }
    for problem in archive.problems() {
        writeln!(out, "problem: {problem}")?;
    }
    Ok(())
}
