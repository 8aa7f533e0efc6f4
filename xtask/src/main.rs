//! Build, serve, test, bench: what a person types.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::layout::Layout;
use xtask::setup::{self, Purpose};
use xtask::{bench, build, clean, serve, test};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, serves and tests Slipway.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set everything up, build, and run the site on this machine.
    Serve {
        /// Address and port to serve on.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Configuration file for the server (limits, certificates; see README.md).
        #[arg(long)]
        config: Option<std::path::PathBuf>,
    },
    /// Build target/slipway/node-agent, one static binary with the site inside, and the npm package target/slipway/engine-wasm.
    Build {
        /// Only the npm package.
        #[arg(long)]
        package: bool,
    },
    /// Install and build what serving or testing needs, and stop there.
    Setup {
        /// Also what `cargo xtask test` needs (Chromium, other container tools).
        #[arg(long)]
        test: bool,
    },
    /// Set everything up and run every test.
    Test,
    /// Measure ourselves against other container tools on this machine.
    Bench {
        /// Only one part: runtimes, engines, pulls, terminals, engine.
        #[arg(long)]
        only: Option<String>,
        /// Internal: measure the runtimes with this bundle, in namespaces that the caller has prepared.
        #[arg(long, hide = true)]
        runtimes: Option<std::path::PathBuf>,
    },
    /// Remove what xtask made: node image, library, binary, data (not cargo's own output).
    Clean,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let layout = Layout::of_this_workspace();
    let result = match cli.command {
        Command::Serve { listen, config } => serve::run(&layout, listen, config.as_deref()),
        Command::Build { package: false } => build::run(&layout),
        Command::Build { package: true } => build::package(&layout),
        Command::Setup { test } => {
            let purpose = if test { Purpose::Test } else { Purpose::Serve };
            setup::run(&layout, purpose, None)
        }
        Command::Test => test::run(&layout),
        Command::Bench { runtimes: None, only } => bench::run(&layout, only.as_deref()),
        Command::Bench { runtimes: Some(bundle), .. } => bench::run_runtimes(&layout, &bundle),
        Command::Clean => clean::run(&layout),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
