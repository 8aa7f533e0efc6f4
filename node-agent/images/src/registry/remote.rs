//! A repository read as it is, without a store: manifests byte for byte and blobs as streams. For caches and copies of images;
//! what is done with the bytes is the caller's business, and so is checking a blob's digest.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};

use super::auth::Credentials;
use super::client::Client;
use super::fault::{Fault, Kind};
use super::manifest::{Document, INDEX_TYPES, MANIFEST_TYPES, understand};
use super::platform::Platform;
use super::pull::MAX_MANIFEST;
use super::registries::Registries;
use super::transport::{Call, next_chunk};

/// A page of a list may be this long.
const MAX_LIST: usize = 4 << 20;
/// Pages of a catalog that are read.
const PAGES: usize = 20;

/// Why a repository could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// It does not exist, or is not for us: the two cannot be told apart.
    #[error("{0}")]
    NotFound(String),
    /// Nobody answers, or with a failure of their own; later it may be different.
    #[error("{0}")]
    Away(String),
    /// Too many requests, and how long the registry asks to wait.
    #[error("{0}")]
    Throttled(String, Option<Duration>),
    /// What came is not what was asked for.
    #[error("{0}")]
    Invalid(String),
}

impl From<Fault> for RemoteError {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            Kind::Connection | Kind::Tls | Kind::Server => Self::Away(fault.text),
            Kind::Throttled => Self::Throttled(fault.text, fault.wait),
            Kind::Refused(_) | Kind::NoCredentials | Kind::TokenEnded => Self::NotFound(fault.text),
            Kind::Invalid => Self::Invalid(fault.text),
        }
    }
}

/// A manifest or index as the registry gave it.
#[derive(Debug, Clone)]
pub struct RemoteManifest {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its media type.
    pub media_type: String,
    /// The digest of the bytes, `sha256:…`.
    pub digest: String,
}

/// What an image consists of, as its manifest names it.
#[derive(Debug, Clone)]
pub enum RemoteImage {
    /// An image: digests and sizes of its configuration and its layers, in this order.
    Image(Vec<(String, u64)>),
    /// An index, and the digest of its manifest for the platform.
    Index(String),
}

impl RemoteManifest {
    /// Reads it; from an index chooses for the platform, this machine's if none is given.
    ///
    /// # Errors
    /// For what is no manifest, and an index without the platform.
    pub fn understand(&self, platform: Option<&Platform>) -> Result<RemoteImage, RemoteError> {
        match understand(&self.media_type, &self.bytes, platform).map_err(RemoteError::Invalid)? {
            Document::Image(manifest) => {
                let all = std::iter::once(&manifest.config).chain(&manifest.layers);
                Ok(RemoteImage::Image(all.map(|part| (part.digest.to_string(), part.size)).collect()))
            }
            Document::Index(chosen) => Ok(RemoteImage::Index(chosen.digest.to_string())),
            Document::Schema1 => {
                Err(RemoteError::Invalid("its manifest is of the first format, which is no longer read".into()))
            }
        }
    }
}

/// A blob on its way.
#[derive(Debug)]
pub struct RemoteBlob {
    /// The first byte that comes: what was asked for, or 0 where the registry gives all again.
    pub from: u64,
    /// The length of the whole blob, if the registry says it.
    pub total: Option<u64>,
    body: Incoming,
}

impl RemoteBlob {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks or nothing comes for a minute.
    pub async fn next(&mut self) -> Result<Option<Bytes>, RemoteError> {
        Ok(next_chunk(&mut self.body).await?)
    }
}

/// A repository of a registry. Cheap to clone; clones share connections and tokens.
#[derive(Debug, Clone)]
pub struct Remote {
    client: Client,
    name: String,
}

impl Registries {
    /// Opens a repository: `name` as the registry knows it, such as `library/alpine` on `docker.io`.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn remote(&self, domain: &str, name: &str, credentials: &Credentials) -> Result<Remote, RemoteError> {
        let scope = format!("repository:{name}:pull");
        let client = self.open(domain, credentials, &[scope], false).await?;
        Ok(Remote { client, name: name.to_owned() })
    }
}

impl Registries {
    /// The names of a registry's repositories (distribution's `_catalog`), as far as it lists them to whoever asks.
    ///
    /// # Errors
    /// When nobody answers, or there is no such list.
    pub async fn catalog(&self, domain: &str, credentials: &Credentials) -> Result<Vec<String>, RemoteError> {
        let client = self.open(domain, credentials, &["registry:catalog:*".to_owned()], false).await?;
        let (mut names, mut page) = (Vec::new(), "n=1000".to_owned());
        for _ in 0..PAGES {
            let (headers, body) = client.document(&Call::get(format!("/v2/_catalog?{page}")), MAX_LIST).await?;
            let list: serde_json::Value = serde_json::from_slice(&body)
                .map_err(|error| RemoteError::Invalid(format!("invalid list of repositories: {error}")))?;
            let listed = list["repositories"].as_array().into_iter().flatten();
            names.extend(listed.filter_map(|name| name.as_str().map(str::to_owned)));
            match next(&headers) {
                Some(next) if next != page => page = next,
                _ => break,
            }
        }
        Ok(names)
    }
}

/// The query of the page that follows, by the answer's `Link` (RFC 5988, as distribution writes it).
fn next(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(header::LINK)?.to_str().ok()?;
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    let (_, query) = target.split_once('?').filter(|_| rest.contains("next"))?;
    Some(query.to_owned())
}

impl Remote {
    fn manifest_call(&self, method: Method, reference: &str) -> Call {
        let call = Call::new(method, format!("/v2/{}/manifests/{reference}", self.name));
        INDEX_TYPES.iter().chain(&MANIFEST_TYPES).fold(call, |call, kind| call.with(header::ACCEPT, kind))
    }

    /// The digest that a tag means now, if the registry says it.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn resolve(&self, tag: &str) -> Result<Option<String>, RemoteError> {
        let response = self.client.send(&self.manifest_call(Method::HEAD, tag)).await.map_err(bodiless)?;
        let digest = response.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
        Ok(digest.map(str::to_owned))
    }

    /// A manifest by tag or digest; of one by digest the bytes are checked.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn manifest(&self, reference: &str) -> Result<RemoteManifest, RemoteError> {
        let call = self.manifest_call(Method::GET, reference);
        let (headers, bytes) = self.client.document(&call, MAX_MANIFEST).await?;
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        if reference.contains(':') && reference != digest {
            return Err(RemoteError::Invalid(format!("manifest verification failed for digest {reference}")));
        }
        let stated = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let own = serde_json::from_slice::<serde_json::Value>(&bytes)
            .map_err(|error| RemoteError::Invalid(format!("invalid manifest: {error}")))?;
        let media_type = own["mediaType"].as_str().unwrap_or(stated).to_owned();
        Ok(RemoteManifest { bytes, media_type, digest })
    }

    /// The length of a blob, if the registry says it; an error when it has none such.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn stat(&self, digest: &str) -> Result<Option<u64>, RemoteError> {
        let call = Call::new(Method::HEAD, format!("/v2/{}/blobs/{digest}", self.name));
        Ok(length(&self.client.send(&call).await.map_err(bodiless)?))
    }

    /// A blob from byte `from` on.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn blob(&self, digest: &str, from: u64) -> Result<RemoteBlob, RemoteError> {
        let mut call = Call::get(format!("/v2/{}/blobs/{digest}", self.name));
        if from > 0 {
            call = call.with(header::RANGE, &format!("bytes={from}-"));
        }
        let response = self.client.send_again(&call).await?;
        let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let parsed = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('/'));
        let (from, total) = match parsed {
            Some((part, total)) if response.status() == StatusCode::PARTIAL_CONTENT => {
                let first = part.split('-').next().and_then(|first| first.parse().ok());
                let first = first.ok_or_else(|| RemoteError::Invalid(format!("a useless Content-Range: {part:?}")))?;
                (first, total.parse().ok())
            }
            _ => (0, length(&response)),
        };
        Ok(RemoteBlob { from, total, body: response.into_body() })
    }

    /// The repository's tags, as the registry lists them: the body of its answer, and the query of the page that follows.
    /// `page` is the query of the page that is wanted, such as `n=100&last=1.2`; empty for the first.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn tags(&self, page: &str) -> Result<(Bytes, Option<String>), RemoteError> {
        let mark = if page.is_empty() { "" } else { "?" };
        let call = Call::get(format!("/v2/{}/tags/list{mark}{page}", self.name));
        let (headers, body) = self.client.document(&call, MAX_LIST).await?;
        Ok((body, next(&headers)))
    }
}

/// A refusal of a HEAD request has no body that could explain it.
fn bodiless(fault: Fault) -> RemoteError {
    match (fault.status, &fault.kind) {
        (Some(StatusCode::NOT_FOUND), _) => RemoteError::NotFound("not found".into()),
        _ => fault.into(),
    }
}

fn length(response: &Response<Incoming>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
