//! What a registry has under a name, without pulling it: `GET /distribution/{name}/json`.

use http::header;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::auth::Credentials;
use super::manifest::{Descriptor, Document, understand};
use super::platform::Platform;
use super::pull::{Fetch, MAX_MANIFEST, PullError, Wanted};
use super::registries::{Registries, Tell};
use super::transport::Call;
use crate::digest::Digest;
use crate::reference::Reference;

impl Registries {
    /// The descriptor and the platforms of a name, as Docker's API has them (moby `registry.DistributionInspect`).
    pub async fn inspect(&self, reference: &Reference, credentials: &Credentials) -> Result<Value, PullError> {
        let scope = format!("repository:{}:pull", reference.path());
        let opened = self.open(reference.domain(), credentials, &[scope], false).await;
        let client = opened.map_err(|fault| PullError::Registry(fault.text))?;
        let wanted = Wanted { credentials: credentials.clone(), ..Wanted::new(reference.clone()) };
        let tell = Tell(unbounded_channel().0);
        let fetch = Fetch { registries: self, client, reference, wanted: &wanted, tell: &tell };
        let which = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or("latest").to_owned(),
        };
        let call = fetch.accepting(Call::get(fetch.path("manifests", &which)));
        let found = fetch.client.document(&call, MAX_MANIFEST).await;
        let (headers, body) = found.map_err(|fault| fetch.translate(fault))?;
        let digest = Digest::of(&body);
        if reference.digest().is_some_and(|asked| asked != digest) {
            return Err(PullError::Invalid(format!("manifest verification failed for digest {which}")));
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let value: Value =
            serde_json::from_slice(&body).map_err(|error| PullError::Invalid(format!("invalid manifest: {error}")))?;
        let platforms = match value["manifests"].as_array() {
            Some(entries) => {
                entries.iter().filter(|e| e["platform"].is_object()).map(|e| e["platform"].clone()).collect()
            }
            None => match understand(kind, &body, None).map_err(PullError::Invalid)? {
                Document::Image(manifest) => vec![platform_of(&fetch, &manifest.config).await?],
                _ => Vec::new(),
            },
        };
        let media_type = value["mediaType"].as_str().unwrap_or(kind);
        Ok(json!({
            "Descriptor": {"mediaType": media_type, "digest": digest, "size": body.len()},
            "Platforms": platforms,
        }))
    }
}

async fn platform_of(fetch: &Fetch<'_>, config: &Descriptor) -> Result<Value, PullError> {
    let config = fetch.config(config).await?;
    let platform: Platform = serde_json::from_slice(&config)
        .map_err(|error| PullError::Invalid(format!("invalid image configuration: {error}")))?;
    let mut shown = json!({"architecture": platform.architecture, "os": platform.os});
    if !platform.variant.is_empty() {
        shown["variant"] = json!(platform.variant);
    }
    Ok(shown)
}
