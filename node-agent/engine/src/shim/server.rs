//! The shim's loop: one thread, one `poll`, no timers while the container runs.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::json_log::{JsonLog, encode};
use super::peer::{Peer, Role};
use super::protocol::{Event, Exit, Reply, Request, ShimConfig};
use super::task::{Output, Stdin, Task, set_nonblocking};
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
        let task = make_task(None, started.pid, started.terminal, ends, config.open_stdin, size)?;
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

    fn serve_peer(&mut self, n: usize) {
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
        let task = make_task(Some(id.to_owned()), started.pid, started.terminal, ends, stdin, size)?;
        self.tasks.push(task);
        Ok(started.pid)
    }

    fn reap(&mut self, n: usize) {
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
    fn report_ends(&mut self) {
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
            eprintln!("writing {}: {e}", self.config.exit_file.display());
        }
        // The next shim of this container binds the same path.
        let _ = std::fs::remove_file(&self.config.socket);
        self.publish(&Event::Exit(exit));
        for peer in self.peers.iter_mut().filter(|p| p.role != Role::Watch) {
            peer.role = Role::Closing;
        }
        self.peers.iter_mut().for_each(Peer::flush);
        if let Err(e) = self.runtime.delete(&self.config.id, true) {
            eprintln!("deleting container {}: {e}", self.config.id);
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

fn send_signal(pid: u32, signal: i32) -> Result<(), String> {
    let raw = i32::try_from(pid).expect("a pid fits in an i32");
    let signal = nix::sys::signal::Signal::try_from(signal).map_err(|_| format!("invalid signal {signal}"))?;
    nix::sys::signal::kill(Pid::from_raw(raw), signal).map_err(|e| format!("signalling process {pid}: {e}"))
}

fn make_task(
    exec: Option<String>,
    pid: u32,
    terminal: Option<OwnedFd>,
    ends: Ends,
    open_stdin: bool,
    size: Option<(u16, u16)>,
) -> Result<Task, String> {
    let fail = |e: std::io::Error| format!("preparing streams: {e}");
    let raw = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).ok_or("the runtime gave no pid")?;
    let pidfd = rustix::process::pidfd_open(raw, rustix::process::PidfdFlags::empty()).map_err(|e| fail(e.into()))?;
    let mut outputs = Vec::new();
    let mut add = |fd: OwnedFd, stream| -> Result<(), String> {
        set_nonblocking(&fd).map_err(fail)?;
        outputs.push(Output { fd, stream, splitter: Default::default() });
        Ok(())
    };
    let mut stdin = ends.stdin;
    if let Some(master) = &terminal {
        add(master.try_clone().map_err(fail)?, 1)?;
        if open_stdin {
            stdin = Some(master.try_clone().map_err(fail)?);
        }
    }
    for (fd, stream) in [(ends.stdout, 1), (ends.stderr, 2)] {
        if let Some(fd) = fd {
            add(fd, stream)?;
        }
    }
    let stdin = stdin.map(Stdin::new).transpose().map_err(fail)?;
    let (exit, drain_until, reported) = (None, None, false);
    let task = Task { exec, pid, pidfd: Some(pidfd), outputs, stdin, terminal, exit, drain_until, reported };
    if let (Some((width, height)), true) = (size.filter(|(w, h)| *w > 0 && *h > 0), task.tty()) {
        // Only the first size; a refusal leaves the kernel's default.
        let _ = task.resize(width, height);
    }
    Ok(task)
}

fn write_exit(path: &std::path::Path, exit: &Exit) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, serde_json::to_vec(exit)?)?;
    std::fs::rename(temporary, path)
}
