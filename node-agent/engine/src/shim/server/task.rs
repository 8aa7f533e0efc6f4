//! A process that the runtime has started, taken over: its streams without blocking, its end as a descriptor.

use std::os::fd::OwnedFd;

use crate::runtime::Ends;
use crate::shim::task::{Output, Stdin, Task, set_nonblocking};

/// `size` is a terminal's first, columns and rows.
pub(super) fn make(
    exec: Option<String>,
    pid: u32,
    terminal: Option<OwnedFd>,
    ends: Ends,
    open_stdin: bool,
    size: Option<(u16, u16)>,
) -> Result<Task, String> {
    let fail = |e: std::io::Error| format!("preparing streams: {e}");
    let raw = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).ok_or("the runtime gave no pid")?;
    let pidfd = rustix::process::pidfd_open(raw, rustix::process::PidfdFlags::empty()).map_err(|e| fail(e.into()))?;
    let mut outputs = Vec::new();
    let mut add = |fd: OwnedFd, stream| -> Result<(), String> {
        set_nonblocking(&fd).map_err(fail)?;
        outputs.push(Output { fd, stream, splitter: Default::default() });
        Ok(())
    };
    let mut stdin = ends.stdin;
    if let Some(master) = &terminal {
        add(master.try_clone().map_err(fail)?, 1)?;
        if open_stdin {
            stdin = Some(master.try_clone().map_err(fail)?);
        }
    }
    for (fd, stream) in [(ends.stdout, 1), (ends.stderr, 2)] {
        if let Some(fd) = fd {
            add(fd, stream)?;
        }
    }
    let stdin = stdin.map(Stdin::new).transpose().map_err(fail)?;
    let (exit, drain_until, reported) = (None, None, false);
    let task = Task { exec, pid, pidfd: Some(pidfd), outputs, stdin, terminal, exit, drain_until, reported };
    if let (Some((width, height)), true) = (size.filter(|(w, h)| *w > 0 && *h > 0), task.tty()) {
        // Only the first size; a refusal leaves the kernel's default.
        let _ = task.resize(width, height);
    }
    Ok(task)
}
