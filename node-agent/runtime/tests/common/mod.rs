//! Bundles for the tests: a small root, a configuration like Docker's, and the runtime's command line to run them with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// A bundle and a runtime root of this test's own.
pub(crate) struct Sandbox {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) id: String,
    pub(crate) config: Value,
}

fn skip(why: &str) -> Option<Sandbox> {
    assert!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() != Ok("1"), "required, but {why}");
    eprintln!("SKIP: {why}");
    None
}

/// The runtime's program and what goes before its own flags.
pub(crate) fn runtime() -> (PathBuf, Vec<&'static str>) {
    if let Some(agent) = std::env::var_os("SLIPWAY_NODE_AGENT") {
        return (agent.into(), vec!["runtime"]);
    }
    let test = std::env::current_exe().expect("a running test has a path");
    let target = test.parent().and_then(Path::parent).expect("tests are built into target/PROFILE/deps");
    (target.join("examples/runtime"), vec![])
}

impl Sandbox {
    /// A bundle that runs `script` by sh; None (after saying so) where the machine cannot run it.
    pub(crate) fn new(script: &str) -> Option<Sandbox> {
        if fs::read_to_string("/proc/self/status").is_ok_and(|s| !s.contains("Uid:\t0\t0")) {
            return skip("these tests need root");
        }
        if slipway_testing::root::busybox().is_none() {
            return skip("busybox is not installed: apt-get install busybox-static");
        }
        let dir = tempfile::Builder::new().prefix("slipway-runtime-test").tempdir().expect("make a directory");
        let rootfs = dir.path().join("rootfs");
        // The container's root, mapped or not, must reach its bundle.
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("open the directory");
        slipway_testing::root::fill(&rootfs).expect("a root file system");
        let id = format!("slipway-test-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let caps: Vec<String> = [
            "CHOWN",
            "DAC_OVERRIDE",
            "FSETID",
            "FOWNER",
            "MKNOD",
            "NET_RAW",
            "SETGID",
            "SETUID",
            "SETFCAP",
            "SETPCAP",
            "NET_BIND_SERVICE",
            "SYS_CHROOT",
            "KILL",
            "AUDIT_WRITE",
        ]
        .map(|c| format!("CAP_{c}"))
        .to_vec();
        let mount = |to: &str, kind: &str, options: &[&str]| json!({"destination": to, "type": kind, "source": kind, "options": options});
        let namespaces: Vec<Value> =
            ["pid", "mount", "uts", "ipc", "network", "cgroup"].iter().map(|t| json!({"type": t})).collect();
        let config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", script], "cwd": "/",
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
                "capabilities": {"bounding": caps, "effective": caps, "permitted": caps}
            },
            "root": {"path": "rootfs"}, "hostname": "box",
            "mounts": [
                mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
                mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
                mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
                mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
                mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
                mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "ro"])
            ],
            "linux": {
                "cgroupsPath": format!("/{id}"),
                "namespaces": namespaces,
                "maskedPaths": slipway_runtime::docker_masked_paths(),
                "readonlyPaths": slipway_runtime::docker_readonly_paths(),
                "seccomp": slipway_runtime::seccomp::docker_default(&slipway_runtime::docker_default_capabilities())
            }
        });
        Some(Sandbox { dir, id, config })
    }

    /// Gives the container a user namespace of 65,536 ids, and its root to that namespace's root.
    pub(crate) fn own_user_namespace(&mut self) {
        let map = json!([{"containerID": 0, "hostID": 1_000_000, "size": 65_536}]);
        self.config["linux"]["uidMappings"] = map.clone();
        self.config["linux"]["gidMappings"] = map;
        self.config["linux"]["namespaces"].as_array_mut().expect("namespaces are a list").push(json!({"type": "user"}));
        let rootfs = self.dir.path().join("rootfs");
        assert!(
            Command::new("chown").args(["-R", "1000000:1000000"]).arg(rootfs).status().expect("run chown").success()
        );
    }

    /// The runtime with this sandbox's root and the given arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let (program, prefix) = runtime();
        let mut command = Command::new(program);
        command.args(prefix).arg("--root").arg(self.dir.path().join("run")).args(args);
        command
    }

    pub(crate) fn write(&self) {
        fs::write(self.dir.path().join("config.json"), self.config.to_string()).expect("write config.json");
    }

    /// Runs the container to its end.
    pub(crate) fn run(&self) -> Output {
        self.write();
        let bundle = self.dir.path().to_string_lossy().into_owned();
        self.command(&["run", "--bundle", &bundle, &self.id]).output().expect("run the runtime")
    }

    /// Runs it and expects success; gives what it printed.
    pub(crate) fn stdout(&self) -> String {
        let output = self.run();
        assert!(output.status.success(), "{}: {}{}", output.status, text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    pub(crate) fn client(&self) -> slipway_runtime::client::Client {
        let (program, prefix) = runtime();
        slipway_runtime::client::Client::new(
            program,
            prefix.into_iter().map(Into::into).collect(),
            self.dir.path().join("run"),
        )
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.command(&["delete", "--force", &self.id]).output();
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
