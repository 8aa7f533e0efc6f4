//! Layers that the host keeps for all nodes: how long a pull of them takes, in nodes of a real server with the starter library, and what
//! ten sessions with the same images take of the disk beside one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::measure::median;

/// Pulls that are timed.
const PULLS: usize = 15;
/// Sessions that pull the same.
const SESSIONS: usize = 10;

/// What was measured.
pub(super) struct Shared {
    /// Median of a `docker pull` of what the host has and the node has not, in milliseconds.
    pub(super) pull_ms: f64,
    /// Disk of all ten sessions and the host's layers, as a multiple of one session's and the host's layers.
    pub(super) disk: f64,
}

/// Measures on a running server whose data directory is `data`.
pub(super) fn measure(listen: SocketAddr, data: &Path) -> Result<Shared> {
    let images = repositories(&Session::open(listen)?)?;
    ensure!(!images.is_empty(), "the starter library is empty");
    let pull = format!("set -e; for i in {}; do docker pull -q $i >/dev/null; done; sync", images.join(" "));
    let first = Session::open(listen)?;
    first.run(&pull)?;
    let one = usage(&data.join("nodes"))? + usage(&data.join("layers"))?;
    let timed = format!(
        "set -e; for n in $(seq 0 {PULLS}); do docker rmi -f {image} >/dev/null; a=$(date +%s%N); docker pull -q {image} >/dev/null; \
         b=$(date +%s%N); echo $((b - a)); done",
        image = images[0]
    );
    let text = first.run(&timed)?;
    // The first one warms up.
    let times = text.lines().skip(1).filter_map(|line| line.parse::<f64>().ok()).map(|nanoseconds| nanoseconds / 1e6);
    let pull_ms = median(times.collect());
    let idle = usage(&data.join("nodes"))?;
    let rest = (1..SESSIONS).map(|_| Session::open(listen)).collect::<Result<Vec<_>>>()?;
    for session in &rest {
        session.run("sync")?;
    }
    // What a session takes before it has pulled anything is no image's.
    let empty = usage(&data.join("nodes"))?.saturating_sub(idle);
    for session in &rest {
        session.run(&pull)?;
    }
    let ten = usage(&data.join("nodes"))? + usage(&data.join("layers"))?;
    Ok(Shared { pull_ms, disk: ten.saturating_sub(empty) as f64 / one as f64 })
}

/// The library's images, each once.
fn repositories(session: &Session) -> Result<Vec<String>> {
    let text = session.run("curl -sS --unix-socket /run/slipway/library.sock http://registry/v2/_catalog")?;
    let list: Value = serde_json::from_str(&text).with_context(|| format!("a catalog, not {text:?}"))?;
    let names = list["repositories"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(names.map(|name| name.trim_start_matches("library/").to_owned()).take(5).collect())
}

/// A session with one node, ended when dropped.
struct Session {
    listen: SocketAddr,
    id: String,
    token: String,
}

impl Session {
    fn open(listen: SocketAddr) -> Result<Self> {
        let opened = request(listen, "POST", "/api/v1/sessions", None, "")?;
        let text =
            |key: &str| Ok::<_, anyhow::Error>(opened[key].as_str().with_context(|| format!("no {key}"))?.to_owned());
        let session = Self { listen, id: text("id")?, token: text("token")? };
        session.run("for n in $(seq 400); do docker version >/dev/null 2>&1 && exit 0; sleep 0.05; done; exit 1")?;
        Ok(session)
    }

    /// Runs a shell script in the node and gives what it prints.
    fn run(&self, script: &str) -> Result<String> {
        let path = format!("/api/v1/sessions/{}/nodes/node1/exec", self.id);
        let body = json!({"cmd": ["bash", "-c", script], "timeout": 300}).to_string();
        let answer = request(self.listen, "POST", &path, Some(&self.token), &body)?;
        ensure!(answer["exit_code"] == 0, "{script}: {answer}");
        Ok(answer["stdout"].as_str().unwrap_or_default().to_owned())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It goes with its server at the latest.
        let _ = request(self.listen, "DELETE", &format!("/api/v1/sessions/{}", self.id), Some(&self.token), "");
    }
}

fn request(to: SocketAddr, method: &str, path: &str, token: Option<&str>, body: &str) -> Result<Value> {
    let mut stream = TcpStream::connect(to).context("connecting to the server")?;
    stream.set_read_timeout(Some(Duration::from_secs(320)))?;
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n{bearer}content-length: {length}\r\n\r\n{body}"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).with_context(|| format!("{method} {path}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("{method} {path}: no answer"))?;
    ensure!(head.split(' ').nth(1).is_some_and(|code| code.starts_with('2')), "{method} {path}: {text}");
    if body.is_empty() { Ok(Value::Null) } else { serde_json::from_str(body).context("an answer in JSON") }
}

/// Bytes that a tree takes on its own filesystem; what is mounted in it is not counted.
fn usage(root: &Path) -> Result<u64> {
    let meta = std::fs::symlink_metadata(root).with_context(|| format!("measuring {}", root.display()))?;
    let mut bytes = meta.blocks() * 512;
    if meta.is_dir() {
        for entry in std::fs::read_dir(root).with_context(|| format!("listing {}", root.display()))?.flatten() {
            if entry.metadata().is_ok_and(|inner| inner.dev() == meta.dev()) {
                bytes += usage(&entry.path())?;
            }
        }
    }
    Ok(bytes)
}
