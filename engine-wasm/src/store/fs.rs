//! A file system in memory: what an image's layers unpack to, and what a build changes. Nodes lie in one list, so that a copy of it is cheap and hard links are the same node twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::Error;
use crate::ignore::path;

/// Symbolic links that one path may lead through.
const MAX_LINKS: usize = 255;
/// Elements that one path may have.
const MAX_DEPTH: usize = 1024;

/// A file's bytes, shared with the layer or context that they came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Content {
    /// A part of a tar.
    pub(super) fn part(tar: &Arc<Vec<u8>>, range: Range<usize>) -> Self {
        Self { bytes: Arc::clone(tar), range }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { bytes: Arc::new(bytes), range }
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A directory: names and nodes.
    Directory(BTreeMap<String, usize>),
    /// A regular file.
    File(Content),
    /// A symbolic link and its target as written.
    Symlink(String),
    /// A character device.
    Character(u32, u32),
    /// A block device.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
}

/// A file, directory or whatever else has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub body: Body,
    /// The lower twelve bits of its mode.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Extended attributes.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Node {
    /// A node of root's without extended attributes.
    pub fn new(body: Body, mode: u32) -> Self {
        Self { body, mode, uid: 0, gid: 0, xattrs: BTreeMap::new() }
    }

    /// An empty directory of root's.
    pub fn directory(mode: u32) -> Self {
        Self::new(Body::Directory(BTreeMap::new()), mode)
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        matches!(self.body, Body::Directory(_))
    }
}

/// A file system. Paths are clean, without a leading `/`; the root is the empty path.
#[derive(Debug, Clone)]
pub struct Fs {
    nodes: Vec<Node>,
    touched: BTreeSet<String>,
}

impl Default for Fs {
    fn default() -> Self {
        Self { nodes: vec![Node::directory(0o755)], touched: BTreeSet::new() }
    }
}

impl Fs {
    /// The node at a path, the last element's symbolic link not followed, nor any other.
    pub fn find(&self, at: &str) -> Option<usize> {
        let mut node = 0;
        for part in at.split('/').filter(|part| !part.is_empty()) {
            let Body::Directory(children) = &self.nodes.get(node)?.body else { return None };
            node = *children.get(part)?;
        }
        Some(node)
    }

    /// A node by its number.
    pub fn node(&self, id: usize) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// The node at a path, as [`Fs::find`].
    pub fn get(&self, at: &str) -> Option<&Node> {
        self.node(self.find(at)?)
    }

    /// The names in a directory, in order; none where there is no directory.
    pub fn list(&self, at: &str) -> Vec<String> {
        match self.get(at).map(|node| &node.body) {
            Some(Body::Directory(children)) => children.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// A path with every symbolic link followed as if this were the whole world; what does not exist is kept as written.
    ///
    /// # Errors
    /// Links in a circle, and paths of too many elements.
    pub fn resolve(&self, at: &str) -> Result<String, Error> {
        let mut out: Vec<String> = Vec::new();
        let mut rest: Vec<String> = at.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    out.pop();
                    continue;
                }
                _ => out.push(part),
            }
            if out.len() > MAX_DEPTH {
                return Err(Error::TooDeep(at.to_owned()));
            }
            if let Some(Body::Symlink(target)) = self.get(&out.join("/")).map(|node| &node.body) {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Error::LinkLoop(at.to_owned()));
                }
                out.pop();
                if target.starts_with('/') {
                    out.clear();
                }
                rest.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        Ok(out.join("/"))
    }

    /// [`Fs::resolve`] for the directory, the last element as it is.
    ///
    /// # Errors
    /// As [`Fs::resolve`].
    pub fn resolve_parent(&self, at: &str) -> Result<String, Error> {
        let cleaned = path::clean(&format!("/{at}"));
        let (dir, name) = cleaned.rsplit_once('/').unwrap_or(("", &cleaned));
        Ok(path::join(&self.resolve(dir)?, name).trim_start_matches('/').to_owned())
    }

    /// Puts a node at a path whose directory exists, in place of what is there; notes the change.
    ///
    /// # Errors
    /// The directory does not exist or is none.
    pub fn put(&mut self, at: &str, node: Node) -> Result<usize, Error> {
        let id = self.nodes.len();
        self.nodes.push(node);
        self.link(at, id)?;
        Ok(id)
    }

    /// Gives a node a name, in place of what has it; notes the change.
    ///
    /// # Errors
    /// As [`Fs::put`].
    pub fn link(&mut self, at: &str, id: usize) -> Result<(), Error> {
        let (dir, name) = at.rsplit_once('/').unwrap_or(("", at));
        let parent = self.find(dir).filter(|_| !name.is_empty());
        match parent.and_then(|parent| self.nodes.get_mut(parent)).map(|node| &mut node.body) {
            Some(Body::Directory(children)) => {
                children.insert(name.to_owned(), id);
                self.touch(at);
                Ok(())
            }
            _ => Err(Error::NotADirectory(format!("/{dir}"))),
        }
    }

    /// Takes a name away. Returns whether there was one.
    pub fn remove(&mut self, at: &str) -> bool {
        let (dir, name) = at.rsplit_once('/').unwrap_or(("", at));
        match self.find(dir).and_then(|parent| self.nodes.get_mut(parent)).map(|node| &mut node.body) {
            Some(Body::Directory(children)) => children.remove(name).is_some(),
            _ => false,
        }
    }

    /// Changes a node in place; notes the change.
    pub fn change(&mut self, at: &str, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.find(at).and_then(|id| self.nodes.get_mut(id)) {
            change(node);
            self.touch(at);
        }
    }

    /// Makes a directory and those above it, where they are missing.
    ///
    /// # Errors
    /// Something that is no directory is in the way.
    pub fn make_dirs(&mut self, at: &str, mode: u32, owner: (u32, u32)) -> Result<(), Error> {
        let mut path = String::new();
        for part in at.split('/').filter(|part| !part.is_empty()) {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
            match self.get(&path) {
                Some(node) if node.is_dir() => {}
                Some(_) => return Err(Error::NotADirectory(format!("/{path}"))),
                None => {
                    let (uid, gid) = owner;
                    self.put(&path, Node { uid, gid, ..Node::directory(mode) })?;
                }
            }
        }
        Ok(())
    }

    /// Forgets what was changed so far.
    pub fn settle(&mut self) {
        self.touched.clear();
    }

    fn touch(&mut self, at: &str) {
        if !self.touched.contains(at) {
            self.touched.insert(at.to_owned());
        }
    }

    /// What was changed since [`Fs::settle`], with the directories above, in the order in which a walk meets it.
    pub fn changes(&self) -> Vec<(String, usize)> {
        let mut paths: BTreeSet<Vec<&str>> = BTreeSet::new();
        for at in &self.touched {
            let parts: Vec<&str> = at.split('/').collect();
            for end in 1..=parts.len() {
                paths.extend(parts.get(..end).map(<[&str]>::to_vec));
            }
        }
        let paths = paths.into_iter().map(|parts| parts.join("/"));
        paths.filter_map(|at| Some((self.find(&at)?, at))).map(|(id, at)| (at, id)).collect()
    }

    /// Every path below a directory, in the order of a walk: parents first, names in order.
    pub fn walk(&self, at: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut stack = vec![at.to_owned()];
        while let Some(dir) = stack.pop() {
            let children: Vec<String> = self
                .list(&dir)
                .into_iter()
                .map(|name| if dir.is_empty() { name } else { format!("{dir}/{name}") })
                .collect();
            if dir != at {
                out.push(dir);
            }
            stack.extend(children.into_iter().rev());
        }
        out
    }
}
