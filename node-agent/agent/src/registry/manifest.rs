//! What a registry has to know of a manifest: what it names, and what it is about. Pure; nothing else in it is looked at.

use serde_json::{Map, Value, json};

use super::digest::Digest;

/// Bytes that a manifest may have, as common registries allow (distribution-spec, "Pushing Manifests").
pub(super) const LARGEST: usize = 4 << 20;

/// The parts of an image manifest or an index (image-spec) that a registry goes by.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    /// Config and layers; those kept elsewhere (`urls`) are left out.
    pub(super) blobs: Vec<Digest>,
    /// The manifests of an index.
    pub(super) manifests: Vec<Digest>,
    /// The manifest that this one says something about.
    pub(super) subject: Option<Digest>,
    artifact_type: Option<String>,
    annotations: Option<Value>,
    size: usize,
}

impl Manifest {
    /// Reads a manifest that was sent as `content_type`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(super) fn read(bytes: &[u8], content_type: Option<&str>) -> Result<Self, String> {
        let manifest: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|error| format!("the manifest is no JSON object: {error}"))?;
        if manifest.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return Err("the manifest's schemaVersion is not 2, and older ones are not taken".into());
        }
        let text = |key: &str| manifest.get(key).and_then(Value::as_str);
        let media_type = match (content_type, text("mediaType")) {
            (Some(sent), Some(said)) if sent != said => {
                return Err(format!("it was sent as {sent}, but its mediaType is {said}"));
            }
            (Some(kind), _) | (None, Some(kind)) => kind.to_owned(),
            (None, None) => return Err("neither Content-Type nor mediaType says what it is".into()),
        };
        let list = |key: &str| manifest.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let here = |entry: &&Value| entry["urls"].as_array().is_none_or(Vec::is_empty);
        let blobs = manifest.get("config").into_iter().chain(list("layers").iter().filter(here));
        let config_type = || manifest.get("config").and_then(|config| config["mediaType"].as_str());
        Ok(Self {
            blobs: blobs.map(digest).collect::<Result<_, _>>()?,
            manifests: list("manifests").iter().map(digest).collect::<Result<_, _>>()?,
            subject: manifest.get("subject").filter(|subject| !subject.is_null()).map(digest).transpose()?,
            artifact_type: text("artifactType").or_else(config_type).map(str::to_owned),
            annotations: manifest.get("annotations").filter(|value| value.is_object()).cloned(),
            size: bytes.len(),
            media_type,
        })
    }

    /// Its entry in the answer to a question for referrers (distribution-spec, "Listing Referrers").
    pub(super) fn descriptor(&self, digest: &Digest) -> Value {
        let mut entry = json!({ "mediaType": self.media_type, "digest": digest.as_str(), "size": self.size });
        if let Some(kind) = &self.artifact_type {
            entry["artifactType"] = json!(kind);
        }
        if let Some(annotations) = &self.annotations {
            entry["annotations"] = annotations.clone();
        }
        entry
    }

    /// What kind of artifact it is.
    pub(super) fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref()
    }
}

fn digest(descriptor: &Value) -> Result<Digest, String> {
    let text = descriptor["digest"].as_str().unwrap_or_default();
    Digest::parse(text).ok_or_else(|| format!("{text:?} in the manifest is no digest that is known here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "application/vnd.oci.image.manifest.v1+json";

    #[test]
    fn a_manifest_names_its_blobs_except_those_kept_elsewhere() {
        let (config, layer, foreign) = (Digest::of(b"c"), Digest::of(b"l"), Digest::of(b"f"));
        let text = json!({
            "schemaVersion": 2,
            "config": { "mediaType": "application/x-thing", "digest": config.as_str(), "size": 1 },
            "layers": [
                { "digest": layer.as_str(), "size": 1 },
                { "digest": foreign.as_str(), "size": 1, "urls": ["https://example.com/layer"] },
            ],
            "subject": { "digest": layer.as_str(), "size": 1 },
            "annotations": { "a": "b" },
        })
        .to_string();
        let manifest = Manifest::read(text.as_bytes(), Some(KIND)).expect("a manifest");
        assert_eq!(manifest.blobs, [config, layer.clone()]);
        assert_eq!(manifest.subject, Some(layer));
        let entry = manifest.descriptor(&Digest::of(text.as_bytes()));
        assert_eq!(entry["artifactType"], "application/x-thing");
        assert_eq!(entry["size"], text.len());
        assert_eq!(entry["annotations"]["a"], "b");
    }

    #[test]
    fn what_is_no_manifest_is_told_apart() {
        for (text, word) in [
            ("", "no JSON object"),
            ("[]", "no JSON object"),
            (r#"{"schemaVersion":1}"#, "schemaVersion"),
            (r#"{"schemaVersion":2,"mediaType":"other"}"#, "sent as"),
            (r#"{"schemaVersion":2,"config":{"digest":"sha256:../.."}}"#, "no digest"),
            (r#"{"schemaVersion":2,"config":7}"#, "no digest"),
        ] {
            let error = Manifest::read(text.as_bytes(), Some(KIND)).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
        assert!(Manifest::read(br#"{"schemaVersion":2}"#, None).expect_err("no kind").contains("Content-Type"));
        let deep = format!(r#"{{"schemaVersion":2,"a":{}"#, "[".repeat(100_000));
        assert!(Manifest::read(deep.as_bytes(), Some(KIND)).is_err());
    }
}
