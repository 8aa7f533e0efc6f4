//! `image tree`: files of an image or what a layer did to them, layers with their instructions, wasted space, secrets.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use engine_wasm::dockerfile;
use engine_wasm::image::tar::Kind;
use engine_wasm::image::{self, Archive, Efficiency, Finding, Image, Mark, Merged, MergedId, Step, Tree};
use serde_json::json;

use super::show::{printable, size};
use super::{text_of, trees};

/// What to show.
pub(super) struct View {
    pub(super) layer: Option<usize>,
    pub(super) depth: Option<usize>,
    pub(super) search: Option<String>,
    pub(super) summary: bool,
    pub(super) dockerfile: Option<PathBuf>,
}

/// Paths of wasted space that are listed.
const WASTED: usize = 10;

fn up_to(trees: &[Arc<Tree>], layer: Option<usize>) -> Result<Merged> {
    match layer {
        None => Ok(Merged::of(trees)),
        Some(layer) if (1..=trees.len()).contains(&layer) => Ok(Merged::of(&trees[..layer])),
        Some(layer) => bail!("there is no layer {layer}; the image has {}, counted from 1", trees.len()),
    }
}

/// Writes a file's content.
pub(super) fn cat(
    out: &mut dyn Write,
    archive: &Archive,
    image: &Image,
    path: &str,
    layer: Option<usize>,
) -> Result<()> {
    let merged = up_to(&trees(archive, image)?, layer)?;
    let (at, node) = merged.content(merged.resolve(path.as_bytes())?)?;
    let (Some(layer), Some(tree)) = (image.layers.get(at), merged.trees().get(at)) else {
        bail!("{path}: no layer has it")
    };
    let content = archive.read_content(layer, tree, node, u64::MAX)?;
    out.write_all(&content.bytes)?;
    Ok(())
}

/// Everything of an image that is shown.
struct Page<'a> {
    image: &'a Image,
    merged: Merged,
    steps: Vec<Step>,
    efficiency: Efficiency,
    findings: Vec<Finding>,
    layers: Vec<(u64, image::Changes)>,
    ids: Vec<(MergedId, usize)>,
}

pub(super) fn show(out: &mut dyn Write, archive: &Archive, image: &Image, view: &View, json: bool) -> Result<()> {
    let trees = trees(archive, image)?;
    let mut steps = image::steps(image);
    if let Some(path) = &view.dockerfile {
        let program = dockerfile::instructions::program(&dockerfile::parse(&text_of(path)?));
        image::align(&mut steps, &program, None);
    }
    let mut stack = Merged::default();
    let mut layers = Vec::new();
    for tree in &trees {
        stack.push(Arc::clone(tree));
        layers.push((tree.docker_size(), stack.changes()));
    }
    let merged = up_to(&trees, view.layer)?;
    let page = Page {
        image,
        ids: if view.summary { Vec::new() } else { chosen(&merged, view) },
        merged,
        efficiency: image::efficiency(&trees),
        findings: image::findings(&trees, &steps),
        steps,
        layers,
    };
    if json { page.json(out) } else { page.text(out, view) }
}

/// As [`printable`], of bytes that need not be UTF-8.
fn visible(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    bytes.iter().flat_map(|b| if b.is_ascii_control() { b.escape_ascii().collect() } else { vec![*b] })
}

/// The nodes to show and how deep they are indented.
fn chosen(merged: &Merged, view: &View) -> Vec<(MergedId, usize)> {
    if let Some(pattern) = &view.search {
        return merged.search(pattern, usize::MAX).into_iter().map(|id| (id, 0)).collect();
    }
    let mut all = Vec::new();
    merged.walk(Merged::ROOT, view.layer.is_some(), |id, depth| all.push((id, depth)));
    if view.layer.is_some() {
        // Directories stay as the way to what a layer did.
        let mut kept: Vec<(MergedId, usize)> = Vec::new();
        let mut needed = 0;
        for (id, depth) in all.into_iter().rev() {
            if merged.mark(id) != Mark::Unchanged || depth < needed {
                kept.push((id, depth));
                needed = depth;
            } else {
                needed = needed.min(depth);
            }
        }
        kept.reverse();
        all = kept;
    }
    all.retain(|(_, depth)| view.depth.is_none_or(|most| *depth < most));
    all
}

impl Page<'_> {
    fn text(&self, out: &mut dyn Write, view: &View) -> Result<()> {
        for (at, (bytes, changes)) in self.layers.iter().enumerate() {
            let step = image::of_layer(&self.steps, at);
            let text: String = step.map(Step::text).unwrap_or_default().chars().take(90).collect();
            let text = printable(&text);
            let lines = match step.and_then(|step| step.lines) {
                Some((first, last)) if first == last => format!(" (line {first})"),
                Some((first, last)) => format!(" (lines {first}-{last})"),
                None => String::new(),
            };
            let image::Changes { added, changed, repeated, removed } = changes;
            writeln!(
                out,
                "layer {:<3} {:>8}  +{added} ~{changed} ={repeated} -{removed}  {text}{lines}",
                at + 1,
                size(*bytes)
            )?;
        }
        if !self.ids.is_empty() {
            writeln!(out)?;
        }
        for line in self.lines(view.layer.is_some(), view.search.is_some()) {
            out.write_all(&line)?;
        }
        let e = &self.efficiency;
        writeln!(out, "\nefficiency {:.4} %, wasted {} of {}", e.score * 100.0, size(e.wasted), size(e.size))?;
        for path in e.paths.iter().take(WASTED) {
            writeln!(
                out,
                "  {:>8}  {} ×  {}{}",
                size(path.size),
                path.count,
                printable(&path.path),
                if path.removed { "  (removed)" } else { "" }
            )?;
        }
        if e.paths.len() > WASTED {
            writeln!(out, "  and {} more", e.paths.len() - WASTED)?;
        }
        for found in &self.findings {
            let hidden = found.hidden_by.map(|by| format!(", still there though layer {} hides it", by + 1));
            let by = found.instruction.as_deref().map(|text| format!(" by {}", printable(text))).unwrap_or_default();
            writeln!(
                out,
                "secret? {}: {} in layer {}{by}{}",
                printable(&found.path),
                found.what,
                found.layer + 1,
                hidden.unwrap_or_default()
            )?;
        }
        Ok(())
    }

    /// A line for each node: mark or layer, mode, owner, size, name.
    fn lines(&self, marks: bool, paths: bool) -> impl Iterator<Item = Vec<u8>> + '_ {
        // For each depth, whether more follows there: looked up from the end.
        let mut open: Vec<bool> = Vec::new();
        let mut last = vec![false; self.ids.len()];
        for (at, (_, depth)) in self.ids.iter().enumerate().rev() {
            open.resize(depth + 1, false);
            last[at] = !open[*depth];
            open[*depth] = true;
        }
        let mut bars: Vec<bool> = Vec::new();
        self.ids.iter().zip(last).map(move |((id, depth), last)| {
            bars.resize(*depth, false);
            let mut line = self.attributes(*id, marks).into_bytes();
            if paths {
                line.extend(visible(&self.merged.path(*id)));
            } else {
                let before: String = bars.iter().map(|open| if *open { "│  " } else { "   " }).collect();
                line.extend_from_slice(before.as_bytes());
                line.extend_from_slice(if last { "└─ " } else { "├─ " }.as_bytes());
                line.extend(visible(self.merged.name(*id)));
            }
            bars.push(!last);
            if let Some(link) = self.merged.entry(*id).and_then(|(_, tree, node)| tree.link(node)) {
                line.extend_from_slice(b" -> ");
                line.extend(visible(link));
            }
            line.push(b'\n');
            line
        })
    }

    fn attributes(&self, id: MergedId, marks: bool) -> String {
        let Some((layer, tree, node)) = self.merged.entry(id) else { return String::new() };
        let entry = tree.node(node);
        let first = if marks { self.merged.mark(id).sign().to_string() } else { format!("{:>3}", layer + 1) };
        let bytes = match entry.kind() {
            Kind::Directory => self.merged.total(id).0,
            _ => self.merged.size(id),
        };
        let owner = format!("{}:{}", entry.uid, entry.gid);
        format!("{first} {} {owner:>9} {:>8}  ", mode(entry.kind(), entry.mode()), size(bytes))
    }

    fn json(&self, out: &mut dyn Write) -> Result<()> {
        let layers = self.layers.iter().zip(&self.image.layers).enumerate().map(|(at, ((bytes, changes), layer))| {
            json!({"diff_id": layer.diff_id, "digest": layer.digest, "size": bytes, "stored": layer.stored, "changes": changes,
                "step": image::of_layer(&self.steps, at)})
        });
        write!(out, "{{\"id\":{},\"layers\":", json!(self.image.id))?;
        serde_json::to_writer(&mut *out, &layers.collect::<Vec<_>>())?;
        write!(out, ",\"steps\":")?;
        serde_json::to_writer(&mut *out, &self.steps)?;
        write!(out, ",\"efficiency\":")?;
        serde_json::to_writer(&mut *out, &self.efficiency)?;
        write!(out, ",\"secrets\":")?;
        serde_json::to_writer(&mut *out, &self.findings)?;
        // One at a time: there may be a million.
        write!(out, ",\"entries\":[")?;
        for (at, (id, _)) in self.ids.iter().enumerate() {
            out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut *out, &self.entry(*id))?;
        }
        writeln!(out, "]}}")?;
        Ok(())
    }

    fn entry(&self, id: MergedId) -> serde_json::Value {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Some((layer, tree, node)) = self.merged.entry(id) else { return serde_json::Value::Null };
        let entry = tree.node(node);
        let kind = match entry.kind() {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Symlink => "symlink",
            Kind::Hardlink => "hardlink",
            Kind::Character => "character",
            Kind::Block => "block",
            Kind::Fifo => "fifo",
            Kind::Other => "other",
        };
        let mut value = json!({"path": text(&self.merged.path(id)), "kind": kind, "mode": entry.mode(), "uid": entry.uid, "gid": entry.gid,
            "size": self.merged.size(id), "mtime": entry.mtime, "layer": layer + 1, "mark": self.merged.mark(id)});
        if let Some(link) = tree.link(node) {
            value["link"] = text(link).into();
        }
        value
    }
}

/// As `ls -l` shows it.
fn mode(kind: Kind, mode: u32) -> String {
    let mut out = String::from(match kind {
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::Hardlink => 'h',
        Kind::Character => 'c',
        Kind::Block => 'b',
        Kind::Fifo => 'p',
        Kind::File | Kind::Other => '-',
    });
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        out.push(if bits & 4 != 0 { 'r' } else { '-' });
        out.push(if bits & 2 != 0 { 'w' } else { '-' });
        out.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_read_as_ls_shows_them() {
        assert_eq!(mode(Kind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(mode(Kind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(mode(Kind::File, 0o2644), "-rw-r-Sr--");
        assert_eq!(mode(Kind::Symlink, 0o777), "lrwxrwxrwx");
    }
}
