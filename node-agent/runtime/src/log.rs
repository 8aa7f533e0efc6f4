//! Warnings and errors of the command line: to stderr, and to the file that `--log` names, as text or JSON lines like runc's.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use crate::error::{Context, Result};

struct Log {
    file: Option<File>,
    json: bool,
}

static LOG: OnceLock<Log> = OnceLock::new();

/// Opens the log; called once, before anything is logged.
pub(crate) fn open(path: Option<&Path>, json: bool) -> Result<()> {
    let file = path
        .map(|path| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .context(|| format!("open the log file {}", path.display()))
        })
        .transpose()?;
    let _ = LOG.set(Log { file, json });
    Ok(())
}

/// Something was asked for that cannot be had, and the container runs without it.
pub(crate) fn warn(text: &str) {
    write("warning", text);
}

/// The command failed.
pub(crate) fn error(text: &str) {
    write("error", text);
    if LOG.get().is_some_and(|log| log.file.is_some()) {
        say(text);
    }
}

/// On standard error, which may be a file on a full disk: `eprintln!` would panic.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn write(level: &str, text: &str) {
    let time = crate::state::now();
    let line = if LOG.get().is_some_and(|log| log.json) {
        serde_json::json!({"level": level, "msg": text, "time": time}).to_string()
    } else {
        format!("time={time:?} level={level} msg={text:?}")
    };
    match LOG.get().and_then(|log| log.file.as_ref()) {
        // A log that cannot be written must not stop a container.
        Some(mut file) => drop(file.write_all(format!("{line}\n").as_bytes())),
        None if level == "error" => say(text),
        None => say(&format!("{level}: {text}")),
    }
}
