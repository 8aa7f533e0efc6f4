//! What clients of the shim ask for, and the bytes that they send to processes.

use nix::unistd::Pid;

use super::Server;
use super::task::make;
use crate::runtime::Ends;
use crate::shim::peer::Role;
use crate::shim::protocol::{Reply, Request};

impl Server {
    pub(super) fn serve_peer(&mut self, n: usize) {
        self.peers[n].flush();
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Some(count) = self.peers[n].read(&mut buffer) {
            match self.peers[n].role.clone() {
                Role::New if count == 0 => self.peers[n].kill(),
                Role::New => self.read_request(n, &buffer[..count]),
                Role::Stream { exec, stdin: true, .. } => self.feed(exec.as_deref(), &buffer[..count]),
                Role::Watch | Role::Log if count == 0 => self.peers[n].kill(),
                _ => {}
            }
        }
        self.buffer = buffer;
    }

    /// Bytes for a process's stdin; none means that the client has closed its side.
    fn feed(&mut self, exec: Option<&str>, bytes: &[u8]) {
        let once = self.config.stdin_once || exec.is_some();
        let Some(task) = self.task_mut(exec) else { return };
        let tty = task.tty();
        let Some(stdin) = task.stdin.as_mut() else { return };
        if bytes.is_empty() {
            if once && !tty {
                stdin.close_after_flush();
            }
        } else {
            stdin.push(bytes);
        }
        if !stdin.flush() {
            task.stdin = None;
        }
    }

    fn read_request(&mut self, n: usize, bytes: &[u8]) {
        self.peers[n].line.extend_from_slice(bytes);
        let line = &self.peers[n].line;
        let Some(end) = line.iter().position(|b| *b == b'\n') else { return };
        let rest = line[end + 1..].to_vec();
        let request = serde_json::from_slice::<Request>(&line[..end]);
        self.peers[n].line = Vec::new();
        let outcome = match request {
            Ok(request) => self.handle(request),
            Err(e) => Err(format!("request not understood: {e}")),
        };
        let (role, reply) =
            outcome.unwrap_or_else(|error| (Role::Closing, Reply { error: Some(error), ..Reply::default() }));
        let mut text = serde_json::to_vec(&reply).expect("a reply of numbers and strings always serialises");
        text.push(b'\n');
        self.peers[n].push(&text);
        if let (Role::Stream { exec, stdin: true, .. }, false) = (&role, rest.is_empty()) {
            self.feed(exec.as_deref(), &rest);
        }
        self.peers[n].role = role;
    }

    fn handle(&mut self, request: Request) -> Result<(Role, Reply), String> {
        let mut reply = Reply::default();
        if let Some(log) = &self.log {
            (reply.log_offset, reply.log_generation) = (log.size(), log.generation());
        }
        let role = match request {
            Request::Start => {
                self.runtime.start(&self.config.id).map_err(|e| e.to_string())?;
                Role::Closing
            }
            Request::Attach { exec, stdin, stdout, stderr } => {
                let task = self.task(exec.as_deref()).ok_or("no such process")?;
                if task.reported {
                    return Err("the process has ended".into());
                }
                Role::Stream { exec, stdin, stdout, stderr }
            }
            Request::Resize { exec, width, height } => {
                self.task(exec.as_deref()).ok_or("no such process")?.resize(width, height)?;
                Role::Closing
            }
            Request::Signal { signal } => {
                let (pid, ended) = (self.tasks[0].pid, self.tasks[0].exit.is_some());
                if ended {
                    return Err("the container has ended".into());
                }
                send_signal(pid, signal)?;
                Role::Closing
            }
            Request::Exec { id, process, stdin, stdout, stderr, console_size } => {
                reply.pid = self.exec(&id, &process, stdin, console_size)?;
                Role::Stream { exec: Some(id), stdin, stdout, stderr }
            }
            Request::Watch => {
                if self.ended.is_some() {
                    return Err("the container has ended".into());
                }
                Role::Watch
            }
            Request::FollowLog => Role::Log,
        };
        Ok((role, reply))
    }

    fn exec(
        &mut self,
        id: &str,
        process: &serde_json::Value,
        stdin: bool,
        size: Option<(u16, u16)>,
    ) -> Result<u32, String> {
        if self.tasks[0].exit.is_some() {
            return Err("the container has ended".into());
        }
        let tty = process["terminal"].as_bool().unwrap_or(false);
        let (io, ends) = Ends::with_streams(tty, stdin).map_err(|e| format!("making pipes: {e}"))?;
        let started = self.runtime.exec(&self.config.id, process, io).map_err(|e| e.to_string())?;
        let task = make(Some(id.to_owned()), started.pid, started.terminal, ends, stdin, size)?;
        self.tasks.push(task);
        Ok(started.pid)
    }
}

fn send_signal(pid: u32, signal: i32) -> Result<(), String> {
    let raw = i32::try_from(pid).expect("a pid fits in an i32");
    let signal = nix::sys::signal::Signal::try_from(signal).map_err(|_| format!("invalid signal {signal}"))?;
    nix::sys::signal::kill(Pid::from_raw(raw), signal).map_err(|e| format!("signalling process {pid}: {e}"))
}
