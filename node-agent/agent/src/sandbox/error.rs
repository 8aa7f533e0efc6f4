//! What can go wrong when the host makes, uses or removes a node.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The text says what was tried, on what, and where it helps what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another agent has the bridge and the packet filter of this network namespace.
    #[error(
        "another node-agent serve runs in this network namespace, and its nodes' network is there once: end it, or start this one in a namespace of its own (ip netns exec NAME …)"
    )]
    NetworkInUse,
    /// A step on a path failed.
    #[error("cannot {step} {path}: {source}")]
    Path {
        /// The step, as a verb phrase.
        step: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A step without a path failed.
    #[error("cannot {step}: {source}")]
    System {
        /// The step, as a verb phrase.
        step: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A program that does part of the work failed.
    #[error("{tool} failed: {text}")]
    Tool {
        /// The program.
        tool: &'static str,
        /// What it said.
        text: String,
    },
    /// A network device could not be made or removed.
    #[error(transparent)]
    Network(#[from] slipway_runtime::net::Error),
    /// Something there is a fixed number of has run out.
    #[error("no free {what} for another node; remove sessions or {remedy}")]
    Exhausted {
        /// What ran out.
        what: &'static str,
        /// Where more comes from.
        remedy: &'static str,
    },
    /// The node is not there (any more).
    #[error("there is no node {0} on this host")]
    NoNode(String),
    /// Several steps of a removal failed; the others were done.
    #[error("node {tag} is not wholly removed: {}", .errors.join("; "))]
    Teardown {
        /// The node's tag.
        tag: String,
        /// Every step that failed.
        errors: Vec<String>,
    },
}

/// The result of this module's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// Wraps the system's answer to a step on a path.
pub(crate) fn at(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Path { step, path, source }
}
