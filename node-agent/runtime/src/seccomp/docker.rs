//! Docker's default seccomp profile: an allowlist, wider for containers that hold certain capabilities. The names are facts from moby's
//! published profile (`profiles/seccomp/default.json`, without io_uring, as Docker has shipped it since version 25).

use oci_spec::runtime::{
    Arch, Capability, LinuxSeccomp, LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompArgBuilder,
    LinuxSeccompOperator as Op, LinuxSyscall,
};

/// Allowed to everybody.
const ALWAYS: &str = "
    _llseek _newselect accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
    clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect
    copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2
    fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64
    fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu
    getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid
    getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday
    getuid getuid32 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
    io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self
    lchown lchown32 lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier
    memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mprotect mq_getsetattr mq_notify mq_open
    mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock
    munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free
    pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6
    pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg
    remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
    rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
    sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile
    sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
    setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit
    setsid setsockopt setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall
    socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create
    timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
    timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes
    vfork vmsplice wait4 waitid waitpid write writev
";

/// Allowed to those who hold the capability.
const WITH: &[(Capability, &str)] = &[
    (Capability::DacReadSearch, "open_by_handle_at"),
    (
        Capability::SysAdmin,
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree
         perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
    ),
    (Capability::SysBoot, "reboot"),
    (Capability::SysChroot, "chroot"),
    (Capability::SysModule, "delete_module init_module finit_module"),
    (Capability::SysPacct, "acct"),
    (Capability::SysPtrace, "kcmp pidfd_getfd process_madvise"),
    (Capability::SysRawio, "iopl ioperm"),
    (Capability::SysTime, "settimeofday stime clock_settime clock_settime64"),
    (Capability::SysTtyConfig, "vhangup"),
    (Capability::SysNice, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    (Capability::Syslog, "syslog"),
    (Capability::Bpf, "bpf"),
    (Capability::Perfmon, "perf_event_open"),
];

/// Personalities that change nothing dangerous: Linux, 32-bit Linux, both with UNAME26, and the query.
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];
/// All `CLONE_NEW*` flags that `clone` takes.
const NEW_NAMESPACES: u64 = 0x7e02_0000;
const AF_VSOCK: u64 = 40;

/// Docker's default profile for a container whose bounding set is `caps`.
pub fn docker_default(caps: &[Capability]) -> LinuxSeccomp {
    let mut allowed: Vec<String> = ALWAYS.split_whitespace().map(str::to_owned).collect();
    for (_, names) in WITH.iter().filter(|(cap, _)| caps.contains(cap)) {
        allowed.extend(names.split_whitespace().map(str::to_owned));
    }
    let mut syscalls = vec![rule(allowed, Action::ScmpActAllow, None)];
    syscalls.push(rule(vec!["socket".into()], Action::ScmpActAllow, Some(arg(AF_VSOCK, None, Op::ScmpCmpNe))));
    for value in PERSONALITIES {
        syscalls.push(rule(vec!["personality".into()], Action::ScmpActAllow, Some(arg(value, None, Op::ScmpCmpEq))));
    }
    if !caps.contains(&Capability::SysAdmin) {
        syscalls.push(rule(
            vec!["clone".into()],
            Action::ScmpActAllow,
            Some(arg(NEW_NAMESPACES, Some(0), Op::ScmpCmpMaskedEq)),
        ));
        // A filter cannot look behind clone3's pointer: C libraries then fall back to clone.
        let mut clone3 = rule(vec!["clone3".into()], Action::ScmpActErrno, None);
        clone3.set_errno_ret(Some(libc::ENOSYS as u32));
        syscalls.push(clone3);
    }
    let mut profile = LinuxSeccomp::default();
    profile
        .set_default_action(Action::ScmpActErrno)
        .set_default_errno_ret(Some(libc::EPERM as u32))
        .set_architectures(Some(vec![Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32]))
        .set_syscalls(Some(syscalls));
    profile
}

fn rule(names: Vec<String>, action: Action, arg: Option<LinuxSeccompArg>) -> LinuxSyscall {
    let mut rule = LinuxSyscall::default();
    rule.set_names(names).set_action(action).set_args(arg.map(|a| vec![a]));
    rule
}

fn arg(value: u64, two: Option<u64>, op: Op) -> LinuxSeccompArg {
    let builder = LinuxSeccompArgBuilder::default().index(0usize).value(value).op(op);
    let builder = if let Some(two) = two { builder.value_two(two) } else { builder };
    builder.build().expect("index, value and operator are all that an argument needs, and they are set")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::compile::tests::run;
    use crate::seccomp::{AUDIT_X86, AUDIT_X86_64, compile, x86, x86_64};

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

    fn errno(code: i32) -> u32 {
        libc::SECCOMP_RET_ERRNO | code as u32
    }

    fn ask(caps: &[Capability], nr: i64, first: u64) -> u32 {
        run(&compile(&docker_default(caps)).unwrap().program, AUDIT_X86_64, nr as u32, [first, 0, 0, 0, 0, 0])
    }

    #[test]
    fn an_ordinary_container_may_not_make_namespaces_or_mounts() {
        let caps = crate::docker_default_capabilities();
        assert_eq!(ask(&caps, libc::SYS_read, 0), ALLOW);
        assert_eq!(ask(&caps, libc::SYS_chroot, 0), ALLOW);
        assert_eq!(ask(&caps, libc::SYS_mount, 0), errno(libc::EPERM));
        assert_eq!(ask(&caps, libc::SYS_unshare, 0), errno(libc::EPERM));
        assert_eq!(ask(&caps, libc::SYS_io_uring_setup, 0), errno(libc::EPERM));
        assert_eq!(ask(&caps, libc::SYS_clone3, 0), errno(libc::ENOSYS));
        assert_eq!(ask(&caps, libc::SYS_clone, libc::SIGCHLD as u64), ALLOW);
        assert_eq!(ask(&caps, libc::SYS_clone, libc::CLONE_NEWUSER as u64), errno(libc::EPERM));
        assert_eq!(ask(&caps, libc::SYS_socket, libc::AF_INET as u64), ALLOW);
        assert_eq!(ask(&caps, libc::SYS_socket, AF_VSOCK), errno(libc::EPERM));
        assert_eq!(ask(&caps, libc::SYS_personality, 8), ALLOW);
        assert_eq!(ask(&caps, libc::SYS_personality, 0x40_0000), errno(libc::EPERM));
        assert_eq!(ask(&caps, 9_999, 0), errno(libc::ENOSYS));
    }

    #[test]
    fn capabilities_widen_the_profile() {
        assert_eq!(ask(&[Capability::SysAdmin], libc::SYS_mount, 0), ALLOW);
        assert_eq!(ask(&[Capability::SysAdmin], libc::SYS_clone3, 0), ALLOW);
        assert_eq!(ask(&[Capability::SysTime], libc::SYS_clock_settime, 0), ALLOW);
        assert_eq!(ask(&[], libc::SYS_chroot, 0), errno(libc::EPERM));
    }

    #[test]
    fn programs_for_32_bit_x86_are_filtered_too() {
        let filter = compile(&docker_default(&[])).unwrap();
        assert_eq!(run(&filter.program, AUDIT_X86, 3, [0; 6]), ALLOW, "read");
        assert_eq!(run(&filter.program, AUDIT_X86, 21, [0; 6]), errno(libc::EPERM), "mount");
    }

    #[test]
    fn every_name_is_one_of_linuxs() {
        let known =
            |name: &str| [x86_64::TABLE, x86::TABLE].iter().any(|t| t.binary_search_by(|e| e.0.cmp(name)).is_ok());
        // Of other architectures, or never implemented on these.
        let elsewhere = ["fstatat64", "recv", "send"];
        let unknown: Vec<&str> = ALWAYS.split_whitespace().filter(|n| !known(n)).collect();
        assert!(
            unknown.iter().all(|n| elsewhere.contains(n) || n.ends_with("_time64") || n.ends_with("64")),
            "{unknown:?}"
        );
    }

    #[test]
    fn the_tables_are_sorted_for_searching() {
        assert!([x86_64::TABLE, x86::TABLE].iter().all(|t| t.windows(2).all(|w| w[0].0 < w[1].0)));
    }
}
