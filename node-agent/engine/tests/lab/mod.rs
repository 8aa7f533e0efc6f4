//! What the root tests share: the real `docker` command line and an engine in mount and network namespaces of its own.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// An engine of its own with the image `alpine`, ended with everything on it when dropped.
pub struct Lab {
    /// Everything lies here.
    pub dir: PathBuf,
    agent: PathBuf,
    holder: Child,
    engine: Option<Child>,
    options: Vec<String>,
}

pub fn skip(why: &str) {
    assert!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() != Ok("1"), "cannot run: {why}");
    eprintln!("SKIP: {why}");
}

impl Lab {
    pub fn new(name: &str) -> Option<Self> {
        Self::with(name, &[])
    }

    /// With further options for the engine.
    pub fn with(name: &str, options: &[&str]) -> Option<Self> {
        Self::prepared(name, options, |_| {})
    }

    /// With a data root on a filesystem of its own that holds so many MiB.
    pub fn on_a_small_disk(name: &str, mebibytes: u32, options: &[&str]) -> Option<Self> {
        Self::prepared(name, options, |lab| {
            let data = lab.dir.join("data").display().to_string();
            std::fs::create_dir_all(&data).expect("a mount point");
            lab.inside(&["mount", "-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "small", &data]);
        })
    }

    /// With what must be there before the engine starts.
    fn prepared(name: &str, options: &[&str], prepare: impl FnOnce(&Self)) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            skip("root is needed");
            return None;
        }
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug");
        let agent =
            std::env::var_os("SLIPWAY_NODE_AGENT").map_or_else(|| target.join("examples/node-agent"), PathBuf::from);
        if slipway_testing::root::busybox().is_none() {
            skip("busybox is not installed: apt-get install busybox-static");
            return None;
        }
        if !agent.exists() || Command::new("docker").arg("--version").output().is_err() {
            skip("a built node-agent and the docker command are needed");
            return None;
        }
        let dir = PathBuf::from(format!("/tmp/slipway-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a fresh directory");
        let holder = Command::new("unshare")
            .args(["-n", "-m", "--propagation", "private", "sleep", "600"])
            .spawn()
            .expect("unshare");
        let mut lab =
            Self { dir, agent, holder, engine: None, options: options.iter().map(|o| (*o).to_owned()).collect() };
        lab.wait_for_namespaces();
        prepare(&lab);
        lab.start();
        let root = slipway_testing::root::archive(&lab.dir).expect("a small root file system");
        let tar = std::fs::File::open(root).expect("the root file system");
        let imported = lab.command(&["import", "-", "alpine"]).stdin(tar).output().expect("docker");
        assert!(imported.status.success(), "{imported:?}");
        Some(lab)
    }

    fn wait_for_namespaces(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        // The namespaces exist once the holder has become `sleep`.
        let comm = format!("/proc/{}/comm", self.holder.id());
        while std::fs::read_to_string(&comm).is_ok_and(|name| name.trim() != "sleep") {
            assert!(Instant::now() < deadline, "unshare did not get going");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Output of a program that runs where the engine runs and must succeed.
    pub fn inside(&self, command: &[&str]) -> String {
        let pid = self.holder.id().to_string();
        let output = Command::new("nsenter").args(["-t", &pid, "-n", "-m"]).args(command).output().expect("nsenter");
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    pub fn start(&mut self) {
        let path = |name: &str| self.dir.join(name).display().to_string();
        let pid = self.holder.id().to_string();
        let deadline = Instant::now() + Duration::from_secs(60);
        let engine = Command::new("nsenter")
            .args(["-t", &pid, "-n", "-m"])
            .arg(&self.agent)
            .args([
                "engine",
                "--host",
                &format!("unix://{}", path("d.sock")),
                "--data-root",
                &path("data"),
                "--exec-root",
                &path("exec"),
            ])
            .args(&self.options)
            .stderr(Stdio::null())
            .spawn()
            .expect("nsenter");
        self.engine = Some(engine);
        while !self.docker(&["version"]).status.success() {
            assert!(Instant::now() < deadline, "the engine does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill_engine(&mut self) {
        let mut engine = self.engine.take().expect("a running engine");
        engine.kill().expect("kill");
        engine.wait().expect("wait");
    }

    /// Checks the data root, which must be without a fault, between two runs of the engine.
    pub fn fsck(&mut self) {
        self.kill_engine();
        self.start();
        self.kill_engine();
        let data = self.dir.join("data").display().to_string();
        let agent = self.agent.display().to_string();
        let said = self.inside(&[&agent, "engine", "fsck", "--deep", "--data-root", &data]);
        assert!(said.contains("no problems"), "{said}");
        self.start();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("-H").arg(format!("unix://{}", self.dir.join("d.sock").display())).args(args);
        command
    }

    pub fn docker(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().expect("docker")
    }

    /// Output of a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.docker(args);
        assert!(output.status.success(), "docker {args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// Exit code and stderr of a command that must fail.
    pub fn fails(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.docker(args);
        assert!(!output.status.success(), "docker {args:?} should fail");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.engine.is_some() {
            let ids = self.docker(&["ps", "-aq"]);
            for id in String::from_utf8_lossy(&ids.stdout).split_whitespace() {
                self.docker(&["rm", "-f", id]);
            }
            self.kill_engine();
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
