//! Blobs on their way in (distribution-spec, "Pushing blobs"): whole, in chunks, or mounted from another repository. An upload is known
//! to this process only; what was not finished is gone after a restart, and clients begin again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::header::{CONTENT_RANGE, LOCATION, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, SeekFrom};

use super::digest::Digest;
use super::refusal::Refusal;
use super::send::header;
use super::{Registry, blocking};

/// Uploads that a session may have open at a time.
const MOST: usize = 64;

/// What an upload's address may be asked.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    digest: Option<String>,
    mount: Option<String>,
    from: Option<String>,
}

#[derive(Debug)]
struct Upload {
    repository: String,
    file: File,
    state: Sha256,
    size: u64,
}

/// The open uploads.
#[derive(Debug, Default)]
pub(super) struct Uploads(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Upload>>>>);

impl Uploads {
    fn get(&self, id: &str) -> Result<Arc<tokio::sync::Mutex<Upload>>, Refusal> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(id).cloned().ok_or_else(|| {
            Refusal::not_found("BLOB_UPLOAD_UNKNOWN", format!("there is no upload {id}; begin it again"))
        })
    }

    fn remove(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() >= MOST
    }

    fn insert(&self, id: &str, upload: Upload) {
        let upload = Arc::new(tokio::sync::Mutex::new(upload));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), upload);
    }
}

/// `POST …/blobs/uploads/`: begins one, or does all in this one request when a digest or a mount allows it.
pub(super) async fn begin(
    registry: &Arc<Registry>,
    repository: &str,
    query: &Query,
    body: Body,
) -> Result<Response, Refusal> {
    if let Some(mount) = &query.mount
        && let Some(digest) = Digest::parse(mount)
        && registry.can_mount(&digest, query.from.as_deref()).await?
    {
        let (name, linked) = (repository.to_owned(), digest.clone());
        blocking(registry, move |registry| registry.store()?.add_blob(&name, &linked).map_err(Refusal::from)).await?;
        return created(repository, &digest);
    }
    if registry.uploads.is_full() {
        let sentence = format!("{MOST} uploads are open in this session, let one end first");
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", sentence));
    }
    let id = crate::random::hex::<16>();
    let path = registry.store()?.upload_path(&id);
    let file = File::create_new(&path).await.map_err(|error| Refusal::internal(&error))?;
    let upload = Upload { repository: repository.to_owned(), file, state: Sha256::new(), size: 0 };
    registry.uploads.insert(&id, upload);
    match &query.digest {
        Some(digest) => finish(registry, repository, &id, digest, &HeaderMap::new(), body).await,
        None => progress(StatusCode::ACCEPTED, repository, &id, 0),
    }
}

/// `GET`, `PATCH`, `PUT` and `DELETE` of an upload.
pub(super) async fn go_on(
    registry: &Arc<Registry>,
    method: &Method,
    (repository, id): (&str, &str),
    query: &Query,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    match *method {
        Method::GET => {
            let size = open(registry, repository, id).await?.lock().await.size;
            progress(StatusCode::NO_CONTENT, repository, id, size)
        }
        Method::PATCH => {
            let upload = open(registry, repository, id).await?;
            let size = append(registry, &mut *upload.lock().await, (repository, id), headers, body).await?;
            progress(StatusCode::ACCEPTED, repository, id, size)
        }
        Method::PUT => {
            let digest = query.digest.as_deref().unwrap_or_default();
            finish(registry, repository, id, digest, headers, body).await
        }
        Method::DELETE => {
            let upload = open(registry, repository, id).await?;
            cancel(registry, &mut *upload.lock().await, id).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        _ => Err(super::unsupported(method)),
    }
}

async fn open(registry: &Registry, repository: &str, id: &str) -> Result<Arc<tokio::sync::Mutex<Upload>>, Refusal> {
    let upload = registry.uploads.get(id)?;
    if upload.lock().await.repository != repository {
        let sentence = format!("upload {id} belongs to another repository");
        return Err(Refusal::not_found("BLOB_UPLOAD_UNKNOWN", sentence));
    }
    Ok(upload)
}

/// Writes the body behind what is there; the new size. What came before a fault stays counted, so that the client can go on from there.
async fn append(
    registry: &Registry,
    upload: &mut Upload,
    (repository, id): (&str, &str),
    headers: &HeaderMap,
    body: Body,
) -> Result<u64, Refusal> {
    if let Some(range) = headers.get(CONTENT_RANGE) {
        let first = range.to_str().ok().and_then(|text| text.split_once('-')).and_then(|(first, _)| first.parse().ok());
        if first != Some(upload.size) {
            let sentence = format!("the upload has {} bytes, and the chunk is to begin there", upload.size);
            return Err(Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", sentence)
                .with_progress(repository, id, upload.size));
        }
    }
    let store = registry.store()?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|error| Refusal::bad("BLOB_UPLOAD_INVALID", format!("the body broke off: {error}")))?;
        let length = chunk.len() as u64;
        store.reserve(length)?;
        let written = async {
            upload.file.write_all(&chunk).await?;
            upload.file.flush().await
        };
        if let Err(error) = written.await {
            store.release(length);
            // A part of the chunk may have been written.
            let back = upload.file.set_len(upload.size).await;
            back.map_err(|error| Refusal::internal(&error))?;
            upload.file.seek(SeekFrom::Start(upload.size)).await.map_err(|error| Refusal::internal(&error))?;
            return Err(Refusal::internal(&error));
        }
        upload.state.update(&chunk);
        upload.size += length;
    }
    Ok(upload.size)
}

async fn finish(
    registry: &Arc<Registry>,
    repository: &str,
    id: &str,
    digest: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let upload = open(registry, repository, id).await?;
    let mut upload = upload.lock().await;
    append(registry, &mut upload, (repository, id), headers, body).await?;
    let Some(digest) = Digest::parse(digest) else {
        return Err(Refusal::bad("DIGEST_INVALID", format!("{digest:?} is no digest that is known here")));
    };
    upload.file.sync_all().await.map_err(|error| Refusal::internal(&error))?;
    let path = registry.store()?.upload_path(id);
    let found = if digest.is_sha256() {
        Digest::sha256(upload.state.clone())
    } else {
        let path = path.clone();
        blocking(registry, move |_| Digest::sha512_of_file(&path).map_err(|error| Refusal::internal(&error))).await?
    };
    if found != digest {
        cancel(registry, &mut upload, id).await?;
        let sentence = format!("what was sent has the digest {found}, not {digest}; begin it again");
        return Err(Refusal::bad("DIGEST_INVALID", sentence));
    }
    let (name, kept, size) = (repository.to_owned(), digest.clone(), upload.size);
    blocking(registry, move |registry| registry.store()?.adopt(&name, &path, &kept, size).map_err(Refusal::from))
        .await?;
    registry.uploads.remove(id);
    created(repository, &digest)
}

async fn cancel(registry: &Registry, upload: &mut Upload, id: &str) -> Result<(), Refusal> {
    registry.uploads.remove(id);
    let store = registry.store()?;
    let removed = tokio::fs::remove_file(store.upload_path(id)).await;
    store.release(std::mem::take(&mut upload.size));
    removed.map_err(|error| Refusal::internal(&error))
}

fn created(repository: &str, digest: &Digest) -> Result<Response, Refusal> {
    let mut response = StatusCode::CREATED.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, header(&format!("/v2/{repository}/blobs/{digest}"))?);
    headers.insert("docker-content-digest", header(digest.as_str())?);
    Ok(response)
}

fn progress(status: StatusCode, repository: &str, id: &str, size: u64) -> Result<Response, Refusal> {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, header(&format!("/v2/{repository}/blobs/uploads/{id}"))?);
    headers.insert(RANGE, header(&format!("0-{}", size.saturating_sub(1)))?);
    headers.insert("docker-upload-uuid", header(id)?);
    headers.insert("content-length", HeaderValue::from(0));
    Ok(response)
}
