//! What can be wrong with an image. A text says what was read, where, and what was found there.

use std::fmt;

use super::digest::Digest;

/// The result of reading images.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source failed.
    #[error("reading {what}: {error}")]
    Io {
        /// The file of the archive.
        what: String,
        /// What the source said.
        error: std::io::Error,
    },
    /// A tar breaks its format's rules.
    #[error("{what}{}: {problem}", At(*offset, name))]
    Tar {
        /// Which tar: `the archive`, `layer sha256:…`.
        what: String,
        /// The entry's name, as far as it is known.
        name: String,
        /// Where its header stands, in bytes of the uncompressed tar.
        offset: u64,
        /// What is wrong.
        problem: TarProblem,
    },
    /// A compressed stream is broken.
    #[error("{what}: {kind} stream broken near byte {offset}: {problem}")]
    Compression {
        /// Which stream.
        what: String,
        /// `gzip` or `zstd`.
        kind: &'static str,
        /// Bytes of the compressed stream before the fault.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A compression that is not read here.
    #[error("{what}: {kind} compression is not supported; use gzip, zstd or none")]
    UnknownCompression {
        /// Which stream.
        what: String,
        /// `bzip2` or `xz`.
        kind: &'static str,
    },
    /// The archive itself is compressed, so nothing in it can be found without reading all before it.
    #[error("the archive is compressed with {0}; decompress it first: its parts cannot be read at will")]
    CompressedArchive(&'static str),
    /// More than a limit allows.
    #[error("{what}: {subject} exceeds the limit of {limit}")]
    Limit {
        /// Where.
        what: String,
        /// What there is too much of.
        subject: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Neither kind of image archive.
    #[error("{0}")]
    NoImage(String),
    /// A document that is no JSON, or not of the form it must have.
    #[error("{what}: {problem}")]
    Document {
        /// The file.
        what: String,
        /// What is wrong.
        problem: String,
    },
    /// A file that is named is not there.
    #[error("{what}: the archive has no file {file}")]
    Missing {
        /// Who names it.
        what: String,
        /// Its name.
        file: String,
    },
    /// A blob has another digest than its name.
    #[error("{what}: digest {found}, expected {expected}")]
    Digest {
        /// The blob.
        what: String,
        /// As it is called.
        expected: Digest,
        /// As it is.
        found: Digest,
    },
    /// No image by that name or platform.
    #[error("{0}")]
    NoSuchImage(String),
    /// No such path in a tree.
    #[error("{path}: {problem}")]
    Path {
        /// The path asked for.
        path: String,
        /// `no such file or directory` and the like.
        problem: &'static str,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

struct At<'a>(u64, &'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " at byte {}", self.0)?;
        if self.1.is_empty() { Ok(()) } else { write!(f, ", entry {:?}", self.1) }
    }
}

/// What can be wrong with a tar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TarProblem {
    /// It ends in the middle of something.
    #[error("unexpected end of the tar")]
    Truncated,
    /// The header's sum does not fit: no tar, or damaged.
    #[error("the header's checksum is wrong")]
    Checksum,
    /// A numeric field holds something else.
    #[error("the field {0} is no number")]
    Number(&'static str),
    /// A PAX record breaks the form `length key=value`.
    #[error("bad PAX record: {0}")]
    Pax(&'static str),
    /// The map of a sparse file is not in order, or claims more than there is.
    #[error("bad sparse map: {0}")]
    Sparse(&'static str),
    /// A long name, a PAX header without an entry behind it.
    #[error("a long name or PAX header without an entry")]
    Dangling,
    /// One block of zeros and then something else.
    #[error("a block of zeros is followed by something else")]
    LoneZeroBlock,
    /// `..` leads out of the root.
    #[error("the path leads out of the layer")]
    Escapes,
    /// A path through something that is no directory.
    #[error("the path leads through something that is no directory")]
    NotDirectory,
    /// Symbolic links that lead to each other.
    #[error("too many levels of symbolic links")]
    Loop,
    /// A whiteout of nothing, `.wh..` and the like.
    #[error("a whiteout without a name")]
    Whiteout,
    /// More than a limit allows: what, and the limit.
    #[error("{0} exceeds the limit of {1}")]
    Limit(&'static str, u64),
}

impl Error {
    pub(crate) fn document(what: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self::Document { what: what.into(), problem: problem.to_string() }
    }
}
