//! Wasted space as dive defines it (`dive/filetree/efficiency.go`): a path that several layers have costs its size each time and is worth
//! the smallest of them; a removed directory costs what was in it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::merge::{Mark, Merged, MergedId};
use super::tar::Kind;
use super::tree::{Flags, Tree};

/// How well an image uses its bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Efficiency {
    /// Bytes that suffice over bytes there are: 1 is best.
    pub score: f64,
    /// Bytes of paths that several layers have, every copy counted.
    pub wasted: u64,
    /// Bytes of all layers' files.
    pub size: u64,
    /// Bytes of all layers' files but the lowest's.
    pub user_size: u64,
    /// `wasted` over `user_size`; 0 where there is but one layer.
    pub wasted_user: f64,
    /// The paths that several layers have, the largest first.
    pub paths: Vec<Wasted>,
}

/// A path that several layers have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wasted {
    /// The path, without a slash before it; what is no UTF-8 is replaced.
    pub path: String,
    /// Bytes of all its copies, and of what its removals hide.
    pub size: u64,
    /// How many layers have or remove it.
    pub count: u32,
    /// Whether a layer removes it.
    pub removed: bool,
    /// The layers, lowest first.
    pub layers: Vec<u32>,
}

#[derive(Default, Clone)]
struct Seen {
    count: u32,
    total: u64,
    least: u64,
    removed: bool,
    layers: Vec<u32>,
}

impl Seen {
    fn add(&mut self, size: u64, layer: u32, removed: bool) {
        self.least = if self.count == 0 { size } else { self.least.min(size) };
        self.count += 1;
        self.total += size;
        self.removed |= removed;
        if self.layers.last() != Some(&layer) {
            self.layers.push(layer);
        }
    }
}

/// Judges a stack of layers, lowest first.
pub fn efficiency(trees: &[Arc<Tree>]) -> Efficiency {
    let mut merged = Merged::default();
    // By the merged node; most paths are seen once, and those need no list.
    let mut seen: Vec<Seen> = Vec::new();
    for (layer, tree) in trees.iter().enumerate() {
        let removals = removals(&merged, tree);
        merged.push(Arc::clone(tree));
        seen.resize(merged.len(), Seen::default());
        let mut stack = vec![(Tree::ROOT, Merged::ROOT)];
        while let Some((node, here)) = stack.pop() {
            for child in tree.children(node) {
                let Some(id) = merged.known(here, tree.name(child)) else { continue };
                let leaf = tree.children(child).next().is_none();
                let flags = tree.node(child).flags();
                if flags.has(Flags::WHITEOUT)
                    && let Some(hidden) = removals.get(&id)
                {
                    seen[id as usize].add(*hidden, layer as u32, true);
                }
                if leaf && !tree.node(child).is_bare_whiteout() {
                    seen[id as usize].add(tree.node(child).size, layer as u32, false);
                }
                if !leaf {
                    stack.push((child, id));
                }
            }
        }
    }
    let (least, total) = seen.iter().fold((0u64, 0u64), |(least, total), s| (least + s.least, total + s.total));
    let mut paths: Vec<Wasted> = (0..)
        .zip(&seen)
        .filter(|(_, seen)| seen.count > 1 && seen.total > 0)
        .map(|(id, seen)| Wasted {
            path: String::from_utf8_lossy(&merged.path(id)).into_owned(),
            size: seen.total,
            count: seen.count,
            removed: seen.removed,
            layers: seen.layers.clone(),
        })
        .collect();
    crate::order::sort_by(&mut paths, |a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    let files = |tree: &Arc<Tree>| tree.file_size();
    let wasted = paths.iter().map(|path| path.size).sum();
    let user_size: u64 = trees.iter().skip(1).map(files).sum();
    #[allow(clippy::cast_precision_loss)] // ratios for people
    let ratio = |a: u64, b: u64, none: f64| if b == 0 { none } else { a as f64 / b as f64 };
    Efficiency {
        score: ratio(least, total, 1.0),
        wasted,
        size: trees.iter().map(files).sum(),
        user_size,
        wasted_user: ratio(wasted, user_size, 0.0),
        paths,
    }
}

/// What a layer's whiteouts take away: the place, and the bytes of a directory's files. A file's removal counts nothing, as its own copy
/// is counted already and the least of the two is 0.
fn removals(merged: &Merged, tree: &Tree) -> HashMap<MergedId, u64> {
    let mut found = HashMap::new();
    let mut stack = vec![(Tree::ROOT, Merged::ROOT)];
    while let Some((node, here)) = stack.pop() {
        for child in tree.children(node) {
            let Some(id) = merged.known(here, tree.name(child)) else { continue };
            if tree.node(child).flags().has(Flags::WHITEOUT) && !merged.is_gone(id) {
                let size = if merged.kind(id) == Kind::Directory { merged.total(id).0 } else { 0 };
                found.insert(id, size);
            }
            stack.push((child, id));
        }
    }
    found
}

/// What a layer did, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Paths that are new.
    pub added: u64,
    /// Paths that are other than before.
    pub changed: u64,
    /// Paths that are there again just as they were.
    pub repeated: u64,
    /// Paths that are gone.
    pub removed: u64,
}

impl Merged {
    /// Counts what the topmost layer did.
    pub fn changes(&self) -> Changes {
        let mut changes = Changes::default();
        for id in 1..self.len() as MergedId {
            match self.mark(id) {
                Mark::Unchanged => {}
                Mark::Added => changes.added += 1,
                Mark::Changed => changes.changed += 1,
                Mark::Repeated => changes.repeated += 1,
                Mark::Removed => changes.removed += 1,
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::testing::{Item, dir, file, hardlink, tree};

    fn judge(layers: &[&[Item<'_>]]) -> Efficiency {
        efficiency(&layers.iter().map(|items| Arc::new(tree(items))).collect::<Vec<_>>())
    }

    #[test]
    fn one_layer_wastes_nothing() {
        let e = judge(&[&[file("a", b"123"), dir("d/"), hardlink("h", "a")]]);
        assert_eq!((e.score, e.wasted, e.size, e.user_size), (1.0, 0, 3, 0));
        assert_eq!(judge(&[]).score, 1.0);
    }

    #[test]
    fn copies_cost_and_the_least_is_worth() {
        // a: 4 and 6 bytes, b: 10 once. Least 4 + 10, in all 4 + 6 + 10.
        let e = judge(&[&[file("a", b"1234"), file("b", b"0123456789")], &[file("a", b"123456")]]);
        assert_eq!((e.score, e.wasted, e.user_size), (14.0 / 20.0, 10, 6));
        assert_eq!(e.paths[0].layers, [0, 1]);
    }

    #[test]
    fn removals_cost_what_they_hide() {
        // A removed file: 4 bytes that are worth 0. A removed directory: 3 + 2 bytes, and 5 for its removal.
        let e = judge(&[
            &[file("a", b"1234"), dir("d/"), file("d/x", b"123"), file("d/y", b"12"), file("keep", b"1")],
            &[file(".wh.a", b""), file(".wh.d", b"")],
        ]);
        assert_eq!(e.score, (3.0 + 2.0 + 1.0 + 5.0) / (4.0 + 3.0 + 2.0 + 1.0 + 5.0));
        assert_eq!(e.wasted, 4);
        assert_eq!(e.paths.iter().map(|p| (p.path.as_str(), p.removed)).collect::<Vec<_>>(), [("a", true)]);
    }
}
