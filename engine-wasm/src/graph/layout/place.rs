//! Horizontal places: every cell as near to the middle of its neighbours as order and distances allow.

use super::{Cell, MARGIN, NODE_GAP, PAGE};

/// Passes down and up over the ranks.
const PASSES: usize = 20;

/// Where a cell is: its middle, and the row of parts it is in, from 0 at the top, unless its place is settled already.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spot {
    pub(super) centre: i64,
    pub(super) shelf: Option<usize>,
}

/// Places all cells but those of parts whose nodes are `placed`. What is not connected is placed side by side as far as a page is wide, then below; in that case what has most ranks comes first.
pub(super) fn spots(cells: &[Cell], rows: &[Vec<usize>], placed: &[bool]) -> Vec<Spot> {
    let mut centres = vec![0i64; cells.len()];
    let mut parts = Vec::new();
    for rows in components(cells, rows) {
        // A part's highest rank has nodes only, and they come first among the cells.
        if rows.first().and_then(|row| placed.get(*row.first()?)) == Some(&true) {
            continue;
        }
        place(cells, &rows, &mut centres);
        let edges = |cell: &usize| {
            let half = cells.get(*cell).map_or(0, |c| c.width / 2);
            centres.get(*cell).map(|x| (x - half, x + half))
        };
        let from = rows.iter().flatten().filter_map(edges).map(|(from, _)| from).min().unwrap_or(0);
        let to = rows.iter().flatten().filter_map(edges).map(|(_, to)| to).max().unwrap_or(0);
        parts.push((rows, from, to));
    }
    let whole: i64 = parts.iter().map(|(_, from, to)| to - from + 2 * NODE_GAP).sum::<i64>() - 2 * NODE_GAP;
    let highest = parts.iter().map(|(rows, ..)| rows.len()).max().filter(|_| whole + 2 * MARGIN > PAGE);
    let mut spots = vec![Spot::default(); cells.len()];
    // Where the free end of each shelf is; a part goes to the first that has room.
    let mut shelves: Vec<i64> = Vec::new();
    for ranks in (0..=highest.unwrap_or(0)).rev() {
        for (rows, from, to) in &parts {
            if highest.is_some() && rows.len() != ranks {
                continue;
            }
            let width = to - from;
            let shelf = shelves.iter().position(|left| left + width + MARGIN <= PAGE).unwrap_or(shelves.len());
            if shelf == shelves.len() {
                shelves.push(MARGIN);
            }
            let Some(left) = shelves.get_mut(shelf) else { continue };
            for &cell in rows.iter().flatten() {
                if let (Some(slot), Some(x)) = (spots.get_mut(cell), centres.get(cell)) {
                    *slot = Spot { centre: x + *left - from, shelf: Some(shelf) };
                }
            }
            *left += width + 2 * NODE_GAP;
        }
    }
    spots
}

/// The rows of each connected part, from its first rank on, parts in the order of their first cells.
fn components(cells: &[Cell], rows: &[Vec<usize>]) -> Vec<Vec<Vec<usize>>> {
    let mut part = vec![usize::MAX; cells.len()];
    let mut parts: Vec<(usize, Vec<Vec<usize>>)> = Vec::new();
    for start in 0..cells.len() {
        if part.get(start) != Some(&usize::MAX) {
            continue;
        }
        let (mut top, mut bottom) = (usize::MAX, 0);
        let mut stack = vec![start];
        while let Some(cell) = stack.pop() {
            match part.get_mut(cell) {
                Some(slot) if *slot == usize::MAX => *slot = parts.len(),
                _ => continue,
            }
            if let Some(c) = cells.get(cell) {
                (top, bottom) = (top.min(c.rank), bottom.max(c.rank));
                stack.extend(c.above.iter().chain(&c.below));
            }
        }
        parts.push((top, vec![Vec::new(); bottom.saturating_sub(top) + 1]));
    }
    for (rank, row) in rows.iter().enumerate() {
        for &cell in row {
            let slot = part.get(cell).and_then(|p| parts.get_mut(*p));
            if let Some(row) = slot.and_then(|(top, rows)| rows.get_mut(rank.checked_sub(*top)?)) {
                row.push(cell);
            }
        }
    }
    parts.into_iter().map(|(_, rows)| rows).collect()
}

fn place(cells: &[Cell], rows: &[Vec<usize>], centres: &mut [i64]) {
    for row in rows {
        let mut x = 0;
        for &cell in row {
            let width = cells.get(cell).map_or(0, |c| c.width);
            set(centres, cell, x + width / 2);
            x += width + NODE_GAP;
        }
    }
    let passes = if cells.len() > 5_000 { 8 } else { PASSES };
    for pass in 0..passes {
        let last = pass + 4 >= passes;
        let down = pass % 2 == 0;
        let order: Vec<&Vec<usize>> = if down { rows.iter().collect() } else { rows.iter().rev().collect() };
        for row in order {
            let wishes: Vec<(i64, i64)> = row.iter().map(|cell| wish(cells, centres, *cell, down, last)).collect();
            settle(cells, row, &wishes, centres);
        }
    }
    straighten(cells, rows, centres);
}

/// Puts what hangs on a single line right below or above what it hangs on, where there is room.
fn straighten(cells: &[Cell], rows: &[Vec<usize>], centres: &mut [i64]) {
    for down in [true, false, true] {
        let order: Vec<&Vec<usize>> = if down { rows.iter().collect() } else { rows.iter().rev().collect() };
        for row in order {
            for (i, &cell) in row.iter().enumerate() {
                let Some(c) = cells.get(cell) else { continue };
                let (side, back): (_, fn(&Cell) -> &Vec<usize>) =
                    if down { (&c.above, |c| &c.below) } else { (&c.below, |c| &c.above) };
                let &[other] = side.as_slice() else { continue };
                if cells.get(other).is_none_or(|o| back(o).len() != 1) {
                    continue;
                }
                let Some(wanted) = centres.get(other).copied() else { continue };
                let room = |neighbour: Option<&usize>| {
                    neighbour.and_then(|n| Some((*centres.get(*n)?, cells.get(*n)?.width.max(1))))
                };
                let half = c.width / 2 + 1;
                let left = room(i.checked_sub(1).and_then(|j| row.get(j)));
                let right = room(row.get(i + 1));
                let fits = left.is_none_or(|(x, w)| wanted - half - NODE_GAP >= x + w / 2)
                    && right.is_none_or(|(x, w)| wanted + half + NODE_GAP <= x - w / 2);
                if fits {
                    set(centres, cell, wanted);
                }
            }
        }
    }
}

/// Where a cell wants to be, and how much: lines want to be straight before all else.
fn wish(cells: &[Cell], centres: &[i64], cell: usize, down: bool, both: bool) -> (i64, i64) {
    let here = centres.get(cell).copied().unwrap_or_default();
    let Some(c) = cells.get(cell) else { return (here, 1) };
    let side = if down { &c.above } else { &c.below };
    let mut near: Vec<i64> = side.iter().filter_map(|n| centres.get(*n)).copied().collect();
    if both || near.is_empty() {
        near = c.above.iter().chain(&c.below).filter_map(|n| centres.get(*n)).copied().collect();
    }
    if near.is_empty() {
        return (here, 1);
    }
    let weight = if c.node.is_none() { 8 } else { near.len().min(6) as i64 };
    (near.iter().sum::<i64>() / near.len() as i64, weight)
}

/// Least squares under the order and the distances of a rank: neighbours that would overlap are moved as one block.
fn settle(cells: &[Cell], row: &[usize], wishes: &[(i64, i64)], centres: &mut [i64]) {
    struct Block {
        weight: i64,
        sum: i64,
        cells: usize,
    }
    let mut offsets = Vec::with_capacity(row.len());
    let (mut offset, mut previous) = (0, None);
    for &cell in row {
        let half = cells.get(cell).map_or(0, |c| c.width / 2);
        if let Some(previous) = previous {
            offset += previous + NODE_GAP + half;
        }
        offsets.push(offset);
        previous = Some(cells.get(cell).map_or(0, |c| c.width - half));
    }
    let mut blocks: Vec<Block> = Vec::new();
    for ((wish, weight), offset) in wishes.iter().zip(&offsets) {
        let mut block = Block { weight: *weight, sum: (wish - offset) * weight, cells: 1 };
        while let Some(last) = blocks.pop_if(|last| last.sum * block.weight > block.sum * last.weight) {
            block.weight += last.weight;
            block.sum += last.sum;
            block.cells += last.cells;
        }
        blocks.push(block);
    }
    let mut at = row.iter().zip(&offsets);
    for block in &blocks {
        let x = block.sum.div_euclid(block.weight.max(1));
        for (cell, offset) in at.by_ref().take(block.cells) {
            set(centres, *cell, x + offset);
        }
    }
}

fn set(centres: &mut [i64], cell: usize, x: i64) {
    if let Some(slot) = centres.get_mut(cell) {
        *slot = x;
    }
}
