//! What can go wrong in the store, in docker's and BuildKit's words where they have some.

use super::config::ConfigError;
use super::mode::ModeError;
use crate::reference;

/// Why something was not done.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No image of that name or id.
    #[error("No such image: {0}")]
    NoImage(String),
    /// A name that is none.
    #[error("invalid reference format: {1}: {0:?}")]
    Reference(String, reference::Error),
    /// A name that is none, for a tag.
    #[error("Error parsing reference: {0:?} is not a valid repository/tag: {1}")]
    Repository(String, reference::Error),
    /// A tag with a digest.
    #[error("refusing to create a tag with a digest reference")]
    TagDigest,
    /// Removing what has several names, by its id.
    #[error("conflict: unable to delete {0} (must be forced) - image is referenced in multiple repositories")]
    Referenced(String),
    /// An archive or a layer that cannot be read.
    #[error(transparent)]
    Image(#[from] crate::image::Error),
    /// A layer whose content has another digest than the configuration says.
    #[error("layer {wanted} has the digest {found}: the archive is broken")]
    WrongLayer {
        /// What the configuration says.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// A configuration and a list of layers that do not belong together.
    #[error("image {0} names {1} layers in its configuration and has {2}")]
    LayerCount(String, usize, usize),
    /// More than the memory for layers allows.
    #[error("the layers would take more than {0} bytes: remove images, or build on a node")]
    TooLarge(u64),
    /// An archive for `ADD` in a compression that is not read here.
    #[error("ADD {0}: {1} cannot be unpacked here; compress it with gzip or zstd, or build on a node")]
    Archive(String, &'static str),
    /// A path with too many elements.
    #[error("{0}: too many levels of directories")]
    TooDeep(String),
    /// Symbolic links that lead in a circle.
    #[error("{0}: too many levels of symbolic links")]
    LinkLoop(String),
    /// Something that should be a directory.
    #[error("{0}: not a directory")]
    NotADirectory(String),
    /// A source that does not exist.
    #[error("{0:?}: not found")]
    NotFound(String),
    /// A directory copied over a file.
    #[error("cannot copy to non-directory: {0}")]
    DirectoryOverFile(String),
    /// A file copied over a directory.
    #[error("cannot replace to directory {0} with file")]
    FileOverDirectory(String),
    /// `--chown` with a user whom the image does not have.
    #[error("unable to convert uid/gid chown string to host mapping: can't find uid for user {0}: no such user: {0}")]
    NoUser(String),
    /// `--chown` with a group that the image does not have.
    #[error("unable to convert uid/gid chown string to host mapping: can't find gid for group {0}: no such group: {0}")]
    NoGroup(String),
    /// `--chmod` with something that is no mode.
    #[error(transparent)]
    Mode(#[from] ModeError),
    /// A pattern that is none.
    #[error(transparent)]
    Pattern(#[from] crate::ignore::BadPattern),
    /// An ignore file, or exclusions, that cannot be used.
    #[error(transparent)]
    Ignore(#[from] crate::ignore::Error),
    /// An instruction that a configuration cannot take.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A variable or mount that cannot be expanded.
    #[error("{0}")]
    Expand(String),
    /// A command to run.
    #[error("RUN needs a machine to run on, which there is none of here: build this Dockerfile on a node")]
    Run,
    /// A download whose content was not given.
    #[error("ADD {0}: there is no network here; give the content along with the build, or build on a node")]
    Download(String),
    /// A download that is not what the checksum says.
    #[error("digest mismatch {found}: {wanted}")]
    Checksum {
        /// What was asked for.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// A base image that was not loaded.
    #[error("{0}: the image is not in the store: load it from an archive first")]
    NoBase(String),
    /// No such target stage.
    #[error("target stage {0:?} could not be found")]
    NoTarget(String),
    /// Stages that need each other.
    #[error("circular dependency detected on stage: {0}")]
    Circle(String),
    /// A stage number that is too high.
    #[error("invalid stage index {0}")]
    StageIndex(String),
}

/// The text again: the code that a derived one would add goes into a browser's download, since boxed errors have to have it.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}
