//! What a layer holds: a compact tree of its entries, for layers with millions of them, and the sink that fills it from a tar.

mod build;
mod names;
#[cfg(test)]
mod tests;

use super::tar::Kind;
use names::Names;

pub use build::{Builder, Options};

/// A node of a [`Tree`]. The root is [`Tree::ROOT`].
pub type NodeId = u32;

pub(super) const NONE: u32 = u32::MAX;

/// What a node is beyond its kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// The layer removes what lower layers have here.
    pub const WHITEOUT: Self = Self(1);
    /// A directory that hides what lower layers have in it.
    pub const OPAQUE: Self = Self(2);
    /// The layer has no entry for it, only for something in it.
    pub const IMPLIED: Self = Self(4);
    /// There is an entry; without it the node is only a whiteout.
    pub const ENTRY: Self = Self(8);
    /// The content looks like a secret.
    pub const SECRET: Self = Self(16);

    /// Whether all of `other` are set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn set(&mut self, other: Self, on: bool) {
        self.0 = if on { self.0 | other.0 } else { self.0 & !other.0 };
    }
}

/// A file, directory, link or whiteout of a layer.
#[derive(Debug, Clone)]
pub struct Node {
    name: u32,
    name_length: u32,
    pub(super) parent: NodeId,
    pub(super) first_child: NodeId,
    pub(super) next: NodeId,
    /// A link's target among the names.
    link: u32,
    link_length: u32,
    /// Row of the side table for what few nodes have.
    pub(super) extra: u32,
    pub(super) kind: Kind,
    pub(super) flags: Flags,
    mode: u16,
    /// Number of the owner.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
    /// Seconds since 1970 of the last change.
    pub mtime: i64,
    /// Bytes of content; 0 for anything but files.
    pub size: u64,
    /// XXH64 of the content as stored, to tell whether two files are alike. It is no proof against one who makes them so on purpose.
    pub hash: u64,
    /// Where the content begins in the uncompressed tar.
    pub data: u64,
}

/// What few nodes have.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// A sparse file's parts: offset and length.
    pub sparse: Option<Vec<(u64, u64)>>,
    /// A device's numbers.
    pub device: (u32, u32),
    /// The node that a hard link leads to, where the layer has it.
    pub target: Option<NodeId>,
    /// What the content looks like, for [`Flags::SECRET`].
    pub secret: Option<&'static str>,
}

impl Node {
    /// What it is; a bare whiteout is [`Kind::Other`].
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it is beyond that.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Permissions, set-user-ID and the like.
    pub fn mode(&self) -> u32 {
        self.mode.into()
    }

    /// Whether lower layers' entries of this name are hidden by it, its own entry or none in their place.
    pub fn is_bare_whiteout(&self) -> bool {
        self.flags.has(Flags::WHITEOUT) && !self.flags.has(Flags::ENTRY) && !self.flags.has(Flags::IMPLIED)
    }
}

/// A layer's files. Directories come before what is in them; a name is there once.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) extras: Vec<Extra>,
    names: Names,
    /// Bytes of the files' content, hard links not counted.
    size: u64,
    /// Entries of the tar.
    pub entries: u64,
}

impl Tree {
    /// The root directory.
    pub const ROOT: NodeId = 0;

    /// A node. An ID that another tree gave gets the root.
    pub fn node(&self, id: NodeId) -> &Node {
        // The root is made with the tree.
        self.nodes.get(id as usize).unwrap_or(&self.nodes[0])
    }

    /// Nodes in all, removed ones included: IDs are below it.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the layer holds nothing.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// A node's name; empty for the root.
    pub fn name(&self, id: NodeId) -> &[u8] {
        let node = self.node(id);
        self.names.get(node.name, node.name_length)
    }

    /// A link's target as written.
    pub fn link(&self, id: NodeId) -> Option<&[u8]> {
        let node = self.node(id);
        (node.link != NONE).then(|| self.names.get(node.link, node.link_length))
    }

    /// What few nodes have.
    pub fn extra(&self, id: NodeId) -> Option<&Extra> {
        self.extras.get(self.node(id).extra as usize)
    }

    /// The children of a directory, latest first.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut next = self.node(id).first_child;
        std::iter::from_fn(move || {
            let this = (next != NONE).then_some(next)?;
            next = self.node(this).next;
            Some(this)
        })
    }

    /// The children of a directory by name.
    pub fn sorted_children(&self, id: NodeId) -> Vec<NodeId> {
        let mut children: Vec<NodeId> = self.children(id).collect();
        crate::order::sort_by_key(&mut children, |id| self.name(*id));
        children
    }

    /// A child by name.
    pub fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        self.names.find(parent, name, |id| {
            let node = self.node(id);
            (node.parent, self.names.get(node.name, node.name_length))
        })
    }

    /// A node by path; links are not followed.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        let parts = path.split(|b| *b == b'/').filter(|part| !matches!(*part, b"" | b"."));
        parts.into_iter().try_fold(Self::ROOT, |id, part| self.child(id, part))
    }

    /// The path from the root, without a slash before it.
    pub fn path(&self, id: NodeId) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = id;
        while at != Self::ROOT && at != NONE {
            parts.push(self.name(at));
            at = self.node(at).parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }

    /// The node that holds the content: a hard link's target, where the layer has it.
    pub fn content(&self, id: NodeId) -> NodeId {
        // A target is never a link itself.
        self.extra(id).and_then(|extra| extra.target).unwrap_or(id)
    }

    /// Bytes of all files' content, hard links not counted: what dive calls a layer's size.
    pub fn file_size(&self) -> u64 {
        self.size
    }

    /// What docker calls a layer's size: bytes of the files' content, and of symbolic links' targets.
    pub fn docker_size(&self) -> u64 {
        let links = self.nodes.iter().filter(|node| node.kind == Kind::Symlink);
        self.size + links.map(|node| u64::from(node.link_length)).sum::<u64>()
    }

    /// About how many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.extras.capacity() * size_of::<Extra>() + self.names.memory()
    }
}
