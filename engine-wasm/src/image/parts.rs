//! What an archive is found to hold: images, layers, attestations.

use serde::Serialize;

use super::digest::Digest;
use super::json::{Config, Descriptor, Map, Platform};

/// In which layouts an archive describes its images. Docker 25 and later write both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Format {
    /// `manifest.json`.
    pub docker: bool,
    /// `oci-layout` and `index.json`.
    pub oci: bool,
}

/// One image for one platform.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its names as the archive has them: `debian:12`, or a bare tag where an OCI layout has only that.
    pub names: Vec<String>,
    /// Its OCI or docker manifest, where there is one.
    pub manifest: Option<Descriptor>,
    /// The index that it was found in, where that is not the archive's own.
    pub index: Option<Digest>,
    /// What it runs on.
    pub platform: Platform,
    /// The digest of its configuration: what docker calls its ID.
    pub id: Digest,
    /// The archive's file with the configuration.
    pub config_path: String,
    /// The configuration.
    pub config: Config,
    /// The configuration's bytes.
    pub config_json: Vec<u8>,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
    /// The manifest's annotations.
    pub annotations: Map,
    /// What was attested of it.
    pub attestations: Vec<Attestation>,
}

/// A layer as an archive has it.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The digest of its uncompressed tar. Unknown where the configuration does not say it.
    pub diff_id: Option<Digest>,
    /// The digest of its blob, where the archive says it.
    pub digest: Option<Digest>,
    /// Its media type, where the archive says it.
    pub media_type: String,
    /// Its blob's size, as the manifest says.
    pub size: Option<u64>,
    /// The archive's file as the manifest names it.
    pub file: String,
    /// The archive's file; `None` where the archive lacks it.
    pub path: Option<String>,
    /// The size of that file.
    pub stored: u64,
    /// The descriptor's annotations.
    pub annotations: Map,
}

/// An image that an index names but the archive lacks.
#[derive(Debug, Clone, Serialize)]
pub struct Absent {
    /// As [`Image::names`].
    pub names: Vec<String>,
    /// Its manifest's digest.
    pub digest: Digest,
    /// What it runs on.
    pub platform: Option<Platform>,
    /// The file that is missing.
    pub file: String,
}

/// An attestation manifest of BuildKit: in-toto statements about an image.
#[derive(Debug, Clone, Serialize)]
pub struct Attestation {
    /// Its manifest's digest.
    pub digest: Digest,
    /// The digest of the manifest that it is about.
    pub subject: Digest,
    /// Its statements.
    pub statements: Vec<Statement>,
}

/// An in-toto statement.
#[derive(Debug, Clone, Serialize)]
pub struct Statement {
    /// `https://slsa.dev/provenance/v0.2`, `https://spdx.dev/Document`.
    pub predicate_type: String,
    /// The blob's digest.
    pub digest: Digest,
    /// Its size.
    pub size: u64,
    /// The archive's file; `None` where the archive lacks it.
    pub path: Option<String>,
}

impl Layer {
    /// How errors and reports call it.
    pub fn title(&self) -> String {
        match self.digest.as_ref().or(self.diff_id.as_ref()) {
            Some(digest) => format!("layer {digest}"),
            None => format!("layer {}", self.file),
        }
    }
}

impl Image {
    /// The name to show: the first, or the ID.
    pub fn title(&self) -> String {
        self.names.first().cloned().unwrap_or_else(|| self.id.short().to_owned())
    }
}

impl Image {
    pub(super) fn is_called(&self, name: &str) -> bool {
        let id = name.strip_prefix("sha256:").unwrap_or(name);
        let by_id = id.len() >= 4 && id.bytes().all(|b| b.is_ascii_hexdigit());
        let full = |name: &str| crate::reference::parse_docker_ref(name).ok().map(|r| r.to_string());
        self.names.iter().any(|known| known == name || (full(name).is_some() && full(known) == full(name)))
            || by_id && (self.id.hex().starts_with(id))
            || by_id && self.manifest.as_ref().is_some_and(|m| m.digest.hex().starts_with(id))
    }
}
