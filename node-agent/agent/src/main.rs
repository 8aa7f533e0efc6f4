//! The binary `node-agent`: every server-side program of the project under one name.

use std::process::ExitCode;

fn main() -> ExitCode {
    node_agent::dispatch::main(std::env::args_os().collect())
}
