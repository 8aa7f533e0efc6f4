//! Running other programs: each failure says which program, what for, and how it ended.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a program to its end with our own output streams and no input; an exit code other than zero is an error.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{what}: cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{what}: {} ended with {status}", shown(command));
    }
    Ok(())
}

/// As [`run`], but quiet: what the program printed is shown only when it fails.
pub fn run_quiet(command: &mut Command, what: &str) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{what}: cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("{what}: {} ended with {}", shown(command), output.status);
    }
    Ok(())
}

/// What a program prints, or `None` when it is missing or fails.
pub fn stdout(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a program runs and succeeds.
pub fn succeeds(command: &mut Command) -> bool {
    stdout(command).is_some()
}

/// A program on the path, or where system programs are.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// A command that is sent `signal` (`TERM`, `KILL`) when we end, however and whenever that is. A parent that dies tells only children that
/// have asked for it already; so the child, once it has asked, looks whether we are still its parent.
pub fn tied(signal: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal, "--", "sh", "-c", r#"test "$PPID" = "$0" && exec "$@""#]);
    command.arg(std::process::id().to_string());
    command
}

/// As `tied("KILL")`, in mount and pid namespaces of its own: the kernel ends everything that the command started, and none of its mounts
/// stay. Process 1 there sees by the program of `unshare`, which a dead process has no longer, whether it will be told.
pub fn tied_inside() -> Command {
    let mut command = tied("KILL");
    command.args(["sh", "-c", r#"exec 9</proc/self && exec "$@""#, "sh"]);
    command.args(["unshare", "--mount-proc", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
    command.args(["sh", "-c", r#"test -e /proc/self/fd/9/exe && exec "$@" 9<&-"#, "sh"]);
    command
}

/// cargo as it called us.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn shown(command: &Command) -> String {
    let mut line = command.get_program().display().to_string();
    for arg in command.get_args().take(6) {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    if command.get_args().len() > 6 {
        line.push_str(" …");
    }
    line
}
