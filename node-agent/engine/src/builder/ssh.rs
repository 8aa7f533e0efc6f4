//! `RUN --mount=type=ssh`: a socket in the container behind which a client's SSH agent answers. The classic protocol has no way back to the
//! client, so our own `docker build --ssh` opens it: connections to `POST /x-slipway/ssh` that wait, under the build's secret name, until a
//! command speaks to the socket. Each is then one connection to the agent. Keys never come here.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_wasm::dockerfile::instructions::MountOptions;
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::context::Scratch;
use crate::engine::{Engine, lock};
use crate::error::{Error, Result};

/// The build's secret name, a space, and the ids that its client has agents for, with commas between.
const HEADER: &str = "x-slipway-ssh";
/// The id where none is said.
const DEFAULT: &str = "default";
/// How long a command's connection waits for one of the client's.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections of one agent that may wait.
const MAX_WAITING: usize = 16;

/// Which agents a build's client has.
#[derive(Clone, Default)]
pub struct Agents {
    build: String,
    ids: Vec<String>,
}

impl fmt::Debug for Agents {
    /// The ids alone: who knows the name could answer in the client's place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.ids).finish()
    }
}

impl Agents {
    /// Those of a request.
    ///
    /// # Errors
    /// For a header that cannot be read.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self> {
        let Some(value) = headers.get(HEADER) else { return Ok(Self::default()) };
        let wrong = || Error::bad(format!("{HEADER}: a build's name and ids are expected"));
        let (build, ids) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
        // As long as is needed to be guessed by nobody.
        if build.len() < 32 || ids.split(',').any(str::is_empty) {
            return Err(wrong());
        }
        Ok(Self { build: build.to_owned(), ids: ids.split(',').map(str::to_owned).collect() })
    }
}

/// A build's name, and the id of an agent.
type Key = (String, String);

/// Connections of clients that wait, by their builds' names and the ids of agents.
#[derive(Default)]
pub struct Waiting {
    all: Mutex<HashMap<Key, Vec<oneshot::Sender<UnixStream>>>>,
    more: Notify,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waiting({})", lock(&self.all).len())
    }
}

impl Waiting {
    /// Lets a client's connection wait until it goes away or is needed; then it carries what a command says to the agent.
    ///
    /// # Errors
    /// When too many wait already.
    pub(crate) fn add(&self, build: &str, id: &str, mut client: UnixStream) -> Result<()> {
        let (sender, needed) = oneshot::channel::<UnixStream>();
        {
            let mut all = lock(&self.all);
            for waiting in all.values_mut() {
                waiting.retain(|other| !other.is_closed());
            }
            all.retain(|_, waiting| !waiting.is_empty());
            let waiting = all.entry((build.to_owned(), id.to_owned())).or_default();
            if waiting.len() >= MAX_WAITING {
                return Err(Error::bad("too many connections wait for this agent"));
            }
            waiting.push(sender);
        }
        self.more.notify_waiters();
        tokio::spawn(async move {
            let mut nothing = [0];
            let command = tokio::select! {
                command = needed => command,
                // A client that has nothing to answer yet can only leave.
                _ = client.read(&mut nothing) => return,
            };
            // One byte tells the client that its agent is needed.
            if let Ok(mut command) = command
                && client.write_all(&[0]).await.is_ok()
            {
                let _ = tokio::io::copy_bidirectional(&mut command, &mut client).await;
            }
        });
        Ok(())
    }

    /// Hands a command's connection to one that waits; gives it back when none is there.
    fn hand_over(&self, key: &Key, mut command: UnixStream) -> Result<(), UnixStream> {
        let mut all = lock(&self.all);
        while let Some(waiting) = all.get_mut(key).and_then(Vec::pop) {
            match waiting.send(command) {
                Ok(()) => return Ok(()),
                Err(back) => command = back,
            }
        }
        Err(command)
    }

    async fn connect(&self, key: &Key, mut command: UnixStream) {
        let given_up = tokio::time::sleep(PATIENCE);
        let mut given_up = std::pin::pin!(given_up);
        loop {
            // Asked for before it is looked, so that none that comes in between is missed.
            let more = self.more.notified();
            match self.hand_over(key, command) {
                Ok(()) => return,
                Err(back) => command = back,
            }
            tokio::select! {
                () = more => {}
                () = &mut given_up => return,
            }
        }
    }
}

/// A socket for one step; it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Where it is on this machine.
    pub(crate) path: PathBuf,
    _dir: Scratch,
    _served: DropGuard,
}

/// Where sockets of agents are while their commands run.
pub(super) fn dir(engine: &Engine) -> PathBuf {
    engine.config.exec_root.join("ssh")
}

/// Makes the socket that a mount asks for; `None` where there may be none and is none.
///
/// # Errors
/// For an agent that must be there, with the remedy; and when the socket cannot be made.
pub(super) fn socket(engine: &Arc<Engine>, agents: &Agents, options: &MountOptions) -> Result<Option<Socket>> {
    if !options.source.is_empty() {
        return Err(Error::bad("ssh does not support source"));
    }
    let id = if options.id.is_empty() { DEFAULT } else { &options.id };
    if !agents.ids.iter().any(|known| known == id) {
        return if options.required {
            Err(Error::bad(format!(
                "no SSH agent {id:?} was forwarded from the client: give it with --ssh {id} of Slipway's own docker command; others forward none"
            )))
        } else {
            Ok(None)
        };
    }
    let scratch = Scratch::new(&dir(engine))?;
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o711))?;
    let path = scratch.path().join("agent");
    let listener = UnixListener::bind(&path)?;
    std::os::unix::fs::chown(&path, Some(options.uid.unwrap_or(0)), Some(options.gid.unwrap_or(0)))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(options.mode.unwrap_or(0o600)))?;
    let ended = CancellationToken::new();
    let (engine, key, stop) = (Arc::clone(engine), (agents.build.clone(), id.to_owned()), ended.clone());
    tokio::spawn(async move {
        loop {
            let command = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            let Ok((command, _)) = command else { return };
            let (engine, key) = (Arc::clone(&engine), key.clone());
            tokio::spawn(async move { engine.agents.connect(&key, command).await });
        }
    });
    Ok(Some(Socket { path, _dir: scratch, _served: ended.drop_guard() }))
}

/// Where the command sees the socket: as many as there are before it have a number of their own.
pub(super) fn target(options: &MountOptions, before: usize) -> String {
    if options.target.is_empty() { format!("/run/buildkit/ssh_agent.{before}") } else { options.target.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_agents_and_nothing_shows_the_builds_name() {
        let mut headers = HeaderMap::new();
        let name = "0123456789abcdef".repeat(2);
        headers.insert(HEADER, format!("{name} default,other").parse().unwrap());
        let agents = Agents::read(&headers).unwrap();
        assert_eq!(agents.ids, ["default", "other"]);
        assert_eq!(format!("{agents:?}"), r#"["default", "other"]"#);
        assert!(Agents::read(&HeaderMap::new()).unwrap().ids.is_empty());
        for bad in [name.clone(), format!("{name} "), format!("{name} a,"), "short default".to_owned()] {
            headers.insert(HEADER, bad.parse().unwrap());
            assert!(Agents::read(&headers).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_command_speaks_to_a_connection_of_its_own_build() {
        let waiting = Waiting::default();
        let key = ("build".to_owned(), DEFAULT.to_owned());
        let pair = || UnixStream::pair().unwrap();
        let (gone, (mut other, other_end), (mut agent, agent_end)) = (pair(), pair(), pair());
        waiting.add("build", DEFAULT, gone.1).unwrap();
        waiting.add("other", DEFAULT, other_end).unwrap();
        drop(gone.0);
        while !lock(&waiting.all)[&key][0].is_closed() {
            tokio::task::yield_now().await;
        }
        let (mut command, end) = pair();
        // The agent comes after the command has asked.
        tokio::join!(waiting.connect(&key, end), async {
            tokio::task::yield_now().await;
            waiting.add("build", DEFAULT, agent_end).unwrap();
        });
        command.write_all(b"ask").await.unwrap();
        command.shutdown().await.unwrap();
        let mut said = [0; 4];
        agent.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"\0ask");
        agent.write_all(b"answer").await.unwrap();
        drop(agent);
        let mut answer = String::new();
        command.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        drop(waiting);
        assert_eq!(other.read(&mut said).await.unwrap(), 0, "the other build's has heard nothing");
    }
}
