//! Debian's dockerd with this runtime as `--add-runtime`, beside its own runc: ordinary containers behave the same by both, to the byte and
//! to the exit code. Needs root, dockerd with a docker command line, and busybox-static.

#[allow(dead_code)]
mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{runtime, text};

/// What `docker run` is given after `--rm --runtime NAME`, each with what it shows of the runtime.
const CASES: &[(&str, &[&str])] = &[
    ("exit codes", &["small", "sh", "-c", "echo out; echo err >&2; exit 3"]),
    ("capabilities", &["small", "grep", "Cap", "/proc/self/status"]),
    (
        "added and dropped capabilities",
        &["--cap-drop=ALL", "--cap-add=NET_RAW", "small", "grep", "Cap", "/proc/self/status"],
    ),
    (
        "privileged",
        &["--privileged", "small", "sh", "-c", "grep -E 'Cap|Seccomp:' /proc/self/status; ls /dev | grep -c ."],
    ),
    ("seccomp", &["small", "sh", "-c", "grep -E '^Seccomp:|NoNewPrivs' /proc/self/status; unshare -m true"]),
    ("unconfined", &["--security-opt=seccomp=unconfined", "small", "grep", "^Seccomp:", "/proc/self/status"]),
    ("no new privileges", &["--security-opt=no-new-privileges", "small", "grep", "NoNewPrivs", "/proc/self/status"]),
    (
        "user, groups and directory",
        &["-u=7:8", "--group-add=9", "-w=/tmp", "small", "sh", "-c", "id -u; id -g; id -G; pwd"],
    ),
    (
        "read-only root",
        &[
            "--read-only",
            "--tmpfs=/scratch:size=64k,mode=700",
            "small",
            "sh",
            "-c",
            "touch /x; touch /scratch/y && ls -ld /scratch | cut -c1-10",
        ],
    ),
    (
        "volumes",
        &["-v=/etc/hostname:/h:ro", "-v=vol:/data", "small", "sh", "-c", "echo x >/h; touch /data/y && ls /data"],
    ),
    ("limits", &["--ulimit=nofile=77:88", "--ulimit=core=0", "small", "sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c"]),
    (
        "memory and pids",
        &[
            "-m=32m",
            "--memory-swap=32m",
            "--pids-limit=44",
            "small",
            "sh",
            "-c",
            "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null",
        ],
    ),
    (
        "sysctl and host name",
        &[
            "--sysctl=net.ipv4.ip_forward=0",
            "--sysctl=kernel.msgmax=4096",
            "-h=there",
            "small",
            "sh",
            "-c",
            "hostname; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax",
        ],
    ),
    (
        "masked and read-only paths",
        &[
            "small",
            "sh",
            "-c",
            "cat /proc/kcore /proc/keys | wc -c; echo 1 >/proc/sys/kernel/msgmax; ls /sys/firmware | wc -l",
        ],
    ),
    (
        "devices",
        &[
            "--device=/dev/zero:/dev/nought:r",
            "small",
            "sh",
            "-c",
            "head -c 3 /dev/nought | wc -c; ls /dev; echo >/dev/nought",
        ],
    ),
    ("mounts", &["small", "sh", "-c", "cut -d' ' -f2,3 /proc/mounts | grep -vE '^/ |/etc/'"]),
    (
        "namespaces of the host",
        &[
            "--pid=host",
            "--ipc=host",
            "--uts=host",
            "small",
            "sh",
            "-c",
            "test $$ -gt 20 && readlink /proc/1/ns/ipc | cut -d: -f1",
        ],
    ),
    ("a terminal's modes", &["-t", "small", "sh", "-c", "tty; stty -a | grep -o icanon"]),
    ("killed by itself", &["small", "sh", "-c", "kill -9 $$"]),
    ("not found", &["small", "nosuch"]),
    ("not executable", &["small", "/etc/passwd"]),
    ("no directory", &["-w=/etc/passwd/x", "small", "true"]),
    ("unknown user", &["-u=nobodyhere", "small", "true"]),
];

struct Dockerd {
    daemon: Child,
    dir: tempfile::TempDir,
}

fn skip(why: &str) -> Option<Dockerd> {
    assert!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() != Ok("1"), "required, but {why}");
    eprintln!("SKIP: {why}");
    None
}

impl Dockerd {
    fn start() -> Option<Dockerd> {
        if fs::read_to_string("/proc/self/status").is_ok_and(|s| !s.contains("Uid:\t0\t0")) {
            return skip("this test needs root");
        }
        let Some(program) = std::env::var_os("SLIPWAY_DOCKERD") else { return skip("SLIPWAY_DOCKERD is not set") };
        let Some(busybox) = slipway_testing::root::busybox() else {
            return skip("busybox is not installed: apt-get install busybox-static");
        };
        let dir = tempfile::tempdir().expect("make a directory");
        let own = |name: &str| dir.path().join(name);
        let (runtime, prefix) = runtime();
        let wrapper = format!("#!/bin/sh\nexec {} {} \"$@\"\n", runtime.display(), prefix.join(" "));
        fs::write(own("slipway"), wrapper).expect("write the wrapper");
        fs::set_permissions(own("slipway"), PermissionsExt::from_mode(0o755)).expect("make it executable");
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount"]).arg(program);
        command.args(["--iptables=false", "--bridge=none", "--storage-driver=overlay2"]);
        for (flag, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(flag).arg(own(name));
        }
        command.arg("--host").arg(format!("unix://{}", own("d.sock").display()));
        command.arg("--add-runtime").arg(format!("slipway={}", own("slipway").display()));
        let log = fs::File::create(own("log")).expect("make the log");
        let daemon = command.stdout(Stdio::null()).stderr(log).spawn().expect("start dockerd");
        let dockerd = Dockerd { daemon, dir };
        let until = Instant::now() + Duration::from_secs(60);
        while !dockerd.docker(&["version"]).status.success() {
            let log = fs::read_to_string(dockerd.dir.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "dockerd does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        dockerd.image(&busybox);
        Some(dockerd)
    }

    fn image(&self, busybox: &Path) {
        let root = self.dir.path().join("root");
        for name in ["bin", "etc", "tmp"] {
            fs::create_dir_all(root.join(name)).expect("make the root file system");
        }
        fs::copy(busybox, root.join("bin/busybox")).expect("copy busybox");
        for name in
            "sh cat chmod cut echo grep head hostname id ls pwd readlink sleep stty test touch true tty unshare wc"
                .split(' ')
        {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).expect("link");
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").expect("write passwd");
        let tar = self.dir.path().join("small.tar");
        let made = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg(".").status();
        assert!(made.expect("run tar").success());
        let imported = self.docker(&["import", &tar.to_string_lossy(), "small"]);
        assert!(imported.status.success(), "{}", text(&imported.stderr));
    }

    fn docker(&self, args: &[&str]) -> Output {
        let socket = format!("unix://{}", self.dir.path().join("d.sock").display());
        // A test's standard input is nothing's.
        Command::new("timeout")
            .args(["60", "docker", "--host", &socket])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("run docker")
    }

    /// What is seen of `docker run` with `runtime`.
    fn seen(&self, runtime: &str, args: &[&str]) -> String {
        let output = self.docker(&[&["run", "--rm", "--network=none", "--runtime", runtime], args].concat());
        format!("exit {:?}\n{}{}", output.status.code(), text(&output.stdout), plain(&text(&output.stderr)))
    }
}

/// An error without what must differ: runc's naming of itself, and ids.
fn plain(text: &str) -> String {
    let text = text.replace("runc create failed: ", "").replace("exec failed: exec failed:", "exec failed:");
    let id = |part: &str| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit());
    text.split('/').map(|part| if id(part) { "ID" } else { part }).collect::<Vec<_>>().join("/")
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.dir.path().join("pid")).unwrap_or_default();
        let _ = Command::new("kill").arg(pid.trim()).status();
        let _ = self.daemon.wait();
    }
}

#[test]
fn ordinary_containers_behave_as_with_runc_under_dockerd() {
    let Some(dockerd) = Dockerd::start() else { return };
    let differing: Vec<String> = CASES
        .iter()
        .filter_map(|(name, args)| {
            let (theirs, ours) = (dockerd.seen("runc", args), dockerd.seen("slipway", args));
            // runc insists on all capabilities, and a machine whose root lacks one cannot run its privileged containers.
            if theirs.contains("unable to apply caps") {
                assert!(ours.starts_with("exit Some(0)"), "{name}: {ours}");
                return None;
            }
            (theirs != ours).then(|| format!("== {name}\n-- runc\n{theirs}\n-- slipway\n{ours}"))
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn dockerd_executes_in_pauses_updates_restarts_and_stops_containers() {
    let Some(dockerd) = Dockerd::start() else { return };
    let life = |runtime: &str| -> String {
        let name = format!("long-{runtime}");
        let script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done";
        let steps: &[&[&str]] = &[
            &["run", "-d", "--network=none", "--name", &name, "--runtime", runtime, "small", "sh", "-c", script],
            &["exec", "-u", "3", "-w", "/tmp", "-e", "A=b", &name, "sh", "-c", "id -u; pwd; echo $A; exit 6"],
            &["exec", "-t", &name, "tty"],
            &["exec", &name, "nosuch"],
            &["top", &name, "-o", "args"],
            &["pause", &name],
            &["inspect", "-f", "{{.State.Status}}", &name],
            &["unpause", &name],
            &["update", "-m", "32m", "--memory-swap", "32m", &name],
            &[
                "exec",
                &name,
                "sh",
                "-c",
                "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max",
            ],
            &["restart", "-t", "5", &name],
            &["stop", "-t", "5", &name],
            &["inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", &name],
            &["logs", &name],
            &["rm", &name],
        ];
        let mut seen = String::new();
        for args in steps {
            let output = dockerd.docker(args);
            let said = plain(&text(&output.stdout));
            // A started container's id is the one thing that must differ.
            let said = if args[1] == "-d" { String::from("ID\n") } else { said };
            seen += &format!("$ {}\nexit {:?}\n{said}{}", args[0], output.status.code(), plain(&text(&output.stderr)));
        }
        seen.replace(&name, "NAME")
    };
    assert_eq!(life("slipway"), life("runc"));
}
