//! What verifying an archive has found.

use serde::Serialize;

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// An index within the archive.
    Index,
    /// A manifest.
    Manifest,
    /// A configuration.
    Config,
    /// A layer's blob as stored.
    Blob,
    /// A layer's uncompressed tar.
    DiffId,
    /// The length of a blob.
    Size,
    /// An attestation's manifest or statement.
    Attestation,
    /// Whether the blob can be read as a layer at all.
    Layer,
    /// Whether the documents agree with each other.
    Document,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was compared.
    pub subject: Subject,
    /// Of which blob or image.
    pub name: String,
    /// What the archive says it is.
    pub expected: String,
    /// What is wrong; `None` when it is right.
    pub failure: Option<String>,
}

/// Everything that was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// All comparisons in order.
    pub checks: Vec<Check>,
    /// What else is wrong with the archive's documents: see [`Archive::problems`](crate::image::Archive::problems).
    pub problems: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.failures().next().is_none() && self.problems.is_empty()
    }

    /// What is wrong.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.failure.is_some())
    }
}
