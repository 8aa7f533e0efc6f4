//! The runtime's command line as a program of its own: an OCI runtime for `podman --runtime` or `dockerd --add-runtime`.

use std::process::ExitCode;

fn main() -> ExitCode {
    slipway_runtime::cli::main(std::env::args_os().skip(1).collect())
}
