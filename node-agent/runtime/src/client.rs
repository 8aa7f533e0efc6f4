//! Drives any OCI runtime's command line (ours, runc, crun) from another process. All calls block.
//!
//! A started container process is reparented to the nearest subreaper above the runtime process, so a caller that wants its exit
//! status makes itself a subreaper (`PR_SET_CHILD_SUBREAPER`) and waits for the pid returned here.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use oci_spec::runtime::{LinuxResources, Process};

use crate::error::{Context, Error, Result};
use crate::state::State;
use crate::terminal;

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
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

impl Client {
    /// A client of `program prefix_args… --root root` (`prefix_args`: `["runtime"]` for ours, none for runc and crun).
    pub fn new(program: PathBuf, prefix_args: Vec<OsString>, root: PathBuf) -> Client {
        Client { program, prefix_args, root }
    }

    /// Creates a container from a bundle; its init waits for [`Client::start`].
    pub fn create(&self, id: &str, bundle: &Path, io: Io) -> Result<Started> {
        let bundle: &OsStr = bundle.as_os_str();
        self.spawn(io, &[OsStr::new("create"), OsStr::new("--bundle"), bundle], id)
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

    /// Runs a further process in a running container.
    pub fn exec(&self, id: &str, process: &Process, io: Io) -> Result<Started> {
        let scratch = Scratch::new()?;
        let file = scratch.0.join("process.json");
        let json = serde_json::to_vec(process).map_err(|e| Error::Spec(format!("encode the process: {e}")))?;
        fs::write(&file, json).context(|| format!("write {}", file.display()))?;
        self.spawn(io, &[OsStr::new("exec"), OsStr::new("--detach"), OsStr::new("--process"), file.as_os_str()], id)
    }

    /// Freezes all processes of the container.
    pub fn pause(&self, id: &str) -> Result<()> {
        self.call(&["pause", id]).map(drop)
    }

    /// Thaws them.
    pub fn resume(&self, id: &str) -> Result<()> {
        self.call(&["resume", id]).map(drop)
    }

    /// Changes the container's limits.
    pub fn update(&self, id: &str, resources: &LinuxResources) -> Result<()> {
        let scratch = Scratch::new()?;
        let file = scratch.0.join("resources.json");
        let json = serde_json::to_vec(resources).map_err(|e| Error::Spec(format!("encode the resources: {e}")))?;
        fs::write(&file, json).context(|| format!("write {}", file.display()))?;
        self.call(&[OsStr::new("update"), OsStr::new("--resources"), file.as_os_str(), OsStr::new(id)]).map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.prefix_args).arg("--root").arg(&self.root);
        command
    }

    fn call(&self, args: &[impl AsRef<OsStr>]) -> Result<Vec<u8>> {
        let output = self
            .command()
            .args(args)
            .stdin(Stdio::null())
            .output()
            .context(|| format!("run the runtime {}", self.program.display()))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(failure(&self.program, output.status, &String::from_utf8_lossy(&output.stderr)))
    }

    /// `create` and `exec`: the streams are the container's, so errors come through a log file.
    fn spawn(&self, io: Io, args: &[&OsStr], id: &str) -> Result<Started> {
        let scratch = Scratch::new()?;
        let (pid_file, log) = (scratch.0.join("pid"), scratch.0.join("log"));
        let mut command = self.command();
        command.arg("--log").arg(&log).args(["--log-format", "json"]);
        command.args(args).arg("--pid-file").arg(&pid_file);
        let mut listener = None;
        // An unnamed temporary file, not a pipe: a container process that inherited a pipe would hold it open.
        let mut stderr = tempfile_in(&scratch.0)?;
        match io {
            Io::Inherit([stdin, stdout, stderr]) => {
                command.stdin(stdin).stdout(stdout).stderr(stderr);
            }
            Io::Terminal => {
                let socket = scratch.0.join("console.sock");
                listener = Some(UnixListener::bind(&socket).context(|| format!("listen on {}", socket.display()))?);
                command.arg("--console-socket").arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
                command.stderr(stderr.try_clone().context(|| "duplicate a descriptor".into())?);
            }
        }
        let mut child = command.arg(id).spawn().context(|| format!("run the runtime {}", self.program.display()))?;
        // The parent's copies of the streams go with the command, so that the container alone holds them.
        drop(command);
        let terminal = listener.as_ref().map(|listener| self.accept(listener, &mut child)).transpose();
        let status = child.wait().context(|| format!("wait for the runtime {}", self.program.display()))?;
        if !status.success() {
            let mut text = log_error(&fs::read_to_string(&log).unwrap_or_default()).unwrap_or_default();
            if text.is_empty() {
                let _ = stderr.seek(SeekFrom::Start(0)).and_then(|_| stderr.read_to_string(&mut text));
            }
            return Err(failure(&self.program, status, &text));
        }
        let text = fs::read_to_string(&pid_file).context(|| format!("read {}", pid_file.display()))?;
        let pid = text
            .trim()
            .parse()
            .map_err(|_| Error::Runtime(format!("{} wrote {text:?} as pid", self.program.display())))?;
        Ok(Started { pid, terminal: terminal?.flatten() })
    }

    /// Waits for the terminal, or for the runtime to end without sending one.
    fn accept(&self, listener: &UnixListener, child: &mut std::process::Child) -> Result<Option<OwnedFd>> {
        loop {
            let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(20u8)) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {
                    let ended = child.try_wait().context(|| "wait for the runtime".into())?.is_some();
                    // It may have connected just before it ended.
                    if ended && poll(&mut fds, PollTimeout::ZERO).unwrap_or(0) == 0 {
                        return Ok(None);
                    }
                }
                Ok(_) => {
                    let (socket, _) = listener.accept().context(|| "accept the console connection".into())?;
                    return match terminal::receive(socket.as_fd()) {
                        Ok(terminal) => Ok(Some(terminal)),
                        // The runtime failed before it had a terminal; its own error says why.
                        Err(Error::Runtime(_)) => Ok(None),
                        Err(error) => Err(error),
                    };
                }
                Err(error) => {
                    return Err(error).context(|| "wait for the console connection".into());
                }
            }
        }
    }
}

fn failure(program: &Path, status: ExitStatus, text: &str) -> Error {
    let text = text.trim();
    let text = log_error(text).unwrap_or_else(|| text.to_owned());
    Error::Runtime(if text.is_empty() {
        format!("the runtime {} ended with {status} and said nothing", program.display())
    } else {
        text
    })
}

/// The last error of a JSON log.
fn log_error(log: &str) -> Option<String> {
    log.lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|entry| entry["level"] == "error")
        .and_then(|entry| entry["msg"].as_str().map(str::to_owned))
}

/// A directory of this call's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch> {
        let base = if Path::new("/run").is_dir() && nix::unistd::geteuid().is_root() {
            PathBuf::from("/run")
        } else {
            std::env::temp_dir()
        };
        let path =
            base.join(format!(".slipway-runtime-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
        // A leftover of a killed process with the same number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).context(|| format!("create {}", path.display()))?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .context(|| format!("protect {}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tempfile_in(dir: &Path) -> Result<fs::File> {
    let path = dir.join("stderr");
    let mut file = fs::File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(&path)
        .context(|| format!("create {}", path.display()))?;
    file.flush().context(|| format!("create {}", path.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_of_a_runtimes_log_is_its_message() {
        let log = "{\"level\":\"warning\",\"msg\":\"a\"}\n{\"level\":\"error\",\"msg\":\"b\"}\nnoise\n";
        assert_eq!(log_error(log).as_deref(), Some("b"));
        assert_eq!(log_error("plain"), None);
    }

    #[test]
    fn a_runtime_that_is_not_there_is_named() {
        let client = Client::new("/no/such/runtime".into(), vec![], "/tmp/none".into());
        assert_eq!(
            client.start("x").unwrap_err().to_string(),
            "run the runtime /no/such/runtime: no such file or directory"
        );
    }
}
