//! Attach and logs.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, header};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

use super::ApiVersion;
use super::extract::Params;
use super::hijack::{Hijack, parse_keys};
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::logs::{self, LogQuery};
use crate::shim::client;
use crate::shim::protocol;

type Engined = State<Arc<Engine>>;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/containers/{id}/attach", post(attach)).route("/containers/{id}/logs", get(logs_of))
}

async fn attach(
    State(engine): Engined,
    Path(id): Path<String>,
    params: Params,
    mut request: Request,
) -> Result<Response> {
    let container = engine.container(&id)?;
    let keys = parse_keys(params.get("detachKeys"))?;
    let hijack = Hijack::new(&mut request)?;
    let (tty, open_stdin, log_path, paused) = {
        let data = container.data();
        let r = &data.record;
        (r.config.tty, r.config.open_stdin, r.log_path.clone(), r.state.paused)
    };
    if paused {
        return Err(Error::conflict(format!(
            "container {} is paused, unpause the container before attach",
            container.id
        )));
    }
    let (stdout, stderr) = (params.flag("stdout"), params.flag("stderr"));
    let stdin = params.flag("stdin") && open_stdin;
    let keys = if stdin && tty { keys } else { Vec::new() };
    let mut first = Vec::new();
    let stream = if params.flag("stream") {
        if container.is_running() {
            let request = protocol::Request::Attach { exec: None, stdin, stdout, stderr };
            let (reply, stream) = client::request(&container.socket, &request).await.map_err(Error::internal)?;
            if params.flag("logs") {
                first = replay(&log_path, stdout, stderr, tty, Some(reply.log_offset)).await?;
            }
            stream
        } else {
            // Before the start: the connection waits for the shim and is joined to it as soon as the container is created.
            let (ours, theirs) = tokio::net::UnixStream::pair()?;
            container.attach_at_start(Waiting { stdin, stdout, stderr, stream: theirs });
            ours
        }
    } else {
        first = if params.flag("logs") { replay(&log_path, stdout, stderr, tty, None).await? } else { Vec::new() };
        tokio::net::UnixStream::pair()?.0
    };
    container.event(&engine, "attach", &[]);
    if !hijack.asked() {
        return Ok(hijack.plain(stream, tty, first));
    }
    let (e, c) = (engine.clone(), container.clone());
    Ok(hijack.connect(stream, tty, first, keys, move || c.event(&e, "detach", &[])))
}

pub(crate) use crate::containers::Waiting;

async fn replay(path: &str, stdout: bool, stderr: bool, tty: bool, limit: Option<u64>) -> Result<Vec<u8>> {
    let path = std::path::PathBuf::from(path);
    blocking(move || {
        let query = LogQuery { stdout, stderr, tty, ..LogQuery::default() };
        let mut out = Vec::new();
        logs::read(&path, &query, limit, |bytes| {
            out.extend_from_slice(&bytes);
            true
        })?;
        Ok(out)
    })
    .await
}

async fn logs_of(State(engine): Engined, Path(id): Path<String>, params: Params, request: Request) -> Result<Response> {
    let (stdout, stderr) = (params.flag("stdout"), params.flag("stderr"));
    if !stdout && !stderr {
        return Err(Error::bad("Bad parameters: you must choose at least one stream"));
    }
    let container = engine.container(&id)?;
    let (tty, path, driver) = {
        let data = container.data();
        (data.record.config.tty, data.record.log_path.clone(), data.host.log_config.kind.clone())
    };
    if driver == "none" {
        return Err(Error::unsupported("configured logging driver does not support reading"));
    }
    let time = |key: &str| match params.get(key) {
        "" | "0" => Ok(None),
        text => {
            clock::parse_api(text).map(Some).ok_or_else(|| Error::bad(format!("invalid value for \"{key}\": {text}")))
        }
    };
    let tail = match params.get("tail") {
        "" | "all" => None,
        // moby takes what is no number for "all", and so for a negative one.
        text => text.parse::<usize>().ok(),
    };
    let query = LogQuery {
        stdout,
        stderr,
        tty,
        tail,
        follow: params.flag("follow"),
        since: time("since")?,
        until: time("until")?,
        timestamps: params.flag("timestamps"),
    };
    // Joined before the file is read, so that nothing is missed between the two.
    let follow = if query.follow && container.is_running() {
        client::request(&container.socket, &protocol::Request::FollowLog).await.ok()
    } else {
        None
    };
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(64);
    tokio::spawn(async move {
        let limit = follow.as_ref().map(|(reply, _)| reply.log_offset);
        let (reader, q, s) = (std::path::PathBuf::from(path), query.clone(), sender.clone());
        let read = tokio::task::spawn_blocking(move || {
            let mut batch = Vec::new();
            logs::read(&reader, &q, limit, |bytes| {
                batch.extend_from_slice(&bytes);
                batch.len() < 32 * 1024 || s.blocking_send(Ok(std::mem::take(&mut batch).into())).is_ok()
            })?;
            if !batch.is_empty() {
                let _ = s.blocking_send(Ok(batch.into()));
            }
            Ok::<_, std::io::Error>(())
        });
        if let Ok(Err(e)) = read.await {
            let _ = sender.send(Err(e)).await;
            return;
        }
        if let Some((_, stream)) = follow {
            follow_log(stream, &query, &sender).await;
        }
    });
    let stream = futures_util::stream::unfold(receiver, |mut r| async move { r.recv().await.map(|item| (item, r)) });
    let version = request.extensions().get::<ApiVersion>().copied().unwrap_or(ApiVersion(51));
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(Hijack::media_type(version, tty)));
    Ok(response)
}

async fn follow_log(
    stream: tokio::net::UnixStream,
    query: &LogQuery,
    sender: &mpsc::Sender<Result<Bytes, std::io::Error>>,
) {
    let mut lines = BufReader::new(stream).split(b'\n');
    loop {
        let line = tokio::select! {
            line = lines.next_segment() => line,
            () = sender.closed() => return,
        };
        let Ok(Some(line)) = line else { return };
        if let Some(bytes) = query.render(&line)
            && sender.send(Ok(bytes.into())).await.is_err()
        {
            return;
        }
    }
}
