//! One process of the container as the shim sees it: its descriptors, the log splitters behind them, and its end.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::json_log::Splitter;

/// Stop reading a client's stdin while this much waits for the process.
const STDIN_WINDOW: usize = 64 * 1024;

/// One output descriptor of a process.
#[derive(Debug)]
pub(crate) struct Output {
    /// Pipe's read end or a terminal's master.
    pub fd: OwnedFd,
    /// 1 stdout, 2 stderr.
    pub stream: u8,
    /// Cuts the bytes into log records.
    pub splitter: Splitter,
}

/// The process's stdin: what waits to be written and whether to close after it.
#[derive(Debug)]
pub(crate) struct Stdin {
    fd: OwnedFd,
    waiting: VecDeque<u8>,
    close: bool,
}

impl Stdin {
    /// Takes over a descriptor, making it non-blocking.
    ///
    /// # Errors
    /// When the descriptor's flags cannot be set.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        set_nonblocking(&fd)?;
        Ok(Self { fd, waiting: VecDeque::new(), close: false })
    }

    /// Whether clients may send more.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < STDIN_WINDOW
    }

    /// Whether to poll for writing.
    pub(crate) fn wants_write(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The descriptor, for polling.
    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Queues bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if !self.close {
            self.waiting.extend(bytes);
        }
    }

    /// Closes the descriptor once everything queued is written.
    pub(crate) fn close_after_flush(&mut self) {
        self.close = true;
    }

    /// Writes what the process takes. False when the descriptor is to be dropped.
    pub(crate) fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            let (front, _) = self.waiting.as_slices();
            match nix::unistd::write(&self.fd, front) {
                Ok(n) => drop(self.waiting.drain(..n)),
                Err(Errno::EAGAIN) => return true,
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
        !self.close
    }
}

/// The container's init or an exec.
#[derive(Debug)]
pub(crate) struct Task {
    /// Exec id; `None` is the container itself.
    pub exec: Option<String>,
    /// Pid in the shim's pid namespace.
    pub pid: u32,
    /// Readable when the process has ended; dropped once it is reaped.
    pub pidfd: Option<OwnedFd>,
    /// Open outputs.
    pub outputs: Vec<Output>,
    /// Open stdin.
    pub stdin: Option<Stdin>,
    /// A terminal's master, for resizing.
    pub terminal: Option<OwnedFd>,
    /// Exit status once known.
    pub exit: Option<i32>,
    /// After the exit: no longer wait for outputs held open by others beyond this time.
    pub drain_until: Option<std::time::Instant>,
    /// Its end has been announced.
    pub reported: bool,
}

impl Task {
    /// Whether this is a terminal.
    pub(crate) fn tty(&self) -> bool {
        self.terminal.is_some()
    }

    /// Ended, and all of its output is read (or given up on).
    pub(crate) fn finished(&self, now: std::time::Instant) -> bool {
        self.exit.is_some() && (self.outputs.is_empty() || self.drain_until.is_some_and(|t| now >= t))
    }

    /// Sets the terminal's size.
    ///
    /// # Errors
    /// When the process has no terminal or the kernel refuses.
    pub(crate) fn resize(&self, width: u16, height: u16) -> Result<(), String> {
        let master = self.terminal.as_ref().ok_or("the process has no terminal")?;
        let size = rustix::termios::Winsize { ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(master.as_fd(), size).map_err(|e| format!("setting the terminal's size: {e}"))
    }
}

/// Makes reads and writes return `EAGAIN` instead of waiting.
///
/// # Errors
/// When `fcntl` fails.
pub(crate) fn set_nonblocking<F: AsFd>(fd: &F) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
