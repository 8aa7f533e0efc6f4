//! Image names as the store uses them: the distribution grammar of `engine-wasm`, with digests that are sha256 and typed.

use std::fmt;

use engine_wasm::reference::{Error as GrammarError, Reference as Name, parse_normalized};

use crate::digest::Digest;
use crate::error::{Error, Result};

/// A normalised image name: `docker.io/library/ubuntu:latest`, with a tag, a digest, both or neither.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    name: Name,
    digest: Option<Digest>,
}

impl TryFrom<Name> for Reference {
    type Error = Error;

    /// Fails for a digest of another algorithm than sha256.
    fn try_from(name: Name) -> Result<Self> {
        let parsed = name.digest().map(str::parse).transpose();
        let digest = parsed.map_err(|_| Error::InvalidReference("unsupported digest algorithm".into()))?;
        Ok(Self { name, digest })
    }
}

impl Reference {
    /// Reads a name as people write it; `ubuntu` is `docker.io/library/ubuntu`.
    pub fn parse(text: &str) -> Result<Self> {
        let parsed = parse_normalized(text);
        parsed.map_err(|error| Error::InvalidReference(error.to_string()))?.try_into()
    }

    /// With the tag `latest` if it has neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(self) -> Self {
        Self { name: self.name.with_default_tag(), ..self }
    }

    /// The same repository with this tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self, GrammarError> {
        Ok(Self { name: self.name.without_suffix().with_tag(tag)?, digest: None })
    }

    /// The same repository with this digest and no tag.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        let name = self.name.without_suffix().with_digest(&digest.to_string());
        Self { name: name.expect("a sha256 follows the grammar"), digest: Some(digest) }
    }

    /// `docker.io`.
    pub fn domain(&self) -> &str {
        self.name.domain()
    }

    /// `library/ubuntu`.
    pub fn path(&self) -> &str {
        self.name.path()
    }

    /// `latest`.
    pub fn tag(&self) -> Option<&str> {
        self.name.tag()
    }

    /// `sha256:…`.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// `ubuntu` for `docker.io/library/ubuntu:latest`.
    pub fn familiar_name(&self) -> String {
        self.name.familiar_name()
    }

    /// `ubuntu:latest` for `docker.io/library/ubuntu:latest`.
    pub fn familiar_string(&self) -> String {
        self.name.familiar_string()
    }

    /// The name without tag and digest, in full: `docker.io/library/ubuntu`.
    pub fn full_name(&self) -> String {
        self.name.name()
    }

    /// The name by the grammar's own type.
    pub fn as_name(&self) -> &Name {
        &self.name
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
