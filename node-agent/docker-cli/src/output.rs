//! Standard output and error of the command. A reader that has gone away ends the command as a broken pipe ends any other.

use std::io::{ErrorKind, Write};

fn settle(file: &str, result: std::io::Result<()>) {
    if let Err(e) = result {
        crate::terminal::restore();
        crate::partial::discard();
        if e.kind() == ErrorKind::BrokenPipe {
            // What SIGPIPE would have made of it.
            std::process::exit(141);
        }
        let _ = writeln!(std::io::stderr(), "write {file}: {}", crate::error::go_io(&e));
        std::process::exit(1);
    }
}

/// Writes bytes to standard output, at once.
pub(crate) fn bytes(data: &[u8]) {
    let mut out = std::io::stdout().lock();
    settle("/dev/stdout", out.write_all(data).and_then(|()| out.flush()));
}

/// Writes text to standard output, at once.
pub(crate) fn print(text: &str) {
    bytes(text.as_bytes());
}

/// Writes text and a newline to standard output.
pub(crate) fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// Writes bytes to standard error.
pub(crate) fn error_bytes(data: &[u8]) {
    settle("/dev/stderr", std::io::stderr().lock().write_all(data));
}

/// Writes text and a newline to standard error.
pub(crate) fn error(text: &str) {
    error_bytes(format!("{text}\n").as_bytes());
}

/// Writes out what is still buffered.
pub(crate) fn flush() {
    let _ = std::io::stdout().lock().flush();
}
