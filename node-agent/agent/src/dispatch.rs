//! Which program the one binary is this time: the first word of the command line decides, or the name it was called by.
//! Every program starts without a thread or an async runtime made here, since some (`init`, `shim`, `runtime`) must stay small.

use std::{ffi::OsString, path::Path, process::ExitCode};

/// A program's blocking entry point: the arguments after its name in, the exit code out.
type Program = fn(Vec<OsString>) -> ExitCode;

/// Every program: name, one line for the help text, entry point.
const PROGRAMS: &[(&str, &str, Program)] = &[
    ("serve", "the site, its API and the nodes of this host", crate::serve::main),
    ("engine", "the Docker engine", slipway_engine::cli::main),
    ("shim", "holds one container's terminal and exit code for the engine", slipway_engine::shim::main),
    ("docker", "the docker command line", slipway_docker_cli::main),
    ("runtime", "an OCI runtime, with runc's command line", slipway_runtime::cli::main),
    ("registry", "the registries of sessions: the library, and what they push", crate::registry::program::main),
    ("fetcher", "fetches from an upstream registry what the library lacks", crate::registry::upstream::program::main),
    ("library", "the starter images for nodes", crate::library::main),
    ("image", "looks into image archives", crate::tools::image::main),
    ("lab", "checks labs", crate::labs::check_main),
    ("template", "formats JSON as docker's --format does", crate::tools::template::main),
    ("dockerfile", "checks, formats and draws Dockerfiles", crate::tools::dockerfile::main),
    ("unpack-layer", "unpacks one layer for serve", crate::layers::program::main),
    ("init", "process 1 of a node", crate::init::main),
    ("relay", "joins standard streams to a socket in a node", crate::relay::main),
];

/// Runs the program that `args` (with the name this was called by in front) asks for.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let called = args.next().unwrap_or_default();
    let by_name = Path::new(&called).file_name().is_some_and(|name| name == "docker");
    let wanted = if by_name { Some(OsString::from("docker")) } else { args.next() };
    let Some(wanted) = wanted else {
        eprint!("{}", help());
        return ExitCode::from(2);
    };
    if wanted == "--help" || wanted == "-h" || wanted == "help" {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    if wanted == "--version" || wanted == "-V" {
        println!("node-agent {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    match PROGRAMS.iter().find(|(name, ..)| wanted == *name) {
        Some((_, _, program)) => program(args.collect()),
        None => {
            eprintln!(
                "node-agent: there is no program {:?} here; `node-agent --help` lists them",
                wanted.display().to_string()
            );
            ExitCode::from(2)
        }
    }
}

fn help() -> String {
    let mut text = String::from("Usage: node-agent PROGRAM [ARGUMENTS]\n\nPrograms:\n");
    for (name, line, _) in PROGRAMS {
        text.push_str(&format!("  {name:<12}{line}\n"));
    }
    text.push_str("\n`node-agent PROGRAM --help` says more.\n");
    text
}
