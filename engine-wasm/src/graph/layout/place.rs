//! Horizontal places: every cell as near to the middle of its neighbours as order and distances allow.

use super::{Cell, MARGIN, NODE_GAP};

/// Passes down and up over the ranks.
const PASSES: usize = 10;

/// The middle of each cell.
pub(super) fn centres(cells: &[Cell], rows: &[Vec<usize>]) -> Vec<i64> {
    let mut centres = vec![0i64; cells.len()];
    for row in rows {
        let mut x = 0;
        for &cell in row {
            let width = cells.get(cell).map_or(0, |c| c.width);
            set(&mut centres, cell, x + width / 2);
            x += width + NODE_GAP;
        }
    }
    for pass in 0..PASSES {
        let last = pass + 2 >= PASSES;
        let down = pass % 2 == 0;
        let order: Vec<&Vec<usize>> = if down { rows.iter().collect() } else { rows.iter().rev().collect() };
        for row in order {
            let wishes: Vec<(i64, i64)> = row.iter().map(|cell| wish(cells, &centres, *cell, down, last)).collect();
            settle(cells, row, &wishes, &mut centres);
        }
    }
    let left = cells.iter().zip(&centres).map(|(cell, x)| x - cell.width / 2).min().unwrap_or(0);
    centres.iter_mut().for_each(|x| *x += MARGIN - left);
    centres
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
