//! The shim: one small process per container that outlives the engine. It has the OCI runtime create the
//! container, holds its terminal or pipes, writes its log, serves attach, exec and resize on a unix socket, and
//! records the exit status on disk. It never touches images, networks or other containers.

pub mod client;
pub mod json_log;
mod peer;
pub mod protocol;
mod server;
mod task;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use protocol::{Ready, ShimConfig};

/// Runs `node-agent shim CONFIG`: prints one [`Ready`] line on stdout, then serves until the container has ended.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let [path] = args.as_slice() else {
        eprintln!("usage: shim CONFIG\nThis command is started by the engine, one for each container.");
        return ExitCode::from(2);
    };
    match run(&PathBuf::from(path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            announce(&Ready::Error(message));
            ExitCode::FAILURE
        }
    }
}

fn run(path: &std::path::Path) -> Result<(), String> {
    let text = std::fs::read(path).map_err(|e| format!("reading {}: {e}", path.display()))?;
    let config: ShimConfig = serde_json::from_slice(&text).map_err(|e| format!("parsing {}: {e}", path.display()))?;
    // A session of its own: signals to the engine's process group or terminal do not reach the container.
    nix::unistd::setsid().map_err(|e| format!("starting a session: {e}"))?;
    nix::sys::prctl::set_child_subreaper(true).map_err(|e| format!("becoming a subreaper: {e}"))?;
    std::env::set_current_dir("/").map_err(|e| format!("changing to /: {e}"))?;
    let mut server = server::Server::create(config)?;
    announce(&Ready::Pid(server.pid()));
    release_stdout();
    // From here on this process mostly waits.
    slipway_runtime::memory::release_code();
    server.serve();
    Ok(())
}

fn announce(ready: &Ready) {
    let line = serde_json::to_string(ready).expect("an enum of a number and a string always serialises");
    let mut out = std::io::stdout().lock();
    // The engine may have been killed meanwhile; the container goes on and the next engine finds it.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Gives the pipe to the engine back, so that nothing waits for its end.
fn release_stdout() {
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = nix::unistd::dup2_stdout(null);
    }
}
