//! Image references: names, tags and digests, read and written as Docker does.
//! Follows the grammar and the normalisation rules of `github.com/distribution/reference` (`reference.go`, `normalize.go`, `regexp.go`)
//! and the digest rules of `github.com/opencontainers/go-digest`. Nothing here asks a registry whether a name exists.

mod glob;
mod grammar;
#[cfg(test)]
mod tests;

use std::fmt;

pub use glob::{BadPattern, glob_match};

/// The registry that a name without a domain belongs to.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// The tag that a name without tag and digest gets.
pub const DEFAULT_TAG: &str = "latest";
/// The most bytes a repository path may have.
pub const NAME_MAX: usize = 255;

const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";

/// Why a string is no reference. The texts are distribution's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The string does not follow the grammar.
    #[error("invalid reference format")]
    InvalidFormat,
    /// A tag does not follow the grammar.
    #[error("invalid tag format")]
    InvalidTag,
    /// A digest does not follow the grammar (given to [`Reference::with_digest`]).
    #[error("invalid digest format")]
    InvalidDigest,
    /// The string is a reference once it is written in lower case.
    #[error("repository name must be lowercase")]
    Uppercase,
    /// The same, found while normalising; holds the name.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    UppercaseName(String),
    /// The string is empty.
    #[error("repository name must have at least one component")]
    Empty,
    /// The path has more than [`NAME_MAX`] bytes.
    #[error("repository name must not be more than {NAME_MAX} characters")]
    TooLong,
    /// The name is not written in full ([`parse_named`]).
    #[error("repository name must be canonical")]
    NotCanonical,
    /// The string is an image id, which cannot be a name; holds it.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    /// The digest is not of the form its algorithm asks for.
    #[error("invalid checksum digest format")]
    ChecksumFormat,
    /// The digest has the wrong number of digits for its algorithm.
    #[error("invalid checksum digest length")]
    ChecksumLength,
    /// The digest's algorithm is not sha256, sha384 or sha512.
    #[error("unsupported digest algorithm")]
    UnsupportedAlgorithm,
}

/// A repository with, perhaps, a tag and a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// What [`parse_any`] found: a name, or only a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AnyReference {
    /// A normalised name.
    Named(Reference),
    /// A digest such as `sha256:…`; a bare image id becomes one.
    Digest(String),
}

impl fmt::Display for AnyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(reference) => reference.fmt(f),
            Self::Digest(digest) => f.write_str(digest),
        }
    }
}

impl fmt::Display for Reference {
    /// The reference in full: `docker.io/library/ubuntu:latest`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        self.write_suffix(f)
    }
}

impl Reference {
    /// The registry: `docker.io`, `localhost:5000`. Empty only for a reference that [`parse`] read without one.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The name within its registry: `library/ubuntu`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, when one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when one was given: `sha256:…`.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Domain and path: `docker.io/library/ubuntu`.
    pub fn name(&self) -> String {
        if self.domain.is_empty() { self.path.clone() } else { format!("{}/{}", self.domain, self.path) }
    }

    /// The name as people write it: without `docker.io/` and `library/`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.name();
        }
        match self.path.strip_prefix(OFFICIAL_PREFIX) {
            Some(rest) if !rest.contains('/') => rest.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// [`Self::familiar_name`] with tag and digest: what `docker images` and `docker pull` print.
    pub fn familiar_string(&self) -> String {
        struct Suffix<'a>(&'a Reference);
        impl fmt::Display for Suffix<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write_suffix(f)
            }
        }
        format!("{}{}", self.familiar_name(), Suffix(self))
    }

    /// Whether neither tag nor digest was given.
    pub fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// Adds the tag `latest` to a reference that is only a name.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.is_name_only() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository without tag and digest.
    #[must_use]
    pub fn without_suffix(&self) -> Self {
        Self { domain: self.domain.clone(), path: self.path.clone(), tag: None, digest: None }
    }

    /// The reference with this tag; a digest stays.
    ///
    /// # Errors
    /// [`Error::InvalidTag`] unless the tag is 1 to 128 of `A-Za-z0-9_.-`, not beginning with `.` or `-`.
    pub fn with_tag(mut self, tag: &str) -> Result<Self, Error> {
        if !grammar::is_tag(tag) {
            return Err(Error::InvalidTag);
        }
        self.tag = Some(tag.to_owned());
        Ok(self)
    }

    /// The reference with this digest; a tag stays.
    ///
    /// # Errors
    /// [`Error::InvalidDigest`] unless it is an algorithm, a colon and at least 32 hexadecimal digits.
    pub fn with_digest(mut self, digest: &str) -> Result<Self, Error> {
        if !grammar::is_digest(digest) {
            return Err(Error::InvalidDigest);
        }
        self.digest = Some(digest.to_owned());
        Ok(self)
    }

    /// Whether the familiar form, with or without its tag, matches a shell pattern: `--filter reference=…`.
    ///
    /// # Errors
    /// [`BadPattern`] when the pattern itself is malformed.
    pub fn familiar_match(&self, pattern: &str) -> Result<bool, BadPattern> {
        Ok(glob_match(pattern, &self.familiar_string())? || glob_match(pattern, &self.familiar_name())?)
    }

    fn write_suffix(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Reference {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        parse_normalized(s)
    }
}

/// Reads a reference as it stands, without adding what is missing (distribution's `Parse`).
///
/// # Errors
/// Each variant of [`Error`] that its description names.
pub fn parse(s: &str) -> Result<Reference, Error> {
    if s.is_empty() {
        return Err(Error::Empty);
    }
    let Some(parts) = grammar::split(s) else {
        let lower = crate::golang::case::lower(s);
        let only_case = lower != s && grammar::split(&lower).is_some();
        return Err(if only_case { Error::Uppercase } else { Error::InvalidFormat });
    };
    if parts.path.len() > NAME_MAX {
        return Err(Error::TooLong);
    }
    if let Some(digest) = parts.digest {
        validate_digest(digest)?;
    }
    Ok(Reference {
        domain: parts.domain.unwrap_or_default().to_owned(),
        path: parts.path.to_owned(),
        tag: parts.tag.map(str::to_owned),
        digest: parts.digest.map(str::to_owned),
    })
}

/// Reads what a person writes after `docker pull`: `ubuntu` becomes `docker.io/library/ubuntu` (distribution's `ParseNormalizedNamed`). No tag is added.
///
/// # Errors
/// Each variant of [`Error`] that its description names.
pub fn parse_normalized(s: &str) -> Result<Reference, Error> {
    if grammar::is_identifier(s) {
        return Err(Error::Identifier(s.to_owned()));
    }
    let (domain, remainder) = split_docker_domain(s);
    let remote = remainder.split(':').next().unwrap_or_default();
    if crate::golang::case::lower(remote) != remote {
        return Err(Error::UppercaseName(remote.to_owned()));
    }
    parse(&format!("{domain}/{remainder}"))
}

/// Reads a reference that must be written in full already (distribution's `ParseNamed`).
///
/// # Errors
/// [`Error::NotCanonical`] when normalising changes it, and those of [`parse_normalized`].
pub fn parse_named(s: &str) -> Result<Reference, Error> {
    let reference = parse_normalized(s)?;
    if reference.to_string() == s { Ok(reference) } else { Err(Error::NotCanonical) }
}

/// Normalises, adds `latest` to a bare name, and lets a digest replace the tag (distribution's `ParseDockerRef`).
///
/// # Errors
/// Those of [`parse_normalized`].
pub fn parse_docker_ref(s: &str) -> Result<Reference, Error> {
    let mut reference = parse_normalized(s)?;
    if reference.digest.is_some() {
        reference.tag = None;
    }
    Ok(reference.with_default_tag())
}

/// Reads an image id, a digest or a name (distribution's `ParseAnyReference`).
///
/// # Errors
/// Those of [`parse_normalized`].
pub fn parse_any(s: &str) -> Result<AnyReference, Error> {
    if grammar::is_identifier(s) {
        return Ok(AnyReference::Digest(format!("sha256:{s}")));
    }
    if validate_digest(s).is_ok() {
        return Ok(AnyReference::Digest(s.to_owned()));
    }
    parse_normalized(s).map(AnyReference::Named)
}

/// Checks a digest as `go-digest` does: a known algorithm and exactly its number of lower-case hexadecimal digits.
///
/// # Errors
/// [`Error::ChecksumFormat`], [`Error::ChecksumLength`] or [`Error::UnsupportedAlgorithm`].
pub fn validate_digest(s: &str) -> Result<(), Error> {
    let Some((algorithm, encoded)) = s.split_once(':').filter(|(a, e)| !a.is_empty() && !e.is_empty()) else {
        return Err(Error::ChecksumFormat);
    };
    let digits = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ if grammar::is_open_digest(algorithm, encoded) => {
            return Err(Error::UnsupportedAlgorithm);
        }
        _ => return Err(Error::ChecksumFormat),
    };
    if encoded.len() != digits {
        return Err(Error::ChecksumLength);
    }
    if encoded.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) { Ok(()) } else { Err(Error::ChecksumFormat) }
}

/// Finds the registry in what a person wrote; the default one when the first component cannot be a host.
fn split_docker_domain(name: &str) -> (&str, String) {
    let Some((first, rest)) = name.split_once('/') else {
        return (DEFAULT_DOMAIN, format!("{OFFICIAL_PREFIX}{name}"));
    };
    let (domain, remote) = if first == LEGACY_DOMAIN {
        (DEFAULT_DOMAIN, rest)
    } else if first == "localhost" || first.contains(['.', ':']) || crate::golang::case::lower(first) != first {
        (first, rest)
    } else {
        (DEFAULT_DOMAIN, name)
    };
    if domain == DEFAULT_DOMAIN && !remote.contains('/') {
        return (domain, format!("{OFFICIAL_PREFIX}{remote}"));
    }
    (domain, remote.to_owned())
}
