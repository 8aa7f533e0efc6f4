//! The line between the runtime process and a container process that it has cloned: one packet a message over a socket pair that `execve` closes.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use crate::error::{Context, Error, Result};

/// What is said. Each step is confirmed, so that neither side runs ahead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Parent: maps and cgroup are in place, go on.
    Go,
    /// Stage: the container process has this id, as seen from the runtime.
    Pid(i32),
    /// Child: mounts are ready, run the hooks that belong here, then say `Go`.
    Hooks,
    /// Child: all is ready; what remains is to wait for `start`, or to execute.
    Ready,
    /// Child: it failed; the text says how.
    Failed(String),
    /// The other side closed the line: it executed its program, or died.
    Closed,
}

/// One end of the line.
#[derive(Debug)]
pub(crate) struct Line(OwnedFd);

impl Line {
    /// Both ends.
    pub(crate) fn pair() -> Result<(Line, Line)> {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .context(|| "make a socket pair".into())?;
        Ok((Line(a), Line(b)))
    }

    /// Closes the other process's end in a process that has just been cloned: while the clone holds it, the death of the
    /// process that it belongs to does not end the line. To be called only where the end's owner is never returned to.
    pub(crate) fn close_in_clone(&self) {
        // SAFETY: the clone has its own table of descriptors and leaves by execve or exit, so the owner's destructor does not run here.
        unsafe { libc::close(self.0.as_raw_fd()) };
    }

    /// Sends one message; a closed line is an error.
    pub(crate) fn send(&self, message: &Message) -> Result<()> {
        let packet = match message {
            Message::Go => b"G".to_vec(),
            Message::Pid(pid) => [b"P", pid.to_ne_bytes().as_slice()].concat(),
            Message::Hooks => b"H".to_vec(),
            Message::Ready => b"R".to_vec(),
            Message::Failed(text) => [b"F", text.as_bytes()].concat(),
            Message::Closed => return Ok(()),
        };
        send(self.0.as_raw_fd(), &packet, MsgFlags::MSG_NOSIGNAL)
            .context(|| "send a message to the other process".into())
            .map(drop)
    }

    /// Waits for one message.
    pub(crate) fn receive(&self) -> Result<Message> {
        let mut buffer = [0u8; 16 * 1024];
        let length = loop {
            match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::ECONNRESET) => break 0,
                other => {
                    break other.context(|| "receive a message from the other process".into())?;
                }
            }
        };
        Ok(match &buffer[..length] {
            [] => Message::Closed,
            [b'G'] => Message::Go,
            [b'H'] => Message::Hooks,
            [b'R'] => Message::Ready,
            [b'P', pid @ ..] => Message::Pid(pid.try_into().map(i32::from_ne_bytes).unwrap_or(0)),
            [b'F', text @ ..] => Message::Failed(String::from_utf8_lossy(text).into_owned()),
            other => {
                return Err(io::Error::from_raw_os_error(libc::EPROTO))
                    .context(|| format!("understand message {other:?}"));
            }
        })
    }

    /// Waits for `Go`; anything else means that the runtime process is gone.
    pub(crate) fn wait_for_go(&self) -> Result<()> {
        match self.receive()? {
            Message::Go => Ok(()),
            other => Err(Error::Process(format!("the runtime process ended early ({other:?})"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_and_in_order_and_a_closed_line_is_seen() {
        let (a, b) = Line::pair().unwrap();
        for message in
            [Message::Go, Message::Pid(4711), Message::Hooks, Message::Ready, Message::Failed("mount /x: no".into())]
        {
            a.send(&message).unwrap();
            assert_eq!(b.receive().unwrap(), message);
        }
        drop(a);
        assert_eq!(b.receive().unwrap(), Message::Closed);
    }
}
