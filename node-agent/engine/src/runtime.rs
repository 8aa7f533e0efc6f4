//! The OCI runtime (ours, runc or crun: they are interchangeable) as engine and shim call it, and the pipes around a container process.
//! Blocking; `create` and `exec` are for the shim, which is the process that becomes the container's parent.

use std::io;
use std::os::fd::OwnedFd;

use slipway_runtime::client::{Client, Io};

use crate::shim::protocol::RuntimeCommand;

/// A client of the runtime's command line.
#[must_use]
pub fn client(command: &RuntimeCommand) -> Client {
    let args = command.args.iter().map(Into::into).collect();
    Client::new(command.program.clone(), args, command.root.clone())
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

impl Ends {
    /// A terminal, or two or three fresh pipes and their other ends; without `stdin` the process reads `/dev/null`.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn with_streams(tty: bool, stdin: bool) -> io::Result<(Io, Self)> {
        if tty {
            return Ok((Io::Terminal, Self::default()));
        }
        let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC);
        let (in_read, in_write) = if stdin {
            let (r, w) = pipe()?;
            (r, Some(w))
        } else {
            (std::fs::File::open("/dev/null")?.into(), None)
        };
        let ((out_read, out_write), (err_read, err_write)) = (pipe()?, pipe()?);
        let ends = Self { stdin: in_write, stdout: Some(out_read), stderr: Some(err_read) };
        Ok((Io::Inherit([in_read, out_write, err_write]), ends))
    }
}
