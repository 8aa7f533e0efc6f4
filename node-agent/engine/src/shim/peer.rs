//! One connection to the shim: what it asked for and what is on its way to it.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// Beyond this much unsent output for any one peer, the shim stops reading from the process.
const OUTPUT_WINDOW: usize = 1 << 20;

/// What a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its request line has not arrived in full.
    New,
    /// Attached to a process's streams.
    Stream {
        /// Exec id; `None` is the container.
        exec: Option<String>,
        /// Bytes from the peer go to stdin.
        stdin: bool,
        /// Wants stdout.
        stdout: bool,
        /// Wants stderr.
        stderr: bool,
    },
    /// Receives events.
    Watch,
    /// Receives log records.
    Log,
    /// Only waits for its output to be sent.
    Closing,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The socket, non-blocking.
    pub socket: UnixStream,
    /// What it is.
    pub role: Role,
    /// Bytes of an unfinished request line.
    pub line: Vec<u8>,
    /// The peer sends no more.
    pub input_ended: bool,
    waiting: VecDeque<u8>,
    dead: bool,
}

impl Peer {
    /// A new, silent peer.
    pub(crate) fn new(socket: UnixStream) -> Self {
        let (role, line, waiting) = (Role::New, Vec::new(), VecDeque::new());
        Self { socket, role, line, input_ended: false, waiting, dead: false }
    }

    /// Queues bytes for it.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if !self.dead {
            self.waiting.extend(bytes);
        }
    }

    /// Queues a piece of output, framed for a process without terminal.
    pub(crate) fn push_output(&mut self, stream: u8, bytes: &[u8], tty: bool) {
        if !tty {
            let length = u32::try_from(bytes.len()).expect("a read buffer is far smaller than 4 GiB").to_be_bytes();
            self.push(&[stream, 0, 0, 0]);
            self.push(&length);
        }
        self.push(bytes);
    }

    /// Sends what the socket takes.
    pub(crate) fn flush(&mut self) {
        while !self.waiting.is_empty() && !self.dead {
            let (front, _) = self.waiting.as_slices();
            match self.socket.write(front) {
                Ok(n) => drop(self.waiting.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.kill(),
            }
        }
        if self.waiting.is_empty() {
            self.waiting.shrink_to(4096);
        }
    }

    /// Reads once into `buffer`; `None` when nothing is there, 0 at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.socket.read(buffer) {
            Ok(n) => {
                self.input_ended |= n == 0;
                Some(n)
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => None,
            Err(_) => {
                self.kill();
                None
            }
        }
    }

    /// Nothing more goes to or comes from this peer.
    pub(crate) fn kill(&mut self) {
        self.dead = true;
        self.waiting.clear();
    }

    /// Whether to poll for writing.
    pub(crate) fn wants_write(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether it holds back the process.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= OUTPUT_WINDOW
    }

    /// Whether it can be dropped.
    pub(crate) fn is_done(&self) -> bool {
        self.dead || (self.role == Role::Closing && self.waiting.is_empty())
    }
}
