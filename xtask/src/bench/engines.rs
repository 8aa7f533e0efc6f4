//! Two engines under the same `docker` command: ours and the machine's dockerd, each in network and mount namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::measure::median_ms;
use crate::layout::Layout;
use crate::process::{run_quiet, stdout, succeeds};

/// An engine that runs while this lives.
pub(super) struct Engine {
    child: Child,
    host: String,
}

impl Engine {
    /// Our engine, with its data under `dir`.
    pub(super) fn ours(layout: &Layout, dir: &Path) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount"]).arg(layout.node_agent()).arg("engine");
        Self::start(command, dir)
    }

    /// The machine's dockerd.
    pub(super) fn dockerd(dir: &Path) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "dockerd"]);
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
        let child = command.spawn().context("starting an engine")?;
        let mut engine = Self { child, host };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some(status) = engine.child.try_wait().context("waiting for an engine")? {
                bail!("the engine ended with {status}; see {}", dir.join("log").display());
            }
            if succeeds(engine.docker().arg("version")) {
                return Ok(engine);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the engine did not answer within 30 s; see {}", dir.join("log").display())
    }

    fn docker(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.env_remove("DOCKER_CONTEXT").env("DOCKER_HOST", &self.host);
        docker
    }

    /// Median of `docker run --rm` with a program that does nothing.
    pub(super) fn run_ms(&self, archive: &Path, times: usize) -> Result<f64> {
        run_quiet(self.docker().arg("import").arg(archive).arg("slipway-bench"), "importing an image")?;
        median_ms(times, |_| {
            run_quiet(self.docker().args(["run", "--rm", "slipway-bench", "/bin/true"]), "running a container")
        })
    }

    /// Resident memory in MB of the engine and of the processes it started.
    pub(super) fn resident_mb(&self) -> f64 {
        std::thread::sleep(Duration::from_secs(2));
        tree(self.child.id()).into_iter().filter_map(resident_kb).sum::<u64>() as f64 / 1e3
    }

    /// The server's version, as it says itself.
    pub(super) fn version(&self) -> String {
        stdout(self.docker().args(["version", "--format", "{{.Server.Version}}"])).unwrap_or_default()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to signal and the wait returns at once.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(15) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process and all that descend from it.
fn tree(root: u32) -> Vec<u32> {
    let children = |pid: u32| -> Vec<u32> {
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

fn resident_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}

/// A root filesystem with nothing but busybox, and an archive of it.
pub(super) fn busybox(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let root = dir.join("rootfs");
    for place in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        fs::create_dir_all(root.join(place)).with_context(|| format!("making {}", root.display()))?;
    }
    let busybox = stdout(Command::new("sh").args(["-c", "command -v busybox"])).context("busybox is not installed")?;
    fs::copy(busybox, root.join("bin/busybox")).context("copying busybox")?;
    for name in ["sh", "true"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).context("linking busybox")?;
    }
    let archive = dir.join("rootfs.tar");
    run_quiet(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."), "packing busybox")?;
    Ok((root, archive))
}
