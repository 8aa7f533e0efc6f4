//! Lays a layer over those below it (OCI image layer specification, "Applying Changesets", as overlayfs shows the result).

use std::hash::BuildHasher;
use std::sync::Arc;

use super::{Mark, Merged, MergedId, Node};
use crate::image::tar::Kind;
use crate::image::tree::{Flags, NONE, NodeId, Tree};

impl Merged {
    /// Lays a layer over the others.
    pub fn push(&mut self, tree: Arc<Tree>) {
        let layer = self.trees.len() as u32;
        self.trees.push(Arc::clone(&tree));
        if tree.node(Tree::ROOT).flags().has(Flags::ENTRY) || layer == 0 {
            (self.nodes[0].layer, self.nodes[0].node) = (layer, Tree::ROOT);
        }
        let mut stack = vec![(Tree::ROOT, Self::ROOT)];
        while let Some((node, here)) = stack.pop() {
            if tree.node(node).flags().has(Flags::OPAQUE) {
                let children: Vec<MergedId> = self.all_children(here).collect();
                children.into_iter().for_each(|child| self.remove(child, layer));
            }
            for child in tree.children(node) {
                if let Some(id) = self.lay(&tree, layer, child, here) {
                    stack.push((child, id));
                }
            }
        }
    }

    /// Lays one node of a layer; gives its place if there may be more in it.
    fn lay(&mut self, tree: &Tree, layer: u32, node: NodeId, parent: MergedId) -> Option<MergedId> {
        let flags = tree.node(node).flags();
        let known = self.child(parent, tree.name(node));
        if flags.has(Flags::WHITEOUT)
            && let Some(id) = known
        {
            self.remove(id, layer);
        }
        if tree.node(node).is_bare_whiteout() {
            return None;
        }
        let directory = tree.node(node).kind() == Kind::Directory;
        let Some(id) = known else {
            let id = self.insert(tree, layer, node, parent);
            return directory.then_some(id);
        };
        let was_gone = self.nodes[id as usize].gone;
        let was_directory = !was_gone && self.kind(id) == Kind::Directory;
        // A directory that the layer only passes through stays what it was.
        if flags.has(Flags::IMPLIED) && was_directory {
            return Some(id);
        }
        let mark = match self.entry(id) {
            // What the same layer removes and puts there again has changed, at most.
            Some(_) if was_gone && self.nodes[id as usize].marked != layer => Mark::Added,
            Some((_, old, old_node)) if alike(old, old_node, tree, node) => Mark::Repeated,
            _ => Mark::Changed,
        };
        if was_directory && !directory {
            let children: Vec<MergedId> = self.all_children(id).collect();
            children.into_iter().for_each(|child| self.remove(child, layer));
        }
        let place = &mut self.nodes[id as usize];
        (place.layer, place.node, place.marked, place.mark, place.gone) = (layer, node, layer, mark, false);
        directory.then_some(id)
    }

    fn insert(&mut self, tree: &Tree, layer: u32, node: NodeId, parent: MergedId) -> MergedId {
        let id = self.nodes.len() as MergedId;
        let next = std::mem::replace(&mut self.nodes[parent as usize].first_child, id);
        let (first_child, marked, mark, gone) = (NONE, layer, Mark::Added, false);
        self.nodes.push(Node { parent, first_child, next, layer, node, marked, mark, gone });
        let hash = self.hasher.hash_one((parent, tree.name(node)));
        let Self { trees, nodes, table, hasher } = self;
        table.insert_unique(hash, id, |id| {
            let node = &nodes[*id as usize];
            hasher.hash_one((node.parent, trees[node.layer as usize].name(node.node)))
        });
        id
    }

    /// Takes a node and all below it away.
    fn remove(&mut self, id: MergedId, layer: u32) {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            let node = &mut self.nodes[id as usize];
            if node.gone || (node.layer == layer && node.marked == layer) {
                continue;
            }
            (node.gone, node.marked, node.mark) = (true, layer, Mark::Removed);
            stack.extend(self.all_children(id));
        }
    }
}

/// Whether two entries would look the same to a container, times apart.
pub(in crate::image) fn alike(a: &Tree, a_id: NodeId, b: &Tree, b_id: NodeId) -> bool {
    let (one, two) = (a.node(a_id), b.node(b_id));
    let (one_content, two_content) = (a.node(a.content(a_id)), b.node(b.content(b_id)));
    let xattrs = |tree: &Tree, id| tree.extra(id).map(|extra| (extra.xattrs.clone(), extra.device)).unwrap_or_default();
    let file = |kind| if kind == Kind::Hardlink { Kind::File } else { kind };
    file(one.kind()) == file(two.kind())
        && (one.mode(), one.uid, one.gid) == (two.mode(), two.uid, two.gid)
        && (one_content.size, one_content.hash) == (two_content.size, two_content.hash)
        && (one.kind() != Kind::Symlink || a.link(a_id) == b.link(b_id))
        && xattrs(a, a_id) == xattrs(b, b_id)
}
