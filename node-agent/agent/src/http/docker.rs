//! A node's engine, looked at from outside: GET requests of a few reading paths go through a relay process inside the node.

use std::process::Stdio;

use axum::{
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;

use super::{ApiError, App};

/// Paths that only read, `*` for one or more segments of a name; see the Engine API's reference.
const READING: &[&str] = &[
    "_ping",
    "version",
    "info",
    "system/df",
    "events",
    "images/json",
    "images/*/json",
    "images/*/history",
    "containers/json",
    "containers/*/json",
    "containers/*/changes",
    "containers/*/top",
    "containers/*/stats",
    "containers/*/logs",
    "networks",
    "networks/*",
    "volumes",
    "volumes/*",
];

fn allowed(path: &str) -> bool {
    let path = match path.split_once('/') {
        Some((version, rest)) if is_version(version) => rest,
        _ => path,
    };
    if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") || !path.bytes().all(plain) {
        return false;
    }
    READING.iter().any(|pattern| match pattern.split_once('*') {
        None => *pattern == path,
        Some((before, after)) => {
            let name = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            // Image names have slashes; everything else has none.
            name.is_some_and(|name| !name.is_empty() && (before == "images/" || !name.contains('/')))
        }
    })
}

fn is_version(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(major, minor)| digits(major) && digits(minor))
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._-:@".contains(&byte)
}

pub(super) async fn pass(
    State(app): State<App>,
    Path((id, node, path)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let node = app.manager.node(&id, &node)?;
    if !allowed(&path) {
        let message =
            format!("/{path} does not pass: only reading is possible here, such as images/json or containers/json");
        return Err(ApiError::new(StatusCode::FORBIDDEN, "not_reading", message));
    }
    let unreachable = |text: String| {
        ApiError::new(
            StatusCode::BAD_GATEWAY,
            "engine_unreachable",
            format!("the node's engine does not answer: {text}; try again"),
        )
    };
    let args = ["/usr/local/bin/node-agent", "relay", "/var/run/docker.sock"].map(str::to_owned);
    let (command, files) = app.manager.host()?.command(&node, &args)?;
    let mut command = tokio::process::Command::from(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| unreachable(error.to_string()))?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(unreachable("the relay has no streams".into()));
    };
    let io = TokioIo::new(tokio::io::join(stdout, stdin));
    let made = hyper::client::conn::http1::handshake(io).await;
    let (mut sender, connection) = made.map_err(|error| unreachable(error.to_string()))?;
    tokio::spawn(async move {
        // A broken connection shows in the answer.
        let _ = connection.await;
        files.kill();
        let _ = child.wait().await;
    });
    let target = match request.uri().query() {
        Some(query) => format!("/{path}?{query}"),
        None => format!("/{path}"),
    };
    let upstream = hyper::Request::get(target).header(header::HOST, "docker").header(header::CONNECTION, "close");
    let upstream = upstream.body(Empty::<Bytes>::new()).map_err(|error| unreachable(error.to_string()))?;
    let answer = sender.send_request(upstream).await.map_err(|error| unreachable(error.to_string()))?;
    let (parts, body) = answer.into_parts();
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = parts.status;
    *response.headers_mut() = reading_headers(&parts.headers);
    Ok(response)
}

/// What is told of the engine's headers. Its content type is the student's to choose, so a page never runs what it gets.
fn reading_headers(from: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let json = from.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let kind = if json { "application/json" } else { "application/octet-stream" };
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reading_paths_pass() {
        for good in
            ["_ping", "v1.51/images/json", "images/a/b:c/json", "containers/abc/changes", "volumes/x", "v1.40/info"]
        {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "",
            "containers/abc/export",
            "images/get",
            "containers/a/b/json",
            "containers/../images/x/json",
            "v1.51",
            "containers/abc/attach/ws",
            "exec/x/start",
            "containers/x%2fy/json",
            "images//json",
            "secrets",
            "v1/info/..",
            "containers/json\r\nx",
            "containers/abc/archive",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
