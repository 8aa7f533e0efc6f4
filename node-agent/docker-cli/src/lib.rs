//! The `docker` command: command line in, HTTP to the engine, text out. What can be decided without I/O (the grammar, help, request bodies, tables) is in
//! `engine_wasm::cli`; here are the connection, the terminal, the signals, and the order of calls that docker CLI 28.2 makes.

#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;

mod build_context;
mod client;
mod commands;
mod config;
mod credentials;
mod detach_keys;
mod error;
mod hijack;
mod host;
mod output;
mod partial;
mod pull;
mod secrets;
mod signals;
mod ssh;
mod stream;
mod terminal;

pub use credentials::registry_credentials;

use engine_wasm::cli::parse::{Global, Invocation, Surroundings, parse};
use error::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

/// The version whose behaviour this client follows, and which it reports.
pub const VERSION: &str = "28.2.2";

/// Runs one `docker` command line (`args` without the program's name) and gives its exit code.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let args: Vec<String> = args.into_iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let code = match run(&args) {
        Ok(code) => code,
        Err(failure) => {
            if !failure.message.is_empty() {
                output::error(&failure.message);
            }
            failure.code
        }
    };
    output::flush();
    ExitCode::from(code)
}

fn run(args: &[String]) -> Result<u8, Failure> {
    let mut global = Global::default();
    let default_dir = config::default_dir();
    let around = Surroundings {
        width: terminal::stdin_width(),
        config_dir: &default_dir,
        env: &|name| std::env::var(name).ok(),
    };
    let invocation = parse(args, &around, &mut global).map_err(|r| Failure { message: r.message, code: r.code })?;
    if let Some(level) = &global.log_level
        && !matches!(level.as_str(), "debug" | "info" | "warn" | "warning" | "error" | "fatal" | "panic" | "trace")
    {
        return Err(Failure::new(format!("Unable to parse logging level: {level}")));
    }
    match invocation {
        Invocation::Help(text) => {
            output::print(&text);
            Ok(0)
        }
        Invocation::Incomplete(text) => {
            output::error(text.trim_end_matches('\n'));
            Ok(0)
        }
        Invocation::Version => {
            output::print(&format!("Docker version {VERSION}, build slipway\n"));
            Ok(0)
        }
        Invocation::Run(parsed) => {
            let context = commands::Context::new(&global, *parsed)?;
            if !commands::passes_signals_on(&context) {
                signals::die_in_thread();
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|e| Failure::new(format!("starting the event loop: {e}")))?;
            let result = runtime.block_on(commands::dispatch(&context));
            // A thread that still waits for the keyboard must not hold up the exit.
            runtime.shutdown_background();
            result
        }
    }
}
