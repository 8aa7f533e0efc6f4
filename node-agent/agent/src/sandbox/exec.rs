//! Processes in a running node: shells on terminals, and commands with streams of the caller's.

use std::{fs, os::fd::OwnedFd, path::PathBuf, process::Command};

use tokio::sync::oneshot;

use super::{Host, Node, Result, at, bundle, device, watch};

/// A process on a terminal in a node.
#[derive(Debug)]
pub struct Shell {
    /// The terminal's master side.
    pub master: OwnedFd,
    /// Gives the exit code when the process has ended, 128 + signal for one that was killed.
    pub exit: oneshot::Receiver<i32>,
}

impl Host {
    /// A login shell on a new terminal in the node. Blocking.
    ///
    /// # Errors
    /// When the runtime cannot start it.
    pub fn terminal(&self, node: &Node) -> Result<Shell> {
        let env = [
            "TERM=xterm-256color".to_owned(),
            "COLORTERM=truecolor".to_owned(),
            format!("SLIPWAY_ADDRESS={}", node.address),
        ];
        let process = bundle::process(&["bash".into(), "-l".into()], "/root", &env, true);
        let (pid, master) = self.runtime.exec_terminal(&device(&node.tag), &self.layout(&node.tag).dir, &process)?;
        Ok(Shell { master, exit: watch(pid)? })
    }

    /// A command that runs `args` as the node's root in `/root` with the caller's choice of standard streams, and ends with its
    /// exit code. The directory returned with it holds its files and must live until the command has ended.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn command(&self, node: &Node, args: &[String]) -> Result<(Command, ExecFiles)> {
        let dir = self.layout(&node.tag).dir.join(format!("exec-{}", crate::random::hex::<6>()));
        fs::create_dir(&dir).map_err(at("create", &dir))?;
        let files = ExecFiles(dir);
        let process = bundle::process(args, "/root", &["TERM=dumb".into()], false);
        let command = self.runtime.streaming(&device(&node.tag), &process, &files.0)?;
        Ok((command, files))
    }
}

/// The files of a running [`Host::command`]; removed when dropped.
#[derive(Debug)]
pub struct ExecFiles(PathBuf);

impl ExecFiles {
    /// Kills the process inside the node, if it is running. Killing the runtime's own process would leave it.
    pub fn kill(&self) {
        let pid = fs::read_to_string(self.0.join("pid")).ok().and_then(|text| text.trim().parse::<i32>().ok());
        if let Some(pid) = pid.filter(|pid| *pid > 1) {
            // It may have ended already.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for ExecFiles {
    fn drop(&mut self) {
        // What is left here goes with the node's directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}
