//! What happens to a container after its creation: start, kill, delete, pause, resume, update, list.

use std::fs;
use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::str::FromStr;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use oci_spec::runtime::LinuxResources;
use rustix::fs::{Mode, OFlags};

use crate::error::{Context, Error, Result};
use crate::state::{Directory, Record, State, Status};
use crate::{exec, hooks, state};

/// Lets a created container execute its program.
pub(crate) fn start(directory: &Directory) -> Result<()> {
    let record = directory.load()?;
    match directory.status(&record) {
        Status::Created => {}
        Status::Running | Status::Paused => {
            return Err(Error::WrongState("cannot start an already running container".into()));
        }
        Status::Stopped => {
            return Err(Error::WrongState("cannot start a container that has stopped".into()));
        }
        Status::Creating => {
            return Err(Error::WrongState("cannot start a container that is still being created".into()));
        }
    }
    let path = directory.fifo();
    let what = || format!("tell the container's init to start through {}", path.display());
    // Without a reader (the init died this moment) this fails instead of waiting.
    let fifo =
        rustix::fs::open(&path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).context(what)?;
    fs::remove_file(&path).context(what)?;
    fs::File::from(fifo).write_all(b"s").context(what)?;
    let has_poststart = fs::read(directory.config()).is_ok_and(|raw| raw.windows(11).any(|w| w == b"\"poststart\""));
    if has_poststart {
        let spec = exec::config(directory)?;
        hooks::run("poststart", spec.hooks().as_ref().and_then(|h| h.poststart().as_ref()), || {
            directory.state(&record)
        })?;
    }
    Ok(())
}

/// A signal by number, by name, or by name without SIG.
pub(crate) fn parse_signal(text: &str) -> Result<i32> {
    if let Ok(number) = text.parse::<i32>() {
        if (0..=64).contains(&number) {
            return Ok(number);
        }
    } else {
        let upper = text.to_ascii_uppercase();
        let name = if upper.starts_with("SIG") { upper.clone() } else { format!("SIG{upper}") };
        if let Ok(signal) = Signal::from_str(&name) {
            return Ok(signal as i32);
        }
        let real_time = |prefix: &str, base: i32| {
            name.strip_prefix(prefix)
                .and_then(|n| if n.is_empty() { Some(0) } else { n.parse().ok() })
                .map(|n: i32| base + n)
        };
        if let Some(number) =
            real_time("SIGRTMIN", 34).or_else(|| real_time("SIGRTMAX", 64)).filter(|n| (34..=64).contains(n))
        {
            return Ok(number);
        }
    }
    Err(Error::Spec(format!("invalid signal {text:?}: use a number or a name such as TERM")))
}

/// Sends a signal to the container's init, or with `all` to every process of its cgroup.
pub(crate) fn kill(directory: &Directory, signal: i32, all: bool) -> Result<()> {
    let record = directory.load()?;
    let running = directory.status(&record) != Status::Stopped;
    if all {
        record.cgroup.signal_all(signal)?;
        // Where no cgroup could be made, the init is all that is known.
        if !running || !record.cgroup.hierarchies().is_empty() {
            return Ok(());
        }
    }
    if !running {
        return Err(Error::WrongState("container not running".into()));
    }
    signal_init(&record, signal)?;
    if signal == libc::SIGKILL && record.cgroup.frozen() {
        record.cgroup.freeze(false)?;
    }
    Ok(())
}

/// Signals the very process that was recorded, never a later one of the same number.
fn signal_init(record: &Record, signal: i32) -> Result<()> {
    let what = || format!("send signal {signal} to process {}", record.pid);
    let Some(handle) = open_init(record).context(what)? else {
        return Err(Error::WrongState("container not running".into()));
    };
    // SAFETY: takes integers and a null siginfo; rustix has no way to name real-time signals.
    let sent = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, handle.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0)
    };
    if sent == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()).context(what) }
}

/// The container's init as a handle; None when it is gone, whoever has its number now.
fn open_init(record: &Record) -> std::io::Result<Option<OwnedFd>> {
    let Some(pid) = rustix::process::Pid::from_raw(record.pid) else {
        return Ok(None);
    };
    let handle = match rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        other => other?,
    };
    // Asked while the handle is held: if the start time is right now, the handle is of the right process.
    Ok(state::alive(record.pid, record.start_time).then_some(handle))
}

/// Removes a stopped container; a created one, and with `force` any, is killed first.
pub(crate) fn delete(directory: &Directory, force: bool) -> Result<()> {
    let record = match directory.load() {
        Err(Error::NotFound(_)) if directory.path.is_dir() => {
            // A creation that was killed half-way leaves a directory without a record.
            return directory.remove();
        }
        Err(Error::NotFound(_)) if force => return Ok(()),
        Err(Error::Spec(_)) if force => return directory.remove(),
        other => other?,
    };
    match directory.status(&record) {
        Status::Stopped => {}
        Status::Created | Status::Creating => kill_and_wait(&record)?,
        _ if force => kill_and_wait(&record)?,
        status => {
            return Err(Error::WrongState(format!(
                "cannot delete container {} that is not stopped: {status}",
                record.id
            )));
        }
    }
    // Without a pid namespace of its own, the init's end leaves the others alive.
    record.cgroup.signal_all(libc::SIGKILL)?;
    record.cgroup.delete()?;
    let poststop = fs::read(directory.config()).is_ok_and(|raw| raw.windows(10).any(|w| w == b"\"poststop\""));
    if poststop && let Ok(spec) = exec::config(directory) {
        let list = spec.hooks().as_ref().and_then(|h| h.poststop().as_ref());
        // The container is gone either way: a failing hook is told, not obeyed (runtime-spec, "Lifecycle").
        for hook in list.into_iter().flatten() {
            hooks::run("poststop", Some(&vec![hook.clone()]), || directory.state(&record))
                .unwrap_or_else(|e| crate::log::warn(&e.to_string()));
        }
    }
    directory.remove()
}

fn kill_and_wait(record: &Record) -> Result<()> {
    let what = || format!("kill the container's init, process {}", record.pid);
    let Some(handle) = open_init(record).context(what)? else {
        return Ok(());
    };
    match rustix::process::pidfd_send_signal(&handle, rustix::process::Signal::KILL) {
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        other => other.context(what)?,
    }
    if record.cgroup.frozen() {
        record.cgroup.freeze(false)?;
    }
    let mut fds = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::from(10_000u16)).context(what)? {
        0 => Err(Error::WrongState(format!(
            "container init still running: process {} did not die within 10 s",
            record.pid
        ))),
        _ => Ok(()),
    }
}

/// Freezes or thaws a container.
pub(crate) fn set_paused(directory: &Directory, paused: bool) -> Result<()> {
    let record = directory.load()?;
    match (directory.status(&record), paused) {
        (Status::Running | Status::Created, true) => record.cgroup.freeze(true),
        (Status::Paused, false) => record.cgroup.freeze(false),
        (_, true) => Err(Error::WrongState("container not running".into())),
        (_, false) => Err(Error::WrongState("container not paused".into())),
    }
}

/// Puts new limits in force.
pub(crate) fn update(directory: &Directory, resources: &LinuxResources) -> Result<()> {
    let record = directory.load()?;
    if directory.status(&record) == Status::Stopped {
        return Err(Error::WrongState("container not running".into()));
    }
    record.cgroup.apply(resources)
}

/// The states of all containers under `root`; a damaged record is told and left out.
pub(crate) fn list(root: &Path) -> Result<Vec<State>> {
    let mut states = Vec::new();
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(states),
        other => other.context(|| format!("read {}", root.display()))?,
    };
    for entry in entries.flatten() {
        let directory = Directory { id: entry.file_name().to_string_lossy().into_owned(), path: entry.path() };
        match directory.load() {
            Ok(record) => states.push(directory.state(&record)),
            Err(Error::NotFound(_)) => {}
            Err(error) => crate::log::warn(&error.to_string()),
        }
    }
    states.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_numbers_or_names() {
        assert_eq!(parse_signal("9").unwrap(), 9);
        assert_eq!(parse_signal("KILL").unwrap(), 9);
        assert_eq!(parse_signal("sigterm").unwrap(), 15);
        assert_eq!(parse_signal("SIGRTMIN+3").unwrap(), 37);
        assert_eq!(parse_signal("0").unwrap(), 0);
        assert!(parse_signal("NOPE").is_err());
        assert!(parse_signal("65").is_err());
    }
}
