//! An engine under the real `docker` command: ours or the machine's dockerd, in network and mount namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::layout::Layout;
use crate::process::{run_quiet, stdout, succeeds, tied};

const READY_WITHIN: Duration = Duration::from_secs(60);

/// An engine that runs while this lives.
pub struct Engine {
    child: Child,
    host: String,
    dir: PathBuf,
}

impl Engine {
    /// Our engine, with its data under `dir`.
    pub fn ours(layout: &Layout, dir: &Path) -> Result<Self> {
        let mut command = isolated();
        command.arg(layout.node_agent()).arg("engine");
        Self::start(command, dir)
    }

    /// The machine's dockerd.
    pub fn dockerd(dir: &Path) -> Result<Self> {
        let mut command = isolated();
        command.arg("dockerd");
        Self::start(command, dir)
    }

    fn start(mut command: Command, dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let host = format!("unix://{}", dir.join("docker.sock").display());
        let log = fs::File::create(dir.join("log")).context("making the engine's log")?;
        command
            .args(["--host", &host])
            .arg("--data-root")
            .arg(dir.join("data"))
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("the engine's log")?)
            .stderr(log);
        let child = command.spawn().context("starting an engine by setpriv and unshare (package util-linux)")?;
        let mut engine = Self { child, host, dir: dir.to_owned() };
        let begun = Instant::now();
        while begun.elapsed() < READY_WITHIN {
            if let Some(status) = engine.child.try_wait().context("waiting for an engine")? {
                bail!("the engine ended with {status}: {}", engine.last_words());
            }
            if succeeds(engine.docker().arg("version")) {
                return Ok(engine);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the engine did not answer within {} s: {}", READY_WITHIN.as_secs(), engine.last_words())
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// Where it listens, as `DOCKER_HOST` wants it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where its data, state and log are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The machine's `docker` command, speaking to this engine.
    pub fn docker(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.env_remove("DOCKER_CONTEXT").env("DOCKER_HOST", &self.host);
        docker
    }

    /// Gives it an image.
    pub fn import(&self, archive: &Path, name: &str) -> Result<()> {
        run_quiet(self.docker().arg("import").arg(archive).arg(name), "importing an image")
    }

    /// The server's version, as it says itself.
    pub fn version(&self) -> String {
        stdout(self.docker().args(["version", "--format", "{{.Server.Version}}"])).unwrap_or_default()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Containers outlive their engine; none may outlive this.
            for id in stdout(self.docker().args(["ps", "-aq"])).unwrap_or_default().split_whitespace() {
                succeeds(self.docker().args(["rm", "-f", id]));
            }
            // It may have ended by itself; then there is nothing to signal and the wait returns at once.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program in network and mount namespaces of its own, to end with us should we die without a word.
fn isolated() -> Command {
    let mut command = tied("TERM");
    command.args(["unshare", "--net", "--mount"]);
    command
}

/// A root filesystem with nothing but busybox and its commands in `dir`, and an archive of it.
pub fn busybox(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let root = dir.join("rootfs");
    for place in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        fs::create_dir_all(root.join(place)).with_context(|| format!("making {}", root.display()))?;
    }
    let busybox = stdout(Command::new("sh").args(["-c", "command -v busybox"])).context("busybox is not installed")?;
    let copy = root.join("bin/busybox");
    fs::copy(busybox, &copy).context("copying busybox")?;
    let commands = stdout(Command::new(&copy).arg("--list")).context("asking busybox for its commands")?;
    for name in commands.lines().filter(|name| *name != "busybox") {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).context("linking busybox")?;
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").context("writing a passwd")?;
    let archive = dir.join("rootfs.tar");
    run_quiet(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."), "packing busybox")?;
    Ok((root, archive))
}
