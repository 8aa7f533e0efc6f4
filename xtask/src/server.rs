//! A server of ours as a child process: started, waited for, and ended in good order whatever happens to us.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::layout::Layout;
use crate::process::tied;

const READY_WITHIN: Duration = Duration::from_secs(60);
const END_WITHIN: Duration = Duration::from_secs(30);

/// `node-agent serve`, running.
pub struct Server {
    child: Child,
    listen: SocketAddr,
    /// Tells of signals that ask for the end, once somebody minds them.
    signals: Option<Receiver<()>>,
}

impl Server {
    /// Starts it. Should this process be ended meanwhile, the kernel tells the server, which then takes everything down.
    /// Below `log` (a level, as `SLIPWAY_LOG` names it) it says nothing on stderr.
    pub fn start(layout: &Layout, listen: SocketAddr, data: &Path, config: Option<&Path>, log: &str) -> Result<Self> {
        ensure!(
            TcpStream::connect_timeout(&listen, Duration::from_millis(200)).is_err(),
            "{listen} is taken: another server runs there; give another address with --listen"
        );
        // The kernel ends the server should we die without a word; its own process group keeps a terminal's Ctrl-C from reaching it twice.
        let mut command = tied("TERM");
        command.arg(layout.node_agent()).arg("serve");
        command.arg("--listen").arg(listen.to_string());
        command.arg("--data-dir").arg(data);
        command.arg("--labs").arg(layout.labs());
        command.arg("--node-image").arg(layout.node_image());
        command.arg("--library").arg(layout.library());
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        if std::env::var_os("SLIPWAY_LOG").is_none() {
            command.env("SLIPWAY_LOG", log);
        }
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command
            .stdin(Stdio::null())
            // It says there that it is ready; whoever started it says so after having looked.
            .stdout(Stdio::null())
            .spawn()
            .context("starting node-agent serve by setpriv (package util-linux)")?;
        Ok(Self { child, listen, signals: None })
    }

    /// From now on Ctrl-C and SIGTERM no longer end this process: waiting passes them on and sees the server's end.
    pub fn mind_signals(&mut self) -> Result<()> {
        self.signals = Some(signals()?);
        Ok(())
    }

    /// Whether a signal comes within some time.
    fn signalled(&self, within: Duration) -> Result<bool> {
        let Some(signals) = &self.signals else {
            std::thread::sleep(within);
            return Ok(false);
        };
        match signals.recv_timeout(within) {
            Ok(()) => Ok(true),
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => bail!("the signal handler is gone"),
        }
    }

    /// Waits for `/healthz`.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < READY_WITHIN {
            if let Some(status) = self.child.try_wait().context("waiting for the server")? {
                bail!("the server ended with {status} before it was ready; its own words are above");
            }
            if healthy(self.listen) {
                return Ok(());
            }
            if self.signalled(Duration::from_millis(50))? {
                self.end()?;
                bail!("interrupted");
            }
        }
        bail!("the server did not answer on http://{}/healthz within {} s", self.listen, READY_WITHIN.as_secs())
    }

    /// Waits until it ends by itself or a signal asks us to end it.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait().context("waiting for the server")? {
                return Ok(status);
            }
            if self.signalled(Duration::from_millis(200))? {
                return self.end();
            }
        }
    }

    /// Asks it to end, and insists when it does not.
    pub fn end(&mut self) -> Result<ExitStatus> {
        let pid = Pid::from_child(&self.child);
        if self.child.try_wait().context("waiting for the server")?.is_none() {
            kill_process(pid, Signal::TERM).context("ending the server")?;
        }
        let begun = Instant::now();
        while begun.elapsed() < END_WITHIN {
            if let Some(status) = self.child.try_wait().context("waiting for the server")? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill().context("killing the server")?;
        self.child.wait().context("waiting for the server")?;
        bail!("the server did not end within {} s of SIGTERM and was killed", END_WITHIN.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None))
            && let Err(error) = self.end()
        {
            eprintln!("warning: {error:#}");
        }
    }
}

fn signals() -> Result<Receiver<()>> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("listening for signals")?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if sender.send(()).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}

/// One plain HTTP request, with no client library for it.
fn healthy(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
