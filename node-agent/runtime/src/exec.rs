//! `exec`: a further process in a running container, with the container's namespaces, cgroup, capabilities and seccomp filter.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::sched::{CloneFlags, setns};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use oci_spec::runtime::{LinuxNamespaceType as Type, Process, Spec};

use crate::create::write_pid_file;
use crate::error::{Context, Error, Result};
use crate::process::{self, exit_now};
use crate::state::{Directory, Record, Status};
use crate::sync::{Line, Message};
use crate::sys::{self, Cloned, clone_process};
use crate::{init, namespaces, seccomp, spec, terminal};

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) console_socket: Option<PathBuf>,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) preserve_fds: u32,
}

/// The container's own configuration, kept since its creation.
pub(crate) fn config(directory: &Directory) -> Result<Spec> {
    let file = directory.config();
    let raw = fs::read(&file).context(|| format!("read {}", file.display()))?;
    spec::parse(&raw, &file)
}

/// Starts `process` in the container; it is a child of this process. `console` stands for a console socket already connected.
pub(crate) fn exec(
    directory: &Directory,
    process: &Process,
    options: &Options,
    console: Option<OwnedFd>,
) -> Result<Pid> {
    let record = directory.load()?;
    match directory.status(&record) {
        Status::Running | Status::Created => {}
        Status::Paused => {
            return Err(Error::WrongState(format!("cannot exec in a paused container: resume {} first", record.id)));
        }
        Status::Stopped | Status::Creating => {
            return Err(Error::WrongState("cannot exec in a stopped container".into()));
        }
    }
    spec::validate_process(process)?;
    let spec = config(directory)?;
    let terminal = process.terminal().unwrap_or(false);
    let console = match (console, &options.console_socket) {
        (Some(console), _) => Some(console),
        (None, Some(path)) if terminal => Some(terminal::connect(path)?),
        (None, None) if terminal => {
            return Err(Error::Spec("cannot allocate tty if runc will detach without setting console socket".into()));
        }
        _ => None,
    };
    let filter = process::filter(spec.linux().as_ref().and_then(|l| l.seccomp().as_ref()))?;
    let target = rustix::process::Pid::from_raw(record.pid)
        .ok_or_else(|| Error::WrongState("cannot exec in a stopped container".into()))?;
    let target = rustix::process::pidfd_open(target, rustix::process::PidfdFlags::empty())
        .context(|| format!("open process {}", record.pid))?;
    let namespaces = shared_namespaces(&spec)?;
    let (ours, theirs) = Line::pair()?;
    let stage = match clone_process(0).context(|| "clone a process that joins the container".into())? {
        Cloned::Parent(stage) => stage,
        Cloned::Child => {
            ours.close_in_clone();
            // From the moment it joins, the container's root sees the process; it holds the host's descriptors until execve.
            let joined = process::set_oom_score("self", process.oom_score_adj())
                .and_then(|()| sys::undumpable())
                .and_then(|()| {
                    setns(target.as_fd(), CloneFlags::from_bits_retain(namespaces as i32))
                        .context(|| format!("join the namespaces of process {}", record.pid))
                })
                .and_then(|()| {
                    clone_process(libc::CLONE_PARENT as u64)
                        .context(|| "clone into the container's pid namespace".into())
                });
            match joined {
                Ok(Cloned::Child) => run(process, filter.as_ref(), console, namespaces, options, theirs),
                Ok(Cloned::Parent(pid)) => drop(theirs.send(&Message::Pid(pid.as_raw()))),
                Err(error) => drop(theirs.send(&Message::Failed(error.to_string()))),
            }
            exit_now(0)
        }
    };
    drop(theirs);
    let answer = ours.receive();
    let _ = waitpid(stage, None);
    let pid = match answer? {
        Message::Pid(pid) => Pid::from_raw(pid),
        Message::Failed(text) => return Err(Error::Process(text)),
        other => {
            return Err(Error::Process(format!("the process that joins the container ended early ({other:?})")));
        }
    };
    let result = guide(&record, pid, &ours, options);
    if result.is_err() {
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        let _ = waitpid(pid, None);
    }
    result.map(|()| pid)
}

fn guide(record: &Record, pid: Pid, line: &Line, options: &Options) -> Result<()> {
    record.cgroup.join(pid, record.pid)?;
    line.send(&Message::Go)?;
    loop {
        match line.receive()? {
            Message::Ready => {}
            // The program runs: execve has closed the line.
            Message::Closed => break,
            Message::Failed(text) => return Err(Error::Process(text)),
            other => {
                return Err(Error::Process(format!("the executed process said {other:?}")));
            }
        }
    }
    write_pid_file(options.pid_file.as_deref(), pid)
}

/// The namespaces in which the container is not its creator's neighbour.
fn shared_namespaces(spec: &Spec) -> Result<u64> {
    let plan =
        namespaces::Plan::new(spec.linux().as_ref().and_then(|l| l.namespaces().as_deref()).unwrap_or_default())?;
    let all = [Type::User, Type::Mount, Type::Pid, Type::Network, Type::Uts, Type::Ipc, Type::Cgroup, Type::Time];
    Ok(all.into_iter().filter(|kind| plan.has(*kind)).fold(0, |bits, kind| bits | namespaces::bit(kind)))
}

fn run(
    process: &Process,
    filter: Option<&seccomp::Filter>,
    console: Option<OwnedFd>,
    namespaces: u64,
    options: &Options,
    line: Line,
) -> ! {
    let ready = (|| {
        line.wait_for_go()?;
        nix::unistd::setsid().context(|| "start a session".into())?;
        if namespaces & namespaces::bit(Type::User) != 0 {
            init::become_root()?;
            let _ = sys::prctl(libc::PR_SET_PDEATHSIG, 0, 0);
        }
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
        match &console {
            Some(console) => {
                terminal::set_up(console.as_fd(), process::console_size(process), process.user().uid(), false)?
            }
            None => process::own_streams(process.user().uid()),
        }
        sys::close_from_on_exec(3 + options.preserve_fds).context(|| "close inherited descriptors".into())?;
        let program = process::prepare(process, filter)?;
        Ok(program)
    })();
    let failure = match ready {
        Ok(program) => {
            let error = program.execute();
            format!(
                "exec {}: {}",
                process.args().iter().flatten().next().map_or("", String::as_str),
                crate::error::errno_text(error.raw_os_error().unwrap_or(0))
            )
        }
        Err(Error::Process(text)) => text,
        Err(error) => error.to_string(),
    };
    let _ = line.send(&Message::Failed(failure));
    exit_now(255)
}
