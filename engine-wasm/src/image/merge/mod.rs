//! Layers laid over each other: what a container would see, and what the topmost layer did to it.

mod apply;
mod find;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::tar::Kind;
use super::tree::{NONE, NodeId, Tree};

pub(super) use apply::alike;

/// A node of a [`Merged`] tree.
pub type MergedId = u32;

/// What the topmost layer did to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Nothing.
    Unchanged,
    /// It is new.
    Added,
    /// Another kind, content, owner or mode.
    Changed,
    /// The layer has it again, just as it was: the copy is wasted.
    Repeated,
    /// It is gone.
    Removed,
}

impl Mark {
    /// A character for listings.
    pub fn sign(self) -> char {
        match self {
            Self::Unchanged => ' ',
            Self::Added => '+',
            Self::Changed => '~',
            Self::Repeated => '=',
            Self::Removed => '-',
        }
    }
}

#[derive(Debug, Clone)]
struct Node {
    parent: MergedId,
    first_child: MergedId,
    next: MergedId,
    /// The layer that it is of now, and its node there.
    layer: u32,
    node: NodeId,
    /// The layer that marked it last.
    marked: u32,
    mark: Mark,
    gone: bool,
}

/// A stack of layers as one tree. Nodes that a layer removed are kept, so that what it did can be shown.
#[derive(Debug, Clone)]
pub struct Merged {
    trees: Vec<Arc<Tree>>,
    nodes: Vec<Node>,
    table: HashTable<MergedId>,
    hasher: RandomState,
}

impl Default for Merged {
    fn default() -> Self {
        let root = Node {
            parent: NONE,
            first_child: NONE,
            next: NONE,
            layer: 0,
            node: Tree::ROOT,
            marked: NONE,
            mark: Mark::Unchanged,
            gone: false,
        };
        Self { trees: Vec::new(), nodes: vec![root], table: HashTable::new(), hasher: RandomState::new() }
    }
}

impl Merged {
    /// The root directory.
    pub const ROOT: MergedId = 0;

    /// The layers laid over each other, lowest first.
    pub fn of(trees: &[Arc<Tree>]) -> Self {
        let mut merged = Self::default();
        for tree in trees {
            merged.push(Arc::clone(tree));
        }
        merged
    }

    /// The layers.
    pub fn trees(&self) -> &[Arc<Tree>] {
        &self.trees
    }

    fn get(&self, id: MergedId) -> &Node {
        // The root is made with the tree.
        self.nodes.get(id as usize).unwrap_or(&self.nodes[0])
    }

    /// The layer that a node is of, that layer's tree, and the node in it; `None` without any layer.
    pub fn entry(&self, id: MergedId) -> Option<(usize, &Tree, NodeId)> {
        let node = self.get(id);
        self.trees.get(node.layer as usize).map(|tree| (node.layer as usize, &**tree, node.node))
    }

    /// What the topmost layer did to it.
    pub fn mark(&self, id: MergedId) -> Mark {
        let node = self.get(id);
        if node.marked as usize + 1 == self.trees.len() { node.mark } else { Mark::Unchanged }
    }

    /// Whether some layer removed it.
    pub fn is_gone(&self, id: MergedId) -> bool {
        self.get(id).gone
    }

    /// A node's name; empty for the root.
    pub fn name(&self, id: MergedId) -> &[u8] {
        self.entry(id).map_or(b"", |(_, tree, node)| tree.name(node))
    }

    /// What a node is.
    pub fn kind(&self, id: MergedId) -> Kind {
        self.entry(id).map_or(Kind::Directory, |(_, tree, node)| tree.node(node).kind())
    }

    /// Bytes of a file's content; a hard link has its target's.
    pub fn size(&self, id: MergedId) -> u64 {
        self.entry(id).map_or(0, |(_, tree, node)| tree.node(tree.content(node)).size)
    }

    /// The path from the root, without a slash before it.
    pub fn path(&self, id: MergedId) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = id;
        while at != Self::ROOT && at != NONE {
            parts.push(self.name(at));
            at = self.get(at).parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }

    fn all_children(&self, id: MergedId) -> impl Iterator<Item = MergedId> + '_ {
        let mut next = self.get(id).first_child;
        std::iter::from_fn(move || {
            let this = (next != NONE).then_some(next)?;
            next = self.get(this).next;
            Some(this)
        })
    }

    /// Whether it is there or, if so wished, was removed by the topmost layer.
    fn is_shown(&self, id: MergedId, removed: bool) -> bool {
        !self.get(id).gone || (removed && self.mark(id) == Mark::Removed)
    }

    /// The children of a directory by name; with those that the topmost layer removed, if so wished.
    pub fn children(&self, id: MergedId, removed: bool) -> Vec<MergedId> {
        let mut children: Vec<MergedId> = self.all_children(id).filter(|id| self.is_shown(*id, removed)).collect();
        crate::order::sort_by_key(&mut children, |id| self.name(*id));
        children
    }

    /// Nodes in all, removed ones included: IDs are below it.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing but the root.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// A child by name, gone or not.
    pub(in crate::image) fn known(&self, parent: MergedId, name: &[u8]) -> Option<MergedId> {
        self.child(parent, name)
    }

    /// A child by name, gone or not.
    fn child(&self, parent: MergedId, name: &[u8]) -> Option<MergedId> {
        let hash = self.hasher.hash_one((parent, name));
        self.table.find(hash, |id| self.get(*id).parent == parent && self.name(*id) == name).copied()
    }

    /// All nodes below one, itself apart, that are there (and, if so wished, those that the topmost layer removed): parents first, by name.
    pub fn walk(&self, from: MergedId, removed: bool, mut visit: impl FnMut(MergedId, usize)) {
        let mut stack: Vec<(MergedId, usize)> =
            self.children(from, removed).into_iter().rev().map(|id| (id, 0)).collect();
        while let Some((id, depth)) = stack.pop() {
            visit(id, depth);
            stack.extend(self.children(id, removed).into_iter().rev().map(|id| (id, depth + 1)));
        }
    }

    /// Bytes of all files at and below a node, and how many there are; hard links are not counted twice.
    pub fn total(&self, from: MergedId) -> (u64, u64) {
        let (mut size, mut files) = (0, 0);
        let mut stack = vec![from];
        while let Some(id) = stack.pop() {
            if let Some((_, tree, node)) = self.entry(id)
                && tree.node(node).kind() == Kind::File
            {
                size += tree.node(node).size;
                files += 1;
            }
            stack.extend(self.all_children(id).filter(|id| !self.get(*id).gone));
        }
        (size, files)
    }
}
