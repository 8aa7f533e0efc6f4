//! Manifests and indexes: Docker's schema 2 and OCI's, which have the same shape.

use serde::Deserialize;

use crate::digest::Digest;

pub(crate) const INDEX_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
pub(crate) const MANIFEST_TYPES: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

/// A pointer to a blob or manifest.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Descriptor {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Platform {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
}

/// An image's manifest.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// What stands behind a name.
#[derive(Debug)]
pub(crate) enum Document {
    Image(Manifest),
    /// The manifest for linux/amd64.
    Index(Descriptor),
}

/// Understands a manifest by its media type, or by its content when the registry does not say.
pub(crate) fn understand(content_type: &str, body: &[u8]) -> Result<Document, String> {
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|e| format!("invalid manifest: {e}"))?;
    let stated = content_type.split(';').next().unwrap_or_default().trim();
    let kind = match value.get("mediaType").and_then(serde_json::Value::as_str) {
        Some(kind) => kind,
        None => stated,
    };
    let is_index = INDEX_TYPES.contains(&kind) || (!MANIFEST_TYPES.contains(&kind) && value.get("manifests").is_some());
    if is_index {
        let index: Index = serde_json::from_value(value).map_err(|e| format!("invalid index: {e}"))?;
        let fits = |descriptor: &&Descriptor| {
            descriptor.platform.as_ref().is_some_and(|p| p.os == "linux" && p.architecture == "amd64")
        };
        let chosen = index.manifests.iter().find(fits).or(match &index.manifests[..] {
            [only] if only.platform.is_none() => Some(only),
            _ => None,
        });
        return chosen
            .cloned()
            .map(Document::Index)
            .ok_or_else(|| "no matching manifest for linux/amd64 in the manifest list entries".to_owned());
    }
    if MANIFEST_TYPES.contains(&kind) || (value.get("config").is_some() && value.get("layers").is_some()) {
        let manifest = serde_json::from_value(value).map_err(|e| format!("invalid manifest: {e}"))?;
        return Ok(Document::Image(manifest));
    }
    Err(format!("unsupported manifest media type {kind:?}"))
}
