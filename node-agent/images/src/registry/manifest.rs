//! Manifests and indexes: Docker's schema 2 and OCI's, which have the same shape. Reads what registries send and writes
//! what is pushed. Pure.

use serde::{Deserialize, Serialize};

use super::platform::Platform;
use crate::digest::Digest;

pub(crate) const INDEX_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
pub(crate) const MANIFEST_TYPES: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+";
/// The type of what is pushed.
pub(crate) const PUSHED: &str = MANIFEST_TYPES[1];
const PUSHED_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const PUSHED_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// More layers or entries than this are not believed.
const MAX_ENTRIES: usize = 4096;

/// A pointer to a blob or manifest.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Descriptor {
    #[serde(default, rename = "mediaType")]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
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
    /// The manifest for the platform.
    Index(Descriptor),
    /// The first format, which is not read any more.
    Schema1,
}

/// Understands a manifest by its media type, or by its content when the registry does not say. `platform` chooses from
/// an index; without it, this machine's does.
pub(crate) fn understand(content_type: &str, body: &[u8], platform: Option<&Platform>) -> Result<Document, String> {
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|e| format!("invalid manifest: {e}"))?;
    let stated = content_type.split(';').next().unwrap_or_default().trim();
    let kind = match value.get("mediaType").and_then(serde_json::Value::as_str) {
        Some(kind) => kind,
        None => stated,
    };
    let is_index = INDEX_TYPES.contains(&kind) || (!MANIFEST_TYPES.contains(&kind) && value.get("manifests").is_some());
    if is_index {
        let index: Index = serde_json::from_value(value).map_err(|e| format!("invalid index: {e}"))?;
        return choose(&index.manifests, platform).map(Document::Index);
    }
    if kind.starts_with(SCHEMA_1) || value["schemaVersion"] == 1 {
        return Ok(Document::Schema1);
    }
    if MANIFEST_TYPES.contains(&kind) || (value.get("config").is_some() && value.get("layers").is_some()) {
        let manifest: Manifest = serde_json::from_value(value).map_err(|e| format!("invalid manifest: {e}"))?;
        if manifest.layers.len() > MAX_ENTRIES {
            return Err(format!("invalid manifest: {} layers", manifest.layers.len()));
        }
        return Ok(Document::Image(manifest));
    }
    Err(format!("unsupported manifest media type {kind:?}"))
}

fn choose(manifests: &[Descriptor], platform: Option<&Platform>) -> Result<Descriptor, String> {
    let wanted = platform.cloned().unwrap_or_else(Platform::best_of_host);
    // An entry that does not say is taken for one that fits, but after those that do.
    let rank = |entry: &Descriptor| match &entry.platform {
        Some(made_for) if *made_for != Platform::default() => wanted.rank(made_for),
        _ => Some(usize::MAX),
    };
    let fitting = manifests.iter().take(MAX_ENTRIES).filter_map(|entry| Some((rank(entry)?, entry)));
    fitting.min_by_key(|(rank, _)| *rank).map(|(_, entry)| entry.clone()).ok_or_else(|| {
        let shown = platform.cloned().unwrap_or_else(Platform::host);
        format!("no matching manifest for {shown} in the manifest list entries")
    })
}

/// Docker's check that a manifest's parts are those of an image.
pub(crate) fn check_type(media_type: &str) -> Result<(), String> {
    let lower = media_type.to_ascii_lowercase();
    if lower.starts_with("application/vnd.docker.ai.") {
        return Err(
            "AI models are not yet supported by the Engine, please use \"docker model pull/run\" instead".to_owned()
        );
    }
    let family = |name: &str| lower == name || lower.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let known = ["application/octet-stream", "application/json", "text/html", ""].contains(&lower.as_str())
        || family("application/vnd.oci.image")
        || family("application/vnd.docker");
    if known { Ok(()) } else { Err(format!("unsupported media type {media_type}")) }
}

/// A blob that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pushed {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    size: u64,
    digest: Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Entry<'a>,
    layers: Vec<Entry<'a>>,
}

/// The manifest of an image, byte for byte as Docker writes it.
pub(crate) fn write(config: Pushed, layers: &[Pushed]) -> Vec<u8> {
    let entry = |media_type, blob: &Pushed| Entry { media_type, size: blob.size, digest: blob.digest };
    let manifest = Written {
        schema_version: 2,
        media_type: PUSHED,
        config: entry(PUSHED_CONFIG, &config),
        layers: layers.iter().map(|layer| entry(PUSHED_LAYER, layer)).collect(),
    };
    let mut text = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"   ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, format);
    manifest.serialize(&mut writer).expect("strings and numbers are valid JSON");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(digest: u8, platform: Option<&str>) -> serde_json::Value {
        let platform = platform.map(|text| {
            let mut parts = text.split('/');
            serde_json::json!({"os": parts.next(), "architecture": parts.next(), "variant": parts.next().unwrap_or("")})
        });
        serde_json::json!({"mediaType": MANIFEST_TYPES[0], "digest": Digest::of(&[digest]), "size": 1, "platform": platform})
    }

    fn chosen(entries: &[serde_json::Value], platform: &str) -> Result<Digest, String> {
        let index = serde_json::json!({"schemaVersion": 2, "manifests": entries}).to_string();
        match understand(INDEX_TYPES[0], index.as_bytes(), Some(&platform.parse().unwrap()))? {
            Document::Index(descriptor) => Ok(descriptor.digest),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_platform_chooses_from_an_index() {
        let entries = [
            entry(0, Some("unknown/unknown")),
            entry(1, Some("linux/arm/v7")),
            entry(2, Some("linux/arm64/v8")),
            entry(3, Some("linux/amd64")),
        ];
        assert_eq!(chosen(&entries, "linux/arm64"), Ok(Digest::of(&[2])));
        assert_eq!(chosen(&entries[..2], "linux/arm64"), Ok(Digest::of(&[1])));
        assert_eq!(chosen(&entries, "linux/amd64"), Ok(Digest::of(&[3])));
        assert_eq!(
            chosen(&entries, "linux/s390x"),
            Err("no matching manifest for linux/s390x in the manifest list entries".into())
        );
        assert_eq!(chosen(&[entry(7, None)], "linux/s390x"), Ok(Digest::of(&[7])));
    }

    #[test]
    fn the_first_schema_is_recognised_by_either_sign() {
        let first = |kind: &str, body: &str| matches!(understand(kind, body.as_bytes(), None), Ok(Document::Schema1));
        assert!(first("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}"));
        assert!(first("application/json", r#"{"schemaVersion":1,"fsLayers":[]}"#));
    }

    #[test]
    fn parts_of_other_things_than_images_are_refused() {
        assert!(check_type("application/vnd.oci.image.layer.v1.tar+zstd").is_ok() && check_type("").is_ok());
        assert!(check_type("application/vnd.oci.images_are_fun").is_err());
        assert!(check_type("application/vnd.docker.ai.gguf.v3").unwrap_err().contains("AI models"));
    }

    #[test]
    fn a_manifest_is_written_as_docker_writes_it() {
        let blob = |n: u8| Pushed { digest: Digest::of(&[n]), size: n.into() };
        let text = String::from_utf8(write(blob(1), &[blob(2)])).unwrap();
        let expected = format!(
            "{{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"{PUSHED}\",\n   \"config\": {{\n      \"mediaType\": \"{PUSHED_CONFIG}\",\n      \"size\": 1,\n      \"digest\": \"{}\"\n   }},\n   \"layers\": [\n      {{\n         \"mediaType\": \"{PUSHED_LAYER}\",\n         \"size\": 2,\n         \"digest\": \"{}\"\n      }}\n   ]\n}}",
            Digest::of(&[1]),
            Digest::of(&[2])
        );
        assert_eq!(text, expected);
    }
}
