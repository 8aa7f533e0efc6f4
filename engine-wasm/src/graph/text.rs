//! A graph for other programs: Graphviz' DOT, Mermaid's flowchart, JSON.

use std::fmt::Write;

use serde_json::Value;

use super::layout::Layout;
use super::{Graph, Kind, Node, Relation};

impl Graph {
    /// Graphviz. Nodes carry their ids; what the picture shows by colour is in `style`.
    pub fn dot(&self) -> String {
        let mut out = format!("digraph {} {{\n  node [shape=box];\n", dot_string(&self.title));
        for node in &self.nodes {
            let shape = match node.kind {
                Kind::Tag => "cds",
                Kind::Image | Kind::Stage => "box3d",
                Kind::Container => "component",
                _ => "box",
            };
            let style = match () {
                () if node.faded => ", style=dashed",
                () if node.target || node.shared > 1 => ", style=bold",
                () => "",
            };
            let _ = writeln!(
                out,
                "  {} [label={}, tooltip={}, shape={shape}{style}];",
                dot_string(&node.id),
                dot_string(&lines(node).join("\n")),
                dot_string(&node.title)
            );
        }
        for edge in &self.edges {
            let (Some(from), Some(to)) = (self.nodes.get(edge.from), self.nodes.get(edge.to)) else { continue };
            let style = match edge.relation {
                Relation::Mount => ", style=dashed",
                Relation::Names => ", style=dotted",
                _ => "",
            };
            let _ = writeln!(
                out,
                "  {} -> {} [class={}, label={}{style}];",
                dot_string(&from.id),
                dot_string(&to.id),
                dot_string(edge.relation.name()),
                dot_string(&edge.label)
            );
        }
        out.push_str("}\n");
        out
    }

    /// Mermaid. Its ids may hold few characters, so nodes are numbered.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("flowchart TD\n");
        for (i, node) in self.nodes.iter().enumerate() {
            let text = lines(node).into_iter().map(mermaid_text).collect::<Vec<_>>().join("<br/>");
            let (open, close) = match node.kind {
                Kind::Tag => ("([", "])"),
                Kind::Image | Kind::Stage => ("(", ")"),
                Kind::Container => ("[[", "]]"),
                _ => ("[", "]"),
            };
            let class = if node.faded { "faded" } else { node.kind.name() };
            let _ = writeln!(out, "  n{i}{open}\"{text}\"{close}:::{class}");
        }
        for edge in &self.edges {
            let line = if matches!(edge.relation, Relation::Mount | Relation::Names) { "-.->" } else { "-->" };
            let label =
                if edge.label.is_empty() { String::new() } else { format!("|\"{}\"|", mermaid_text(&edge.label)) };
            let _ = writeln!(out, "  n{} {line}{label} n{}", edge.from, edge.to);
        }
        out.push_str("  classDef faded stroke-dasharray:3\n");
        out
    }

    /// Nodes with places, edges with points. Ids join them.
    pub fn json(&self, layout: &Layout) -> Value {
        let nodes: Vec<Value> = self
            .nodes
            .iter()
            .zip(&layout.places)
            .map(|(node, place)| {
                json!({
                    "id": node.id, "kind": node.kind.name(), "label": node.label, "detail": node.detail, "title": node.title,
                    "size": node.size, "shared": node.shared, "faded": node.faded, "target": node.target,
                    "x": place.x, "y": place.y, "width": place.width, "height": place.height,
                })
            })
            .collect();
        let id = |at: usize| self.nodes.get(at).map_or("", |node| &node.id);
        let edges: Vec<Value> = self
            .edges
            .iter()
            .zip(&layout.paths)
            .map(|(edge, path)| {
                json!({
                    "from": id(edge.from), "to": id(edge.to), "relation": edge.relation.name(), "label": edge.label,
                    "points": path.points,
                })
            })
            .collect();
        json!({
            "title": self.title, "description": self.description, "warnings": self.warnings,
            "width": layout.width, "height": layout.height, "nodes": nodes, "edges": edges,
        })
    }
}

fn lines(node: &Node) -> Vec<&str> {
    [node.label.as_str(), node.detail.as_str()].into_iter().filter(|line| !line.is_empty()).collect()
}

fn dot_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text inside Mermaid's quotes, in its entity codes.
fn mermaid_text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' | '*' | '_' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
