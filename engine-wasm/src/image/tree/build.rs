//! From a tar's entries to a tree, as docker unpacks a layer into a directory of its own: whiteouts, opaque directories, hard links, links
//! on the way, things replaced by others of the same name.

use std::hash::Hasher as _;
use twox_hash::XxHash64;

use super::names::Names;
use super::{Extra, Flags, NONE, Node, NodeId, Tree};
use crate::image::error::TarProblem;
use crate::image::limits::Limits;
use crate::image::secrets;
use crate::image::tar::{Entry, Kind, Sink};

/// What to find out of a layer's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// [`Node::hash`] of every file, which comparing needs.
    pub hash: bool,
    /// Look at the beginning of small files for secrets.
    pub secrets: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { hash: true, secrets: true }
    }
}

/// Symbolic links on the way to one entry.
const HOPS: usize = 40;

/// Makes a [`Tree`] of what it is told.
#[derive(Debug)]
pub struct Builder {
    tree: Tree,
    limits: Limits,
    options: Options,
    /// The file whose content comes now.
    current: Option<NodeId>,
    hash: XxHash64,
    /// Its beginning, and how much of it is wanted.
    head: Vec<u8>,
    wanted: usize,
}

impl Builder {
    /// A builder of an empty tree.
    pub fn new(limits: &Limits, options: Options) -> Self {
        let mut tree = Tree { nodes: Vec::new(), extras: Vec::new(), names: Names::default(), size: 0, entries: 0 };
        tree.nodes.push(Node {
            name: 0,
            name_length: 0,
            parent: NONE,
            first_child: NONE,
            next: NONE,
            link: NONE,
            link_length: 0,
            extra: NONE,
            kind: Kind::Directory,
            flags: Flags::IMPLIED,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            hash: 0,
            data: 0,
        });
        let (limits, hash) = (limits.clone(), XxHash64::with_seed(0));
        Self { tree, limits, options, current: None, hash, head: Vec::new(), wanted: 0 }
    }

    /// The tree of all that was told.
    pub fn finish(mut self) -> Tree {
        self.tree.nodes.shrink_to_fit();
        self.tree
    }

    /// The tree so far.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    fn new_child(&mut self, parent: NodeId, name: &[u8], flags: Flags) -> Result<NodeId, TarProblem> {
        // Directories that paths imply count, too: a tar may name many in one entry.
        let most = self.limits.layer_entries.saturating_mul(2).min(NONE as usize - 1);
        if self.tree.nodes.len() > most {
            return Err(TarProblem::Limit("the number of entries", self.limits.layer_entries as u64));
        }
        let id = self.tree.nodes.len() as NodeId;
        let (at, length) = self.keep(name)?;
        let next = std::mem::replace(&mut self.tree.nodes[parent as usize].first_child, id);
        let mut node = Node { name: at, name_length: length, parent, next, flags, ..self.tree.nodes[0].clone() };
        (node.first_child, node.extra, node.link) = (NONE, NONE, NONE);
        (node.uid, node.gid, node.mode, node.mtime) = (0, 0, 0o755, 0);
        self.tree.nodes.push(node);
        let Tree { nodes, names, .. } = &mut self.tree;
        names.insert(id, parent, name, |id| {
            let node = &nodes[id as usize];
            (node.parent, node.name, node.name_length)
        });
        Ok(id)
    }

    fn keep(&mut self, name: &[u8]) -> Result<(u32, u32), TarProblem> {
        let limit = self.limits.names.min(u32::MAX as usize);
        if self.tree.names.len() + name.len() > limit {
            return Err(TarProblem::Limit("the length of all names", limit as u64));
        }
        Ok(self.tree.names.push(name))
    }

    /// Forgets what is below a node: it is replaced by something else.
    fn clear(&mut self, id: NodeId) {
        let mut stack = vec![std::mem::replace(&mut self.tree.nodes[id as usize].first_child, NONE)];
        while let Some(id) = stack.pop() {
            if id == NONE {
                continue;
            }
            let node = &mut self.tree.nodes[id as usize];
            let (parent, name) = (node.parent, (node.name, node.name_length));
            stack.push(node.next);
            let child = std::mem::replace(&mut node.first_child, NONE);
            (node.kind, node.flags) = (Kind::Other, Flags::default());
            self.tree.size -= std::mem::take(&mut node.size);
            self.tree.names.remove(id, parent, name);
            stack.push(child);
        }
    }

    /// The directory that `parts` lead to, made where it is not there. Symbolic links of the same layer are followed, as unpacking does.
    fn directory(&mut self, parts: &[&[u8]]) -> Result<NodeId, TarProblem> {
        let mut at = Tree::ROOT;
        let mut hops = 0;
        // What is left to walk, last first; links put their targets there.
        let mut left: Vec<Vec<u8>> = Vec::new();
        let mut next = 0;
        while let Some(part) = left.pop().or_else(|| {
            next += 1;
            parts.get(next - 1).map(|part| part.to_vec())
        }) {
            match &part[..] {
                b"" | b"." => continue,
                b".." => {
                    at = if at == Tree::ROOT { at } else { self.tree.node(at).parent };
                    continue;
                }
                _ => {}
            }
            let Some(child) = self.tree.child(at, &part) else {
                at = self.new_child(at, &part, Flags::IMPLIED)?;
                continue;
            };
            let node = self.tree.node(child);
            if node.is_bare_whiteout() {
                let node = &mut self.tree.nodes[child as usize];
                node.flags.set(Flags::IMPLIED, true);
                node.kind = Kind::Directory;
                at = child;
                continue;
            }
            match node.kind {
                Kind::Directory => at = child,
                Kind::Symlink => {
                    hops += 1;
                    if hops > HOPS {
                        return Err(TarProblem::Loop);
                    }
                    let target = self.tree.link(child).unwrap_or_default();
                    if target.starts_with(b"/") {
                        at = Tree::ROOT;
                    }
                    left.extend(target.split(|b| *b == b'/').rev().map(<[u8]>::to_vec));
                    if left.len() > self.limits.depth {
                        return Err(TarProblem::Limit("the depth of a path", self.limits.depth as u64));
                    }
                }
                _ => return Err(TarProblem::NotDirectory),
            }
        }
        Ok(at)
    }

    fn parts<'a>(&self, path: &'a [u8]) -> Result<Vec<&'a [u8]>, TarProblem> {
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in path.split(|b| *b == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop().ok_or(TarProblem::Escapes)?;
                }
                _ => parts.push(part),
            }
        }
        if parts.len() > self.limits.depth {
            return Err(TarProblem::Limit("the depth of a path", self.limits.depth as u64));
        }
        Ok(parts)
    }

    fn whiteout(&mut self, parent: NodeId, name: &[u8]) -> Result<(), TarProblem> {
        match name {
            b".wh..opq" => self.tree.nodes[parent as usize].flags.set(Flags::OPAQUE, true),
            // AUFS's own records.
            _ if name.starts_with(b".wh.") => {}
            b"" | b"." | b".." => return Err(TarProblem::Whiteout),
            _ => {
                let id = match self.tree.child(parent, name) {
                    Some(id) => id,
                    None => self.new_child(parent, name, Flags::default())?,
                };
                // Docker removes what the same layer had there before it.
                self.clear(id);
                let node = &mut self.tree.nodes[id as usize];
                self.tree.size -= std::mem::take(&mut node.size);
                node.kind = Kind::Other;
                node.flags = Flags::WHITEOUT;
                (node.link, node.extra) = (NONE, NONE);
            }
        }
        Ok(())
    }

    fn place(&mut self, id: NodeId, entry: &Entry) -> Result<(), TarProblem> {
        let link = matches!(entry.kind, Kind::Symlink | Kind::Hardlink);
        let link = if link { self.keep(&entry.link)? } else { (NONE, 0) };
        let target = if entry.kind == Kind::Hardlink { self.target(&entry.link, id)? } else { None };
        let special = target.is_some() || entry.sparse.is_some() || !entry.xattrs.is_empty() || entry.device != (0, 0);
        let extra = if special { self.tree.extras.len() as u32 } else { NONE };
        if special {
            self.tree.extras.push(Extra {
                xattrs: entry.xattrs.clone(),
                sparse: entry.sparse.clone(),
                device: entry.device,
                target,
                secret: None,
            });
        }
        let size = if entry.kind == Kind::File { entry.size } else { 0 };
        if entry.kind != Kind::Directory {
            self.clear(id);
        }
        let node = &mut self.tree.nodes[id as usize];
        self.tree.size = self.tree.size - node.size + size;
        node.kind = entry.kind;
        node.flags.set(Flags::IMPLIED, false);
        node.flags.set(Flags::SECRET, false);
        node.flags.set(Flags::ENTRY, true);
        node.mode = (entry.mode & 0o7777) as u16;
        (node.uid, node.gid, node.mtime, node.size) = (entry.uid, entry.gid, entry.mtime.0, size);
        (node.link, node.link_length) = link;
        (node.extra, node.data, node.hash) = (extra, entry.data, 0);
        Ok(())
    }

    /// The file that a hard link leads to, if this layer has it.
    fn target(&self, link: &[u8], this: NodeId) -> Result<Option<NodeId>, TarProblem> {
        let path = self.parts(link)?.join(&b'/');
        let found = self.tree.find(&path).map(|id| self.tree.content(id));
        Ok(found.filter(|id| *id != this && self.tree.node(*id).flags.has(Flags::ENTRY)))
    }
}

impl Sink for Builder {
    fn entry(&mut self, entry: &Entry) -> Result<bool, TarProblem> {
        self.tree.entries += 1;
        self.current = None;
        if entry.kind == Kind::Other {
            return Ok(false);
        }
        let parts = self.parts(&entry.path)?;
        let Some((name, above)) = parts.split_last() else {
            if entry.kind == Kind::Directory {
                self.place(Tree::ROOT, entry)?;
            }
            return Ok(false);
        };
        let parent = self.directory(above)?;
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            self.whiteout(parent, hidden)?;
            return Ok(false);
        }
        let id = match self.tree.child(parent, name) {
            Some(id) => id,
            None => self.new_child(parent, name, Flags::default())?,
        };
        self.place(id, entry)?;
        let wanted = entry.kind == Kind::File && (self.options.hash || self.options.secrets);
        if wanted {
            self.current = Some(id);
            self.hash = XxHash64::with_seed(0);
            self.head.clear();
            self.wanted = secrets::HEAD;
        }
        Ok(wanted)
    }

    fn content(&mut self, bytes: &[u8]) {
        if self.options.hash {
            self.hash.write(bytes);
        }
        if self.options.secrets && self.head.len() < self.wanted {
            let (piece, rest) = bytes.split_at(bytes.len().min(self.wanted - self.head.len()));
            self.head.extend_from_slice(piece);
            if self.head.len() == secrets::HEAD && secrets::has_pem(&self.head) {
                self.wanted = secrets::PEM;
                self.head.extend_from_slice(&rest[..rest.len().min(secrets::PEM - secrets::HEAD)]);
            }
        }
    }

    fn end(&mut self) {
        let Some(id) = self.current.take() else { return };
        if self.options.hash {
            self.tree.nodes[id as usize].hash = self.hash.finish();
        }
        if self.options.secrets
            && let Some(what) = secrets::by_content(self.tree.name(id), &self.head, self.tree.node(id).size)
        {
            let extras = self.tree.extras.len() as u32;
            let node = &mut self.tree.nodes[id as usize];
            node.flags.set(Flags::SECRET, true);
            if node.extra == NONE {
                node.extra = extras;
                self.tree.extras.push(Extra::default());
            }
            if let Some(extra) = self.tree.extras.get_mut(node.extra as usize) {
                extra.secret = Some(what);
            }
        }
    }
}
