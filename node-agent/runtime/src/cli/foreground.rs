//! `run` and `exec` without `--detach`: this process stays, passes signals on, relays a terminal, and ends with the container process's code.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use oci_spec::runtime::Process;
use rustix::termios::{OptionalActions, Termios};

use super::args::RunArgs;
use crate::error::{Context, Result};
use crate::state::Directory;
use crate::{create, exec, lifecycle, relay, spec, terminal};

static TARGET: AtomicI32 = AtomicI32::new(0);
static RESIZED: AtomicBool = AtomicBool::new(true);

/// `run`: create, start, wait, delete.
pub(super) fn run(root: &Path, args: &RunArgs, systemd_cgroup: bool) -> Result<ExitCode> {
    let options = args.create.options(systemd_cgroup);
    let directory = Directory::new(root, &args.create.id)?;
    let wants_terminal = spec::load(&options.bundle)?.1.process().as_ref().and_then(|p| p.terminal()).unwrap_or(false);
    let (ours, theirs) = console(wants_terminal && options.console_socket.is_none() && !args.detach)?;
    let pid = create::create(root, &args.create.id, &options, theirs)?;
    lifecycle::start(&directory).inspect_err(|_| drop(lifecycle::delete(&directory, true)))?;
    if args.detach {
        return Ok(ExitCode::SUCCESS);
    }
    let code = attend(pid, ours);
    if !args.keep {
        lifecycle::delete(&directory, true)?;
    }
    code
}

/// `exec` in the foreground.
pub(super) fn exec(directory: &Directory, process: &Process, options: &exec::Options) -> Result<ExitCode> {
    let (ours, theirs) = console(process.terminal().unwrap_or(false) && options.console_socket.is_none())?;
    let pid = exec::exec(directory, process, options, theirs)?;
    attend(pid, ours)
}

fn console(wanted: bool) -> Result<(Option<OwnedFd>, Option<OwnedFd>)> {
    if !wanted {
        return Ok((None, None));
    }
    let (a, b) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
        .context(|| "make a console socket".into())?;
    Ok((Some(a), Some(b)))
}

extern "C" fn pass_on(signal: i32) {
    if signal == libc::SIGWINCH {
        RESIZED.store(true, Ordering::Relaxed);
    } else {
        let target = TARGET.load(Ordering::Relaxed);
        // SAFETY: kill is async-signal-safe and takes integers only.
        unsafe { libc::kill(target, signal) };
    }
}

fn attend(pid: Pid, console: Option<OwnedFd>) -> Result<ExitCode> {
    TARGET.store(pid.as_raw(), Ordering::Relaxed);
    let action = SigAction::new(SigHandler::Handler(pass_on), SaFlags::empty(), SigSet::empty());
    for signal in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGWINCH,
    ] {
        // SAFETY: the handler only touches atomics and calls kill, both async-signal-safe.
        unsafe { sigaction(signal, &action) }.context(|| format!("handle {signal}"))?;
    }
    if let Some(console) = console {
        let master = terminal::receive(console.as_fd())?;
        let _raw = RawMode::enter();
        let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
        relay::relay(&master, stdin.as_fd(), stdout.as_fd(), || {
            if RESIZED.swap(false, Ordering::Relaxed)
                && let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdin())
            {
                let _ = rustix::termios::tcsetwinsize(&master, size);
            }
        })?;
    }
    loop {
        match waitpid(pid, None::<WaitPidFlag>) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(ExitCode::from(code as u8)),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                return Ok(ExitCode::from(128 + signal as u8));
            }
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error).context(|| format!("wait for process {pid}")),
        }
    }
}

/// The caller's terminal in raw mode until dropped.
struct RawMode(Option<Termios>);

impl RawMode {
    fn enter() -> RawMode {
        let stdin = std::io::stdin();
        let Ok(before) = rustix::termios::tcgetattr(&stdin) else {
            return RawMode(None);
        };
        let mut raw = before.clone();
        raw.make_raw();
        let _ = rustix::termios::tcsetattr(&stdin, OptionalActions::Drain, &raw);
        RawMode(Some(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Drain, before);
        }
    }
}
