//! Trees that are wider than a page: what lies on one node stands in several rows above it, and a line in the middle leads down through the lower rows.
//! Images are such trees, as every layer lies on one other layer, and nearly all of an engine's images may lie on one base.

use super::super::{Error, Graph};
use super::{LANE, Layout, MARGIN, MAX_LANES, NODE_GAP, PAGE, Place, RANK_GAP};

/// Places the connected parts that are trees, each edge leading towards the root, and have a rank wider than a page, one below the other. Which nodes that were.
///
/// # Errors
/// [`Error::TooLong`] when the lines bend too often.
pub(super) fn place(
    graph: &Graph,
    ranks: &[usize],
    sizes: &[(i64, i64)],
    layout: &mut Layout,
) -> Result<Vec<bool>, Error> {
    let count = graph.nodes.len();
    let mut upper: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut lower: Vec<Option<usize>> = vec![None; count];
    let mut forks = vec![false; count];
    for edge in &graph.edges {
        let (Some(lower), Some(fork)) = (lower.get_mut(edge.from), forks.get_mut(edge.from)) else { continue };
        *fork |= !edge.label.is_empty() || lower.is_some_and(|lower| lower != edge.to);
        if let (None, Some(list)) = (*lower, upper.get_mut(edge.to)) {
            list.push(edge.from);
        }
        *lower = Some(edge.to);
    }
    let mut blocks = vec![Block::default(); count];
    let mut placed = vec![false; count];
    for root in (0..count).filter(|node| lower.get(*node) == Some(&None)) {
        // From the root on; the other way round, what lies on a node comes before the node.
        let mut order = vec![root];
        let mut at = 0;
        while let Some(node) = order.get(at).copied() {
            order.extend(upper.get(node).into_iter().flatten());
            at += 1;
        }
        if order.iter().any(|node| forks.get(*node) == Some(&true)) || widest(&order, ranks, sizes) <= PAGE {
            continue;
        }
        for &node in order.iter().rev() {
            let own = sizes.get(node).copied().unwrap_or_default();
            let block = block(own, upper.get(node).map_or(&[][..], Vec::as_slice), &blocks);
            if let (Some(slot), Some(flag)) = (blocks.get_mut(node), placed.get_mut(node)) {
                (*slot, *flag) = (block, true);
            }
        }
        assemble(graph, sizes, &order, &blocks, layout)?;
    }
    Ok(placed)
}

/// What the fullest rank takes when all its boxes stand side by side.
fn widest(nodes: &[usize], ranks: &[usize], sizes: &[(i64, i64)]) -> i64 {
    let mut widths: Vec<i64> = Vec::new();
    for &node in nodes {
        let (Some(&rank), Some((width, _))) = (ranks.get(node), sizes.get(node)) else { continue };
        if widths.len() <= rank {
            widths.resize(rank + 1, -NODE_GAP);
        }
        if let Some(sum) = widths.get_mut(rank) {
            *sum += width + NODE_GAP;
        }
    }
    widths.into_iter().max().unwrap_or_default() + 2 * MARGIN
}

/// A node with everything above it, in pixels from its upper left corner. The node itself stands at the lower end.
#[derive(Debug, Clone, Default)]
struct Block {
    width: i64,
    height: i64,
    /// The middle of the node.
    axis: i64,
    /// Rows of what lies right on the node, the lowest first.
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    /// Nodes and the left edges of their blocks.
    blocks: Vec<(usize, i64)>,
    top: i64,
    bottom: i64,
    width: i64,
    /// Where the line from the rows above passes, or the middle of the highest row.
    axis: i64,
}

/// A node below the blocks of what lies on it.
fn block((width, height): (i64, i64), upper: &[usize], blocks: &[Block]) -> Block {
    let of = |node: usize| blocks.get(node);
    let mut rows = rows(upper, blocks);
    let widest = rows.iter().map(|row| row.width).max().unwrap_or(width);
    // Room to bring the lines of all rows to the middle, as far as the page allows.
    let even = rows.iter().map(|row| 2 * row.axis.max(row.width - row.axis)).max().unwrap_or(0);
    let mut block = Block { width: widest.max(even.min(PAGE)), ..Block::default() };
    for row in &mut rows {
        let by = (block.width / 2 - row.axis).clamp(0, block.width - row.width);
        row.axis += by;
        row.blocks.iter_mut().for_each(|(_, left)| *left += by);
    }
    let ends = |row: &Row| {
        let axis = |(node, left): &(usize, i64)| Some(left + of(*node)?.axis);
        Some((axis(row.blocks.first()?)? + axis(row.blocks.last()?)?) / 2)
    };
    block.axis = match rows.as_slice() {
        [only] => ends(only).unwrap_or(block.width / 2),
        _ => block.width / 2,
    };
    let by = (width / 2 - block.axis).max(0);
    block.axis += by;
    block.width = (block.width + by).max(block.axis + width - width / 2);
    for row in rows.iter_mut().rev() {
        row.axis += by;
        row.blocks.iter_mut().for_each(|(_, left)| *left += by);
        row.top = block.height;
        row.bottom = row.top + row.blocks.iter().filter_map(|(node, _)| Some(of(*node)?.height)).max().unwrap_or(0);
        block.height = row.bottom + RANK_GAP.0;
    }
    block.height += height;
    block.rows = rows;
    block
}

/// Side by side where that fits on a page; otherwise in rows, the low blocks right above their node, where the fewest lines pass.
fn rows(upper: &[usize], blocks: &[Block]) -> Vec<Row> {
    let width = |node: &usize| blocks.get(*node).map_or(0, |block| block.width);
    let together = |nodes: &[usize]| nodes.iter().map(|node| width(node) + NODE_GAP).sum::<i64>() - NODE_GAP;
    if upper.is_empty() {
        return Vec::new();
    }
    if together(upper) <= PAGE - 2 * MARGIN {
        return vec![row(upper, blocks, false)];
    }
    let mut nodes = upper.to_vec();
    crate::order::sort_by_key(&mut nodes, |node| blocks.get(*node).map_or(0, |block| block.height));
    let room = PAGE - 2 * MARGIN - LANE - 2 * NODE_GAP;
    let mut lists: Vec<(i64, Vec<usize>)> = Vec::new();
    for node in nodes {
        let takes = width(&node) + NODE_GAP;
        match lists.last_mut() {
            Some((used, list)) if *used + takes <= room => {
                *used += takes;
                list.push(node);
            }
            _ => lists.push((takes, vec![node])),
        }
    }
    let highest = lists.len() - 1;
    lists.iter().enumerate().map(|(i, (_, list))| row(list, blocks, i < highest)).collect()
}

/// One row; with a gap as near to its middle as blocks allow where a line passes.
fn row(nodes: &[usize], blocks: &[Block], passed: bool) -> Row {
    let widths: Vec<i64> = nodes.iter().map(|node| blocks.get(*node).map_or(0, |block| block.width)).collect();
    let whole = widths.iter().map(|width| width + NODE_GAP).sum::<i64>();
    let mut sums = vec![0];
    for width in &widths {
        sums.push(sums.last().copied().unwrap_or_default() + width + NODE_GAP);
    }
    let gap = sums.iter().enumerate().min_by_key(|(_, sum)| (2 * *sum - whole).abs()).map_or(0, |(i, _)| i);
    let mut row = Row::default();
    let mut left = 0;
    for (i, (node, width)) in nodes.iter().zip(&widths).enumerate() {
        if passed && i == gap {
            row.axis = left + LANE / 2;
            left += LANE + NODE_GAP;
        }
        row.blocks.push((*node, left));
        left += width + NODE_GAP;
    }
    if passed && gap == nodes.len() {
        row.axis = left + LANE / 2;
        left += LANE + NODE_GAP;
    }
    row.width = left - NODE_GAP;
    if !passed {
        row.axis = row.width / 2;
    }
    row
}

/// Gives the nodes of a tree and their lines their places, below what is there.
fn assemble(
    graph: &Graph,
    sizes: &[(i64, i64)],
    order: &[usize],
    blocks: &[Block],
    layout: &mut Layout,
) -> Result<(), Error> {
    let count = graph.nodes.len();
    let mut corners = vec![(MARGIN, layout.next_row()); count];
    // A line's way from the bottom of its upper node to the top of its lower one, by the upper node.
    let mut ways: Vec<Vec<(i64, i64)>> = vec![Vec::new(); count];
    let mut bends = 0;
    for &node in order {
        let (Some(block), Some(&(left, top))) = (blocks.get(node), corners.get(node)) else { continue };
        let (width, height) = sizes.get(node).copied().unwrap_or_default();
        let place = Place { x: left + block.axis - width / 2, y: top + block.height - height, width, height };
        layout.width = layout.width.max(left + block.width + MARGIN);
        layout.height = layout.height.max(place.y + height + MARGIN);
        if let Some(slot) = layout.places.get_mut(node) {
            *slot = place;
        }
        if let Some(node) = graph.nodes.get(node) {
            layout.centres.insert(node.id.clone(), place.centre());
        }
        // Through the rows below, nearest to the node last.
        let mut down = vec![(place.centre(), place.y), (place.centre(), place.y)];
        for row in &block.rows {
            for &(upper, x) in &row.blocks {
                let Some(above) = blocks.get(upper) else { continue };
                let corner = (left + x, top + row.bottom - above.height);
                let start = (corner.0 + above.axis, top + row.bottom);
                if let (Some(slot), Some(way)) = (corners.get_mut(upper), ways.get_mut(upper)) {
                    *slot = corner;
                    way.extend([start, start]);
                    way.extend(down.iter().rev());
                }
                bends += down.len() / 2 - 1;
            }
            if bends > MAX_LANES {
                return Err(Error::TooLong(bends));
            }
            // A line that stays where it is goes straight on.
            let (x, upper, bottom) = (left + row.axis, top + row.top, top + row.bottom);
            match down.last_mut() {
                Some((before, end)) if *before == x => *end = upper,
                _ => down.extend([(x, bottom), (x, upper)]),
            }
        }
    }
    for (edge, path) in graph.edges.iter().zip(&mut layout.paths) {
        if let Some(way) = ways.get(edge.from).filter(|way| !way.is_empty()) {
            path.points.clone_from(way);
        }
    }
    Ok(())
}
