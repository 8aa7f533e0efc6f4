//! Ranks: every edge goes down, except those that would close a circle.

use super::super::Graph;

/// A rank for each node, from 0 at the top.
pub(super) fn ranks(graph: &Graph) -> Vec<usize> {
    let count = graph.nodes.len();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in &graph.edges {
        if let Some(list) = below.get_mut(edge.from) {
            list.push(edge.to);
        }
    }
    let order = cut_circles(&mut below);
    let mut ranks = vec![0usize; count];
    for &node in &order {
        let next = ranks.get(node).copied().unwrap_or_default() + 1;
        for &lower in below.get(node).into_iter().flatten() {
            if let Some(rank) = ranks.get_mut(lower) {
                *rank = next.max(*rank);
            }
        }
    }
    // What nothing points to stands right above what it points to: a tag beside its image, not at the top of everything.
    let mut pointed = vec![false; count];
    for &lower in below.iter().flatten() {
        if let Some(flag) = pointed.get_mut(lower) {
            *flag = true;
        }
    }
    for &node in order.iter().rev() {
        if pointed.get(node).copied().unwrap_or(true) {
            continue;
        }
        let lowest = below.get(node).into_iter().flatten().filter_map(|lower| ranks.get(*lower)).min().copied();
        if let (Some(lowest), Some(rank)) = (lowest, ranks.get_mut(node)) {
            *rank = lowest.saturating_sub(1).max(*rank);
        }
    }
    ranks
}

/// Turns the edges round that lead back, and gives an order in which every edge leads onward.
fn cut_circles(below: &mut [Vec<usize>]) -> Vec<usize> {
    let count = below.len();
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; count];
    let mut finished = Vec::with_capacity(count);
    let mut back = Vec::new();
    for start in 0..count {
        if state.get(start) != Some(&State::New) {
            continue;
        }
        let mut stack = vec![(start, 0usize)];
        if let Some(s) = state.get_mut(start) {
            *s = State::Open;
        }
        while let Some(&(node, at)) = stack.last() {
            let Some(next) = below.get(node).and_then(|list| list.get(at)).copied() else {
                if let Some(s) = state.get_mut(node) {
                    *s = State::Done;
                }
                finished.push(node);
                stack.pop();
                continue;
            };
            if let Some(top) = stack.last_mut() {
                top.1 += 1;
            }
            match state.get(next) {
                Some(State::New) => {
                    if let Some(s) = state.get_mut(next) {
                        *s = State::Open;
                    }
                    stack.push((next, 0));
                }
                Some(State::Open) => back.push((node, next)),
                _ => {}
            }
        }
    }
    for (from, to) in back {
        if let Some(list) = below.get_mut(from)
            && let Some(at) = list.iter().position(|lower| *lower == to)
        {
            list.remove(at);
            if let Some(list) = below.get_mut(to) {
                list.push(from);
            }
        }
    }
    finished.reverse();
    finished
}
