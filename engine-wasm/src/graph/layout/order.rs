//! The order within ranks: barycentres, up and down, keeping the best. Ties leave things where they are.

use std::collections::BTreeMap;

use super::super::Graph;
use super::Cell;

/// Sweeps down and up.
const SWEEPS: usize = 12;
/// Cells above which fewer sweeps must do.
const LARGE: usize = 20_000;

/// The cells of each rank from left to right.
pub(super) fn rows(graph: &Graph, cells: &[Cell], before: Option<&BTreeMap<String, i64>>) -> Vec<Vec<usize>> {
    let ranks = cells.iter().map(|cell| cell.rank + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); ranks];
    for cell in depth_first(cells) {
        if let Some(row) = cells.get(cell).and_then(|c| rows.get_mut(c.rank)) {
            row.push(cell);
        }
    }
    if let Some(before) = before {
        keep(graph, cells, &mut rows, before);
    }
    let mut best_crossings = crossings(cells, &rows);
    let mut best = rows.clone();
    let sweeps = if cells.len() > LARGE { 3 } else { SWEEPS };
    for sweep in 0..sweeps {
        if best_crossings == 0 {
            break;
        }
        let mut at = positions(cells.len(), &rows);
        let order: Vec<usize> = if sweep % 2 == 0 { (1..ranks).collect() } else { (0..ranks).rev().skip(1).collect() };
        for rank in order {
            let Some(row) = rows.get_mut(rank) else { continue };
            sort(row, &at, |cell| {
                cells.get(cell).map_or(&[][..], |c| if sweep % 2 == 0 { &c.above } else { &c.below })
            });
            for (i, cell) in row.iter().enumerate() {
                if let Some(slot) = at.get_mut(*cell) {
                    *slot = i;
                }
            }
        }
        let found = crossings(cells, &rows);
        if found < best_crossings {
            best_crossings = found;
            best.clone_from(&rows);
        }
    }
    best
}

/// From the first node on, each node's branches together.
fn depth_first(cells: &[Cell]) -> Vec<usize> {
    let mut seen = vec![false; cells.len()];
    let mut out = Vec::with_capacity(cells.len());
    for start in 0..cells.len() {
        let mut stack = vec![start];
        while let Some(cell) = stack.pop() {
            match seen.get_mut(cell) {
                Some(flag) if !*flag => *flag = true,
                _ => continue,
            }
            out.push(cell);
            if let Some(c) = cells.get(cell) {
                stack.extend(c.above.iter().rev());
                stack.extend(c.below.iter().rev());
            }
        }
    }
    out
}

/// Known nodes in their old order; new ones and lines beside what they belong to.
fn keep(graph: &Graph, cells: &[Cell], rows: &mut [Vec<usize>], before: &BTreeMap<String, i64>) {
    let known: Vec<Option<i64>> = cells
        .iter()
        .map(|cell| cell.node.and_then(|n| graph.nodes.get(n)).and_then(|node| before.get(&node.id)).copied())
        .collect();
    let mut wish = known.clone();
    for _ in 0..8 {
        for (i, cell) in cells.iter().enumerate() {
            if known.get(i).is_some_and(Option::is_some) {
                continue;
            }
            let near: Vec<i64> =
                cell.above.iter().chain(&cell.below).filter_map(|c| wish.get(*c).copied().flatten()).collect();
            if let (Some(slot), false) = (wish.get_mut(i), near.is_empty()) {
                *slot = Some(near.iter().sum::<i64>() / near.len() as i64);
            }
        }
    }
    for row in rows {
        crate::order::sort_by_key(row, |cell| wish.get(*cell).copied().flatten().unwrap_or(i64::MAX));
    }
}

fn positions(count: usize, rows: &[Vec<usize>]) -> Vec<usize> {
    let mut at = vec![0; count];
    for row in rows {
        for (i, cell) in row.iter().enumerate() {
            if let Some(slot) = at.get_mut(*cell) {
                *slot = i;
            }
        }
    }
    at
}

/// Sorts by barycentre; what has no neighbours stays where it is.
fn sort<'a>(row: &mut [usize], at: &[usize], near: impl Fn(usize) -> &'a [usize]) {
    let mut movable: Vec<(u64, usize)> = Vec::new();
    let mut slots = Vec::new();
    for (i, &cell) in row.iter().enumerate() {
        let near = near(cell);
        if near.is_empty() {
            continue;
        }
        let sum: u64 = near.iter().filter_map(|n| at.get(*n)).map(|p| *p as u64).sum();
        movable.push((sum * 4096 / near.len() as u64, cell));
        slots.push(i);
    }
    crate::order::sort_by_key(&mut movable, |(weight, _)| *weight);
    for (slot, (_, cell)) in slots.into_iter().zip(movable) {
        if let Some(place) = row.get_mut(slot) {
            *place = cell;
        }
    }
}

/// How often lines cross, by counting inversions between neighbouring ranks.
fn crossings(cells: &[Cell], rows: &[Vec<usize>]) -> u64 {
    let at = positions(cells.len(), rows);
    let mut total = 0;
    for pair in rows.windows(2) {
        let [upper, lower] = pair else { continue };
        let mut tree = vec![0u64; lower.len() + 1];
        let mut added = 0u64;
        for cell in upper {
            let Some(c) = cells.get(*cell) else { continue };
            let mut ends: Vec<usize> = c.below.iter().filter_map(|b| at.get(*b)).copied().collect();
            crate::order::sort(&mut ends);
            for end in &ends {
                total += added - sum(&tree, end + 1);
            }
            for end in ends {
                added += 1;
                let mut i = end + 1;
                while let Some(slot) = tree.get_mut(i) {
                    *slot += 1;
                    i += i & i.wrapping_neg();
                }
            }
        }
    }
    total
}

fn sum(tree: &[u64], mut i: usize) -> u64 {
    let mut total = 0;
    while i > 0 {
        total += tree.get(i).copied().unwrap_or_default();
        i &= i - 1;
    }
    total
}
