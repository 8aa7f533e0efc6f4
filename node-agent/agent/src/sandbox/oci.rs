//! The OCI runtime as the agent uses it: the command line that runc, crun and our own share. A start happens in a process of its
//! own, so that nothing of the agent's threads gets into it. All calls block, and none for ever.

use std::{
    ffi::OsString,
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use slipway_runtime::client::{Client, Io, Started};

use super::{Error, Result, at};

/// How long a runtime may take for one step before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A runtime's program and where it keeps its state.
#[derive(Clone, Debug)]
pub struct Runtime(Client);

fn failed(error: slipway_runtime::Error) -> Error {
    Error::Tool { tool: "the OCI runtime", text: error.to_string() }
}

impl Runtime {
    /// `prefix` stands before the runtime's own words: `["runtime"]` for our binary, nothing for runc or crun.
    pub fn new(program: PathBuf, prefix: Vec<OsString>, root: PathBuf) -> Self {
        Self(Client::new(program, prefix, root).with_patience(PATIENCE))
    }

    /// The client with its files in a directory of the node's.
    fn at(&self, dir: &Path) -> Client {
        self.0.clone().with_scratch(dir.to_owned())
    }

    /// Makes the container `id` from `bundle` and gives its first process's id.
    pub(crate) fn create(&self, id: &str, bundle: &Path) -> Result<u32> {
        let null =
            || -> std::io::Result<OwnedFd> { Ok(fs::File::options().read(true).write(true).open("/dev/null")?.into()) };
        let open = || Ok([null()?, null()?, null()?]);
        let streams = open().map_err(at("open", Path::new("/dev/null")))?;
        self.create_with(id, bundle, Io::Inherit(streams))
    }

    /// As [`Runtime::create`], with the caller's streams.
    pub(crate) fn create_with(&self, id: &str, bundle: &Path, io: Io) -> Result<u32> {
        self.at(bundle).create(id, bundle, io).map(|started| started.pid).map_err(failed)
    }

    /// Starts what was created.
    pub(crate) fn start(&self, id: &str, bundle: &Path) -> Result<()> {
        self.at(bundle).start(id).map_err(failed)
    }

    /// Forgets the container, killing it first; one that the runtime does not know is no error.
    pub(crate) fn delete(&self, id: &str, dir: &Path) -> Result<()> {
        let state = self.0.root().join(id);
        if !state.exists() {
            return Ok(());
        }
        let done = self.at(dir).delete(id, true).map_err(failed);
        // Cut off in the middle of a create, a runtime can leave a directory that it no longer reads.
        if done.is_err() && state.exists() {
            return fs::remove_dir_all(&state).map_err(at("remove", &state));
        }
        Ok(())
    }

    /// Runs a process on a new pseudo-terminal in the container: its host process id and the terminal's master side.
    /// The process becomes a child of this one, which must be a subreaper (prctl `PR_SET_CHILD_SUBREAPER`).
    pub(crate) fn exec_terminal(&self, id: &str, dir: &Path, process: &Value) -> Result<(u32, OwnedFd)> {
        let Started { pid, terminal } = self.at(dir).exec(id, process, Io::Terminal).map_err(failed)?;
        let missing = || Error::Tool { tool: "the OCI runtime", text: "it sent no terminal".into() };
        Ok((pid, terminal.ok_or_else(missing)?))
    }

    /// A command that runs a process in the container with the caller's streams; `files` is a directory for it.
    pub(crate) fn streaming(&self, id: &str, process: &Value, files: &Path) -> Result<Command> {
        self.0.streaming(id, process, files).map_err(failed)
    }
}
