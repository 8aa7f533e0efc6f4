//! The shim's loop: one thread, one `poll`, no timers while the container runs.

mod ends;
mod requests;
mod task;

use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::json_log::{JsonLog, encode};
use super::peer::{Peer, Role};
use super::protocol::ShimConfig;
use super::task::{Stdin, Task};
use crate::clock;
use slipway_runtime::client::Client;

use crate::runtime::Ends;

/// How long output held open by other processes is waited for after a process has ended.
const DRAIN: Duration = Duration::from_secs(2);
/// How long a peer that reads slowly may keep an ended shim alive.
const LINGER: Duration = Duration::from_secs(60);

/// The shim's state.
pub(crate) struct Server {
    config: ShimConfig,
    runtime: Client,
    listener: UnixListener,
    log: Option<JsonLog>,
    tasks: Vec<Task>,
    peers: Vec<Peer>,
    buffer: Vec<u8>,
    ended: Option<Instant>,
}

/// What a polled descriptor belongs to.
#[derive(Clone, Copy)]
enum Slot {
    Listener,
    Peer(usize),
    Process(usize),
    Stdin(usize),
    Output(usize, usize),
}

impl Server {
    /// Binds the socket and creates the container.
    pub(crate) fn create(config: ShimConfig) -> Result<Self, String> {
        let _ = std::fs::remove_file(&config.socket);
        let listener =
            UnixListener::bind(&config.socket).map_err(|e| format!("listening on {}: {e}", config.socket.display()))?;
        listener.set_nonblocking(true).map_err(|e| format!("socket flags: {e}"))?;
        let log = config.log.clone().map(JsonLog::open).transpose().map_err(|e| format!("opening the log: {e}"))?;
        let runtime = crate::runtime::client(&config.runtime).with_scratch(config.bundle.clone());
        let (io, ends) = Ends::with_streams(config.tty, config.open_stdin).map_err(|e| format!("making pipes: {e}"))?;
        let started = match runtime.create(&config.id, &config.bundle, io) {
            Ok(started) => started,
            Err(error) => {
                let _ = runtime.delete(&config.id, true);
                let _ = std::fs::remove_file(&config.socket);
                return Err(error.to_string());
            }
        };
        let size = config.console_size;
        let task = task::make(None, started.pid, started.terminal, ends, config.open_stdin, size)?;
        let buffer = vec![0; 32 * 1024];
        Ok(Self { config, runtime, listener, log, tasks: vec![task], peers: vec![], buffer, ended: None })
    }

    /// The container's init.
    pub(crate) fn pid(&self) -> u32 {
        self.tasks[0].pid
    }

    /// Serves until the container has ended and everything is delivered.
    pub(crate) fn serve(&mut self) {
        loop {
            let ready = self.wait();
            // Outputs first, so that what a process wrote before its end is read before the end is acted on.
            for (slot, flags) in &ready {
                if let Slot::Output(task, output) = *slot {
                    self.read_output(task, output, *flags);
                }
            }
            for (slot, _) in &ready {
                match *slot {
                    Slot::Listener => self.accept(),
                    Slot::Peer(n) => self.serve_peer(n),
                    Slot::Process(n) => self.reap(n),
                    Slot::Stdin(n) => self.flush_stdin(n),
                    Slot::Output(..) => {}
                }
            }
            for task in &mut self.tasks {
                task.outputs.retain(|o| o.stream != 0);
            }
            self.report_ends();
            self.peers.iter_mut().for_each(Peer::flush);
            self.peers.retain(|p| !p.is_done());
            if self.ended.is_some_and(|t| t.elapsed() > LINGER || self.peers.iter().all(|p| !p.wants_write())) {
                return;
            }
        }
    }

    fn wait(&mut self) -> Vec<(Slot, PollFlags)> {
        let now = Instant::now();
        let held = |exec: &Option<String>| {
            self.peers.iter().any(|p| p.is_full() && matches!(&p.role, Role::Stream { exec: e, .. } if e == exec))
                || (exec.is_none() && self.peers.iter().any(|p| p.is_full() && p.role == Role::Log))
        };
        let mut slots = Vec::new();
        let mut fds = Vec::new();
        if self.ended.is_none() {
            slots.push(Slot::Listener);
            fds.push(PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
        }
        for (n, peer) in self.peers.iter().enumerate() {
            let mut flags = PollFlags::empty();
            let readable = match &peer.role {
                Role::Stream { exec, stdin: true, .. } => {
                    self.task(exec.as_deref()).and_then(|t| t.stdin.as_ref()).is_none_or(Stdin::has_room)
                }
                _ => true,
            };
            flags.set(PollFlags::POLLIN, readable && !peer.input_ended);
            flags.set(PollFlags::POLLOUT, peer.wants_write());
            slots.push(Slot::Peer(n));
            fds.push(PollFd::new(peer.socket.as_fd(), flags));
        }
        let mut deadline: Option<Instant> = None;
        for (n, task) in self.tasks.iter().enumerate() {
            if let Some(pidfd) = &task.pidfd {
                slots.push(Slot::Process(n));
                fds.push(PollFd::new(pidfd.as_fd(), PollFlags::POLLIN));
            }
            if let Some(stdin) = task.stdin.as_ref().filter(|s| s.wants_write()) {
                slots.push(Slot::Stdin(n));
                fds.push(PollFd::new(stdin.fd().as_fd(), PollFlags::POLLOUT));
            }
            if !held(&task.exec) {
                for (m, output) in task.outputs.iter().enumerate() {
                    slots.push(Slot::Output(n, m));
                    fds.push(PollFd::new(output.fd.as_fd(), PollFlags::POLLIN));
                }
            }
            if let (Some(t), false) = (task.drain_until, task.reported) {
                deadline = Some(deadline.map_or(t, |d| d.min(t)));
            }
        }
        if let Some(ended) = self.ended {
            deadline = Some(ended + LINGER);
        }
        let timeout = deadline.map_or(PollTimeout::NONE, |d| {
            PollTimeout::try_from(d.saturating_duration_since(now) + Duration::from_millis(1))
                .unwrap_or(PollTimeout::MAX)
        });
        if poll(&mut fds, timeout).is_err() {
            return Vec::new();
        }
        let flags = |fd: &PollFd<'_>| fd.revents().unwrap_or(PollFlags::empty());
        slots.iter().zip(&fds).map(|(s, fd)| (*s, flags(fd))).filter(|(_, f)| !f.is_empty()).collect()
    }

    fn task(&self, exec: Option<&str>) -> Option<&Task> {
        self.tasks.iter().find(|t| t.exec.as_deref() == exec)
    }

    fn task_mut(&mut self, exec: Option<&str>) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|t| t.exec.as_deref() == exec)
    }

    fn accept(&mut self) {
        while let Ok((socket, _)) = self.listener.accept() {
            if socket.set_nonblocking(true).is_ok() {
                self.peers.push(Peer::new(socket));
            }
        }
    }

    /// Reads one buffer from a process. A closed output is marked by stream 0 and swept by the caller.
    fn read_output(&mut self, task: usize, output: usize, _: PollFlags) {
        let (tty, exec) = (self.tasks[task].tty(), self.tasks[task].exec.clone());
        let out = &mut self.tasks[task].outputs[output];
        let stream = out.stream;
        let count = match nix::unistd::read(&out.fd, &mut self.buffer) {
            Ok(n) => n,
            Err(Errno::EAGAIN | Errno::EINTR) => return,
            // EIO: the last holder of the terminal's other side is gone.
            Err(_) => 0,
        };
        let mut records = Vec::new();
        if exec.is_none() && self.log.is_some() {
            let (name, time) = (if stream == 2 { "stderr" } else { "stdout" }, clock::now_string());
            let mut record = |line: &[u8]| encode(&mut records, line, name, &time);
            out.splitter.push(&self.buffer[..count], &mut record);
            if count == 0 {
                out.splitter.finish(&mut record);
            }
        }
        if count == 0 {
            out.stream = 0;
        }
        if let (false, Some(log)) = (records.is_empty(), self.log.as_mut()) {
            // A full disk loses log lines, never the container: Docker does the same.
            let _ = log.write(&records);
            self.peers.iter_mut().filter(|p| p.role == Role::Log).for_each(|p| p.push(&records));
        }
        for peer in &mut self.peers {
            if let Role::Stream { exec: e, stdout, stderr, .. } = &peer.role
                && *e == exec
                && count > 0
                && if stream == 2 { *stderr } else { *stdout }
            {
                peer.push_output(stream, &self.buffer[..count], tty);
            }
        }
    }

    fn flush_stdin(&mut self, n: usize) {
        if self.tasks[n].stdin.as_mut().is_some_and(|s| !s.flush()) {
            self.tasks[n].stdin = None;
        }
    }
}
