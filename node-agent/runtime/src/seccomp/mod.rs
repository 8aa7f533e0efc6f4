//! `linux.seccomp`: from the specification's names to one BPF program, and onto the process. Docker's default profile is in [`docker_default`].
//!
//! A filter is one program for all architectures of the profile, a binary search over system call numbers. The `seccompiler` crate does not
//! fit: it knows one architecture and one match action a filter, kills 32-bit programs, and loading through it forces no_new_privs.

mod compile;
mod docker;
mod x86;
mod x86_64;

use libc::sock_filter;
use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompFilterFlag};

use crate::error::{Context, Error, Result};
use crate::sys;
use compile::{Architecture, Rule};
pub use docker::docker_default;

/// A compiled profile.
#[derive(Clone)]
pub(crate) struct Filter {
    program: Vec<sock_filter>,
    flags: u64,
}

impl Filter {
    /// Puts the filter on this process, for good.
    pub(crate) fn load(&self) -> Result<()> {
        sys::seccomp_set_filter(&self.program, self.flags).context(|| {
            format!(
                "load the seccomp filter ({} instructions; without no_new_privs it needs CAP_SYS_ADMIN)",
                self.program.len()
            )
        })
    }
}

const AUDIT_X86_64: u32 = 0xc000_003e;
const AUDIT_X86: u32 = 0x4000_0003;

/// Compiles a profile; names that a machine does not have are passed over, as runc does.
pub(crate) fn compile(profile: &LinuxSeccomp) -> Result<Filter> {
    if !cfg!(target_arch = "x86_64") {
        return Err(Error::Spec("seccomp profiles are supported on x86-64 only: remove linux.seccomp".into()));
    }
    let default_action = profile.default_action();
    let default = action(default_action, profile.default_errno_ret())?;
    let mut rules = Vec::new();
    for entry in profile.syscalls().iter().flatten() {
        let value = action(entry.action(), entry.errno_ret())?;
        // A rule that says what holds anyway costs time only.
        if value == default {
            continue;
        }
        let args = entry.args().as_deref().unwrap_or_default();
        let repeated = args.iter().enumerate().any(|(i, a)| args[..i].iter().any(|b| a.index() == b.index()));
        for name in entry.names() {
            if repeated {
                // Several tests of one argument are alternatives (libseccomp cannot express them otherwise, and profiles rely on it).
                rules.extend(args.iter().map(|arg| Rule { name, args: vec![*arg], action: value }));
            } else {
                rules.push(Rule { name, args: args.to_vec(), action: value });
            }
        }
    }
    // New system calls that the profile's author cannot have known are answered as an old kernel would, so that programs fall back.
    let unknown_is_enosys = !matches!(
        default_action,
        LinuxSeccompAction::ScmpActAllow | LinuxSeccompAction::ScmpActLog | LinuxSeccompAction::ScmpActTrace
    );
    let mut architectures = vec![Architecture { audit: AUDIT_X86_64, table: x86_64::TABLE, has_x32: true }];
    if profile.architectures().iter().flatten().any(|a| *a == Arch::ScmpArchX86) {
        architectures.push(Architecture { audit: AUDIT_X86, table: x86::TABLE, has_x32: false });
    }
    let program = compile::program(&rules, default, unknown_is_enosys, &architectures)?;
    let flags = profile.flags().iter().flatten().try_fold(0, |bits, flag| {
        Ok(bits
            | match flag {
                // One thread only: there is nobody to synchronize with.
                LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 0,
                LinuxSeccompFilterFlag::SeccompFilterFlagLog => libc::SECCOMP_FILTER_FLAG_LOG,
                LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                other => {
                    return Err(Error::Spec(format!(
                        "seccomp flag {other:?} is for profiles with SCMP_ACT_NOTIFY, which is not supported"
                    )));
                }
            })
    })?;
    Ok(Filter { program, flags })
}

/// The value that a filter returns to the kernel for an action.
fn action(action: LinuxSeccompAction, number: Option<u32>) -> Result<u32> {
    let data = number.unwrap_or(libc::EPERM as u32) & 0xffff;
    Ok(match action {
        LinuxSeccompAction::ScmpActKill | LinuxSeccompAction::ScmpActKillThread => libc::SECCOMP_RET_KILL_THREAD,
        LinuxSeccompAction::ScmpActKillProcess => libc::SECCOMP_RET_KILL_PROCESS,
        LinuxSeccompAction::ScmpActTrap => libc::SECCOMP_RET_TRAP,
        LinuxSeccompAction::ScmpActErrno => libc::SECCOMP_RET_ERRNO | data,
        LinuxSeccompAction::ScmpActTrace => libc::SECCOMP_RET_TRACE | data,
        LinuxSeccompAction::ScmpActLog => libc::SECCOMP_RET_LOG,
        LinuxSeccompAction::ScmpActAllow => libc::SECCOMP_RET_ALLOW,
        LinuxSeccompAction::ScmpActNotify => {
            return Err(Error::Spec("SCMP_ACT_NOTIFY in linux.seccomp is not supported: use SCMP_ACT_ERRNO".into()));
        }
    })
}
