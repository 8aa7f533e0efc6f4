//! Places for nodes and lines, after Sugiyama: ranks, an order within each rank that crosses few lines, then coordinates. Integers throughout, so that every machine draws the same picture.
//! What is wider than a page is broken into rows: parts that no line connects stand below each other, and trees grow in rows. Only a part with circles or forks downwards may be wider.

mod order;
mod place;
mod rank;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;

use super::{Edge, Error, Graph, Node};

/// Pixels that a picture is wide at most, as far as its lines allow: about ten boxes.
pub(crate) const PAGE: i64 = 1800;
/// Pixels between rows of parts, besides those between ranks.
const SHELF_GAP: i64 = 24;
/// Pixels between ranks, and where lines have labels.
const RANK_GAP: (i64, i64) = (40, 58);
/// Pixels a character takes in the first and the second line of a box.
pub(crate) const LABEL_COLUMN: i64 = 7;
pub(crate) const DETAIL_COLUMN: i64 = 6;
/// Pixels between neighbours.
pub(crate) const NODE_GAP: i64 = 18;
/// Pixels around the picture.
pub(crate) const MARGIN: i64 = 16;
/// Pixels a line takes where it passes a rank.
const LANE: i64 = 14;
/// Ranks that all lines together may pass.
const MAX_LANES: usize = 400_000;

/// Where a node is, in pixels from the upper left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Left edge.
    pub x: i64,
    /// Upper edge.
    pub y: i64,
    /// Width.
    pub width: i64,
    /// Height.
    pub height: i64,
}

impl Place {
    /// The middle, from the left.
    pub fn centre(&self) -> i64 {
        self.x + self.width / 2
    }
}

/// A line: pairs of points with a straight line between the points of a pair, and a curve from each pair to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// `(x, y)`, from the edge's `from` to its `to`.
    pub points: Vec<(i64, i64)>,
}

/// A picture's geometry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// One a node.
    pub places: Vec<Place>,
    /// One an edge.
    pub paths: Vec<Path>,
    /// The picture's width.
    pub width: i64,
    /// The picture's height.
    pub height: i64,
    /// Middles by id: what the next layout holds on to.
    centres: BTreeMap<String, i64>,
}

/// A node, or the place where a line passes a rank.
#[derive(Debug, Clone, Default)]
struct Cell {
    /// The node, unless it is a line's.
    node: Option<usize>,
    rank: usize,
    width: i64,
    above: Vec<usize>,
    below: Vec<usize>,
}

impl Layout {
    /// Lays a graph out. With the layout of the graph as it was before, what stays keeps its order as far as that crosses no more lines.
    ///
    /// # Errors
    /// [`Error`] where there is too much to draw.
    pub fn new(graph: &Graph, before: Option<&Self>) -> Result<Self, Error> {
        graph.check()?;
        let sizes: Vec<(i64, i64)> = graph.nodes.iter().map(size).collect();
        let ranks = rank::ranks(graph);
        let lanes: usize = graph.edges.iter().map(|e| span(&ranks, e)).sum();
        if lanes > MAX_LANES {
            return Err(Error::TooLong(lanes));
        }
        let mut layout = Self {
            places: vec![Place::default(); graph.nodes.len()],
            paths: vec![Path::default(); graph.edges.len()],
            ..Self::default()
        };
        let placed = tree::place(graph, &ranks, &sizes, &mut layout)?;
        let (cells, chains) = cells(graph, &ranks, &sizes);
        let rows = order::rows(graph, &cells, before.map(|layout| &layout.centres));
        let spots = place::spots(&cells, &rows, &placed);
        layout.assemble(graph, &sizes, &cells, &chains, &spots);
        let labels = graph.edges.iter().filter(|e| !e.label.is_empty()).map(|e| 2 * super::svg::half_label(&e.label));
        layout.widen(labels.max().unwrap_or_default() + MARGIN);
        Ok(layout)
    }

    /// Where the next part's upper end is.
    fn next_row(&self) -> i64 {
        if self.height == 0 { MARGIN } else { self.height - MARGIN + RANK_GAP.0 + SHELF_GAP }
    }

    /// Makes room on both sides where a line's label is wider than the picture.
    fn widen(&mut self, width: i64) {
        let by = (width - self.width + 1) / 2;
        if by <= 0 {
            return;
        }
        self.width += 2 * by;
        self.places.iter_mut().for_each(|place| place.x += by);
        self.paths.iter_mut().flat_map(|path| &mut path.points).for_each(|(x, _)| *x += by);
        self.centres.values_mut().for_each(|x| *x += by);
    }

    /// Places what has a spot, below what is there.
    fn assemble(
        &mut self,
        graph: &Graph,
        sizes: &[(i64, i64)],
        cells: &[Cell],
        chains: &[Vec<usize>],
        spots: &[place::Spot],
    ) {
        let layout = self;
        let centre = |cell: usize| spots.get(cell).map(|spot| spot.centre).unwrap_or_default();
        let bands = bands(graph, sizes, cells, spots, layout.next_row());
        let band = |cell: usize| bands.get(spots.get(cell)?.shelf?)?.get(cells.get(cell)?.rank).copied();
        for (i, cell) in cells.iter().enumerate() {
            let (Some(node), Some((top, bottom))) = (cell.node, band(i)) else { continue };
            let (width, height) = sizes.get(node).copied().unwrap_or_default();
            let place = Place { x: centre(i) - width / 2, y: top + (bottom - top - height) / 2, width, height };
            layout.width = layout.width.max(place.x + width + MARGIN);
            layout.height = layout.height.max(place.y + height + MARGIN);
            if let Some(slot) = layout.places.get_mut(node) {
                *slot = place;
            }
            if let Some(node) = graph.nodes.get(node) {
                layout.centres.insert(node.id.clone(), centre(i));
            }
        }
        for ((edge, chain), path) in graph.edges.iter().zip(chains).zip(&mut layout.paths) {
            let mut points = Vec::new();
            for (i, cell) in chain.iter().enumerate() {
                let Some(c) = cells.get(*cell) else { continue };
                let x = centre(*cell);
                let Some((top, bottom)) = band(*cell) else { continue };
                let place = c.node.and_then(|n| layout.places.get(n));
                let (upper, lower) = place.map_or((top, bottom), |p| (p.y, p.y + p.height));
                if i == 0 {
                    points.extend([(x, lower), (x, bottom)]);
                } else if i + 1 == chain.len() {
                    points.extend([(x, top), (x, upper)]);
                } else {
                    points.extend([(x, top), (x, bottom)]);
                }
                layout.width = layout.width.max(x + MARGIN);
            }
            if chain.first().and_then(|c| cells.get(*c)?.node) != Some(edge.from) {
                points.reverse();
            }
            if !points.is_empty() {
                path.points = points;
            }
        }
        layout.width = layout.width.max(2 * MARGIN);
        layout.height = layout.height.max(2 * MARGIN);
    }
}

/// The upper and lower end of each rank, by shelf.
fn bands(
    graph: &Graph,
    sizes: &[(i64, i64)],
    cells: &[Cell],
    spots: &[place::Spot],
    mut y: i64,
) -> Vec<Vec<(i64, i64)>> {
    let mut bands: Vec<Vec<(i64, i64)>> = Vec::new();
    for (cell, spot) in cells.iter().zip(spots) {
        let Some(at) = spot.shelf else { continue };
        while bands.len() <= at {
            bands.push(Vec::new());
        }
        let Some(shelf) = bands.get_mut(at) else { continue };
        while shelf.len() <= cell.rank {
            shelf.push((0, 0));
        }
        let height = cell.node.and_then(|node| sizes.get(node)).map_or(0, |(_, height)| *height);
        if let Some((_, bottom)) = shelf.get_mut(cell.rank) {
            *bottom = height.max(*bottom);
        }
    }
    let gap = if graph.edges.iter().all(|e| e.label.is_empty()) { RANK_GAP.0 } else { RANK_GAP.1 };
    for shelf in &mut bands {
        for (top, bottom) in shelf {
            (*top, *bottom) = (y, y + *bottom);
            y = *bottom + gap;
        }
        y += SHELF_GAP;
    }
    bands
}

/// Ranks between an edge's ends.
fn span(ranks: &[usize], edge: &Edge) -> usize {
    let rank = |n: usize| ranks.get(n).copied().unwrap_or_default();
    rank(edge.from).abs_diff(rank(edge.to)).saturating_sub(1)
}

/// Cells for nodes (first, with the same indices) and for the ranks that lines pass; and each edge's cells from its upper to its lower end.
fn cells(graph: &Graph, ranks: &[usize], sizes: &[(i64, i64)]) -> (Vec<Cell>, Vec<Vec<usize>>) {
    let mut cells: Vec<Cell> = ranks
        .iter()
        .zip(sizes)
        .enumerate()
        .map(|(node, (rank, (width, _)))| Cell { node: Some(node), rank: *rank, width: *width, ..Cell::default() })
        .collect();
    let mut chains = Vec::new();
    for edge in &graph.edges {
        let rank = |n: usize| ranks.get(n).copied().unwrap_or_default();
        let (upper, lower) = if rank(edge.from) <= rank(edge.to) { (edge.from, edge.to) } else { (edge.to, edge.from) };
        let mut chain = vec![upper];
        for rank in rank(upper) + 1..rank(lower) {
            chain.push(cells.len());
            cells.push(Cell { rank, width: LANE, ..Cell::default() });
        }
        chain.push(lower);
        for pair in chain.windows(2) {
            let &[a, b] = pair else { continue };
            if let Some(cell) = cells.get_mut(a) {
                cell.below.push(b);
            }
            if let Some(cell) = cells.get_mut(b) {
                cell.above.push(a);
            }
        }
        chains.push(chain);
    }
    (cells, chains)
}

/// A box's size: wide enough for its text up to a limit.
fn size(node: &Node) -> (i64, i64) {
    let text = width(&node.label, LABEL_COLUMN).max(width(&node.detail, DETAIL_COLUMN));
    (text.clamp(72, super::svg::MAX_TEXT) + 30, if node.detail.is_empty() { 30 } else { 46 })
}

/// About the pixels that a text takes.
pub(crate) fn width(text: &str, per_column: i64) -> i64 {
    text.chars().map(|c| if u32::from(c) >= 0x1100 { 2 * per_column } else { per_column }).sum()
}
