//! Debian's podman drives this runtime as any other: what an ordinary user of it relies on works.

#[allow(dead_code)]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{runtime, text};

fn skip(why: &str) {
    assert!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() != Ok("1"), "required, but {why}");
    eprintln!("SKIP: {why}");
}

/// A podman with all its state in a directory of this test's own, and a root file system of busybox alone.
struct Podman {
    dir: tempfile::TempDir,
}

impl Podman {
    fn new() -> Option<Podman> {
        let missing = |tool: &str| !Path::new("/usr/bin").join(tool).exists() && !Path::new("/bin").join(tool).exists();
        for tool in ["podman", "conmon", "busybox", "unshare"] {
            if missing(tool) {
                skip(&format!("{tool} is not installed: apt-get install podman conmon busybox-static"));
                return None;
            }
        }
        if fs::read_to_string("/proc/self/status").is_ok_and(|s| !s.contains("Uid:\t0\t0")) {
            skip("this test needs root");
            return None;
        }
        let podman = Podman { dir: tempfile::tempdir().expect("make a directory") };
        let rootfs = podman.dir.path().join("rootfs");
        for name in ["bin", "proc", "sys", "dev", "etc", "tmp", "run", "root"] {
            fs::create_dir_all(rootfs.join(name)).expect("make the root file system");
        }
        let busybox = ["/usr/bin/busybox", "/bin/busybox"].map(PathBuf::from).into_iter().find(|p| p.exists())?;
        fs::copy(busybox, rootfs.join("bin/busybox")).expect("copy busybox");
        for name in ["sh", "id", "cat", "grep", "sleep", "echo", "touch", "tty"] {
            std::os::unix::fs::symlink("busybox", rootfs.join("bin").join(name)).expect("link");
        }
        fs::write(rootfs.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").expect("write passwd");
        // podman wants one program, without arguments of its own.
        let (program, prefix) = runtime();
        let script = format!("#!/bin/sh\nexec {} {} \"$@\"\n", program.display(), prefix.join(" "));
        let wrapper = podman.dir.path().join("slipway");
        fs::write(&wrapper, script).expect("write the wrapper");
        fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("make it executable");
        let info = podman.command(&["info"]).output().expect("run podman");
        if !info.status.success() {
            skip(&format!("podman cannot be used: {}", text(&info.stderr)));
            return None;
        }
        Some(podman)
    }

    /// podman with `args`, in fresh network and mount namespaces: nothing of the machine's is touched.
    fn command(&self, args: &[&str]) -> Command {
        let own = |name: &str| self.dir.path().join(name);
        let mut command = Command::new("unshare");
        command.args(["-n", "-m", "timeout", "60", "podman"]);
        for (flag, name) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp"), ("--runtime", "slipway")]
        {
            command.arg(flag).arg(own(name));
        }
        command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
        command.args(["--storage-driver", "vfs"]).args(args);
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("run podman")
    }

    fn run(&self, flags: &[&str], program: &[&str]) -> Output {
        // podman's default limits are above what a machine without CAP_SYS_RESOURCE may set.
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];
        let rootfs = self.dir.path().join("rootfs");
        let rootfs = rootfs.to_string_lossy();
        let fixed = ["run", "--network", "none"];
        let args = [&fixed[..], &limits, flags, &["--rootfs", &rootfs], program].concat();
        self.output(&args)
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.output(&["rm", "--all", "--force", "--time", "0"]);
    }
}

fn expect(output: &Output, code: i32, stdout: &str) {
    let (said, failed) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), said.as_str()), (Some(code), stdout), "{failed}");
}

#[test]
fn podman_runs_executes_in_stops_and_removes_containers() {
    let Some(podman) = Podman::new() else {
        return;
    };
    let script = "id -u; grep Seccomp: /proc/self/status; exit 3";
    let ran = podman.run(&["--rm"], &["sh", "-c", script]);
    expect(&ran, 3, "0\nSeccomp:\t2\n");
    let tty = podman.run(&["--rm", "--tty"], &["tty"]);
    expect(&tty, 0, "/dev/pts/0\r\n");
    let limited = podman.run(
        &["--rm", "--read-only", "--user", "7:8", "--pids-limit", "33"],
        &["sh", "-c", "id -u; id -g; touch /x 2>/dev/null || echo read-only"],
    );
    expect(&limited, 0, "7\n8\nread-only\n");

    let script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done";
    let started = podman.run(&["--detach", "--name", "one"], &["sh", "-c", script]);
    assert!(started.status.success(), "{}", text(&started.stderr));
    let exec = ["exec", "one", "sh", "-c", "echo inside; exit 6"];
    expect(&podman.output(&exec), 6, "inside\n");
    let status = ["inspect", "--format", "{{.State.Status}}", "one"];
    assert!(podman.output(&["pause", "one"]).status.success());
    expect(&podman.output(&status), 0, "paused\n");
    assert!(podman.output(&["unpause", "one"]).status.success());
    let stopped = podman.output(&["stop", "--time", "5", "one"]);
    assert!(stopped.status.success(), "{}", text(&stopped.stderr));
    let code = ["inspect", "--format", "{{.State.ExitCode}}", "one"];
    expect(&podman.output(&code), 0, "9\n");
    assert!(podman.output(&["rm", "one"]).status.success());
    expect(&podman.output(&["ps", "--all", "--quiet"]), 0, "");
}
