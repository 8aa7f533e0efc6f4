//! `docker build --ssh`: the engine may speak to SSH agents of the client's while a build's commands run. The classic protocol has no way back,
//! so connections are opened from here that wait at our own engine until one is needed; each is then one connection to an agent.

use std::future::Future;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue};
use tokio::io::AsyncReadExt as _;

use crate::client::{Client, encode};
use crate::error::{Failure, go_io};
use crate::hijack;

/// The build's secret name, a space, and the ids with commas between.
const HEADER: &str = "x-slipway-ssh";

/// A build's agents.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    build: String,
    /// Ids and sockets.
    all: Vec<(String, PathBuf)>,
}

impl Agents {
    /// Reads the values of `--ssh` (`default`, `id=SOCKET`) and names them in a request's headers.
    ///
    /// # Errors
    /// For what is no socket of an agent.
    pub(crate) fn read(flags: &[&str], headers: &mut HeaderMap) -> Result<Self, Failure> {
        if flags.is_empty() {
            return Ok(Self::default());
        }
        let mut all: Vec<(String, PathBuf)> = Vec::new();
        for flag in flags {
            let (id, path) = flag.split_once('=').unwrap_or((flag, ""));
            let id = if id.is_empty() { "default" } else { id };
            if all.iter().any(|(known, _)| known == id) {
                return Err(Failure::new(format!("duplicate ssh agent {id:?}")));
            }
            if !id.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
                return Err(Failure::new(format!("invalid ssh agent id {id:?}")));
            }
            all.push((id.to_owned(), socket(id, path)?));
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|e| Failure::new(format!("a name for the build: {e}")))?;
        let build: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let ids: Vec<&str> = all.iter().map(|(id, _)| id.as_str()).collect();
        let value = HeaderValue::try_from(format!("{build} {}", ids.join(",")));
        let mut value = value.map_err(|e| Failure::new(e.to_string()))?;
        value.set_sensitive(true);
        headers.insert(HEADER, value);
        Ok(Self { build, all })
    }

    /// Does `work` while the agents can be asked.
    pub(crate) async fn during<T>(&self, client: &Client, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let serving = join_all(self.all.iter().map(|(id, path)| self.serve(client, id, path)));
        tokio::select! {
            done = &mut work => return done,
            _ = serving => {}
        }
        work.await
    }

    /// Keeps one connection waiting for the engine; one that is needed is carried to the agent by a task of its own.
    async fn serve(&self, client: &Client, id: &str, path: &Path) {
        let at = format!("/x-slipway/ssh?build={}&id={}", self.build, encode(id));
        // One that knows no such route leaves optional mounts out, as Docker's does.
        while let Ok(mut engine) = hijack::open(client, &at, None).await {
            let mut needed = [0];
            if engine.read_exact(&mut needed).await.is_err() {
                return;
            }
            let path = path.to_owned();
            tokio::spawn(async move {
                if let Ok(mut agent) = tokio::net::UnixStream::connect(path).await {
                    let _ = tokio::io::copy_bidirectional(&mut engine, &mut agent).await;
                }
            });
        }
    }
}

/// The socket of an agent; without a path, the one that the environment names.
fn socket(id: &str, path: &str) -> Result<PathBuf, Failure> {
    let path = match path {
        "" => std::env::var("SSH_AUTH_SOCK").unwrap_or_default(),
        path => path.to_owned(),
    };
    if path.is_empty() {
        return Err(Failure::new("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set"));
    }
    let meta = std::fs::metadata(&path)
        .map_err(|e| Failure::new(format!("failed to open {path} for ssh agent {id}: {}", go_io(&e))))?;
    if !meta.file_type().is_socket() {
        return Err(Failure::new(format!(
            "{path} is not a socket: keys are not read here; give the key to an agent (eval $(ssh-agent); ssh-add {path}) and build with --ssh {id}"
        )));
    }
    Ok(PathBuf::from(path))
}
