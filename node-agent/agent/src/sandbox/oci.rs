//! The OCI runtime as the agent uses it: the command line that runc, crun and our own share. A start happens in a process of its
//! own, so that nothing of the agent's threads gets into it. All calls block.

use std::{
    ffi::OsString,
    fs,
    io::{IoSliceMut, Read},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::Value;

use super::{Error, Result, at};

/// How long a runtime may take for one step before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A runtime's program and where it keeps its state.
#[derive(Clone, Debug)]
pub struct Runtime {
    program: PathBuf,
    prefix: Vec<OsString>,
    root: PathBuf,
}

impl Runtime {
    /// `prefix` stands before the runtime's own words: `["runtime"]` for our binary, nothing for runc or crun.
    pub fn new(program: PathBuf, prefix: Vec<OsString>, root: PathBuf) -> Self {
        Self { program, prefix, root }
    }

    /// A command with the global options.
    pub(crate) fn command(&self, log: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.prefix).arg("--root").arg(&self.root).arg("--log").arg(log);
        command
    }

    fn run(&self, mut command: Command, log: &Path) -> Result<()> {
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.map_err(at("run the OCI runtime", &self.program))?;
        if status.success() { Ok(()) } else { Err(failure(log, status)) }
    }

    /// Makes the container `id` from `bundle` and gives its first process's id.
    pub(crate) fn create(&self, id: &str, bundle: &Path) -> Result<u32> {
        let (log, pid) = (bundle.join("create.log"), bundle.join("pid"));
        let mut command = self.command(&log);
        command.arg("create").arg("--bundle").arg(bundle).arg("--pid-file").arg(&pid).arg(id);
        self.run(command, &log)?;
        read_pid(&pid)
    }

    /// Starts what was created.
    pub(crate) fn start(&self, id: &str, bundle: &Path) -> Result<()> {
        let log = bundle.join("start.log");
        let mut command = self.command(&log);
        command.arg("start").arg(id);
        self.run(command, &log)
    }

    /// Forgets the container, killing it first; one that the runtime does not know is no error.
    pub(crate) fn delete(&self, id: &str, bundle: &Path) -> Result<()> {
        if !self.root.join(id).exists() {
            return Ok(());
        }
        let log = bundle.join("delete.log");
        let mut command = self.command(&log);
        command.arg("delete").arg("--force").arg(id);
        let done = self.run(command, &log);
        // Cut off in the middle of a create, a runtime can leave a directory that it no longer reads.
        if done.is_err() && self.root.join(id).exists() {
            let left = self.root.join(id);
            return fs::remove_dir_all(&left).map_err(at("remove", &left));
        }
        Ok(())
    }

    /// Runs a process on a new pseudo-terminal in the container: its host process id and the terminal's master side.
    /// The process becomes a child of this one, which must be a subreaper (prctl `PR_SET_CHILD_SUBREAPER`).
    pub(crate) fn exec_terminal(&self, id: &str, scratch: &Path, process: &Value) -> Result<(u32, OwnedFd)> {
        let dir = scratch.join(format!("exec-{}", crate::random::hex::<6>()));
        fs::create_dir(&dir).map_err(at("create", &dir))?;
        let result = self.exec_in(&dir, id, process);
        let removed = fs::remove_dir_all(&dir).map_err(at("remove", &dir));
        let made = result?;
        removed?;
        Ok(made)
    }

    fn exec_in(&self, dir: &Path, id: &str, process: &Value) -> Result<(u32, OwnedFd)> {
        let (spec, log, pid) = (dir.join("process.json"), dir.join("log"), dir.join("pid"));
        fs::write(&spec, process.to_string()).map_err(at("write", &spec))?;
        // A socket's path has room for 107 bytes only; through /proc the directory's length does not matter.
        let held = fs::File::open(dir).map_err(at("open", dir))?;
        let socket = PathBuf::from(format!("/proc/{}/fd/{}/console", std::process::id(), held.as_raw_fd()));
        let listener = UnixListener::bind(&socket).map_err(at("listen on", &socket))?;
        let mut command = self.command(&log);
        command.arg("exec").arg("--detach").arg("--process").arg(&spec).arg("--console-socket").arg(&socket);
        command.arg("--pid-file").arg(&pid).arg(id);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(at("run the OCI runtime", &self.program))?;
        let mut receive = || -> Result<OwnedFd> {
            let stream = accept(&listener, &mut child, &log)?;
            receive_fd(stream).map_err(at("receive a terminal on", &socket))
        };
        let terminal = receive();
        if terminal.is_err() {
            // It may have ended already.
            let _ = child.kill();
        }
        let status = child.wait().map_err(at("wait for the OCI runtime", &self.program))?;
        let terminal = terminal?;
        if !status.success() {
            return Err(failure(&log, status));
        }
        Ok((read_pid(&pid)?, terminal))
    }
}

fn accept(listener: &UnixListener, child: &mut std::process::Child, log: &Path) -> Result<UnixStream> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let start = Instant::now();
    loop {
        let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        // The short wait is for noticing a runtime that ended without connecting.
        let ready = poll(&mut fds, PollTimeout::from(20u8)).map_err(|errno| at("wait for", log)(errno.into()))?;
        if ready > 0 {
            return listener.accept().map(|(stream, _)| stream).map_err(at("accept a connection for", log));
        }
        if let Some(status) = child.try_wait().map_err(at("wait for the runtime writing", log))? {
            return Err(failure(log, status));
        }
        if start.elapsed() > PATIENCE {
            return Err(Error::Tool { tool: "the OCI runtime", text: "no terminal within 30 seconds".into() });
        }
    }
}

fn receive_fd(stream: UnixStream) -> std::io::Result<OwnedFd> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut name = [0; 256];
    let mut buffers = [IoSliceMut::new(&mut name)];
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut buffers, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = control
            && let Some(fd) = fds.first()
        {
            // SAFETY: the kernel has just installed this descriptor for us, and nobody else knows its number.
            return Ok(unsafe { OwnedFd::from_raw_fd(*fd) });
        }
    }
    Err(std::io::Error::other("the message carries no descriptor"))
}

fn read_pid(path: &Path) -> Result<u32> {
    let text = fs::read_to_string(path).map_err(at("read", path))?;
    text.trim().parse().map_err(|_| Error::Tool { tool: "the OCI runtime", text: format!("{text:?} is no process id") })
}

fn failure(log: &Path, status: std::process::ExitStatus) -> Error {
    let mut text = String::new();
    let read = fs::File::open(log).and_then(|file| file.take(16 << 10).read_to_string(&mut text));
    let said = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it wrote no log");
    let text = match read {
        Ok(_) => format!("{status}: {said}"),
        Err(_) => status.to_string(),
    };
    Error::Tool { tool: "the OCI runtime", text }
}
