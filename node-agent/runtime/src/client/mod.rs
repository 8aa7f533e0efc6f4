//! Drives any OCI runtime's command line (ours, runc, crun) from another process. All calls block.
//!
//! A started container process is reparented to the nearest subreaper above the runtime process, so a caller that wants its exit
//! status makes itself a subreaper (`PR_SET_CHILD_SUBREAPER`) and waits for the pid returned here.

mod call;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;

use crate::error::{Context, Error, Result};
use crate::state::State;
use call::{Running, Scratch};

/// Where a container process's standard streams go.
#[derive(Debug)]
pub enum Io {
    /// These three descriptors become its stdin, stdout and stderr.
    Inherit([OwnedFd; 3]),
    /// It gets a terminal (its `process.terminal` must be true); [`Started::terminal`] is the other end.
    Terminal,
}

/// A process that has been created.
#[derive(Debug)]
pub struct Started {
    /// Its host process id.
    pub pid: u32,
    /// The terminal's master, for [`Io::Terminal`].
    pub terminal: Option<OwnedFd>,
}

/// A runtime command line.
#[derive(Clone, Debug)]
pub struct Client {
    program: PathBuf,
    prefix_args: Vec<OsString>,
    root: PathBuf,
    scratch: Option<PathBuf>,
    patience: Option<Duration>,
}

impl Client {
    /// A client of `program prefix_args… --root root` (`prefix_args`: `["runtime"]` for ours, none for runc and crun).
    pub fn new(program: PathBuf, prefix_args: Vec<OsString>, root: PathBuf) -> Client {
        Client { program, prefix_args, root, scratch: None, patience: None }
    }

    /// Keeps each call's files in this directory, for as long as the call takes; without it, in `/run` or the temporary directory.
    #[must_use]
    pub fn with_scratch(mut self, dir: PathBuf) -> Client {
        self.scratch = Some(dir);
        self
    }

    /// Kills a call that takes longer. Without it a call may take for ever. A process run by [`Client::streaming`] has no limit.
    #[must_use]
    pub fn with_patience(mut self, time: Duration) -> Client {
        self.patience = Some(time);
        self
    }

    /// Where the runtime keeps its state (`--root`).
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Creates a container from a bundle; its init waits for [`Client::start`].
    pub fn create(&self, id: &str, bundle: &Path, io: Io) -> Result<Started> {
        let scratch = Scratch::new(self.scratch.as_deref())?;
        self.spawn(&scratch, io, &[OsStr::new("create"), OsStr::new("--bundle"), bundle.as_os_str()], id)
    }

    /// Starts a created container's program.
    pub fn start(&self, id: &str) -> Result<()> {
        self.call(&["start", id]).map(drop)
    }

    /// The container's state.
    pub fn state(&self, id: &str) -> Result<State> {
        let output = self.call(&["state", id])?;
        serde_json::from_slice(&output)
            .map_err(|e| Error::Runtime(format!("{} state {id} printed no state: {e}", self.program.display())))
    }

    /// Sends a signal (name or number) to the container's init, or with `all` to all its processes.
    pub fn kill(&self, id: &str, signal: &str, all: bool) -> Result<()> {
        let args: &[&str] = if all { &["kill", "--all", id, signal] } else { &["kill", id, signal] };
        self.call(args).map(drop)
    }

    /// Removes a stopped container; with `force` a running one too.
    pub fn delete(&self, id: &str, force: bool) -> Result<()> {
        let args: &[&str] = if force { &["delete", "--force", id] } else { &["delete", id] };
        self.call(args).map(drop)
    }

    /// Runs a further process (runtime-spec, "process") in a running container.
    pub fn exec(&self, id: &str, process: &(impl Serialize + ?Sized), io: Io) -> Result<Started> {
        let scratch = Scratch::new(self.scratch.as_deref())?;
        let file = scratch.path("process.json");
        write_json(&file, "process", process)?;
        let args = [OsStr::new("exec"), OsStr::new("--detach"), OsStr::new("--process"), file.as_os_str()];
        self.spawn(&scratch, io, &args, id)
    }

    /// A command that runs a further process in a running container, with the streams that the caller gives the command, and ends with
    /// its exit code. `files` is a directory for it, which must live as long as it; the process's id comes to stand in `pid` there.
    pub fn streaming(&self, id: &str, process: &(impl Serialize + ?Sized), files: &Path) -> Result<Command> {
        let file = files.join("process.json");
        write_json(&file, "process", process)?;
        let mut command = self.command();
        command.arg("--log").arg(files.join("log")).args(["--log-format", "json"]);
        command.arg("exec").arg("--process").arg(file).arg("--pid-file").arg(files.join("pid")).arg(id);
        Ok(command)
    }

    /// Freezes all processes of the container.
    pub fn pause(&self, id: &str) -> Result<()> {
        self.call(&["pause", id]).map(drop)
    }

    /// Thaws them.
    pub fn resume(&self, id: &str) -> Result<()> {
        self.call(&["resume", id]).map(drop)
    }

    /// Changes the container's limits (runtime-spec, "resources").
    pub fn update(&self, id: &str, resources: &(impl Serialize + ?Sized)) -> Result<()> {
        let scratch = Scratch::new(self.scratch.as_deref())?;
        let file = scratch.path("resources.json");
        write_json(&file, "resources", resources)?;
        self.call_in(&scratch, &[OsStr::new("update"), OsStr::new("--resources"), file.as_os_str(), OsStr::new(id)])
            .map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.prefix_args).arg("--root").arg(&self.root);
        command
    }

    fn call(&self, args: &[impl AsRef<OsStr>]) -> Result<Vec<u8>> {
        self.call_in(&Scratch::new(self.scratch.as_deref())?, args)
    }

    fn call_in(&self, scratch: &Scratch, args: &[impl AsRef<OsStr>]) -> Result<Vec<u8>> {
        let stdout = scratch.path("stdout");
        let file = fs::File::create(&stdout).context(|| format!("create {}", stdout.display()))?;
        let mut command = self.command();
        command.arg("--log").arg(scratch.path("log")).args(["--log-format", "json"]).args(args);
        command.stdin(Stdio::null()).stdout(file).stderr(scratch.stderr()?);
        let mut running = Running::spawn(&self.program, &mut command, self.patience)?;
        let status = running.wait()?;
        if !status.success() {
            return Err(running.failure(status, scratch));
        }
        fs::read(&stdout).context(|| format!("read {}", stdout.display()))
    }

    /// `create` and `exec`: the streams are the container's, so errors come through a log file.
    fn spawn(&self, scratch: &Scratch, io: Io, args: &[&OsStr], id: &str) -> Result<Started> {
        let pid_file = scratch.path("pid");
        let mut command = self.command();
        command.arg("--log").arg(scratch.path("log")).args(["--log-format", "json"]);
        command.args(args).arg("--pid-file").arg(&pid_file);
        let mut listener = None;
        match io {
            Io::Inherit([stdin, stdout, stderr]) => {
                command.stdin(stdin).stdout(stdout).stderr(stderr);
            }
            Io::Terminal => {
                let socket = scratch.socket("console");
                listener = Some(UnixListener::bind(&socket).context(|| format!("listen on {}", socket.display()))?);
                command.arg("--console-socket").arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
                command.stderr(scratch.stderr()?);
            }
        }
        let mut running = Running::spawn(&self.program, command.arg(id), self.patience)?;
        // The parent's copies of the streams go with the command, so that the container alone holds them.
        drop(command);
        let terminal = listener.as_ref().map(|listener| running.terminal(listener)).transpose();
        let status = running.wait()?;
        if !status.success() {
            return Err(running.failure(status, scratch));
        }
        let terminal = terminal?.flatten();
        if listener.is_some() && terminal.is_none() {
            return Err(Error::Runtime(format!("the runtime {} sent no terminal", self.program.display())));
        }
        let text = fs::read_to_string(&pid_file).context(|| format!("read {}", pid_file.display()))?;
        let pid = text
            .trim()
            .parse()
            .map_err(|_| Error::Runtime(format!("{} wrote {text:?} as pid", self.program.display())))?;
        Ok(Started { pid, terminal })
    }
}

fn write_json(file: &Path, what: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
    let json = serde_json::to_vec(value).map_err(|e| Error::Spec(format!("encode the {what}: {e}")))?;
    fs::write(file, json).context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_is_not_there_is_named() {
        let client = Client::new("/no/such/runtime".into(), vec![], "/tmp/none".into());
        assert_eq!(
            client.start("x").unwrap_err().to_string(),
            "run the runtime /no/such/runtime: no such file or directory"
        );
    }

    #[test]
    fn a_runtime_that_hangs_is_given_up_and_its_files_go_where_they_were_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        // A program that takes whatever arguments it gets, says where its log would go, and stays.
        let program = dir.path().join("hangs");
        let seen = dir.path().join("seen");
        fs::write(&program, format!("#!/bin/sh\necho \"$@\" > {}\nexec sleep 600\n", seen.display())).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let files = dir.path().join("files");
        fs::create_dir(&files).unwrap();
        let client = Client::new(program, vec![], dir.path().join("state"))
            .with_scratch(files.clone())
            .with_patience(Duration::from_millis(300));
        let begun = std::time::Instant::now();
        for error in [client.start("x").unwrap_err(), client.exec("x", "process", Io::Terminal).unwrap_err()] {
            assert!(error.to_string().contains("did not end within 0.3 seconds and was killed"), "{error}");
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert!(fs::read_to_string(seen).unwrap().contains(files.to_str().unwrap()));
        assert_eq!(fs::read_dir(files).unwrap().count(), 0, "nothing is left of the calls");
    }
}
