//! Nodes over HTTP: add, remove, run a command, and move files. Files are read and written by a process inside the node, never by
//! the host walking a path that a student may have filled with links.

use std::{process::Stdio, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::{ApiError, App, FILE, error::json_body};
use crate::sessions::{Error, core::NodeView};

/// Most bytes of each of a command's streams.
const OUTPUT: usize = 4 << 20;
/// How long a command may run unless the request says less.
const LONGEST: u64 = 600;

pub(super) async fn add(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<NodeView>), ApiError> {
    let manager = Arc::clone(&app.manager);
    let added = tokio::spawn(async move { manager.add_node(&id).await }).await.map_err(Error::from)??;
    Ok((StatusCode::CREATED, Json(added)))
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((id, node)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let manager = Arc::clone(&app.manager);
    tokio::spawn(async move { manager.remove_node(&id, &node).await }).await.map_err(Error::from)??;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exec {
    cmd: Vec<String>,
    /// Seconds.
    #[serde(default = "longest")]
    timeout: u64,
}

fn longest() -> u64 {
    60
}

/// What a command did.
#[derive(Serialize)]
pub(super) struct Outcome {
    exit_code: i32,
    stdout: String,
    stderr: String,
    /// Whether a stream was longer than what is given.
    truncated: bool,
}

pub(super) async fn exec(
    State(app): State<App>,
    Path((id, node)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Outcome>, ApiError> {
    let Exec { cmd, timeout } = json_body(&body)?;
    if cmd.first().is_none_or(String::is_empty) {
        return Err(ApiError::bad_request(
            "empty_command",
            "cmd is empty: write the program and its arguments as a list of strings",
        ));
    }
    if cmd.iter().any(|word| word.contains('\0')) {
        return Err(ApiError::bad_request(
            "bad_command",
            "a word of cmd has a NUL character, which no argument can have",
        ));
    }
    let timeout = Duration::from_secs(timeout.clamp(1, LONGEST));
    let done = run(&app, &id, &node, &cmd, Bytes::new(), OUTPUT, timeout).await?;
    Ok(Json(Outcome {
        exit_code: done.code,
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        truncated: done.truncated,
    }))
}

struct Done {
    code: i32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    truncated: bool,
}

async fn run(
    app: &App,
    id: &str,
    node: &str,
    cmd: &[String],
    input: Bytes,
    most: usize,
    timeout: Duration,
) -> Result<Done, ApiError> {
    let node = app.manager.node(id, node)?;
    let (command, files) = app.manager.host()?.command(&node, cmd)?;
    let spawned = tokio::process::Command::from(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let failed = |step: &str| {
        let step = step.to_owned();
        move |source| ApiError::from(crate::sandbox::Error::System { step, source })
    };
    let mut child = spawned.map_err(failed("run the OCI runtime"))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A command need not read its input.
            let _ = stdin.write_all(&input).await;
        }
    };
    let work = async {
        let (status, (), out, err) = tokio::join!(child.wait(), write, drain(stdout, most), drain(stderr, most));
        (status, out, err)
    };
    // Dropped on a client's hang-up too, and then the process in the node is killed.
    let mut guard = KillOnDrop(Some(files));
    let result = tokio::time::timeout(timeout, work).await;
    match result {
        Ok((status, out, err)) => {
            guard.0 = None;
            let status = status.map_err(failed("wait for the OCI runtime"))?;
            let (stdout, cut_out) = out.map_err(failed("read a command's output"))?;
            let (stderr, cut_err) = err.map_err(failed("read a command's errors"))?;
            Ok(Done { code: status.code().unwrap_or(137), stdout, stderr, truncated: cut_out || cut_err })
        }
        Err(_) => {
            drop(guard);
            let message = format!(
                "the command ran longer than {} seconds and was killed; give a longer `timeout`, at most {LONGEST}",
                timeout.as_secs()
            );
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "command_timeout", message))
        }
    }
}

struct KillOnDrop(Option<crate::sandbox::ExecFiles>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(files) = self.0.take() {
            files.kill();
        }
    }
}

/// Reads to the end; keeps `most` bytes, and lets the rest pass so that the writer is not stopped.
async fn drain(stream: Option<impl AsyncRead + Unpin>, most: usize) -> std::io::Result<(Vec<u8>, bool)> {
    let (mut kept, mut cut) = (Vec::new(), false);
    let Some(mut stream) = stream else { return Ok((kept, cut)) };
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok((kept, cut));
        }
        let room = most - kept.len();
        kept.extend_from_slice(&buffer[..read.min(room)]);
        cut |= read > room;
    }
}

#[derive(Deserialize)]
pub(super) struct FileQuery {
    path: String,
}

impl FileQuery {
    fn check(self) -> Result<String, ApiError> {
        if self.path.is_empty() || self.path.contains('\0') || self.path.len() > 4096 {
            let message = "path must be a file's path in the node, 1 to 4096 bytes; a relative one starts in /root";
            return Err(ApiError::bad_request("bad_path", message));
        }
        Ok(self.path)
    }
}

fn script(text: &str, path: String) -> Vec<String> {
    vec!["/bin/sh".into(), "-c".into(), text.into(), "sh".into(), path]
}

pub(super) async fn get_file(
    State(app): State<App>,
    Path((id, node)): Path<(String, String)>,
    Query(query): Query<FileQuery>,
) -> Result<Response, ApiError> {
    let text = r#"[ -e "$1" ] || exit 44; [ -f "$1" ] || exit 45; exec cat < "$1""#;
    let path = query.check()?;
    let done = run(&app, &id, &node, &script(text, path.clone()), Bytes::new(), FILE, Duration::from_secs(60)).await?;
    match done.code {
        0 if !done.truncated => Ok(([(header::CONTENT_TYPE, "application/octet-stream")], done.stdout).into_response()),
        0 => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "file_too_large",
            format!("{path} has more than {FILE} bytes; split it in the node"),
        )),
        44 => Err(ApiError::new(StatusCode::NOT_FOUND, "no_such_file", format!("there is no {path} in the node"))),
        45 => Err(ApiError::bad_request("no_file", format!("{path} is no regular file; name one"))),
        _ => Err(refused("read", &path, &done)),
    }
}

pub(super) async fn put_file(
    State(app): State<App>,
    Path((id, node)): Path<(String, String)>,
    Query(query): Query<FileQuery>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let text = r#"mkdir -p -- "$(dirname -- "$1")" && exec cat > "$1""#;
    let path = query.check()?;
    let done = run(&app, &id, &node, &script(text, path.clone()), body, OUTPUT, Duration::from_secs(60)).await?;
    if done.code == 0 { Ok(StatusCode::NO_CONTENT) } else { Err(refused("written", &path, &done)) }
}

fn refused(what: &str, path: &str, done: &Done) -> ApiError {
    let said = String::from_utf8_lossy(&done.stderr);
    ApiError::new(
        StatusCode::CONFLICT,
        "file_refused",
        format!("{path} could not be {what} in the node: {}", said.trim()),
    )
}
