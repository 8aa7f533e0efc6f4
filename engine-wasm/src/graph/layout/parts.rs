//! Wide trees one below the other, and below them what is laid out in ranks.

use super::super::{Edge, Error, Graph};
use super::{Layout, MARGIN, Path, Place, RANK_GAP, SHELF_GAP, rank, size, tree};

/// The layout of a graph of which some parts, given by their nodes, are trees that do not fit a page.
pub(super) fn stacked(graph: &Graph, trees: Vec<Vec<usize>>, before: Option<&Layout>) -> Result<Layout, Error> {
    let mut rest = vec![true; graph.nodes.len()];
    for node in trees.iter().flatten() {
        if let Some(flag) = rest.get_mut(*node) {
            *flag = false;
        }
    }
    let mut layout = Layout {
        places: vec![Place::default(); graph.nodes.len()],
        paths: vec![Path::default(); graph.edges.len()],
        width: 2 * MARGIN,
        height: 2 * MARGIN,
        ..Layout::default()
    };
    for nodes in trees {
        let (part, edges) = part(graph, &nodes);
        append(&mut layout, tree::layout(&part)?, &nodes, &edges);
    }
    let nodes: Vec<usize> = rest.iter().enumerate().filter(|(_, rest)| **rest).map(|(node, _)| node).collect();
    let (part, edges) = part(graph, &nodes);
    let sizes: Vec<(i64, i64)> = part.nodes.iter().map(size).collect();
    append(&mut layout, Layout::ranked(&part, &sizes, &rank::ranks(&part), before)?, &nodes, &edges);
    Ok(layout)
}

/// Sets the layout of some nodes and edges below what is there.
fn append(whole: &mut Layout, part: Layout, nodes: &[usize], edges: &[usize]) {
    if nodes.is_empty() {
        return;
    }
    let by = if whole.height > 2 * MARGIN { whole.height + RANK_GAP.0 + SHELF_GAP - 2 * MARGIN } else { 0 };
    for (node, place) in nodes.iter().zip(part.places) {
        if let Some(slot) = whole.places.get_mut(*node) {
            *slot = Place { y: place.y + by, ..place };
        }
    }
    for (edge, path) in edges.iter().zip(part.paths) {
        if let Some(slot) = whole.paths.get_mut(*edge) {
            *slot = Path { points: path.points.into_iter().map(|(x, y)| (x, y + by)).collect() };
        }
    }
    whole.centres.extend(part.centres);
    whole.width = whole.width.max(part.width);
    whole.height = part.height + by;
}

/// Some nodes with the edges that leave them, as a graph; and the indices of those edges. Edges lead to nodes of the same part.
fn part(graph: &Graph, nodes: &[usize]) -> (Graph, Vec<usize>) {
    let mut part = Graph::default();
    let mut at = vec![None; graph.nodes.len()];
    for node in nodes {
        if let (Some(slot), Some(node)) = (at.get_mut(*node), graph.nodes.get(*node)) {
            *slot = Some(part.node(node.clone()));
        }
    }
    let mut edges = Vec::new();
    for (i, edge) in graph.edges.iter().enumerate() {
        if let (Some(Some(from)), Some(Some(to))) = (at.get(edge.from), at.get(edge.to)) {
            part.edges.push(Edge { from: *from, to: *to, ..edge.clone() });
            edges.push(i);
        }
    }
    (part, edges)
}
