//! What the image store can fail with. Where Docker has a wording of its own, `Display` is that wording.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{ChainId, DiffId, ImageId};

/// The result of the image store's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed operation of the image store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused something on a file of the store.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Another process holds the store.
    #[error("the image store {} is in use by another engine; stop it or choose another --data-root", .0.display())]
    InUse(PathBuf),
    /// A file of the store does not hold what it must.
    #[error("damaged file {}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A layer's archive could not be unpacked.
    #[error("failed to register layer: {0}")]
    Unpack(#[from] crate::layer::UnpackError),
    /// A layer's content is not what its digest says.
    #[error("layer verification failed: the content's diff id is {found}, expected {expected}")]
    WrongDiffId {
        /// What the configuration or manifest promised.
        expected: DiffId,
        /// What the content is.
        found: DiffId,
    },
    /// A layer that is needed is not in the store.
    #[error("layer {0} does not exist: register it first")]
    NoSuchLayer(ChainId),
    /// More layers than overlayfs is used with.
    #[error("max depth exceeded")]
    TooManyLayers,
    /// An image configuration could not be understood.
    #[error("invalid image configuration: {0}")]
    InvalidConfig(String),
    /// No image has this id.
    #[error("No such image: {0}")]
    NoSuchImage(ImageId),
    /// A name did not lead to one image.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A name is not a valid reference.
    #[error("{0}")]
    InvalidReference(String),
    /// An image cannot be removed; the text is Docker's.
    #[error("conflict: {0}")]
    Conflict(String),
    /// A container's layer does not exist.
    #[error("no writable layer for container {0}")]
    NoSuchRwLayer(String),
    /// A container's layer exists already.
    #[error("a writable layer for container {0} already exists")]
    RwLayerExists(String),
    /// A container's layer is mounted and cannot be removed.
    #[error("the writable layer of container {0} is still mounted")]
    Mounted(String),
    /// An archive given to load or import is not one.
    #[error("{0}")]
    Archive(String),
}

/// Why a name did not lead to one image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing has this name or id.
    #[error("No such image: {0}")]
    NotFound(String),
    /// A repository has no such tag.
    #[error("reference does not exist")]
    NoSuchReference,
    /// Several images' ids begin so.
    #[error("multiple IDs found with provided prefix: {0}")]
    Ambiguous(String),
    /// The text is no reference; holds the grammar's words.
    #[error("{0}")]
    Invalid(String),
}

/// Attaches what was tried, and on what, to a kernel error.
pub(crate) trait IoContext<T> {
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> IoContext<T> for std::result::Result<T, E> {
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.as_ref().to_owned(), source: source.into() })
    }
}
