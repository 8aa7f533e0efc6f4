//! System calls that neither nix nor rustix wraps: clone3, mount_setattr, prctl and capset, each behind a safe function.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::unistd::Pid;

/// Read-only; the other attribute bits of `mount_setattr(2)` follow.
pub(crate) const ATTR_RDONLY: u64 = 0x01;
pub(crate) const ATTR_NOSUID: u64 = 0x02;
pub(crate) const ATTR_NODEV: u64 = 0x04;
pub(crate) const ATTR_NOEXEC: u64 = 0x08;
pub(crate) const ATTR_ATIME: u64 = 0x70;
pub(crate) const ATTR_NOATIME: u64 = 0x10;
pub(crate) const ATTR_STRICTATIME: u64 = 0x20;
pub(crate) const ATTR_NODIRATIME: u64 = 0x80;
pub(crate) const ATTR_NOSYMFOLLOW: u64 = 0x20_0000;

/// `struct mount_attr` of `mount_setattr(2)`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MountAttr {
    pub(crate) set: u64,
    pub(crate) clear: u64,
    pub(crate) propagation: u64,
    pub(crate) userns_fd: u64,
}

/// `mount_setattr(2)` on the mount behind `fd`, on its submounts too when `recursive`.
pub(crate) fn mount_setattr(fd: impl AsFd, recursive: bool, attr: &MountAttr) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a static empty C string, and `attr` outlives the call with its true size given.
    let rc = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    };
    check(rc).map(drop)
}

/// Which side of a [`clone_process`] one is on.
pub(crate) enum Cloned {
    /// The caller, with the new process's id.
    Parent(Pid),
    /// The new process.
    Child,
}

/// Makes a copy of this process in new namespaces (`flags`: `CLONE_NEW*`, `CLONE_PARENT`).
///
/// The caller must be single-threaded, which [`crate::cli::main`] guarantees: only then may the copy go on running ordinary code.
pub(crate) fn clone_process(flags: u64) -> io::Result<Cloned> {
    let mut args = [0u64; 11];
    args[0] = flags;
    // exit_signal; the kernel wants none with CLONE_PARENT, where the sibling's parent decides.
    args[4] = if flags & libc::CLONE_PARENT as u64 == 0 { libc::SIGCHLD as u64 } else { 0 };
    // SAFETY: `args` is a zeroed clone_args of the given size (v2, 88 bytes); no stack is passed, so that the child
    // goes on on a copy of this one, as after fork. The process has one thread, hence no lock can be held by another.
    let rc = unsafe { libc::syscall(libc::SYS_clone3, args.as_mut_ptr(), size_of_val(&args)) };
    match check(rc)? {
        0 => Ok(Cloned::Child),
        pid => Ok(Cloned::Parent(Pid::from_raw(pid as i32))),
    }
}

/// `prctl(2)` with integer arguments.
pub(crate) fn prctl(option: i32, a: u64, b: u64) -> io::Result<i64> {
    // SAFETY: only options with integer arguments are used in this crate; none reads or writes memory.
    check(unsafe { libc::prctl(option, a, b, 0u64, 0u64) }.into())
}

/// Until the next execve, only a holder of CAP_SYS_PTRACE in the namespace that this program was executed in may trace this
/// process, read its memory or use its descriptors; a container's root is none.
pub(crate) fn undumpable() -> crate::error::Result<()> {
    use crate::error::Context as _;
    prctl(libc::PR_SET_DUMPABLE, 0, 0).context(|| "make the runtime untraceable".into()).map(drop)
}

/// The effective, permitted and inheritable sets of this thread, as bit masks.
pub(crate) fn capget() -> io::Result<[u64; 3]> {
    let header = [0x2008_0522u32, 0];
    let mut data = [0u32; 6];
    // SAFETY: version 3 header, for which the kernel writes exactly two 3-word structures into `data`.
    check(unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr()) })?;
    let join = |i: usize| u64::from(data[i]) | u64::from(data[i + 3]) << 32;
    Ok([join(0), join(1), join(2)])
}

/// Sets the effective, permitted and inheritable sets of this thread.
pub(crate) fn capset(effective: u64, permitted: u64, inheritable: u64) -> io::Result<()> {
    let header = [0x2008_0522u32, 0];
    let low = |v: u64| v as u32;
    let high = |v: u64| (v >> 32) as u32;
    let data = [low(effective), low(permitted), low(inheritable), high(effective), high(permitted), high(inheritable)];
    // SAFETY: version 3 header and two 3-word structures, as the kernel reads them.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) }).map(drop)
}

/// `setdomainname(2)`.
pub(crate) fn setdomainname(name: &str) -> io::Result<()> {
    // SAFETY: pointer and length describe `name`.
    check(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) }.into()).map(drop)
}

/// `personality(2)`.
pub(crate) fn personality(value: u64) -> io::Result<()> {
    // SAFETY: takes and returns integers only.
    check(unsafe { libc::syscall(libc::SYS_personality, value) }).map(drop)
}

/// Installs a classic BPF seccomp filter on this process, with `SECCOMP_FILTER_FLAG_*` bits.
pub(crate) fn seccomp_set_filter(program: &[libc::sock_filter], flags: u64) -> io::Result<()> {
    let fprog = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: `fprog` describes `program`, which the kernel copies and does not change.
    let rc =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, std::ptr::from_ref(&fprog)) };
    check(rc).map(drop)
}

/// `bpf(2)` with an attribute block of 64-bit words.
pub(crate) fn bpf(command: u32, attr: &mut [u64; 16]) -> io::Result<i64> {
    // SAFETY: `attr` is a zero-padded bpf_attr of the given size; pointers in it are the caller's and outlive the call.
    check(unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_mut_ptr(), size_of_val(attr)) })
}

/// Marks every descriptor from `first` on close-on-exec.
pub(crate) fn close_from_on_exec(first: u32) -> io::Result<()> {
    // SAFETY: takes integers only; with CLOEXEC nothing is closed now, so no owned descriptor is invalidated.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) }).map(drop)
}

/// Makes the terminal behind `fd` this session's controlling terminal.
pub(crate) fn set_controlling_terminal(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: TIOCSCTTY takes an integer argument.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCSCTTY as _, 0) }.into()).map(drop)
}

/// Duplicates `fd` onto one of the three standard descriptors.
pub(crate) fn dup_onto(fd: BorrowedFd<'_>, standard: i32) -> io::Result<()> {
    // SAFETY: both are open descriptors or free numbers; std does not own 0, 1 and 2.
    check(unsafe { libc::dup2(fd.as_raw_fd(), standard) }.into()).map(drop)
}

/// Gives every signal its default action and an empty mask, as a new program expects them.
pub(crate) fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL installs no handler; failures (KILL, STOP, libc's own) are of no interest.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let _ = nix::sys::signal::SigSet::empty().thread_set_mask();
}

/// A C string of `bytes`, or EINVAL when it holds a NUL.
pub(crate) fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn check(rc: i64) -> io::Result<i64> {
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(rc) }
}
