//! The terminal on the standard streams: whether there is one, its size, and raw mode that is undone however the command ends.

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{stdin, stdout};
use std::sync::{Mutex, Once};

/// The settings to go back to while the terminal is in raw mode.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether standard input is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    isatty(stdin())
}

/// Whether standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    isatty(stdout())
}

/// Whether standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    isatty(std::io::stderr())
}

/// Columns of the terminal on standard input.
pub(crate) fn stdin_width() -> Option<u16> {
    tcgetwinsize(stdin()).ok().map(|s| s.ws_col)
}

/// Rows and columns of the terminal on standard output, `[0, 0]` where it is none.
pub(crate) fn size() -> [u16; 2] {
    tcgetwinsize(stdout()).map_or([0, 0], |s| [s.ws_row, s.ws_col])
}

/// Raw mode of the terminal on standard input, for as long as this lives.
#[derive(Debug)]
pub(crate) struct RawMode(());

impl RawMode {
    /// Enters raw mode; `None` where standard input is no terminal.
    pub(crate) fn enter() -> Option<Self> {
        // Release builds may abort on a panic, and a panic of another thread unwinds nothing here.
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                report(info);
            }));
        });
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        *SAVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(before);
        tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// No echo on the terminal of standard input, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Silent(());

impl Silent {
    /// Turns echo off; `None` where standard input is no terminal.
    pub(crate) fn enter() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(rustix::termios::LocalModes::ECHO);
        *SAVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(before);
        tcsetattr(stdin(), OptionalActions::Now, &silent).ok()?;
        Some(Self(()))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        restore();
    }
}

/// Leaves raw mode, if it is on. Safe to call from anywhere, any number of times.
pub(crate) fn restore() {
    if let Some(before) = SAVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Columns of the terminal on standard output or standard error, 200 where it will not say.
pub(crate) fn width(error: bool) -> u16 {
    let size = if error { tcgetwinsize(std::io::stderr()) } else { tcgetwinsize(stdout()) };
    size.map_or(200, |s| s.ws_col)
}

#[cfg(test)]
mod tests {
    use super::RawMode;
    use crate::common::pty::Terminal;
    use std::process::Command;

    /// Set for the copy of this program that is to panic.
    const PANIC: &str = "SLIPWAY_TEST_PANIC_IN_RAW_MODE";

    #[test]
    fn a_panic_gives_the_terminal_back() {
        if std::env::var_os(PANIC).is_some() {
            panic_in_raw_mode();
        }
        let mut command = Command::new(std::env::current_exe().expect("a running test has a path"));
        command.env(PANIC, "1");
        command.args(["--exact", "--nocapture", "terminal::tests::a_panic_gives_the_terminal_back"]);
        let mut terminal = Terminal::start(&command, 24, 80);
        terminal.expect("on purpose");
        assert!(!terminal.wait().success());
        assert!(terminal.seen("raw at first"));
        assert!(terminal.is_restored());
    }

    fn panic_in_raw_mode() -> ! {
        // Without the destructor, so that the hook alone is at work.
        std::mem::forget(RawMode::enter().expect("a terminal"));
        let now = rustix::termios::tcgetattr(std::io::stdin()).expect("settings");
        if !now.local_modes.contains(rustix::termios::LocalModes::ICANON) {
            println!("raw at first");
        }
        panic!("on purpose");
    }
}
