//! The pump between a pseudo-terminal and the core: reads while the viewers' windows have room, writes typed bytes at once, and
//! tells the viewers when something is there for them.

use std::{
    io::{self, Read, Write},
    os::fd::{AsRawFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::unix::AsyncFd,
    sync::{Notify, oneshot, watch},
};
use tokio_util::sync::CancellationToken;

use super::core::{Core, RING, WINDOW};
use crate::sandbox::Shell;

/// How much is taken from the pseudo-terminal before the viewers are told.
const CHUNK: usize = 64 << 10;
/// Typed bytes that no program reads; more is refused.
const PENDING: usize = 4 << 20;

/// A terminal of a node, with or without viewers.
#[derive(Debug)]
pub struct Terminal {
    state: Mutex<State>,
    /// Told when the pump may have something to do: room, input, or a new size.
    work: Notify,
    /// Counts changes that viewers want to know of.
    changes: watch::Sender<u64>,
    /// Cancelled when its node goes, whatever viewers have yet to acknowledge.
    closed: CancellationToken,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) core: Core,
    pending: BytesMut,
    size: Option<(u16, u16)>,
    /// How the current shell stands.
    pub(super) shell: ShellState,
    next_viewer: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShellState {
    /// None has been started, or the last has been replaced on request.
    Absent,
    /// One is being started by somebody.
    Starting,
    Running,
    Ended(i32),
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                core: Core::new(RING, WINDOW),
                pending: BytesMut::new(),
                size: None,
                shell: ShellState::Absent,
                next_viewer: 0,
            }),
            work: Notify::new(),
            changes: watch::Sender::new(0),
            closed: CancellationToken::new(),
        }
    }
}

impl Terminal {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two calls of the core's methods.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Ends it for good: its shell is let go and its viewers' connections are closed. May be called again.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Waits for [`Terminal::close`].
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    pub(super) fn new_viewer(&self) -> u64 {
        let mut state = self.lock();
        state.next_viewer += 1;
        state.next_viewer
    }

    /// Tells pump and viewers to look again.
    pub(super) fn touch(&self) {
        self.work.notify_one();
        self.changes.send_modify(|count| *count += 1);
    }

    /// Tells the pump only.
    pub(super) fn wake_pump(&self) {
        self.work.notify_one();
    }

    /// Claims the right to start a shell; exactly one caller gets it while none runs.
    pub(super) fn claim_start(&self) -> bool {
        let mut state = self.lock();
        let free = matches!(state.shell, ShellState::Absent | ShellState::Ended(_));
        if free {
            state.shell = ShellState::Starting;
        }
        free
    }

    /// Gives the claim back: the shell could not be started.
    pub(super) fn failed_start(&self) {
        self.lock().shell = ShellState::Absent;
        self.touch();
    }

    /// Queues typed bytes; false when nothing reads them and too many wait.
    pub(super) fn enqueue(state: &mut State, bytes: &[u8]) {
        state.pending.extend_from_slice(bytes);
    }

    pub(super) fn has_room_for(state: &State, length: usize) -> bool {
        state.pending.len() + length <= PENDING
    }

    /// The size in force if it is another than the pseudo-terminal has been told.
    fn new_size(&self) -> Option<(u16, u16)> {
        let mut state = self.lock();
        let size = state.core.size();
        if size.is_some() && size != state.size {
            state.size = size;
            return size;
        }
        None
    }

    /// Runs a shell that has been started, until it ends.
    pub(super) fn run(self: Arc<Self>, shell: Shell) -> io::Result<()> {
        set_nonblocking(&shell.master)?;
        // SAFETY: the file owns its descriptor, is moved into the AsyncFd and never taken out, replaced or closed before it.
        let master = unsafe { AsyncFd::register(std::fs::File::from(shell.master)) }?;
        {
            let mut state = self.lock();
            state.shell = ShellState::Running;
            state.pending.clear();
            // A new pseudo-terminal knows no size yet.
            state.size = None;
        }
        self.touch();
        tokio::spawn(async move {
            let mut exit = shell.exit;
            let code = self.pump(&master, &mut exit).await;
            // What still runs on it gets the hang-up that a closed terminal gives.
            drop(master);
            let code = match code {
                Some(code) => code,
                None => exit.await.unwrap_or(137),
            };
            self.lock().shell = ShellState::Ended(code);
            self.touch();
        });
        Ok(())
    }

    /// Until the shell ends, whose exit code it then gives, or the terminal does.
    async fn pump(&self, master: &AsyncFd<std::fs::File>, exit: &mut oneshot::Receiver<i32>) -> Option<i32> {
        let mut buffer = vec![0; CHUNK];
        loop {
            if let Some((cols, rows)) = self.new_size() {
                if let Err(error) = set_size(master.get_ref().as_raw_fd(), cols, rows) {
                    tracing::warn!(%error, "cannot set a terminal's size");
                }
                self.changes.send_modify(|count| *count += 1);
            }
            let (room, typed) = {
                let state = self.lock();
                (usize::try_from(state.core.room()).unwrap_or(usize::MAX), !state.pending.is_empty())
            };
            tokio::select! {
                // Typed bytes before output: Ctrl-C must not wait for a flood.
                biased;
                // Without room nothing below would notice that the node goes.
                () = self.closed() => return None,
                ready = master.writable(), if typed => {
                    let Ok(mut ready) = ready else { return None };
                    let mut state = self.lock();
                    match ready.try_io(|master| master.get_ref().write(&state.pending)) {
                        Ok(Ok(written)) => drop(state.pending.split_to(written)),
                        Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                        Ok(Err(_)) => return None,
                        Err(_would_block) => {}
                    }
                }
                () = self.work.notified() => {}
                code = &mut *exit, if room > 0 => {
                    // Its last words; a process it left behind may write on, so only what is there now.
                    while let Ok(read @ 1..) = read_available(master.get_ref(), &mut buffer) {
                        self.lock().core.output(Bytes::copy_from_slice(&buffer[..read]));
                        if read < CHUNK {
                            break;
                        }
                    }
                    return Some(code.unwrap_or(137));
                }
                ready = master.readable(), if room > 0 => {
                    let Ok(mut ready) = ready else { return None };
                    let most = room.min(CHUNK);
                    match ready.try_io(|master| read_available(master.get_ref(), &mut buffer[..most])) {
                        Ok(Ok(0)) => return None,
                        Ok(Ok(read)) => {
                            self.lock().core.output(Bytes::copy_from_slice(&buffer[..read]));
                            self.changes.send_modify(|count| *count += 1);
                        }
                        // EIO: the last process has closed the other side.
                        Ok(Err(_)) => return None,
                        Err(_would_block) => {}
                    }
                }
            }
        }
    }
}

/// Fills `buffer` as far as bytes are there: the kernel gives a few KiB at a time. Nothing there is `WouldBlock`.
fn read_available(mut file: &std::fs::File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What was read before the end or an empty queue counts; the error comes again.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

fn set_size(fd: std::os::fd::RawFd, cols: u16, rows: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads a winsize, which outlives the call.
    match unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, &raw const size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
