//! The end of a process, and of the container with its first one: written down, announced, tidied up.

use std::io::Write as _;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{DRAIN, Server};
use crate::clock;
use crate::shim::peer::{Peer, Role};
use crate::shim::protocol::{Event, Exit};

impl Server {
    pub(super) fn reap(&mut self, n: usize) {
        let task = &mut self.tasks[n];
        let pid = Pid::from_raw(i32::try_from(task.pid).expect("a pid fits in an i32"));
        let code = match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => code,
            Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
            Ok(_) | Err(Errno::EINTR) => return,
            // Not our child: another reaper took it, and the status with it.
            Err(_) => 255,
        };
        task.pidfd = None;
        task.stdin = None;
        task.exit = Some(code);
        task.drain_until = Some(Instant::now() + DRAIN);
    }

    /// Announces processes that have ended and whose output is read.
    pub(super) fn report_ends(&mut self) {
        let now = Instant::now();
        for n in 0..self.tasks.len() {
            let task = &mut self.tasks[n];
            if task.reported || !task.finished(now) {
                continue;
            }
            task.reported = true;
            task.outputs.clear();
            task.terminal = None;
            let (exec, code) = (task.exec.clone(), task.exit.unwrap_or(255));
            for peer in &mut self.peers {
                if matches!(&peer.role, Role::Stream { exec: e, .. } if *e == exec) {
                    peer.role = Role::Closing;
                }
            }
            match exec {
                Some(id) => self.publish(&Event::ExecExit { id, code }),
                None => self.end(code),
            }
        }
        self.tasks.retain(|t| t.exec.is_none() || !t.reported);
    }

    fn end(&mut self, code: i32) {
        let exit = Exit { code, oom_killed: self.oom_killed(), at: clock::now_string() };
        if let Err(e) = write_exit(&self.config.exit_file, &exit) {
            say(&format!("writing {}: {e}", self.config.exit_file.display()));
        }
        // The next shim of this container binds the same path.
        let _ = std::fs::remove_file(&self.config.socket);
        self.publish(&Event::Exit(exit));
        for peer in self.peers.iter_mut().filter(|p| p.role != Role::Watch) {
            peer.role = Role::Closing;
        }
        self.peers.iter_mut().for_each(Peer::flush);
        if let Err(e) = self.runtime.delete(&self.config.id, true) {
            say(&format!("deleting container {}: {e}", self.config.id));
        }
        self.publish(&Event::Gone);
        self.ended = Some(Instant::now());
    }

    fn oom_killed(&self) -> bool {
        let text = self.config.oom_files.iter().find_map(|f| std::fs::read_to_string(f).ok()).unwrap_or_default();
        let count = text.lines().find_map(|l| l.strip_prefix("oom_kill "));
        count.is_some_and(|n| n.trim() != "0")
    }

    fn publish(&mut self, event: &Event) {
        let mut line = serde_json::to_vec(event).expect("an event of numbers and strings always serialises");
        line.push(b'\n');
        self.peers.iter_mut().filter(|p| p.role == Role::Watch).for_each(|p| p.push(&line));
    }
}

fn write_exit(path: &std::path::Path, exit: &Exit) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, serde_json::to_vec(exit)?)?;
    std::fs::rename(temporary, path)
}

/// Into the shim's log. Where that cannot be written, as on a full disk, `eprintln!` would panic, and the container's end be told nobody.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
