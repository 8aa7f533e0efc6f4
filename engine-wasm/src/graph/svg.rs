//! A graph as SVG: no scripts, colours by classes and custom properties, every box focusable and with a text that says what its lines say.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::layout::{self, DETAIL_COLUMN, LABEL_COLUMN, Layout, Path, Place};
use super::{Graph, Kind, Relation};
use crate::image::Digest;

/// Pixels a text may take before it is cut.
pub(super) const MAX_TEXT: i64 = 216;
/// Pixels a line's label may take.
const MAX_LABEL: i64 = 150;
/// Pixels a character of a line's label takes.
const LABEL: i64 = 6;

/// The look: rules for `.slipway-graph` and what is in it, in light and in dark, also by `data-theme` on the page's root.
pub const STYLE: &str = include_str!("svg.css");

/// How the picture is written.
#[derive(Debug, Clone, Copy)]
pub struct SvgOptions<'a> {
    /// Put in front of the picture's ids, which come from what it shows, so that a page may hold several. Letters, digits, `-` and `_` of it are used.
    pub prefix: &'a str,
    /// Whether [`STYLE`] is inside. Pages that allow no inline styles bring it themselves.
    pub style: bool,
}

impl Default for SvgOptions<'_> {
    fn default() -> Self {
        Self { prefix: "graph", style: true }
    }
}

impl Graph {
    /// The picture. Its text is well-formed XML whatever the names in the graph are.
    pub fn svg(&self, layout: &Layout, options: &SvgOptions<'_>) -> String {
        let prefix: String =
            options.prefix.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        let (w, h) = (layout.width, layout.height);
        let (title, description) = (escape(&self.title), escape(&self.description));
        let mut out = String::new();
        if options.style {
            let _ = writeln!(out, "<style>\n{STYLE}</style>");
        }
        let _ = writeln!(out, "<rect class=\"paper\" width=\"{w}\" height=\"{h}\"/>\n<g aria-hidden=\"true\">");
        for (edge, path) in self.edges.iter().zip(&layout.paths) {
            let _ = writeln!(out, "<path class=\"edge {}\" d=\"{}\"/>", edge.relation.name(), curve(path));
            if let Some((x, y, up)) = tip(edge.relation, path) {
                let by = if up { 7 } else { -7 };
                let _ = writeln!(out, "<path class=\"arrow\" d=\"M{x} {y}l-4 {by}h8z\"/>");
            }
        }
        // Labels lie on their lines: what is below them is covered before the first is written.
        let labels = label_places(self, layout);
        for &(x, y, half) in labels.iter().flatten() {
            let (x, y, wide) = (x - half, y - 10, 2 * half);
            let _ = writeln!(out, "<rect class=\"paper\" x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"13\"/>");
        }
        for (edge, place) in self.edges.iter().zip(labels) {
            if let Some((x, y, _)) = place {
                let text = cut(&edge.label, MAX_LABEL, LABEL);
                let _ = writeln!(out, "<text class=\"edge-label\" x=\"{x}\" y=\"{y}\">{}</text>", escape(&text));
            }
        }
        out.push_str("</g>\n");
        let spoken = self.spoken();
        for ((node, place), said) in self.nodes.iter().zip(&layout.places).zip(spoken) {
            let mut class = format!("node {}", node.kind.name());
            for (flag, name) in [(node.shared > 1, "shared"), (node.faded, "faded"), (node.target, "target")] {
                if flag {
                    class.push(' ');
                    class.push_str(name);
                }
            }
            let _ = writeln!(
                out,
                "<g class=\"{class}\" role=\"graphics-symbol img\" tabindex=\"0\" data-id=\"{}\" aria-label=\"{}\"><title>{}</title>{}</g>",
                escape(&node.id),
                escape(&said),
                escape(&node.title),
                face(node, place),
            );
        }
        out.push_str("</svg>\n");
        let hash = Digest::of([&title, &description, &out].map(String::as_str).concat().as_bytes());
        let id = format!("{prefix}-{}", hash.short());
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"slipway-graph\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
             role=\"graphics-document document\" aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-desc\">\n\
             <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{description}</desc>\n{out}"
        )
    }

    /// What a node is and how it is connected, in words; one a node.
    fn spoken(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .nodes
            .iter()
            .map(|node| {
                let mut text = format!("{}: {}", node.kind.spoken(), node.label);
                if !node.detail.is_empty() {
                    let _ = write!(text, ", {}", node.detail);
                }
                if node.faded {
                    text.push_str(if node.kind == Kind::Container { ", not running" } else { ", not needed" });
                }
                if node.target {
                    text.push_str(", the target");
                }
                text
            })
            .collect();
        for edge in &self.edges {
            let (speaker, other, verb) = match edge.relation {
                Relation::Names => (edge.from, edge.to, "names"),
                Relation::Writes => (edge.from, edge.to, "writes to"),
                Relation::On => (edge.from, edge.to, "on top of"),
                Relation::From => (edge.to, edge.from, "begins with"),
                Relation::Next => (edge.to, edge.from, "follows"),
                Relation::Copy => (edge.to, edge.from, "copies from"),
                Relation::Mount => (edge.to, edge.from, "mounts from"),
            };
            if let (Some(text), Some(other)) = (all.get_mut(speaker), self.nodes.get(other)) {
                let _ = write!(text, "; {verb} {}", other.label);
            }
        }
        all
    }
}

/// A box and its texts; a shared layer has a second box behind it.
fn face(node: &super::Node, place: &Place) -> String {
    let Place { x, y, width, height } = *place;
    let radius = match node.kind {
        Kind::Tag => height / 2,
        Kind::Layer | Kind::Writable | Kind::Instruction => 3,
        _ => 8,
    };
    let mut out = String::new();
    if node.shared > 1 {
        let (x, y) = (x + 4, y + 4);
        let _ = write!(
            out,
            "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
        );
    }
    let _ =
        write!(out, "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>");
    let centre = place.centre();
    let line = if node.detail.is_empty() { y + height / 2 + 4 } else { y + 19 };
    let label = match node.kind {
        Kind::Tag | Kind::Base => cut_name(&node.label, MAX_TEXT, LABEL_COLUMN),
        _ => cut(&node.label, MAX_TEXT, LABEL_COLUMN),
    };
    let _ = write!(out, "<text x=\"{centre}\" y=\"{line}\">{}</text>", escape(&label));
    if !node.detail.is_empty() {
        let line = y + 36;
        let detail = escape(&cut(&node.detail, MAX_TEXT, DETAIL_COLUMN));
        let _ = write!(out, "<text class=\"detail\" x=\"{centre}\" y=\"{line}\">{detail}</text>");
    }
    out
}

/// Straight within a rank, bent between ranks, where no box is.
fn curve(path: &Path) -> String {
    let mut out = String::new();
    let mut before: Option<(i64, i64)> = None;
    for (i, &(x, y)) in path.points.iter().enumerate() {
        match before {
            None => {
                let _ = write!(out, "M{x} {y}");
            }
            Some((_, from)) if from == y => {}
            Some((left, _)) if i % 2 == 1 || left == x => {
                let _ = write!(out, "V{y}");
            }
            Some((left, from)) => {
                let middle = (from + y) / 2;
                let _ = write!(out, "C{left} {middle} {x} {middle} {x} {y}");
            }
        }
        before = Some((x, y));
    }
    out
}

/// Where files go, an arrow shows it: the place, and whether the line comes from below.
fn tip(relation: Relation, path: &Path) -> Option<(i64, i64, bool)> {
    if !matches!(relation, Relation::Copy | Relation::Mount | Relation::From | Relation::Next) {
        return None;
    }
    let (&(x, y), &(_, first)) = (path.points.last()?, path.points.first()?);
    Some((x, y, first > y))
}

/// Half of the pixels that a line's label takes.
pub(super) fn half_label(label: &str) -> i64 {
    layout::width(&cut(label, MAX_LABEL, LABEL), LABEL) / 2 + 2
}

/// Places for the labels, on the bend before the line's end, where none covers another: the middle, the foot of the letters and half the width; one an edge.
pub(super) fn label_places(graph: &Graph, layout: &Layout) -> Vec<Option<(i64, i64, i64)>> {
    let mut taken: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    let mut place = |label: &str, path: &Path| {
        let [.., (x1, y1), (x2, y2), _] = path.points.as_slice() else { return None };
        let half = half_label(label);
        // Hundredths of the way in x and y, at steps along the curve.
        let spots = [(28, 38), (50, 50), (72, 62), (10, 22), (90, 78)].map(|(along, down)| {
            let x = x1 + (x2 - x1) * along / 100;
            (x.min(layout.width - half).max(half), y1 + (y2 - y1) * down / 100 + 4)
        });
        let free = spots.into_iter().find(|(x, y)| {
            let near = taken.range(y - 12..=y + 12).flat_map(|(_, row)| row);
            near.clone().all(|(from, to)| x + half < *from || x - half > *to)
        });
        let (x, y) = free.or(spots.first().copied())?;
        taken.entry(y).or_default().push((x - half, x + half));
        Some((x, y, half))
    };
    let pairs = graph.edges.iter().zip(&layout.paths);
    pairs.map(|(edge, path)| if edge.label.is_empty() { None } else { place(&edge.label, path) }).collect()
}

/// Cuts a text to the pixels it may take.
fn cut(text: &str, pixels: i64, per_column: i64) -> String {
    if layout::width(text, per_column) <= pixels {
        return text.to_owned();
    }
    let mut used = per_column;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            used += layout::width(c.encode_utf8(&mut [0; 4]), per_column);
            used <= pixels
        })
        .collect();
    out.push('…');
    out
}

/// Cuts an image's name in its middle: what tells it from others often stands at the end.
fn cut_name(name: &str, pixels: i64, per_column: i64) -> String {
    if layout::width(name, per_column) <= pixels {
        return name.to_owned();
    }
    let mut end = name.len();
    for (at, _) in name.char_indices().rev() {
        if name.get(at..).is_none_or(|tail| layout::width(tail, per_column) > pixels / 2) {
            break;
        }
        end = at;
    }
    let tail = name.get(end..).unwrap_or_default();
    cut(name, pixels - layout::width(tail, per_column), per_column) + tail
}

/// Text for XML: markup escaped, and what XML has no place for replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\x1F' | '\u{FFFE}' | '\u{FFFF}' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}
