//! Manifests and tags (distribution-spec, "Pulling manifests", "Pushing Manifests", "Listing Referrers", "Content Management").

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::digest::Digest;
use super::manifest::{LARGEST, Manifest};
use super::path::is_tag;
use super::refusal::Refusal;
use super::send::{self, header};
use super::{Registry, blocking};

/// Which referrers are wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
}

/// What was pushed under the name, else what the library has under it.
pub(super) async fn get(
    registry: &Arc<Registry>,
    name: &str,
    reference: &str,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let pushed = {
        let (name, reference) = (name.to_owned(), reference.to_owned());
        blocking(registry, move |registry| {
            let Some(store) = &registry.store else { return Ok(None) };
            let digest = if is_tag(&reference) { store.resolve(&name, &reference) } else { Digest::parse(&reference) };
            Ok(digest.and_then(|digest| store.manifest(&name, &digest).map(|(path, kind)| (digest, path, kind))))
        })
        .await?
    };
    if let Some((digest, path, kind)) = pushed {
        return send::content(&path, &digest, &kind, headers).await;
    }
    let names = registry.library.repository(name).await?;
    if names.is_empty() {
        registry.known(name)?;
    }
    let found = names.into_iter().find(|name| name.tag == reference || name.digest == reference);
    let unknown = || Refusal::manifest_unknown(name, reference);
    let found = found.ok_or_else(unknown)?;
    let digest = Digest::parse(&found.digest).ok_or_else(unknown)?;
    let path = registry.library.blob(&digest).ok_or_else(unknown)?;
    send::content(&path, &digest, &found.media_type, headers).await
}

/// `PUT …/manifests/REFERENCE`, by tag or by digest. What the manifest names must have come before it.
pub(super) async fn put(
    registry: &Arc<Registry>,
    name: &str,
    reference: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let bytes = axum::body::to_bytes(body, LARGEST).await.map_err(|error| {
        let sentence = format!("a manifest may have {LARGEST} bytes: {error}");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID", sentence)
    })?;
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let manifest =
        Manifest::read(&bytes, kind.as_deref()).map_err(|sentence| Refusal::bad("MANIFEST_INVALID", sentence))?;
    let (digest, tag) = if is_tag(reference) {
        (Digest::of(&bytes), Some(reference.to_owned()))
    } else {
        let wrong = || Refusal::bad("DIGEST_INVALID", format!("{reference} is no tag and not the manifest's digest"));
        let digest = Digest::parse(reference).ok_or_else(wrong)?;
        if digest.again(&bytes) != digest {
            return Err(wrong());
        }
        (digest, None)
    };
    for blob in &manifest.blobs {
        let there = match registry.blob(name, blob).await {
            Ok(found) => found.is_some(),
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND => false,
            Err(refusal) => return Err(refusal),
        };
        if !there {
            let sentence = format!("{name} has no blob {blob}, which the manifest names; push it first");
            return Err(Refusal::bad("MANIFEST_BLOB_UNKNOWN", sentence));
        }
    }
    let (repository, kept, subject) = (name.to_owned(), digest.clone(), manifest.subject.clone());
    blocking(registry, move |registry| {
        let store = registry.store()?;
        for child in &manifest.manifests {
            if store.manifest(&repository, child).is_none() {
                let sentence = format!("{repository} has no manifest {child}, which the index names; push it first");
                return Err(Refusal::bad("MANIFEST_BLOB_UNKNOWN", sentence));
            }
        }
        Ok(store.put_manifest(&repository, &kept, &manifest.media_type, &bytes, tag.as_deref())?)
    })
    .await?;
    let mut response = StatusCode::CREATED.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, header(&format!("/v2/{name}/manifests/{digest}"))?);
    headers.insert("docker-content-digest", header(digest.as_str())?);
    if let Some(subject) = subject {
        headers.insert("oci-subject", header(subject.as_str())?);
    }
    Ok(response)
}

/// `DELETE …/manifests/REFERENCE`: a tag alone, or a manifest with its tags.
pub(super) async fn delete(registry: &Arc<Registry>, name: &str, reference: &str) -> Result<Response, Refusal> {
    let (repository, what) = (name.to_owned(), reference.to_owned());
    let removed = blocking(registry, move |registry| {
        let store = registry.store()?;
        match Digest::parse(&what) {
            Some(digest) => Ok(store.remove_manifest(&repository, &digest)?),
            None if is_tag(&what) => Ok(store.remove_tag(&repository, &what)?),
            None => Err(Refusal::bad("DIGEST_INVALID", format!("{what} is no digest and no tag"))),
        }
    });
    if removed.await? {
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    registry.known(name)?;
    Err(Refusal::manifest_unknown(name, reference))
}

/// `GET …/referrers/DIGEST`: an index of the manifests whose subject it is.
pub(super) async fn referrers(
    registry: &Arc<Registry>,
    name: &str,
    digest: &str,
    filter: Filter,
) -> Result<Response, Refusal> {
    let Some(subject) = Digest::parse(digest) else {
        return Err(Refusal::bad("DIGEST_INVALID", format!("{digest} is no digest that is known here")));
    };
    let (repository, wanted) = (name.to_owned(), filter.artifact_type.clone());
    let found: Vec<Value> = blocking(registry, move |registry| {
        let Some(store) = &registry.store else { return Ok(Vec::new()) };
        let found = store.referrers(&repository, &subject)?.into_iter();
        let found = found.filter(|(_, manifest)| wanted.is_none() || manifest.artifact_type() == wanted.as_deref());
        Ok(found.map(|(digest, manifest)| manifest.descriptor(&digest)).collect())
    })
    .await?;
    let kind = "application/vnd.oci.image.index.v1+json";
    let mut response = axum::Json(json!({ "schemaVersion": 2, "mediaType": kind, "manifests": found })).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if filter.artifact_type.is_some() {
        response.headers_mut().insert("oci-filters-applied", HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}
