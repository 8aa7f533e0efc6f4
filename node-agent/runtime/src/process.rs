//! The last steps of a container process, the same for the container's own and for executed ones: limits, user, capabilities,
//! seccomp, the program's path, `execve`.

use std::ffi::CString;
use std::fs;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid};
use oci_spec::runtime::{LinuxSeccomp, Process};

use crate::error::{Context, Error, Result, errno_text};
use crate::procfs::Proc;
use crate::{capabilities, rlimits, seccomp, sys};

/// A program ready to be executed.
pub(crate) struct Program {
    path: CString,
    args: Vec<CString>,
    env: Vec<CString>,
    name: String,
}

/// The terminal's size that the process asks for (rows, columns).
pub(crate) fn console_size(process: &Process) -> Option<(u16, u16)> {
    let size = process.console_size()?;
    let part = |n: u64| u16::try_from(n).ok().filter(|n| *n > 0);
    Some((part(size.height())?, part(size.width())?))
}

/// `oom_score_adj` of a process that is still waiting, written from outside: the process itself is undumpable and does not own
/// its files in /proc. Lowering it needs CAP_SYS_RESOURCE, without which it simply stays as likely a victim as before.
pub(crate) fn set_oom_score(pid: &str, value: Option<i32>) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    match fs::write(format!("/proc/{pid}/oom_score_adj"), value.to_string()) {
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => {
            crate::log::warn(&format!("oom_score_adj stays as it is: lowering it to {value} needs CAP_SYS_RESOURCE"));
            Ok(())
        }
        other => other.context(|| format!("set oom_score_adj to {value}")),
    }
}

/// Compiles the seccomp profile; done before privileges are given up, so that errors can still be told.
pub(crate) fn filter(profile: Option<&LinuxSeccomp>) -> Result<Option<seccomp::Filter>> {
    profile.map(seccomp::compile).transpose()
}

/// Becomes the user of the specification, with its limits, capabilities and seccomp filter, and finds the program.
pub(crate) fn prepare(process: &Process, filter: Option<&seccomp::Filter>) -> Result<Program> {
    for (what, value) in [("AppArmor profile", process.apparmor_profile()), ("SELinux label", process.selinux_label())]
    {
        if let Some(value) = value.as_ref().filter(|v| !v.is_empty() && *v != "unconfined") {
            set_label(what, value)?;
        }
    }
    rlimits::apply(process.rlimits().as_deref().unwrap_or_default())?;
    let no_new_privileges = process.no_new_privileges() == Some(true);
    if no_new_privileges {
        sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).context(|| "set no_new_privs".into())?;
    }
    // Without no_new_privs loading a filter needs CAP_SYS_ADMIN, so it must come before the capabilities go.
    if let Some(filter) = filter.filter(|_| !no_new_privileges) {
        filter.load()?;
    }
    let held = sys::capget().context(|| "read the runtime's capabilities".into())?[1];
    let sets = process.capabilities().as_ref().map(capabilities::Sets::plan).unwrap_or_default().limited_to(held);
    sets.apply_bounding()?;
    sys::prctl(libc::PR_SET_KEEPCAPS, 1, 0).context(|| "keep capabilities over the change of user".into())?;
    let entered = enter_directory(process.cwd());
    set_user(process)?;
    sys::prctl(libc::PR_SET_KEEPCAPS, 0, 0).context(|| "reset keepcaps".into())?;
    // Some directories only root can enter, some (over NFS, FUSE) only the user.
    if entered.is_err() {
        enter_directory(process.cwd())?;
    }
    sets.apply()?;
    let program = find(process)?;
    if let Some(filter) = filter.filter(|_| no_new_privileges) {
        filter.load()?;
    }
    Ok(program)
}

fn set_label(what: &str, value: &str) -> Result<()> {
    let (available, file, text) = if what.starts_with("App") {
        (
            Path::new("/sys/module/apparmor/parameters/enabled").exists(),
            "thread-self/attr/apparmor/exec",
            format!("exec {value}"),
        )
    } else {
        (Path::new("/sys/fs/selinux/enforce").exists(), "thread-self/attr/exec", value.to_owned())
    };
    if !available {
        crate::log::warn(&format!("{what} {value:?} is not applied: this kernel does not offer it"));
        return Ok(());
    }
    Proc::open()?.write(Path::new(file), &text)
}

fn enter_directory(cwd: &Path) -> Result<()> {
    match nix::unistd::chdir(cwd) {
        Err(nix::errno::Errno::ENOENT) => {
            fs::create_dir_all(cwd).context(|| format!("create the working directory {}", cwd.display()))?;
            nix::unistd::chdir(cwd)
        }
        other => other,
    }
    .context(|| format!("chdir to cwd ({:?}) set in config.json failed", cwd.display()))?;
    // A leaked descriptor of a host directory, reached through /proc, would leave the process outside (CVE-2024-21626);
    // the kernel then gives a path that does not start at the root.
    let inside = rustix::process::getcwd(Vec::new()).is_ok_and(|path| path.to_bytes().starts_with(b"/"));
    if inside {
        Ok(())
    } else {
        Err(Error::Spec(format!(
            "process.cwd {:?} leads outside the container: name a directory of its own file system",
            cwd.display()
        )))
    }
}

fn set_user(process: &Process) -> Result<()> {
    let user = process.user();
    let (uid, gid) = (Uid::from_raw(user.uid()), Gid::from_raw(user.gid()));
    let groups: Vec<Gid> = user.additional_gids().iter().flatten().map(|g| Gid::from_raw(*g)).collect();
    let denied = || fs::read_to_string("/proc/self/setgroups").is_ok_and(|t| t.trim() == "deny");
    match nix::unistd::setgroups(&groups) {
        Err(nix::errno::Errno::EPERM) if groups.is_empty() && denied() => {}
        other => other.context(|| format!("set additional groups {groups:?}"))?,
    }
    nix::unistd::setresgid(gid, gid, gid)
        .context(|| format!("become group {gid} (is it mapped in the user namespace?)"))?;
    nix::unistd::setresuid(uid, uid, uid)
        .context(|| format!("become user {uid} (is it mapped in the user namespace?)"))?;
    if let Some(umask) = user.umask() {
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(umask));
    }
    Ok(())
}

/// Gives the standard streams to the user, so that `/dev/stdout` can be opened anew; what cannot be given stays.
pub(crate) fn own_streams(uid: u32) {
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    for standard in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
        let Ok(stat) = rustix::fs::fstat(standard) else {
            continue;
        };
        let is_null = stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == rustix::fs::makedev(1, 3);
        if stat.st_uid != uid && !is_null {
            let _ = rustix::fs::fchown(standard, Some(rustix::fs::Uid::from_raw(uid)), None);
        }
    }
}

fn find(process: &Process) -> Result<Program> {
    let args = process.args().as_deref().unwrap_or_default();
    let name = args.first().cloned().unwrap_or_default();
    let env = process.env().as_deref().unwrap_or_default();
    let path = env.iter().rev().find_map(|e| e.strip_prefix("PATH=")).unwrap_or("");
    let found = look_up(&name, path).map_err(|reason| Error::Process(format!("exec: {name:?}: {reason}")))?;
    let strings = |list: &[String]| {
        list.iter()
            .map(|s| sys::c_string(s.as_bytes()))
            .collect::<std::io::Result<Vec<_>>>()
            .context(|| "pass an argument that contains a NUL byte".into())
    };
    let mut env = strings(env)?;
    if !env.iter().any(|e| e.to_bytes().starts_with(b"HOME=")) {
        env.push(
            sys::c_string(format!("HOME={}", home(process.user().uid())).as_bytes()).context(|| "set HOME".into())?,
        );
    }
    let path = sys::c_string(found.as_os_str().as_encoded_bytes()).context(|| format!("execute {name:?}"))?;
    Ok(Program { path, args: strings(args)?, env, name })
}

/// Finds a program as a shell would, with Go's words when there is none (Docker's users know them).
fn look_up(name: &str, path: &str) -> Result<PathBuf, String> {
    let check = |file: &Path| -> Result<(), i32> {
        let meta = fs::metadata(file).map_err(|e| e.raw_os_error().unwrap_or(libc::EIO))?;
        if meta.is_dir() {
            return Err(libc::EISDIR);
        }
        if meta.permissions().mode() & 0o111 == 0 {
            return Err(libc::EACCES);
        }
        Ok(())
    };
    if name.contains('/') {
        return match check(Path::new(name)) {
            Ok(()) => Ok(name.into()),
            Err(code @ (libc::EACCES | libc::EISDIR)) => Err(errno_text(code)),
            Err(code) => Err(format!("stat {name}: {}", errno_text(code))),
        };
    }
    let mut denied = false;
    for dir in path.split(':').filter(|d| !d.is_empty() && !name.is_empty()) {
        let file = Path::new(dir).join(name);
        match check(&file) {
            Ok(()) => return Ok(file),
            Err(libc::EACCES) => denied = true,
            Err(_) => {}
        }
    }
    Err(if denied { "permission denied".into() } else { "executable file not found in $PATH".into() })
}

fn home(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    home_in(&passwd, uid).unwrap_or_else(|| "/".into())
}

fn home_in(passwd: &str, uid: u32) -> Option<String> {
    passwd
        .lines()
        .map(|l| l.split(':').collect::<Vec<_>>())
        .find(|f| f.len() > 5 && f[2].parse() == Ok(uid))
        .map(|f| f[5].to_owned())
}

impl Program {
    /// Replaces this process; on return (with an error) the process has nothing left to do but to end.
    pub(crate) fn execute(&self) -> std::io::Error {
        sys::reset_signals();
        match nix::unistd::execve(&self.path, &self.args, &self.env) {
            Err(errno) => errno.into(),
        }
    }

    /// As [`Program::execute`], telling the container's stderr and ending with runc's code if it fails.
    pub(crate) fn execute_or_exit(&self) -> ! {
        let error = self.execute();
        let reason = errno_text(error.raw_os_error().unwrap_or(libc::EIO));
        let _ = writeln!(std::io::stderr(), "exec {}: {reason}", self.name);
        exit_now(255)
    }
}

/// Ends a cloned process without running what its parent registered for its own end.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit only ends the process.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_along_the_path_and_misses_read_as_docker_says_them() {
        let dir = tempfile::tempdir().unwrap();
        let tool = dir.path().join("tool");
        fs::write(&tool, "").unwrap();
        let path = format!("/nonexistent:{}", dir.path().display());
        assert_eq!(look_up("tool", &path).unwrap_err(), "permission denied");
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(look_up("tool", &path).unwrap(), tool);
        assert_eq!(look_up("nope", &path).unwrap_err(), "executable file not found in $PATH");
        assert_eq!(look_up("/no/such", "").unwrap_err(), "stat /no/such: no such file or directory");
        assert_eq!(look_up("/", "").unwrap_err(), "is a directory");
    }

    #[test]
    fn the_home_directory_comes_from_the_images_passwd() {
        assert_eq!(
            home_in("root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/var/www:/bin/false\n", 33).as_deref(),
            Some("/var/www")
        );
        assert_eq!(home_in("broken\n", 33), None);
    }
}
