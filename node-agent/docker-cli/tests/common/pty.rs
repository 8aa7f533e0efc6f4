//! A command in a terminal of its own: keys in, the screen's bytes out, the terminal's settings and size at hand.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// A command in a terminal.
pub(crate) struct Terminal {
    master: File,
    slave: File,
    child: Child,
    incoming: Receiver<Vec<u8>>,
    /// What the screen has received so far.
    pub(crate) screen: Vec<u8>,
    history: Vec<u8>,
    before: Termios,
}

impl Terminal {
    /// Starts `command` with a terminal of `rows` and `columns` as its standard streams and its controlling terminal.
    pub(crate) fn start(command: &Command, rows: u16, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("the terminal's rights");
        unlockpt(&master).expect("the terminal's lock");
        let name = ptsname(&master, Vec::new()).expect("the terminal's name");
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .open(name.to_str().expect("an ASCII name"))
            .expect("the terminal's other side");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).expect("a size");
        let before = tcgetattr(&slave).expect("settings");
        let clone = || slave.try_clone().expect("another descriptor");
        // `setsid --ctty` becomes the command itself, so that the child's process id is the command's.
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                session.env(name, value);
            }
        }
        let child = session.stdin(clone()).stdout(clone()).stderr(clone()).spawn().expect("setsid starts");
        let master = File::from(master);
        let mut reader = master.try_clone().expect("another descriptor");
        let (sender, incoming) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { master, slave, child, incoming, screen: Vec::new(), history: Vec::new(), before }
    }

    /// Types keys.
    pub(crate) fn keys(&mut self, keys: &[u8]) {
        self.master.write_all(keys).expect("the terminal takes keys");
    }

    /// Changes the terminal's size; the kernel tells the command.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).expect("a size");
    }

    /// Waits until the screen has shown `text`, and forgets what came up to its end.
    pub(crate) fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + super::PATIENCE;
        loop {
            let found = self.screen.windows(text.len()).position(|w| w == text.as_bytes());
            if let Some(at) = found {
                self.screen.drain(..at + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.incoming.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(_) => {
                    panic!("the screen never showed {text:?}; it has {:?}", String::from_utf8_lossy(&self.screen))
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.screen.extend(bytes);
        self.history.extend(bytes);
    }

    /// Whether the screen has ever shown `text`.
    pub(crate) fn seen(&self, text: &str) -> bool {
        self.history.windows(text.len()).any(|w| w == text.as_bytes())
    }

    /// The command's process id.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Waits until the command's terminal is in raw mode.
    pub(crate) fn wait_raw(&self) {
        super::wait_for("raw mode", || {
            let now = tcgetattr(&self.slave).ok()?;
            (!now.local_modes.contains(rustix::termios::LocalModes::ICANON)).then_some(())
        });
    }

    /// Waits for the command to end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = super::wait_for("the command to end", || self.child.try_wait().expect("a child to wait for"));
        while let Ok(bytes) = self.incoming.recv_timeout(std::time::Duration::from_millis(50)) {
            self.take(&bytes);
        }
        status
    }

    /// Whether the terminal has the settings that it started with.
    pub(crate) fn is_restored(&self) -> bool {
        let now = tcgetattr(&self.slave).expect("settings");
        now.local_modes == self.before.local_modes
            && now.input_modes == self.before.input_modes
            && now.output_modes == self.before.output_modes
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
