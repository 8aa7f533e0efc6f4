//! The `docker` command by itself, for trying it without the node agent.

fn main() -> std::process::ExitCode {
    slipway_docker_cli::main(std::env::args_os().skip(1).collect())
}
