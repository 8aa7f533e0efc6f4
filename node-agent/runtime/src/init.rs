//! The container's init process, from its clone to `execve`: joins what the parent prepared, builds its root, waits for `start`.

use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::sched::{CloneFlags, unshare};
use oci_spec::runtime::{Hooks, LinuxNamespaceType as Type, Spec};

use crate::cgroups::Cgroup;
use crate::devices::{self, Device};
use crate::error::{Context, Error, Result};
use crate::mount_plan::{Kind, Planned};
use crate::mounts::Maker;
use crate::process::{self, exit_now};
use crate::state::{State, Status};
use crate::sync::{Line, Message};
use crate::{hooks, namespaces, rootfs, seccomp, sys, terminal};

/// Everything that the parent has planned and opened; the clone inherits it all.
pub(crate) struct Plan<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) namespaces: &'a namespaces::Plan,
    pub(crate) rootfs: PathBuf,
    pub(crate) root_tree: OwnedFd,
    pub(crate) mounts: Vec<Planned>,
    /// A detached tree for every bind in `mounts`.
    pub(crate) sources: Vec<Option<OwnedFd>>,
    pub(crate) devices: Vec<Device>,
    /// The host's nodes for binding; empty when nodes can be made.
    pub(crate) host_devices: Vec<Option<OwnedFd>>,
    pub(crate) cgroup: Cgroup,
    pub(crate) console: Option<OwnedFd>,
    /// Both ends of exec.fifo: a byte in it means `start`. None when the container is to start at once.
    pub(crate) fifo: Option<OwnedFd>,
    pub(crate) filter: Option<seccomp::Filter>,
    pub(crate) state: State,
    pub(crate) no_pivot: bool,
    pub(crate) preserve_fds: u32,
}

/// Runs the init process; its errors go to the parent.
pub(crate) fn run(plan: &Plan<'_>, line: Line) -> ! {
    match set_up(plan, &line) {
        Ok(program) => {
            drop(line);
            wait_and_execute(plan, &program)
        }
        Err(error) => {
            let text = match error {
                Error::Process(text) => text,
                other => other.to_string(),
            };
            let _ = line.send(&Message::Failed(text));
            exit_now(1)
        }
    }
}

fn set_up(plan: &Plan<'_>, line: &Line) -> Result<process::Program> {
    // Without its runtime a half-made container must not stay; cleared once it is made.
    let _ = sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0);
    line.wait_for_go()?;
    // Until execve this process holds the host's descriptors: nobody in a shared namespace may trace it.
    sys::undumpable()?;
    let process =
        plan.spec.process().as_ref().ok_or_else(|| Error::Spec("config.json has no process to start".into()))?;
    let linux = plan.spec.linux().as_ref().ok_or_else(|| Error::Spec("config.json has no linux section".into()))?;
    nix::unistd::setsid().context(|| "start a session".into())?;
    if plan.namespaces.has(Type::User) {
        become_root()?;
    }
    if plan.namespaces.creates(Type::Cgroup) {
        unshare(CloneFlags::CLONE_NEWCGROUP).context(|| "make a cgroup namespace".into())?;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    let propagation = linux.rootfs_propagation().as_deref().filter(|p| !p.is_empty());
    rootfs::attach_root(&plan.root_tree, &plan.rootfs, propagation)?;
    build_root(plan)?;
    let spec_hooks = plan.spec.hooks().as_ref();
    if spec_hooks.is_some_and(has_early_hooks) {
        line.send(&Message::Hooks)?;
        line.wait_for_go()?;
        let state = || State { pid: std::process::id(), status: Status::Creating, ..plan.state.clone() };
        hooks::run("createContainer", spec_hooks.and_then(|h| h.create_container().as_ref()), state)?;
    }
    rootfs::enter(&plan.root_tree, plan.no_pivot)?;
    let size = process::console_size(process);
    match &plan.console {
        Some(console) => terminal::set_up(console.as_fd(), size, process.user().uid(), true)?,
        None => process::own_streams(process.user().uid()),
    }
    finish_root(plan, linux, propagation)?;
    set_names(plan)?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    if let Some(personality) = linux.personality() {
        let per_linux32 = matches!(personality.domain(), oci_spec::runtime::LinuxPersonalityDomain::PerLinux32);
        sys::personality(if per_linux32 { 8 } else { 0 }).context(|| "set the personality".into())?;
    }
    // Before the filter of system calls, which may know neither call. What is opened from here on closes itself, and a runtime that
    // is killed from here on is noticed by the line's end.
    sys::close_from_on_exec(3 + plan.preserve_fds).context(|| "close inherited descriptors".into())?;
    sys::prctl(libc::PR_SET_PDEATHSIG, 0, 0).context(|| "outlive the runtime".into())?;
    let program = process::prepare(process, plan.filter.as_ref())?;
    line.send(&Message::Ready)?;
    Ok(program)
}

/// Becomes root of the user namespace, whose maps the parent has written.
pub(crate) fn become_root() -> Result<()> {
    let what = || "become root of the user namespace (does a mapping cover id 0?)".to_owned();
    nix::unistd::setresgid(0.into(), 0.into(), 0.into()).context(what)?;
    nix::unistd::setresuid(0.into(), 0.into(), 0.into()).context(what)?;
    match nix::unistd::setgroups(&[]) {
        Ok(()) | Err(nix::errno::Errno::EPERM) => Ok(()),
        other => other.context(what),
    }?;
    let _ = sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0);
    Ok(())
}

fn has_early_hooks(hooks: &Hooks) -> bool {
    #[allow(deprecated)]
    let prestart = hooks.prestart().as_ref();
    [prestart, hooks.create_runtime().as_ref(), hooks.create_container().as_ref()]
        .into_iter()
        .flatten()
        .any(|list| !list.is_empty())
}

fn build_root(plan: &Plan<'_>) -> Result<()> {
    let maker =
        Maker { root: &plan.root_tree, cgroup: &plan.cgroup, cgroup_namespace: plan.namespaces.has(Type::Cgroup) };
    for (planned, source) in plan.mounts.iter().zip(&plan.sources) {
        maker.make(planned, source.as_ref())?;
    }
    // The host's own /dev, bound in, must not be written to.
    let dev_is_hosts =
        plan.mounts.iter().any(|m| m.destination.as_os_str() == "/dev" && matches!(m.kind, Kind::Bind { .. }));
    if !dev_is_hosts {
        for (i, device) in plan.devices.iter().enumerate() {
            devices::make(&plan.root_tree, device, plan.host_devices.get(i).and_then(Option::as_ref))?;
        }
        devices::make_links(&plan.root_tree)?;
    }
    Ok(())
}

fn finish_root(plan: &Plan<'_>, linux: &oci_spec::runtime::Linux, propagation: Option<&str>) -> Result<()> {
    for (name, value) in linux.sysctl().iter().flatten() {
        rootfs::sysctl(name, value)?;
    }
    let readonly = plan.spec.root().as_ref().and_then(|r| r.readonly()).unwrap_or(false);
    rootfs::finish(propagation, readonly)?;
    for path in linux.readonly_paths().iter().flatten() {
        rootfs::make_readonly(path)?;
    }
    let masked = linux.masked_paths().as_deref().unwrap_or_default();
    if !masked.is_empty() {
        let mut masks = rootfs::Masks::new()?;
        masked.iter().try_for_each(|path| masks.hide(path))?;
    }
    Ok(())
}

fn set_names(plan: &Plan<'_>) -> Result<()> {
    if let Some(name) = plan.spec.hostname().as_ref().filter(|n| !n.is_empty()) {
        nix::unistd::sethostname(name).context(|| format!("set the host name to {name:?}"))?;
    }
    if let Some(name) = plan.spec.domainname().as_ref().filter(|n| !n.is_empty()) {
        sys::setdomainname(name).context(|| format!("set the domain name to {name:?}"))?;
    }
    Ok(())
}

fn wait_and_execute(plan: &Plan<'_>, program: &process::Program) -> ! {
    if let Some(fifo) = &plan.fifo {
        let mut byte = [0u8; 1];
        let started = fifo.try_clone().map(std::fs::File::from).and_then(|mut f| f.read_exact(&mut byte));
        if let Err(error) = started {
            crate::log::say(&format!("wait for start: {error}"));
            exit_now(255);
        }
    }
    let state = || State { pid: std::process::id(), status: Status::Created, ..plan.state.clone() };
    if let Some(hooks) = plan.spec.hooks()
        && let Err(error) = hooks::run("startContainer", hooks.start_container().as_ref(), state)
    {
        crate::log::say(&error.to_string());
        exit_now(255);
    }
    program.execute_or_exit()
}
