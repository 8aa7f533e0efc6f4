//! What can go wrong with a library, said with the place and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a library could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory did not do what was asked.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: "reading".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The directory is no OCI layout.
    #[error("{0} is no OCI layout ({what}); `node-agent library build --output {0}` makes one", path.display())]
    NoLayout {
        /// The directory.
        path: PathBuf,
        /// What was missing or wrong.
        what: String,
    },
    /// `--only` names an image that there is no recipe for.
    #[error("there is no recipe for an image {name:?}; there are: {known}")]
    UnknownImage {
        /// As it was given.
        name: String,
        /// The names that would have been right.
        known: String,
    },
    /// A tool is missing.
    #[error("cannot start {tool}: {source}; on Debian: apt-get install {package}")]
    Tool {
        /// The program.
        tool: &'static str,
        /// The Debian package it is in.
        package: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// mmdebstrap ended with an error; its own words went to stderr.
    #[error(
        "mmdebstrap ended with {status} while making {base}; its own words are above (is the network there? is the disk full?)"
    )]
    Mmdebstrap {
        /// The base image.
        base: &'static str,
        /// How it ended.
        status: String,
    },
    /// Images that are built need an engine, and that needs root.
    #[error(
        "images with a Dockerfile are built by an engine, which only root can start; as another user, make the others: --only debian,ubuntu"
    )]
    NotRoot,
    /// The engine that builds images did not start.
    #[error("starting the engine that builds images: {what}")]
    Engine {
        /// What happened.
        what: String,
    },
    /// An image's Dockerfile could not be built.
    #[error("building {image}: {log}\n(the whole log: {})", path.display())]
    Build {
        /// The image.
        image: &'static str,
        /// The end of the build's output.
        log: String,
        /// Where all of it is.
        path: PathBuf,
    },
    /// An archive that images were to be added from.
    #[error("{}: {what}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// An image that was to be copied from a registry.
    #[error("{reference}: {what}")]
    Registry {
        /// As it was given.
        reference: String,
        /// What is wrong.
        what: String,
    },
    /// A name that is to be removed.
    #[error("{name}: {what}; `node-agent library list` shows what there is")]
    UnknownName {
        /// As it was given.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A file that should hold certificates holds none.
    #[error("{} holds no PEM certificate (no line -----BEGIN CERTIFICATE-----)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// For `map_err`: an I/O error with what was tried on which path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
