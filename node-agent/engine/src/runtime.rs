//! Calling an OCI runtime's command line (ours, runc or crun: they are interchangeable), with the container's pipes or
//! terminal set up around it. Blocking; used by the shim, which is the process that becomes the container's parent.

use std::ffi::OsStr;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::shim::protocol::RuntimeCommand;

/// What the started process gets as stdin, stdout and stderr.
pub enum Io {
    /// Descriptors that it inherits.
    Inherit([OwnedFd; 3]),
    /// A terminal, whose master comes back in [`Started`].
    Terminal,
}

/// The other ends of [`Io::Inherit`], kept by the caller.
#[derive(Debug, Default)]
pub struct Ends {
    /// Write to the process's stdin.
    pub stdin: Option<OwnedFd>,
    /// Read its stdout.
    pub stdout: Option<OwnedFd>,
    /// Read its stderr.
    pub stderr: Option<OwnedFd>,
}

impl Io {
    /// A terminal, or two or three fresh pipes; without `stdin` the process reads `/dev/null`.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn new(tty: bool, stdin: bool) -> io::Result<(Self, Ends)> {
        if tty {
            return Ok((Self::Terminal, Ends::default()));
        }
        let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC);
        let (in_read, in_write) = if stdin {
            let (r, w) = pipe()?;
            (r, Some(w))
        } else {
            (std::fs::File::open("/dev/null")?.into(), None)
        };
        let ((out_read, out_write), (err_read, err_write)) = (pipe()?, pipe()?);
        let ends = Ends { stdin: in_write, stdout: Some(out_read), stderr: Some(err_read) };
        Ok((Self::Inherit([in_read, out_write, err_write]), ends))
    }
}

/// A process that the runtime has made.
#[derive(Debug)]
pub struct Started {
    /// Its pid.
    pub pid: u32,
    /// The terminal's master, for [`Io::Terminal`].
    pub terminal: Option<OwnedFd>,
}

/// An OCI runtime's command line.
#[derive(Debug, Clone)]
pub struct Runtime {
    command: RuntimeCommand,
}

impl Runtime {
    /// Wraps a command.
    #[must_use]
    pub fn new(command: &RuntimeCommand) -> Self {
        Self { command: command.clone() }
    }

    /// `create`: the container exists, its init waits for [`Self::start`].
    ///
    /// # Errors
    /// The runtime's own message.
    pub fn create(&self, id: &str, bundle: &Path, io: Io) -> Result<Started, String> {
        let args = ["create".as_ref(), "--bundle".as_ref(), bundle.as_os_str()];
        self.launch(&args, id, bundle, "init", io)
    }

    /// `start`.
    ///
    /// # Errors
    /// The runtime's own message.
    pub fn start(&self, id: &str) -> Result<(), String> {
        self.simple(&["start", id])
    }

    /// `delete`, which also kills what is left of the container when `force` is set.
    ///
    /// # Errors
    /// The runtime's own message.
    pub fn delete(&self, id: &str, force: bool) -> Result<(), String> {
        if force { self.simple(&["delete", "--force", id]) } else { self.simple(&["delete", id]) }
    }

    /// `pause`.
    ///
    /// # Errors
    /// The runtime's own message.
    pub fn pause(&self, id: &str) -> Result<(), String> {
        self.simple(&["pause", id])
    }

    /// `resume`.
    ///
    /// # Errors
    /// The runtime's own message.
    pub fn resume(&self, id: &str) -> Result<(), String> {
        self.simple(&["resume", id])
    }

    /// `update` with OCI resources as JSON.
    ///
    /// # Errors
    /// The runtime's own message.
    pub fn update(&self, id: &str, resources: &serde_json::Value, scratch: &Path) -> Result<(), String> {
        let file = scratch.join("update.json");
        write_json(&file, resources)?;
        let outcome = self.simple(&["update", "--resources", &file.to_string_lossy(), id]);
        let _ = std::fs::remove_file(&file);
        outcome
    }

    /// `exec --detach` of an OCI process given as JSON.
    ///
    /// # Errors
    /// The runtime's own message.
    pub fn exec(
        &self,
        id: &str,
        scratch: &Path,
        name: &str,
        process: &serde_json::Value,
        io: Io,
    ) -> Result<Started, String> {
        let file = scratch.join(format!("{name}.process.json"));
        write_json(&file, process)?;
        let args = ["exec".as_ref(), "--detach".as_ref(), "--process".as_ref(), file.as_os_str()];
        let outcome = self.launch(&args, id, scratch, name, io);
        let _ = std::fs::remove_file(&file);
        outcome
    }

    fn base(&self, log: &Path) -> Command {
        let mut command = Command::new(&self.command.program);
        command.args(&self.command.args).arg("--root").arg(&self.command.root);
        command.arg("--log").arg(log).args(["--log-format", "json"]);
        command
    }

    fn simple(&self, args: &[&str]) -> Result<(), String> {
        let log = std::env::temp_dir().join(format!("slipway-{}-{}.log", std::process::id(), args[0]));
        let output = self.base(&log).args(args).stdin(Stdio::null()).output();
        let message = last_error(&log);
        let _ = std::fs::remove_file(&log);
        let output = output.map_err(|e| self.not_found(&e))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(message.unwrap_or_else(|| format!("{} {}: {}", args[0], output.status, stderr.trim())))
    }

    /// Runs `create` or `exec`, hands the streams over and collects pid and terminal.
    fn launch(&self, args: &[&OsStr], id: &str, scratch: &Path, name: &str, io: Io) -> Result<Started, String> {
        let file = |suffix: &str| -> PathBuf { scratch.join(format!("{name}.{suffix}")) };
        let (log, pid_file) = (file("log"), file("pid"));
        // A socket's path is limited to 107 bytes: the directory is named by descriptor.
        let dir = std::fs::File::open(scratch).map_err(|e| format!("opening {}: {e}", scratch.display()))?;
        let console = PathBuf::from(format!("/proc/{}/fd/{}/{name}.tty", std::process::id(), dir.as_raw_fd()));
        let mut command = self.base(&log);
        command.args(args).arg("--pid-file").arg(&pid_file);
        let mut listener = None;
        match io {
            Io::Inherit([stdin, stdout, stderr]) => {
                command.stdin(stdin).stdout(stdout).stderr(stderr);
            }
            Io::Terminal => {
                let _ = std::fs::remove_file(&console);
                let bound =
                    UnixListener::bind(&console).map_err(|e| format!("listening on {}: {e}", console.display()))?;
                command.arg("--console-socket").arg(&console);
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                listener = Some(bound);
            }
        }
        let status = command.arg(id).status();
        drop(command);
        let message = last_error(&log);
        let _ = std::fs::remove_file(&log);
        let terminal = listener.map(|l| {
            let received = if status.as_ref().is_ok_and(std::process::ExitStatus::success) {
                receive_terminal(&l).map_err(|e| format!("receiving the terminal: {e}"))
            } else {
                Err("no terminal".to_owned())
            };
            let _ = std::fs::remove_file(&console);
            received
        });
        let status = status.map_err(|e| self.not_found(&e))?;
        if !status.success() {
            return Err(message.unwrap_or_else(|| format!("the OCI runtime ended with {status}")));
        }
        let text = std::fs::read_to_string(&pid_file).map_err(|e| format!("reading {}: {e}", pid_file.display()))?;
        let _ = std::fs::remove_file(&pid_file);
        let pid = text.trim().parse().map_err(|_| format!("{} holds no pid: {text:?}", pid_file.display()))?;
        Ok(Started { pid, terminal: terminal.transpose()? })
    }

    fn not_found(&self, error: &io::Error) -> String {
        format!("running the OCI runtime {}: {error}", self.command.program.display())
    }
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<(), String> {
    let bytes = serde_json::to_vec(value).map_err(|e| format!("encoding {}: {e}", path.display()))?;
    std::fs::write(path, bytes).map_err(|e| format!("writing {}: {e}", path.display()))
}

/// The last error in a runtime's JSON log.
fn last_error(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    text.lines().rev().find_map(|line| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        if entry["level"] != "error" && entry["level"] != "fatal" {
            return None;
        }
        Some(entry["msg"].as_str()?.to_owned())
    })
}

/// The runtime sends one descriptor over the console socket before it exits.
fn receive_terminal(listener: &UnixListener) -> io::Result<OwnedFd> {
    let (socket, _) = listener.accept()?;
    socket.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    let mut name = [0u8; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(&socket, &mut [IoSliceMut::new(&mut name)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut fds) = message
            && let Some(fd) = fds.next()
        {
            return Ok(fd);
        }
    }
    Err(io::Error::other("the runtime sent no descriptor"))
}
