//! PID 1 of a node: reaps, keeps the engine running, and ends everything in order when it is told to. One thread, no async runtime.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sys::{
        signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// Where the engine's messages go: on the session's disk, which has a limit.
const LOG: &str = "/var/log/slipway-engine.log";
/// The engine's arguments in a node.
const ENGINE: [&str; 7] = [
    "engine",
    "--host",
    "unix:///var/run/docker.sock",
    "--registry-mirror",
    "unix:///run/slipway/library.sock",
    "--host-layers",
    "/run/slipway-host/layers.sock",
];
/// An engine that ran this long had started well; the wait before the next start is short again.
const SETTLED: Duration = Duration::from_secs(10);
/// The longest wait between two starts.
const LONGEST: Duration = Duration::from_secs(15);
/// How long an orderly end may take.
const GRACE: Duration = Duration::from_secs(8);

/// Entry point; takes no arguments.
pub fn main(_args: Vec<OsString>) -> ExitCode {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT] {
        signals.add(signal);
    }
    if let Err(errno) = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), None) {
        eprintln!("node-agent init: cannot block signals: {errno}");
        return ExitCode::FAILURE;
    }
    let mut log = open_log();
    let mut say = |text: String| {
        if let Some(log) = &mut log {
            // A full disk must not end PID 1.
            let _ = writeln!(log, "init: {text}");
        }
    };
    if let Err(text) = mount_cgroups() {
        say(text);
    }
    let mut engine = Engine::default();
    loop {
        if engine.due() {
            match engine.start() {
                Ok(pid) => say(format!("engine started as process {pid}")),
                Err(error) => say(format!("cannot start the engine: {error}")),
            }
        }
        if matches!(wait(&signals, engine.pause()), Some(Signal::SIGTERM | Signal::SIGINT)) {
            say("ending".into());
            end(&engine, &signals);
            return ExitCode::SUCCESS;
        }
        while let Some((pid, how)) = reap() {
            if engine.ended(pid) {
                say(format!("engine ended ({how}), starting it again in {:?}", engine.backoff));
            }
        }
    }
}

fn open_log() -> Option<File> {
    OpenOptions::new().create(true).append(true).open(LOG).ok()
}

#[derive(Debug, Default)]
struct Engine {
    pid: Option<Pid>,
    started: Option<Instant>,
    backoff: Duration,
    next: Option<Instant>,
}

impl Engine {
    fn due(&self) -> bool {
        self.pid.is_none() && self.next.is_none_or(|next| next <= Instant::now())
    }

    fn pause(&self) -> Option<Duration> {
        let next = self.next.filter(|_| self.pid.is_none())?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn start(&mut self) -> io::Result<Pid> {
        self.started = Some(Instant::now());
        let sink = || open_log().map_or_else(Stdio::null, Stdio::from);
        let mut command = Command::new("/proc/self/exe");
        command.args(ENGINE).stdin(Stdio::null()).stdout(sink()).stderr(sink());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        unblock_signals(&mut command);
        match command.spawn() {
            Ok(child) => {
                // Reaped in `main` with everything else, by `waitpid`.
                let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
                self.pid = Some(pid);
                Ok(pid)
            }
            Err(error) => {
                self.again();
                Err(error)
            }
        }
    }

    /// Notes the end of `pid`; true when it was the engine.
    fn ended(&mut self, pid: Pid) -> bool {
        if self.pid != Some(pid) {
            return false;
        }
        self.pid = None;
        self.again();
        true
    }

    fn again(&mut self) {
        let ran = self.started.map_or(Duration::ZERO, |started| started.elapsed());
        self.backoff = next_backoff(self.backoff, ran);
        self.next = Some(Instant::now() + self.backoff);
    }
}

fn next_backoff(last: Duration, ran: Duration) -> Duration {
    if ran >= SETTLED { Duration::from_millis(100) } else { (last * 2).clamp(Duration::from_millis(100), LONGEST) }
}

fn unblock_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let unblock = || SigSet::empty().thread_set_mask().map_err(io::Error::from);
    // SAFETY: between fork and exec only sigprocmask is called, which is async-signal-safe.
    unsafe { command.pre_exec(unblock) };
}

/// Waits for one of the blocked signals, at most `pause`.
fn wait(signals: &SigSet, pause: Option<Duration>) -> Option<Signal> {
    let time = pause.map(|pause| libc::timespec { tv_sec: pause.as_secs() as _, tv_nsec: pause.subsec_nanos().into() });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the set is initialised, no siginfo is asked for, and the time is null or outlives the call.
    let signal = unsafe { libc::sigtimedwait(signals.as_ref(), std::ptr::null_mut(), time) };
    Signal::try_from(signal).ok()
}

fn reap() -> Option<(Pid, String)> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => return Some((pid, format!("exit code {code}"))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => return Some((pid, format!("{signal}"))),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            Ok(_) | Err(_) => {}
        }
    }
}

/// The engine first, so that it can stop its containers; then everything else; then by force.
fn end(engine: &Engine, signals: &SigSet) {
    let until = Instant::now() + GRACE;
    let mut engine = engine.pid;
    if let Some(pid) = engine {
        // It may have ended in the meantime; then it is reaped below.
        let _ = kill(pid, Signal::SIGTERM);
    }
    while let Some(pid) = engine.filter(|_| Instant::now() < until) {
        wait(signals, Some(until.saturating_duration_since(Instant::now())));
        while let Some((ended, _)) = reap() {
            engine = engine.filter(|_| ended != pid);
        }
    }
    for (signal, patience) in [(Signal::SIGTERM, Duration::from_millis(500)), (Signal::SIGKILL, Duration::from_secs(1))]
    {
        let until = Instant::now() + patience;
        // -1 is every process of this pid namespace but this one; ESRCH means there is none.
        if kill(Pid::from_raw(-1), signal).is_err() {
            return;
        }
        while Instant::now() < until && !matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Err(Errno::ECHILD)) {
            wait(signals, Some(Duration::from_millis(20)));
        }
    }
}

/// Mounts the control groups that this node may manage at `/sys/fs/cgroup`, of the host's version; what the runtime has mounted
/// there already is kept.
fn mount_cgroups() -> Result<(), String> {
    let top = Path::new("/sys/fs/cgroup");
    let own =
        fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("cannot read /proc/self/cgroup: {error}"))?;
    let mounted = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let has = |point: &Path| mounted.lines().any(|line| line.split(' ').nth(1).map(Path::new) == Some(point));
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let put = |kind: &str, point: &Path, options: Option<&str>| {
        mount(Some(kind), point, Some(kind), flags, options)
            .map_err(|errno| format!("cannot mount {kind} at {}: {errno}", point.display()))
    };
    let hierarchies: Vec<&str> = own.lines().filter_map(|line| line.split(':').nth(1)).collect();
    let unified_only = hierarchies.iter().all(|name| name.is_empty());
    if unified_only {
        if !has(top) {
            put("cgroup2", top, None)?;
        }
        return leave_root_group(top);
    }
    if !has(top) {
        put("tmpfs", top, Some("mode=755,size=64k"))?;
    }
    let mut errors = Vec::new();
    for name in hierarchies {
        let (dir, kind, options) = match name {
            "" => ("unified", "cgroup2", None),
            name => (name.trim_start_matches("name="), "cgroup", Some(name)),
        };
        let point = top.join(dir);
        if has(&point) {
            continue;
        }
        let made = fs::create_dir_all(&point).map_err(|error| format!("cannot create {}: {error}", point.display()));
        let options =
            options.map(|name| if name.starts_with("name=") { format!("none,{name}") } else { name.to_owned() });
        errors.extend(made.and_then(|()| put(kind, &point, options.as_deref())).err());
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// On cgroup v2 a group with processes cannot have controllers for its children, so this process moves to a leaf.
fn leave_root_group(top: &Path) -> Result<(), String> {
    let leaf = top.join("init.scope");
    let step = |result: io::Result<()>, what: &str| result.map_err(|error| format!("cannot {what}: {error}"));
    step(fs::create_dir_all(&leaf), "create the control group init.scope")?;
    step(fs::write(leaf.join("cgroup.procs"), "1"), "move into init.scope")?;
    let controllers = fs::read_to_string(top.join("cgroup.controllers")).unwrap_or_default();
    for name in controllers.split_whitespace() {
        step(fs::write(top.join("cgroup.subtree_control"), format!("+{name}")), &format!("delegate {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_keeps_dying_is_started_ever_more_rarely_and_one_that_ran_at_once() {
        let mut wait = Duration::ZERO;
        let mut waits = Vec::new();
        for _ in 0..10 {
            wait = next_backoff(wait, Duration::ZERO);
            waits.push(wait.as_millis());
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
        assert_eq!(next_backoff(LONGEST, SETTLED), Duration::from_millis(100));
    }
}
