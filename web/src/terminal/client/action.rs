//! What the state machine tells the edge to do, and the words that it uses for it.

use crate::terminal::frame::Size;

/// What the edge has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this frame.
    Send(Vec<u8>),
    /// Give these bytes to xterm, and call [`Client::parsed`] with `upto` when it has parsed them.
    Write {
        /// The bytes, untouched.
        bytes: Vec<u8>,
        /// Where in the output they end.
        upto: Position,
        /// A page before this one has parsed them already: questions in them (where is the cursor?) were answered then.
        replay: bool,
    },
    /// Write a remark into the terminal.
    Notice(Notice),
    /// The connection's state, for the header.
    Status(Status),
    /// Open a connection after so many milliseconds (give or take: the edge adds a little chance); a wait under way is replaced.
    Connect {
        /// Milliseconds.
        after: u32,
    },
    /// Close the connection; [`Client::closed`] is not called for it.
    Disconnect,
    /// The size in force.
    Resize(Size),
}

/// A place in a terminal's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which of the shells that this page has seen; each counts from the start.
    pub(super) shell: u32,
    /// Number of the byte that comes next.
    pub(super) next: u64,
}

/// A remark for the person, written into the terminal or beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// So many bytes of output are no longer in the server's ring.
    Gap(u64),
    /// The shell ended with this code; Enter opens a new one.
    Exit(i32),
    /// The terminal is a new one: the server has lost the former.
    Fresh,
    /// The server's sentence, or ours about the server.
    Error(String),
    /// So many bytes were not sent: too much is waiting.
    InputRefused(usize),
}

/// How the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No WELCOME yet.
    Connecting,
    /// All is well.
    Connected,
    /// Lost; trying again. How many attempts have failed since.
    Reconnecting(u32),
    /// The shell ended.
    Exited,
}
