//! A runtime in the foreground copies between its own standard streams and the container's terminal, without ever waiting for one
//! direction while the other could go on: a program that does not read must not keep its output from being shown.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::OFlags;

use crate::error::{Context, Result};

/// What one read takes, and so the most that waits in either direction.
const CHUNK: usize = 64 * 1024;
/// End of input, as a terminal says it.
const END: u8 = 4;

/// Bytes read from one side that the other has not taken yet.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    written: usize,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    fn set(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.written = 0;
    }

    /// Writes what the other side takes now; false when it is gone.
    fn write(&mut self, to: BorrowedFd<'_>) -> Result<bool> {
        match rustix::io::write(to, &self.bytes[self.written..]) {
            Ok(n) => self.written += n,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(rustix::io::Errno::IO | rustix::io::Errno::PIPE) => return Ok(false),
            Err(error) => return Err(error).context(|| "write to the terminal".into()),
        }
        Ok(true)
    }
}

/// Copies between `input`/`output` and the container's terminal until the container's side is closed and all of it is shown.
/// `on_wake` is called after every interruption, when the size may have changed.
pub(crate) fn relay(
    master: &OwnedFd,
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
    mut on_wake: impl FnMut(),
) -> Result<()> {
    // Only our side of the terminal: its open file is shared with nobody who would be surprised.
    let flags = rustix::fs::fcntl_getfl(master).context(|| "inspect the terminal".into())?;
    rustix::fs::fcntl_setfl(master, flags | OFlags::NONBLOCK).context(|| "make the terminal non-blocking".into())?;
    let mut buffer = vec![0u8; CHUNK];
    let (mut to_master, mut to_output) = (Pending::default(), Pending::default());
    let (mut reading_input, mut master_open) = (true, true);
    while master_open || !to_output.is_empty() {
        on_wake();
        let when = |condition, flag| if condition { flag } else { PollFlags::empty() };
        let events = when(master_open && to_output.is_empty(), PollFlags::POLLIN)
            | when(!to_master.is_empty(), PollFlags::POLLOUT);
        // A negative descriptor is left out; a hung-up one that nobody asks about would make poll return at once, for ever.
        let mut fds = Vec::with_capacity(3);
        let mut add = |fd, events: PollFlags| {
            (!events.is_empty()).then(|| {
                fds.push(PollFd::new(fd, events));
                fds.len() - 1
            })
        };
        let at_master = add(master.as_fd(), when(master_open, events));
        let at_input = add(input, when(reading_input && to_master.is_empty(), PollFlags::POLLIN));
        let at_output = add(output, when(!to_output.is_empty(), PollFlags::POLLOUT));
        match poll(&mut fds, PollTimeout::from(100u8)) {
            Err(nix::errno::Errno::EINTR) | Ok(0) => continue,
            other => other.context(|| "wait for terminal input".into())?,
        };
        let got = |at: Option<usize>| at.and_then(|i| fds[i].revents()).unwrap_or(PollFlags::empty());
        let (on_master, on_input, on_output) = (got(at_master), got(at_input), got(at_output));
        if on_master.contains(PollFlags::POLLOUT) && !to_master.write(master.as_fd())? {
            to_master.set(&[]);
        }
        if to_output.is_empty() && on_master.intersects(!PollFlags::POLLOUT) {
            match rustix::io::read(master, &mut buffer) {
                // EIO: the last process of the terminal has closed it.
                Ok(0) | Err(rustix::io::Errno::IO) => master_open = false,
                Ok(n) => to_output.set(&buffer[..n]),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(error) => return Err(error).context(|| "read from the terminal".into()),
            }
        }
        if !on_input.is_empty() {
            match rustix::io::read(input, &mut buffer) {
                Ok(0) | Err(rustix::io::Errno::IO) => {
                    reading_input = false;
                    to_master.set(&[END]);
                }
                Ok(n) => to_master.set(&buffer[..n]),
                Err(_) => {}
            }
        }
        // Nobody to show it to any more: the container's program still runs to its end.
        if !on_output.is_empty() && !to_output.write(output)? {
            to_output.set(&[]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn pair() -> (std::os::unix::net::UnixStream, std::os::unix::net::UnixStream) {
        std::os::unix::net::UnixStream::pair().unwrap()
    }

    #[test]
    fn a_flood_of_input_does_not_keep_output_from_being_shown() {
        let (master, mut program) = pair();
        let (input, mut typist) = pair();
        let (output, mut screen) = pair();
        let relay = std::thread::spawn(move || relay(&master.into(), input.as_fd(), output.as_fd(), || {}));
        // More than all buffers on the way hold; the program reads none of it until its output has been seen.
        const FLOOD: usize = 4 << 20;
        let typing = std::thread::spawn(move || typist.write_all(&vec![b'x'; FLOOD]));
        program.write_all(b"still here").unwrap();
        let mut seen = [0u8; 10];
        screen.read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"still here");
        let mut taken = vec![0u8; FLOOD + 1];
        program.read_exact(&mut taken).unwrap();
        typing.join().unwrap().unwrap();
        assert!(taken[..FLOOD].iter().all(|b| *b == b'x'));
        assert_eq!(taken[FLOOD], END);
        drop(program);
        relay.join().unwrap().unwrap();
    }
}
