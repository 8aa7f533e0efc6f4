//! Bytes in and out as tar: commit, export, `docker cp`; and the bridges between async bodies and blocking readers and writers.

use std::io::{Read, Write};
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::StreamExt;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::sync::mpsc;

use super::extract::{self, JsonBody, Params};
use crate::containers::archive;
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::images::commit::{self, Commit};

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/commit", post(commit_one))
        .route("/containers/{id}/export", get(export))
        .route("/containers/{id}/archive", get(get_archive).head(head_archive).put(put_archive))
}

async fn commit_one(State(engine): Engined, params: Params, JsonBody(body): JsonBody) -> Result<Response> {
    let text = |key: &str| params.get(key).to_owned();
    let given: Value = extract::json_or_default(&body)?;
    let filled = given.as_object().is_some_and(|m| m.values().any(|v| !v.is_null()));
    let config =
        if filled { Some(crate::types::from_go_json(given).map_err(|e| extract::type_error(&e))?) } else { None };
    let request = Commit {
        container: text("container"),
        repo: text("repo"),
        tag: text("tag"),
        comment: text("comment"),
        author: text("author"),
        changes: params.all("changes").to_vec(),
        pause: params.flag_or("pause", true),
        config,
    };
    let work = tokio::spawn(async move { commit::commit(&engine, request).await });
    let id = work.await.map_err(Error::internal)??;
    Ok((StatusCode::CREATED, Json(commit::answer(&id))).into_response())
}

async fn export(State(engine): Engined, Path(id): Path<String>) -> Result<Response> {
    let container = engine.container(&id)?;
    container.event(&engine, "export", &[]);
    Ok(tar_body("application/octet-stream", move |out| archive::export(&engine, &container, out)))
}

fn path_of(params: &Params) -> Result<String> {
    match params.get("path") {
        "" => Err(Error::bad("Bad parameters: path cannot be empty")),
        path => Ok(path.to_owned()),
    }
}

async fn stat_header(engine: &Arc<Engine>, id: &str, path: &str) -> Result<HeaderValue> {
    use base64::Engine as _;
    let container = engine.container(id)?;
    let (engine, path) = (engine.clone(), path.to_owned());
    let typed = id.to_owned();
    let stat = move || archive::stat(&engine, &container, &path).map_err(|e| e.rename(&container.id, &typed));
    let stat = blocking(stat).await?;
    let text = base64::engine::general_purpose::STANDARD.encode(stat.to_string());
    HeaderValue::from_str(&text).map_err(Error::internal)
}

async fn head_archive(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<Response> {
    let stat = stat_header(&engine, &id, &path_of(&params)?).await?;
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert("X-Docker-Container-Path-Stat", stat);
    Ok(response)
}

async fn get_archive(State(engine): Engined, Path(id): Path<String>, params: Params) -> Result<Response> {
    let path = path_of(&params)?;
    let stat = stat_header(&engine, &id, &path).await?;
    let container = engine.container(&id)?;
    let mut response = tar_body("application/x-tar", move |out| archive::read(&engine, &container, &path, out));
    response.headers_mut().insert("X-Docker-Container-Path-Stat", stat);
    Ok(response)
}

async fn put_archive(State(engine): Engined, Path(id): Path<String>, params: Params, body: Body) -> Result<StatusCode> {
    // First of all: a client whose upload breaks off does not read why.
    let reader = body_reader(body);
    let (container, path) = (engine.container(&id)?, path_of(&params)?);
    let strict = params.flag("noOverwriteDirNonDir");
    blocking(move || {
        archive::write(&engine, &container, &path, strict, reader).map_err(|e| e.rename(&container.id, &id))
    })
    .await?;
    Ok(StatusCode::OK)
}

/// A response whose body a blocking writer makes. An error after the first byte breaks the connection off.
pub(super) fn tar_body(
    media_type: &'static str,
    work: impl FnOnce(&mut dyn Write) -> Result<()> + Send + 'static,
) -> Response {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(8);
    tokio::task::spawn_blocking(move || {
        let mut out = ChannelWriter { sender: sender.clone(), buffer: Vec::new() };
        if let Err(e) = work(&mut out).and_then(|()| Ok(out.flush()?)) {
            let _ = sender.blocking_send(Err(std::io::Error::other(e)));
        }
    });
    let stream = futures_util::stream::unfold(receiver, |mut r| async move { r.recv().await.map(|item| (item, r)) });
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

struct ChannelWriter {
    sender: mpsc::Sender<std::io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= 64 * 1024 {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(Ok(std::mem::take(&mut self.buffer).into())).map_err(gone)
    }
}

/// A request's body for a blocking reader.
pub(super) fn body_reader(body: Body) -> impl Read + Send + 'static {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(8);
    tokio::spawn(async move {
        let mut stream = body.into_data_stream();
        let mut wanted = true;
        while let Some(chunk) = stream.next().await {
            // Read to the end even when the work has failed: a client whose upload breaks off does not read why.
            wanted = wanted && sender.send(chunk.map_err(std::io::Error::other)).await.is_ok();
        }
    });
    ChannelReader { receiver, rest: Bytes::new() }
}

struct ChannelReader {
    receiver: mpsc::Receiver<std::io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.rest = chunk?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}
