//! `node-agent registry`: the registries of all sessions in one process of few rights. Each session has a socket of its own, which is
//! how a request is known to be its; the server opens and closes them over a control socket that no node sees.
//!
//! ```text
//! PUT    /sessions/ID   opens one, or does nothing if it is open: 204
//! DELETE /sessions/ID   closes it and removes what it holds: 204
//! ```

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::routing::put;
use clap::Parser;
use tokio::net::UnixListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// The control socket's name in the directory of sockets.
pub(crate) const CONTROL: &str = "control.sock";
/// A session's socket in its directory there.
pub(crate) const SOCKET: &str = "library.sock";

/// Serves the image library to sessions and keeps what they push.
#[derive(Debug, Parser)]
#[command(name = "node-agent registry")]
struct Options {
    /// Image library, an OCI layout
    #[arg(long)]
    library: PathBuf,
    /// Where what is pushed is kept, a directory a session
    #[arg(long)]
    data: PathBuf,
    /// Where the sockets are made: control.sock, and SESSION/library.sock
    #[arg(long)]
    sockets: PathBuf,
    /// Bytes that a session may push
    #[arg(long)]
    quota: u64,
    /// The fetcher's socket, for what the library lacks
    #[arg(long)]
    upstream: Option<PathBuf>,
}

/// Entry point.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let options = match Options::try_parse_from(std::iter::once("node-agent registry".into()).chain(args)) {
        Ok(options) => options,
        Err(error) => {
            // A closed standard output is no reason to fail.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("node-agent registry: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(options: Options) -> anyhow::Result<()> {
    let control = options.sockets.join(CONTROL);
    let sessions = Arc::new(Sessions { options, open: Mutex::default() });
    // After a crash, what was pushed before is still there for its session.
    for id in sessions.kept()? {
        sessions.open(&id).await?;
    }
    let listener = listen(&control, 0o600)?;
    let routes = Router::new().route("/sessions/{id}", put(open).delete(close)).with_state(sessions);
    axum::serve(listener, routes).await.context("serving the control socket")
}

struct Sessions {
    options: Options,
    open: Mutex<HashMap<String, JoinHandle<()>>>,
}

impl Sessions {
    fn data(&self, id: &str) -> PathBuf {
        self.options.data.join(id)
    }

    fn kept(&self) -> anyhow::Result<Vec<String>> {
        let dir = &self.options.data;
        let entries = fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    async fn open(&self, id: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "a session's id has letters and digits only"
        );
        let mut open = self.open.lock().await;
        if open.get(id).is_some_and(|task| !task.is_finished()) {
            return Ok(());
        }
        let data = self.data(id);
        let routes =
            super::taking(self.options.library.clone(), &data, self.options.quota, self.options.upstream.clone())
                .with_context(|| format!("opening {}", data.display()))?;
        let dir = self.options.sockets.join(id);
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        // Whoever is in the session's node may connect, and nobody else sees it.
        let listener = listen(&dir.join(SOCKET), 0o666)?;
        let task = tokio::spawn(async move {
            // It ends only when it is aborted.
            let _ = axum::serve(listener, routes).await;
        });
        open.insert(id.to_owned(), task);
        Ok(())
    }

    async fn close(&self, id: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "a session's id has letters and digits only"
        );
        let mut open = self.open.lock().await;
        if let Some(task) = open.remove(id) {
            task.abort();
        }
        for dir in [self.options.sockets.join(id), self.data(id)] {
            match fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("removing {}", dir.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn listen(path: &Path, mode: u32) -> anyhow::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing the old {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("listening on {}", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).with_context(|| format!("opening {}", path.display()))?;
    Ok(listener)
}

async fn open(State(sessions): State<Arc<Sessions>>, UrlPath(id): UrlPath<String>) -> (StatusCode, String) {
    answer(&id, sessions.open(&id).await)
}

async fn close(State(sessions): State<Arc<Sessions>>, UrlPath(id): UrlPath<String>) -> (StatusCode, String) {
    answer(&id, sessions.close(&id).await)
}

fn answer(id: &str, done: anyhow::Result<()>) -> (StatusCode, String) {
    match done {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("session {id}: {error:#}")),
    }
}
