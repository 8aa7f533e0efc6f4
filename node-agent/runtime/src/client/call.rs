//! One call of a runtime's command line: a directory for its files, waiting with a limit, receiving a terminal, and what went wrong.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::{Context, Error, Result};
use crate::terminal;

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A running runtime process, and until when it may run.
pub(super) struct Running<'a> {
    program: &'a Path,
    child: Child,
    /// Readable once it has ended.
    end: OwnedFd,
    patience: Option<Duration>,
    begun: Instant,
}

impl<'a> Running<'a> {
    pub(super) fn spawn(program: &'a Path, command: &mut Command, patience: Option<Duration>) -> Result<Self> {
        let mut child = command.spawn().context(|| format!("run the runtime {}", program.display()))?;
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let end = match pidfd {
            Ok(end) => end,
            Err(errno) => {
                // Without it nothing could be waited for; the call has failed.
                let _ = child.kill();
                let _ = child.wait();
                return Err(std::io::Error::from(errno)).context(|| "watch the runtime's process".into());
            }
        };
        Ok(Self { program, child, end, patience, begun: Instant::now() })
    }

    /// Waits until it has ended or, if given, until the listener has a connection. One that takes too long is killed.
    fn until(&mut self, listener: Option<&UnixListener>) -> Result<bool> {
        loop {
            let timeout = match self.patience.map(|patience| patience.saturating_sub(self.begun.elapsed())) {
                None => PollTimeout::NONE,
                Some(Duration::ZERO) => {
                    // It may have ended just now; then waiting gives its end all the same.
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                    let seconds = self.patience.unwrap_or_default().as_secs_f32();
                    return Err(Error::Runtime(format!(
                        "the runtime {} did not end within {seconds} seconds and was killed",
                        self.program.display()
                    )));
                }
                // At least a millisecond, lest the rest be rounded to no wait at all.
                Some(left) => PollTimeout::try_from(left.as_millis().max(1)).unwrap_or(PollTimeout::MAX),
            };
            let mut fds = vec![PollFd::new(self.end.as_fd(), PollFlags::POLLIN)];
            fds.extend(listener.map(|listener| PollFd::new(listener.as_fd(), PollFlags::POLLIN)));
            match poll(&mut fds, timeout) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(fds.get(1).is_some_and(|fd| fd.any().unwrap_or(false))),
                Err(errno) => return Err(errno).context(|| "wait for the runtime".into()),
            }
        }
    }

    pub(super) fn wait(&mut self) -> Result<ExitStatus> {
        self.until(None)?;
        self.child.wait().context(|| format!("wait for the runtime {}", self.program.display()))
    }

    /// Waits for the terminal, or for the runtime to end without sending one.
    pub(super) fn terminal(&mut self, listener: &UnixListener) -> Result<Option<OwnedFd>> {
        if !self.until(Some(listener))? {
            return Ok(None);
        }
        let (socket, _) = listener.accept().context(|| "accept the console connection".into())?;
        socket.set_read_timeout(self.patience).context(|| "set the console connection's time limit".into())?;
        match terminal::receive(socket.as_fd()) {
            Ok(terminal) => Ok(Some(terminal)),
            // The runtime failed before it had a terminal; its own error says why.
            Err(Error::Runtime(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a call that failed has said: its log's last error, or else its standard error.
    pub(super) fn failure(&self, status: ExitStatus, files: &Scratch) -> Error {
        let read = |name: &str| fs::read_to_string(files.path(name)).unwrap_or_default();
        let stderr = read("stderr");
        let text = log_error(&read("log")).or_else(|| log_error(&stderr)).unwrap_or_else(|| stderr.trim().to_owned());
        Error::Runtime(if text.is_empty() {
            format!("the runtime {} ended with {status} and said nothing", self.program.display())
        } else {
            text
        })
    }
}

/// The last error of a JSON log.
fn log_error(log: &str) -> Option<String> {
    log.lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|entry| entry["level"] == "error" || entry["level"] == "fatal")
        .and_then(|entry| entry["msg"].as_str().map(str::to_owned))
}

/// A directory of this call's own, removed at its end.
pub(super) struct Scratch {
    path: PathBuf,
    /// Open, so that a socket in it has a short name however long the directory's is.
    held: fs::File,
}

impl Scratch {
    /// In a directory of the caller's, or where this process may write for itself.
    pub(super) fn new(base: Option<&Path>) -> Result<Scratch> {
        let base = match base {
            Some(base) => base.to_owned(),
            None if Path::new("/run").is_dir() && nix::unistd::geteuid().is_root() => PathBuf::from("/run"),
            None => std::env::temp_dir(),
        };
        let path =
            base.join(format!(".slipway-runtime-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
        // A leftover of a killed process with the same number.
        let _ = fs::remove_dir_all(&path);
        std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700)
            .create(&path)
            .context(|| format!("create {}", path.display()))?;
        let held = fs::File::open(&path).context(|| format!("open {}", path.display()))?;
        Ok(Scratch { path, held })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A name for a socket in the directory: a socket's path has room for 107 bytes only.
    pub(super) fn socket(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}/{name}", std::process::id(), self.held.as_raw_fd()))
    }

    /// For standard error: a file, not a pipe, which a container process that inherited it would hold open.
    pub(super) fn stderr(&self) -> Result<fs::File> {
        let path = self.path("stderr");
        fs::File::create(&path).context(|| format!("create {}", path.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
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
}
