//! What the tests against an engine share: our engine in network and mount namespaces of its own with one small image, `alpine`, the real docker CLI and ours beside
//! each other on it, and a terminal to run them in. Needs root and busybox-static; where something is missing the tests say so and pass (with
//! `SLIPWAY_REQUIRE_ROOT_TESTS=1` they fail).
#![allow(dead_code)] // each test file uses its own part

pub(crate) mod build;
pub(crate) mod normal;
pub(crate) mod pty;
pub(crate) mod transcript;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The real docker CLI that the comparison is made with.
pub(crate) const REAL: &str = "/usr/local/bin/docker";

/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Says why a test is left out; fails instead where tests must run.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() != Ok("1"), "cannot run: {why}");
    eprintln!("SKIP: {why}");
}

/// Waits until `done` gives something.
pub(crate) fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running engine.
pub(crate) struct Lab {
    /// Everything of this engine's, and a place for the test's files.
    pub(crate) dir: PathBuf,
    agent: PathBuf,
    holder: Child,
    engine: Option<Child>,
    /// Further options of the engine's.
    pub(crate) options: Vec<String>,
}

impl Lab {
    /// Starts an engine and gives it the image `alpine`; `None` where the machine cannot.
    pub(crate) fn new(name: &str) -> Option<Self> {
        if slipway_testing::root::busybox().is_none() {
            skip("busybox is not installed: apt-get install busybox-static");
            return None;
        }
        let lab = Self::bare(name)?;
        let root = slipway_testing::root::archive(&lab.dir).expect("a small root file system");
        let tar = std::fs::File::open(root).expect("the root file system");
        let imported = lab.command(&["import", "-", "alpine"]).stdin(tar).output().expect("our docker starts");
        assert!(imported.status.success(), "{imported:?}");
        Some(lab)
    }

    /// Starts an engine without images; `None` where the machine cannot.
    pub(crate) fn bare(name: &str) -> Option<Self> {
        let agent = std::env::var_os("SLIPWAY_NODE_AGENT")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/node-agent"), PathBuf::from);
        let missing = if !rustix::process::geteuid().is_root() {
            Some("root is needed")
        } else if !agent.exists() {
            Some("no node-agent is built (cargo build -p node-agent, or SLIPWAY_NODE_AGENT)")
        } else {
            None
        };
        if let Some(why) = missing {
            skip(why);
            return None;
        }
        let dir = PathBuf::from(format!("/tmp/slipway-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a fresh directory");
        let mut holder = Command::new("unshare")
            .args(["-n", "-m", "--propagation", "private", "sleep", "1200"])
            .spawn()
            .expect("unshare");
        let pid = holder.id().to_string();
        wait_for("unshare to make the namespaces", || {
            assert_eq!(holder.try_wait().ok().flatten(), None, "unshare ended");
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            (name.trim() == "sleep").then_some(())
        });
        let mut lab = Self { dir, agent, holder, engine: None, options: Vec::new() };
        lab.start_engine();
        Some(lab)
    }

    /// Starts the engine and waits until it answers.
    pub(crate) fn start_engine(&mut self) {
        let path = |name: &str| self.dir.join(name).display().to_string();
        let engine = Command::new("nsenter")
            .args(["-t", &self.holder.id().to_string(), "-n", "-m"])
            .arg(&self.agent)
            .args(["engine", "--host", &self.host()])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(&self.options)
            .stderr(std::fs::File::create(path("engine.log")).expect("a log"))
            .spawn()
            .expect("nsenter");
        self.engine = Some(engine);
        wait_for("the engine to answer", || self.docker(&["version"]).status.success().then_some(()));
    }

    /// The engine's address.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.dir.join("d.sock").display())
    }

    /// A program in the engine's network and with its mounts.
    pub(crate) fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.id().to_string(), "-n", "-m", program]);
        command
    }

    /// Our command line, as words for a shell.
    pub(crate) fn ours(&self) -> String {
        format!("{} docker", self.agent.display())
    }

    /// One of our commands.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.agent);
        command.arg("docker").args(args).env("DOCKER_HOST", self.host()).env("DOCKER_CONFIG", self.dir.join("config"));
        command
    }

    /// Runs one of our commands.
    pub(crate) fn docker(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().expect("our docker starts")
    }

    /// Output of a command that must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.docker(args);
        assert!(output.status.success(), "docker {args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// Ends the engine without a word, as a crash would.
    pub(crate) fn kill_engine(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.kill();
            let _ = engine.wait();
        }
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
