//! `create`: plans, makes the cgroup, clones the init process, writes its maps, runs the runtime's hooks, records the container.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use oci_spec::runtime::{LinuxNamespaceType as Type, Spec};
use rustix::fs::{CWD, FileType, Mode, OFlags};

use crate::cgroups::Cgroup;
use crate::error::{Context, Error, Result};
use crate::init::{self, Plan};
use crate::mount_plan::{self, Kind};
use crate::state::{self, Directory, Record, State, Status};
use crate::sync::{Line, Message};
use crate::sys::{Cloned, clone_process};
use crate::{devices, guard, hooks, id_map, lifecycle, mounts, namespaces, process, spec, sys, terminal};

/// What the command line says beyond the bundle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) bundle: PathBuf,
    pub(crate) console_socket: Option<PathBuf>,
    /// A console line that the caller already holds (a runtime in the foreground).
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) no_pivot: bool,
    pub(crate) preserve_fds: u32,
    pub(crate) systemd_cgroup: bool,
}

/// Creates a container; returns its init's id. On failure nothing of it is left.
pub(crate) fn create(root: &Path, id: &str, options: &Options, console: Option<OwnedFd>) -> Result<Pid> {
    let bundle =
        fs::canonicalize(&options.bundle).context(|| format!("find the bundle {}", options.bundle.display()))?;
    let (raw, spec) = spec::load(&bundle)?;
    spec::validate(&spec)?;
    guard::protect(&spec)?;
    if nix::unistd::geteuid().is_root() {
        // The processes cloned from here inherit it. Without root they could not be given their id maps any more: they see to it themselves.
        sys::undumpable()?;
    }
    let directory = Directory::new(root, id)?;
    match directory.create() {
        // The remains of a creation that was killed half-way do not keep the id.
        Err(Error::Exists(_)) if directory.abandoned() => {
            lifecycle::delete(&directory, true)?;
            directory.create()?;
        }
        other => other?,
    }
    let mut cgroup = None;
    let made = create_in(&directory, &bundle, &raw, &spec, options, console, &mut cgroup);
    if made.is_err() {
        if let Some(cgroup) = cgroup {
            let _ = cgroup.delete();
        }
        let _ = directory.remove();
    }
    made
}

fn create_in(
    directory: &Directory,
    bundle: &Path,
    raw: &[u8],
    spec: &Spec,
    options: &Options,
    console: Option<OwnedFd>,
    made_cgroup: &mut Option<Cgroup>,
) -> Result<Pid> {
    let linux = spec.linux().as_ref().ok_or_else(|| Error::Spec("config.json has no linux section".into()))?;
    let namespaces = namespaces::Plan::new(linux.namespaces().as_deref().unwrap_or_default())?;
    fs::write(directory.config(), raw).context(|| format!("write {}", directory.config().display()))?;
    let fifo = make_fifo(directory)?;
    let cgroup =
        made_cgroup.insert(Cgroup::plan(linux.cgroups_path().as_deref(), &directory.id, options.systemd_cgroup)?);
    let rootfs = spec::rootfs(spec, bundle);
    let me = nix::unistd::getpid();
    let mut record = Record {
        id: directory.id.clone(),
        pid: 0,
        start_time: 0,
        bundle: bundle.to_owned(),
        rootfs: rootfs.clone(),
        created: state::now(),
        annotations: spec.annotations().clone().filter(|a| !a.is_empty()),
        cgroup: cgroup.clone(),
        ready: false,
        creator: (me.as_raw(), state::stat(me).map_or(0, |(_, start)| start)),
    };
    // Recorded before it is made, so that whoever cleans up after a crash knows what to remove.
    directory.save(&record)?;
    cgroup.create()?;
    record.cgroup = cgroup.clone();
    if let Some(resources) = linux.resources() {
        cgroup.apply(resources)?;
    }
    let plan = plan(
        spec,
        &namespaces,
        bundle,
        rootfs,
        cgroup,
        console.map_or_else(|| open_console(spec, options), |c| Ok(Some(c)))?,
        fifo,
        options,
        directory.state(&record),
    )?;
    let (ours, theirs) = Line::pair()?;
    let pid = spawn(&namespaces, &plan, &ours, theirs)?;
    // From here on the plan's descriptors are the init's alone.
    let (has_user_namespace, cgroup) = (namespaces.creates(Type::User), plan.cgroup.clone());
    drop(plan);
    let result = guide(directory, spec, &mut record, pid, &ours, has_user_namespace, &cgroup, options);
    if result.is_err() {
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        let _ = waitpid(pid, None);
        hooks::run("poststop", spec.hooks().as_ref().and_then(|h| h.poststop().as_ref()), || directory.state(&record))
            .unwrap_or_else(|error| crate::log::warn(&error.to_string()));
    }
    result.map(|()| pid)
}

fn make_fifo(directory: &Directory) -> Result<OwnedFd> {
    let path = directory.fifo();
    let what = || format!("make {}", path.display());
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o622), 0).context(what)?;
    // Open on both ends, so that waiting for the byte of `start` is an ordinary read, and works without a /proc in the container.
    rustix::fs::open(&path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).context(what)
}

fn open_console(spec: &Spec, options: &Options) -> Result<Option<OwnedFd>> {
    let terminal = spec.process().as_ref().and_then(|p| p.terminal()).unwrap_or(false);
    match (&options.console_socket, terminal) {
        (Some(path), true) => terminal::connect(path).map(Some),
        (None, true) => {
            Err(Error::Spec("cannot allocate tty if runc will detach without setting console socket".into()))
        }
        (Some(_), false) => {
            Err(Error::Spec("cannot use console socket if runc will not detach or allocate tty".into()))
        }
        (None, false) => Ok(None),
    }
}

#[allow(clippy::too_many_arguments)]
fn plan<'a>(
    spec: &'a Spec,
    namespaces: &'a namespaces::Plan,
    bundle: &Path,
    rootfs: PathBuf,
    cgroup: &Cgroup,
    console: Option<OwnedFd>,
    fifo: OwnedFd,
    options: &Options,
    state: State,
) -> Result<Plan<'a>> {
    let linux = spec.linux().as_ref();
    let mounts: Vec<_> = spec.mounts().iter().flatten().map(|m| mount_plan::plan(m, bundle)).collect::<Result<_>>()?;
    let sources = mounts
        .iter()
        .map(|m| match &m.kind {
            Kind::Bind { source, recursive } => mounts::open_tree(source, *recursive).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<_>>()?;
    let devices = devices::plan(linux.and_then(|l| l.devices().as_deref()).unwrap_or_default())?;
    let bind_devices = namespaces.has(Type::User) || id_map::in_user_namespace();
    let host_devices = if bind_devices { devices::open_host(&devices)? } else { Vec::new() };
    if !rootfs.is_dir() {
        return Err(Error::Spec(format!(
            "the root file system {} is not a directory: check root.path",
            rootfs.display()
        )));
    }
    Ok(Plan {
        root_tree: mounts::open_tree(&rootfs, true)?,
        filter: process::filter(linux.and_then(|l| l.seccomp().as_ref()))?,
        cgroup: cgroup.clone(),
        no_pivot: options.no_pivot,
        preserve_fds: options.preserve_fds,
        fifo: Some(fifo),
        spec,
        namespaces,
        rootfs,
        mounts,
        sources,
        devices,
        host_devices,
        console,
        state,
    })
}

/// Clones the init process, through a stage that joins namespaces where there are any to join.
fn spawn(namespaces: &namespaces::Plan, plan: &Plan<'_>, ours: &Line, theirs: Line) -> Result<Pid> {
    if !namespaces.needs_stage() {
        return match clone_process(namespaces.clone_flags())
            .context(|| "clone the init process into new namespaces".into())?
        {
            Cloned::Child => {
                ours.close_in_clone();
                init::run(plan, theirs)
            }
            Cloned::Parent(pid) => Ok(pid),
        };
    }
    match clone_process(0).context(|| "clone a process that joins namespaces".into())? {
        Cloned::Child => {
            ours.close_in_clone();
            let staged = stage(namespaces, plan).and_then(|()| {
                clone_process(namespaces.clone_flags() | libc::CLONE_PARENT as u64)
                    .context(|| "clone the init process into new namespaces".into())
            });
            match staged {
                Ok(Cloned::Child) => init::run(plan, theirs),
                Ok(Cloned::Parent(pid)) => drop(theirs.send(&Message::Pid(pid.as_raw()))),
                Err(error) => drop(theirs.send(&Message::Failed(error.to_string()))),
            }
            process::exit_now(0)
        }
        Cloned::Parent(stage) => {
            drop(theirs);
            let answer = ours.receive();
            let _ = waitpid(stage, None);
            match answer? {
                Message::Pid(pid) => Ok(Pid::from_raw(pid)),
                Message::Failed(text) => Err(Error::Process(text)),
                other => Err(Error::Process(format!("the process that joins namespaces ended early ({other:?})"))),
            }
        }
    }
}

fn stage(namespaces: &namespaces::Plan, plan: &Plan<'_>) -> Result<()> {
    if !namespaces.creates(Type::User) {
        sys::undumpable()?;
    }
    namespaces.join_all()?;
    if namespaces.creates(Type::Time) {
        // SAFETY: unshare takes integers only; CLONE_NEWTIME concerns this process's children.
        if unsafe { libc::unshare(libc::CLONE_NEWTIME) } != 0 {
            return Err(std::io::Error::last_os_error()).context(|| "make a time namespace".into());
        }
        let offsets = plan.spec.linux().as_ref().and_then(|l| l.time_offsets().as_ref());
        for (clock, offset) in offsets.into_iter().flatten() {
            let line = format!("{clock} {} {}", offset.secs().unwrap_or(0), offset.nanosecs().unwrap_or(0));
            fs::write("/proc/self/timens_offsets", &line).context(|| format!("set time offset {line:?}"))?;
        }
    }
    Ok(())
}

/// Takes the init process through its steps.
#[allow(clippy::too_many_arguments)]
fn guide(
    directory: &Directory,
    spec: &Spec,
    record: &mut Record,
    pid: Pid,
    line: &Line,
    new_user_namespace: bool,
    cgroup: &Cgroup,
    options: &Options,
) -> Result<()> {
    record.pid = pid.as_raw();
    record.start_time = state::stat(pid).map_or(0, |(_, start)| start);
    directory.save(record)?;
    cgroup.add(pid)?;
    let oom_score = spec.process().as_ref().and_then(|p| p.oom_score_adj());
    process::set_oom_score(&pid.to_string(), oom_score)?;
    if let Some(linux) = spec.linux().as_ref().filter(|_| new_user_namespace) {
        id_map::write(pid, spec::uid_mappings(linux), spec::gid_mappings(linux))?;
        delegate(spec, cgroup)?;
    }
    line.send(&Message::Go)?;
    let hooks = spec.hooks().as_ref();
    loop {
        match line.receive()? {
            Message::Hooks => {
                let state = || State { pid: record.pid as u32, status: Status::Creating, ..directory.state(record) };
                #[allow(deprecated)]
                hooks::run("prestart", hooks.and_then(|h| h.prestart().as_ref()), state)?;
                hooks::run("createRuntime", hooks.and_then(|h| h.create_runtime().as_ref()), state)?;
                line.send(&Message::Go)?;
            }
            Message::Ready => break,
            Message::Failed(text) => return Err(Error::Process(text)),
            other => {
                return Err(Error::Process(format!(
                    "the init process ended without a word ({other:?}): it may have been killed for want of memory"
                )));
            }
        }
    }
    record.ready = true;
    directory.save(record)?;
    write_pid_file(options.pid_file.as_deref(), pid)
}

/// A container with its own user and cgroup namespaces and a writable cgroup mount manages groups of its own below its group.
fn delegate(spec: &Spec, cgroup: &Cgroup) -> Result<()> {
    let Some(linux) = spec.linux() else {
        return Ok(());
    };
    let own_view = namespaces::Plan::new(linux.namespaces().as_deref().unwrap_or_default())?.creates(Type::Cgroup);
    let writable = spec.mounts().iter().flatten().any(|m| {
        matches!(m.typ().as_deref(), Some("cgroup" | "cgroup2")) && !m.options().iter().flatten().any(|o| o == "ro")
    });
    match (id_map::to_host(spec::uid_mappings(linux), 0), id_map::to_host(spec::gid_mappings(linux), 0)) {
        (Some(uid), Some(gid)) if own_view && writable => cgroup.delegate(uid, gid),
        _ => Ok(()),
    }
}

/// Writes a process id where `--pid-file` says, so that a reader never sees half of it.
pub(crate) fn write_pid_file(path: Option<&Path>, pid: Pid) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let temporary = path.with_file_name(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
    fs::write(&temporary, pid.to_string()).context(|| format!("write {}", temporary.display()))?;
    fs::rename(&temporary, path).context(|| format!("write {}", path.display()))
}
