//! Runs OCI hooks: each gets the container's state on stdin, and has to end well within its timeout.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use oci_spec::runtime::Hook;

use crate::error::{Context, Error, Result};
use crate::state::State;

/// Runs the hooks of one point in order; the first failure ends it.
pub(crate) fn run(point: &str, hooks: Option<&Vec<Hook>>, state: impl FnOnce() -> State) -> Result<()> {
    let Some(hooks) = hooks.filter(|h| !h.is_empty()) else {
        return Ok(());
    };
    let state = serde_json::to_vec(&state()).map_err(|e| Error::Spec(format!("encode the state for hooks: {e}")))?;
    hooks.iter().try_for_each(|hook| run_one(point, hook, &state))
}

fn run_one(point: &str, hook: &Hook, state: &[u8]) -> Result<()> {
    let what = || format!("run the {point} hook {}", hook.path().display());
    let mut command = Command::new(hook.path());
    if let Some((name, rest)) = hook.args().as_ref().and_then(|args| args.split_first()) {
        command.arg0(name).args(rest);
    }
    command.env_clear();
    for variable in hook.env().iter().flatten() {
        if let Some((name, value)) = variable.split_once('=') {
            command.env(name, value);
        }
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context(what)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook need not read its state.
        let _ = stdin.write_all(state);
    }
    let deadline = hook.timeout().and_then(|s| u64::try_from(s).ok()).map(|s| Instant::now() + Duration::from_secs(s));
    let status = loop {
        let Some(deadline) = deadline else {
            break child.wait().context(what)?;
        };
        if let Some(status) = child.try_wait().context(what)? {
            break status;
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::Process(format!(
                "{}: it did not end within {} s",
                what(),
                hook.timeout().unwrap_or_default()
            )));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if status.success() {
        return Ok(());
    }
    let mut stderr = String::new();
    if let Some(pipe) = child.stderr.take() {
        let _ = pipe.take(4096).read_to_string(&mut stderr);
    }
    Err(Error::Process(format!("{}: {status}, stderr: {}", what(), stderr.trim_end())))
}
