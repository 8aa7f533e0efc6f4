//! A `node-agent` of this floor alone: `engine`, `shim` and `runtime`, for tests before the whole binary is built.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<_> = args.collect();
    match command.to_str() {
        Some("engine") => slipway_engine::cli::main(rest),
        Some("shim") => slipway_engine::shim::main(rest),
        Some("runtime") => slipway_runtime::cli::main(rest),
        _ => {
            eprintln!("usage: node-agent engine|shim|runtime …");
            ExitCode::from(2)
        }
    }
}
