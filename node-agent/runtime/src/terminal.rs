//! Pseudo-terminals: made inside the container, handed out over the console socket, or relayed by a runtime in the foreground.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use rustix::fs::{Mode, OFlags};
use rustix::termios::Winsize;

use crate::error::{Context, Error, Result};
use crate::{rootfs, sys};

/// Connects to the console socket, which the container's process will send its terminal to.
pub(crate) fn connect(path: &Path) -> Result<OwnedFd> {
    UnixStream::connect(path).map(OwnedFd::from).context(|| format!("connect to the console socket {}", path.display()))
}

/// Makes a terminal in the container's devpts, sends its master to `console`, and makes the slave this process's
/// controlling terminal and standard streams; `bind_console` puts it at /dev/console as well.
pub(crate) fn set_up(console: BorrowedFd<'_>, size: Option<(u16, u16)>, owner: u32, bind_console: bool) -> Result<()> {
    let open = |path: &str| rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
    let master = open("/dev/pts/ptmx")
        .or_else(|_| open("/dev/ptmx"))
        .context(|| "open /dev/ptmx (does the container mount devpts at /dev/pts?)".into())?;
    rustix::pty::unlockpt(&master).context(|| "unlock the terminal".into())?;
    let slave = rustix::pty::ioctl_tiocgptpeer(
        &master,
        rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY | rustix::pty::OpenptFlags::CLOEXEC,
    )
    .context(|| "open the terminal's slave".into())?;
    if let Some((rows, columns)) = size {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&slave, size).context(|| "set the terminal's size".into())?;
    }
    rustix::fs::fchown(&slave, Some(rustix::fs::Uid::from_raw(owner)), None)
        .context(|| format!("give the terminal to user {owner}"))?;
    if bind_console {
        let tree = rootfs::bind_of(&slave)?;
        crate::mounts::attach(&tree, rootfs::file_place("/dev/console")?)
            .context(|| "bind the terminal to /dev/console".into())?;
    }
    send(console, master.as_fd())?;
    sys::set_controlling_terminal(slave.as_fd()).context(|| "make the terminal the controlling one".into())?;
    (0..3)
        .try_for_each(|standard| sys::dup_onto(slave.as_fd(), standard))
        .context(|| "put the terminal on the standard streams".into())
}

fn send(socket: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> Result<()> {
    let fds = [fd.as_raw_fd()];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(b"/dev/ptmx")],
        &[ControlMessage::ScmRights(&fds)],
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
    .context(|| "send the terminal over the console socket".into())
    .map(drop)
}

/// Receives the terminal's master that a runtime sends over an accepted console socket.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut name = [0u8; 4096];
    let mut space = nix::cmsg_space!([i32; 1]);
    let mut parts = [IoSliceMut::new(&mut name)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)
        .context(|| "receive the terminal from the console socket".into())?;
    let fds = message.cmsgs().context(|| "read the console socket's message".into())?.find_map(|m| match m {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    match fds {
        // SAFETY: the kernel has just installed this descriptor for us; nobody else owns it.
        Some(fd) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        None => Err(Error::Runtime("the runtime closed the console socket without sending a terminal".into())),
    }
}
