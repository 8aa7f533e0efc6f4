//! The names of a tree's nodes in one piece of memory, and a table that finds a child by its name.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// Names by place, nodes by parent and name.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl Names {
    pub(super) fn get(&self, at: u32, length: u32) -> &[u8] {
        let at = at as usize;
        self.bytes.get(at..at + length as usize).unwrap_or_default()
    }

    /// Bytes of all names.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Keeps a name; gives its place. The caller sees to it that places fit 32 bits.
    pub(super) fn push(&mut self, name: &[u8]) -> (u32, u32) {
        let at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name);
        (at, name.len() as u32)
    }

    /// The node below `parent` that is called `name`. `of` tells a node's parent and name.
    pub(super) fn find<'a>(&'a self, parent: u32, name: &[u8], of: impl Fn(u32) -> (u32, &'a [u8])) -> Option<u32> {
        let hash = self.hasher.hash_one((parent, name));
        self.table.find(hash, |id| of(*id) == (parent, name)).copied()
    }

    /// Enters a node that is not there yet.
    pub(super) fn insert(&mut self, id: u32, parent: u32, name: &[u8], place: impl Fn(u32) -> (u32, u32, u32)) {
        let Self { bytes, table, hasher } = self;
        let hash = hasher.hash_one((parent, name));
        table.insert_unique(hash, id, |id| {
            let (parent, at, length) = place(*id);
            let name = bytes.get(at as usize..(at + length) as usize).unwrap_or_default();
            hasher.hash_one((parent, name))
        });
    }

    /// Takes a node out.
    pub(super) fn remove(&mut self, id: u32, parent: u32, name: (u32, u32)) {
        let name = self.bytes.get(name.0 as usize..(name.0 + name.1) as usize).unwrap_or_default();
        let hash = self.hasher.hash_one((parent, name));
        if let Ok(entry) = self.table.find_entry(hash, |known| *known == id) {
            entry.remove();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.table.capacity() * (size_of::<u32>() + 1)
    }
}
