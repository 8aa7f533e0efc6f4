//! Containers: their records, their life from create to remove, and the questions clients ask about them.

pub mod archive;
mod check;
pub mod create;
pub mod inspect;
pub mod list;
mod monitor;
mod mounts;
pub mod names;
pub mod remove;
pub mod restore;
pub mod start;
pub mod stats;
pub mod stop;

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use crate::engine::{Engine, EngineConfig, lock};
use crate::error::{Error, Result};
use crate::types::{HostConfig, Record};

/// What lies on disk of a container.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// `config.v2.json`.
    pub record: Record,
    /// `hostconfig.json`.
    pub host: HostConfig,
}

/// What those who wait for a container see.
#[derive(Debug, Clone, Default)]
pub struct Phase {
    /// Running now (also while restarting).
    pub running: bool,
    /// Times it has ended.
    pub exits: u64,
    /// Status of the last end.
    pub code: i32,
    /// It is gone.
    pub removed: bool,
}

/// One container. `data` is locked for moments only; `operation` is held by whatever changes the container's life,
/// so that start, clean-up after an exit, and removal never overlap.
#[derive(Debug)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Directory under the data root.
    pub dir: PathBuf,
    /// Directory under the exec root; also the OCI bundle.
    pub run_dir: PathBuf,
    /// The shim's socket.
    pub socket: PathBuf,
    /// Serialises changes of the container's life.
    pub operation: tokio::sync::Mutex<()>,
    data: Mutex<Data>,
    phase: watch::Sender<Phase>,
    waiting: Mutex<Vec<Waiting>>,
}

/// A client that attached before the start.
#[derive(Debug)]
pub struct Waiting {
    /// Its bytes go to stdin.
    pub stdin: bool,
    /// It wants stdout.
    pub stdout: bool,
    /// It wants stderr.
    pub stderr: bool,
    /// The other end of its connection.
    pub stream: tokio::net::UnixStream,
}

impl Container {
    /// A container with this data; nothing is written.
    #[must_use]
    pub fn new(config: &EngineConfig, data: Data) -> Arc<Self> {
        let id = data.record.id.clone();
        let phase = Phase { running: data.record.state.running, code: data.record.state.exit_code, ..Phase::default() };
        Arc::new(Self {
            dir: config.data_root.join("containers").join(&id),
            run_dir: config.exec_root.join("containers").join(&id),
            // Short, since a socket's path is limited to 107 bytes.
            socket: config.exec_root.join("s").join(id.get(..20).unwrap_or(&id)),
            operation: tokio::sync::Mutex::new(()),
            data: Mutex::new(data),
            phase: watch::Sender::new(phase),
            waiting: Mutex::default(),
            id,
        })
    }

    /// The data, to look at or change; call [`Self::save`] after a change.
    pub fn data(&self) -> MutexGuard<'_, Data> {
        lock(&self.data)
    }

    /// Name without the slash.
    pub fn name(&self) -> String {
        self.data().record.name.trim_start_matches('/').to_owned()
    }

    /// Whether the container's process is there.
    pub fn is_running(&self) -> bool {
        let data = self.data();
        data.record.state.running && !data.record.state.restarting
    }

    /// Writes the data, each file in one step.
    ///
    /// # Errors
    /// When the disk is full or gone.
    pub fn save(&self) -> Result<()> {
        let data = self.data().clone();
        write_json(&self.dir.join("config.v2.json"), &data.record)?;
        write_json(&self.dir.join("hostconfig.json"), &data.host)
    }

    /// Follows the container's phases.
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Changes the phase and wakes those who wait.
    pub fn set_phase(&self, change: impl FnOnce(&mut Phase)) {
        self.phase.send_modify(change);
    }

    /// Keeps a client until the container is created.
    pub fn attach_at_start(&self, client: Waiting) {
        lock(&self.waiting).push(client);
    }

    /// The clients kept so far.
    pub fn take_waiting(&self) -> Vec<Waiting> {
        std::mem::take(&mut lock(&self.waiting))
    }

    /// Records an event about this container.
    pub fn event(&self, engine: &Engine, action: impl Into<String>, more: &[(&str, String)]) {
        let mut attributes: BTreeMap<String, String>;
        {
            let data = self.data();
            attributes = data.record.config.labels.clone();
            attributes.insert("image".into(), data.record.config.image.clone());
            attributes.insert("name".into(), data.record.name.trim_start_matches('/').to_owned());
        }
        attributes.extend(more.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
        engine.events.log("container", action, &self.id, attributes);
    }

    /// Fails unless the container's process is there.
    ///
    /// # Errors
    /// 409 with Docker's sentence.
    pub fn require_running(&self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        Err(Error::conflict(format!("container {} is not running", self.id)))
    }
}

/// Waits for a condition of `POST /containers/{id}/wait`; subscribe first, then send the headers, then wait.
pub async fn wait(mut phases: watch::Receiver<Phase>, condition: &str) -> i32 {
    let exits = phases.borrow().exits;
    let done = |p: &Phase| match condition {
        "next-exit" => p.exits > exits || p.removed,
        "removed" => p.removed,
        _ => !p.running || p.removed,
    };
    // The sender lives as long as the container; should it go, the last phase is the answer.
    let phase = match phases.wait_for(done).await {
        Ok(phase) => phase.clone(),
        Err(_) => Phase::default(),
    };
    phase.code
}

/// Makes a directory and those above it, as far as they are not there, with these permissions.
pub(crate) fn directory(path: &Path, mode: u32) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|e| Error::internal(format!("creating {}: {e}", path.display())))
}

/// Writes JSON to a temporary file, its owner's only, and renames it.
pub(crate) fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let fail = |e: std::io::Error| Error::internal(format!("writing {}: {e}", path.display()));
    let bytes = serde_json::to_vec(value).map_err(|e| fail(e.into()))?;
    let temporary = path.with_extension("tmp");
    let mut file = std::fs::OpenOptions::new();
    let file = file.write(true).create(true).truncate(true).mode(0o600).open(&temporary);
    file.and_then(|mut file| file.write_all(&bytes)).map_err(fail)?;
    std::fs::rename(&temporary, path).map_err(fail)
}

/// All containers, by id and by name.
#[derive(Debug, Default)]
pub struct Registry {
    by_id: HashMap<String, Arc<Container>>,
    by_name: HashMap<String, String>,
}

impl Registry {
    /// Reserves a name for an id.
    ///
    /// # Errors
    /// Docker's conflict sentence when it is taken.
    pub fn reserve(&mut self, name: &str, id: &str) -> Result<()> {
        if let Some(owner) = self.by_name.get(name) {
            return Err(Error::conflict(format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{owner}\". You have to remove \
                 (or rename) that container to be able to reuse that name."
            )));
        }
        self.by_name.insert(name.to_owned(), id.to_owned());
        Ok(())
    }

    /// Gives a name back.
    pub fn release(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    /// Adds a container whose name is reserved.
    pub fn insert(&mut self, container: Arc<Container>) {
        self.by_id.insert(container.id.clone(), container);
    }

    /// Forgets a container and its name.
    pub fn remove(&mut self, container: &Container) {
        self.by_id.remove(&container.id);
        self.by_name.retain(|_, id| *id != container.id);
    }

    /// All containers.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Container>> {
        self.by_id.values().cloned().collect()
    }

    /// Id, then name, then unambiguous prefix of an id.
    ///
    /// # Errors
    /// Docker's sentences for none and for several.
    pub fn find(&self, name: &str) -> Result<Arc<Container>> {
        if name.is_empty() {
            return Err(Error::bad("invalid name or ID supplied: \"\""));
        }
        if let Some(found) = self.by_id.get(name) {
            return Ok(found.clone());
        }
        let plain = name.strip_prefix('/').unwrap_or(name);
        if let Some(found) = self.by_name.get(plain).and_then(|id| self.by_id.get(id)) {
            return Ok(found.clone());
        }
        let mut matches = self.by_id.iter().filter(|(id, _)| id.starts_with(name));
        match (matches.next(), matches.next()) {
            (Some((_, found)), None) => Ok(found.clone()),
            (None, _) => Err(Error::no_container(name)),
            _ => Err(Error::bad(format!("multiple IDs found with provided prefix: {name}"))),
        }
    }
}
