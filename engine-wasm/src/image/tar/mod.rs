//! Reads tar: ustar, GNU (long names, base-256 numbers, sparse files) and PAX, strictly and without I/O. [`Machine`] is given the
//! blocks that it asks for, [`Stream`] any pieces of a stream. Written here, since layers need sparse maps, PAX records and an error that
//! names entry and place, none of which the `tar` crate gives without a reader to pull from.

mod header;
mod machine;
mod pax;
mod sparse;
mod stream;
#[cfg(test)]
mod tests;

pub use machine::{Machine, Next};
pub use stream::{Sink, Stream};

/// The unit in which tars are made.
pub const BLOCK: usize = 512;

/// What an entry creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file before it.
    Hardlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// A kind that is of no use in a layer; its content is skipped.
    Other,
}

/// An entry of a tar, its content apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path as written.
    pub path: Vec<u8>,
    /// A link's target as written.
    pub link: Vec<u8>,
    /// What it creates.
    pub kind: Kind,
    /// Permissions, set-user-ID and the like: the lower twelve bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Seconds since 1970 of the last change, and nanoseconds.
    pub mtime: (i64, u32),
    /// Bytes of content in the tar.
    pub stored: u64,
    /// The file's size; that of a sparse file is more than what is stored.
    pub size: u64,
    /// A sparse file's parts that are stored: offset and length of each, in order.
    pub sparse: Option<Vec<(u64, u64)>>,
    /// Extended attributes: names and values.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Where its (first) header stands in the tar.
    pub offset: u64,
    /// Where its content begins in the tar.
    pub data: u64,
}
