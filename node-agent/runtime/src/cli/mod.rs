//! The command line, compatible with runc's: `runtime [--root DIR] [--log FILE] … create|start|state|kill|delete|exec|run|…`.

mod args;
mod foreground;

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use oci_spec::runtime::{LinuxResources, Process, Spec};

use crate::error::{Context, Error, Result};
use crate::state::Directory;
use crate::{create, exec, features, guard, lifecycle, log, spec};
use args::{Cli, Command, ExecArgs, PsFormat};

/// Runs the command line; `args` follow the program's name. Must be called from a process with a single thread.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(std::iter::once(OsString::from("runtime")).chain(args)) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 1 } else { 0 });
        }
    };
    let result = log::open(cli.log.as_deref(), cli.log_format == "json").and_then(|()| dispatch(&cli));
    match result {
        Ok(code) => code,
        Err(error) => {
            log::error(&error.to_string());
            // runc's code for an executed process that could not be started.
            ExitCode::from(if matches!(cli.command, Command::Exec(_)) { 255 } else { 1 })
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode> {
    let directory = |id: &str| Directory::new(&cli.root, id);
    match &cli.command {
        Command::Create(c) => {
            create::create(&cli.root, &c.id, &c.options(cli.systemd_cgroup), None)?;
        }
        Command::Run(r) => return foreground::run(&cli.root, r, cli.systemd_cgroup),
        Command::Start { id } => lifecycle::start(&directory(id)?)?,
        Command::State { id } => {
            let directory = directory(id)?;
            print_json(&directory.state(&directory.load()?))?;
        }
        Command::Kill { all, id, signal } => lifecycle::kill(&directory(id)?, lifecycle::parse_signal(signal)?, *all)?,
        Command::Delete { force, id } => lifecycle::delete(&directory(id)?, *force)?,
        Command::Exec(e) => {
            let directory = directory(&e.id)?;
            // Before anything is read from a pipe: this may start the program anew.
            guard::protect(&exec::config(&directory)?)?;
            let process = process_of(&directory, e)?;
            let options = exec::Options {
                console_socket: e.console_socket.clone(),
                pid_file: e.pid_file.clone(),
                preserve_fds: e.preserve_fds,
            };
            if e.detach {
                exec::exec(&directory, &process, &options, None)?;
            } else {
                return foreground::exec(&directory, &process, &options);
            }
        }
        Command::List { format, quiet } => list(&cli.root, format.as_deref() == Some("json"), *quiet)?,
        Command::Pause { id } => lifecycle::set_paused(&directory(id)?, true)?,
        Command::Resume { id } => lifecycle::set_paused(&directory(id)?, false)?,
        Command::Update { resources, id } => lifecycle::update(&directory(id)?, &read_resources(resources)?)?,
        Command::Ps { format, id, .. } => ps(&directory(id)?, *format)?,
        Command::Features => print_json(&features::document())?,
        Command::Spec { bundle } => {
            let file = bundle.clone().unwrap_or_else(|| ".".into()).join("config.json");
            if file.exists() {
                return Err(Error::Spec(format!("{} exists: remove it first", file.display())));
            }
            let json = serde_json::to_vec_pretty(&Spec::default()).map_err(|e| Error::Spec(e.to_string()))?;
            fs::write(&file, json).context(|| format!("write {}", file.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The process to execute: from `--process`, or the container's own with another command and what the flags change.
fn process_of(directory: &Directory, args: &ExecArgs) -> Result<Process> {
    if let Some(file) = &args.process {
        let raw = fs::read(file).context(|| format!("read {}", file.display()))?;
        return serde_json::from_slice(&raw)
            .map_err(|e| Error::Spec(format!("{} is not a valid process: {e}", file.display())));
    }
    // First, so that a missing container is said to be missing.
    directory.load()?;
    let spec = exec::config(directory)?;
    let mut process = spec.process().clone().unwrap_or_default();
    process.set_args(Some(args.command.clone())).set_terminal(Some(args.tty));
    if let Some(cwd) = &args.cwd {
        process.set_cwd(cwd.clone());
    }
    if !args.env.is_empty() {
        let mut env = process.env().clone().unwrap_or_default();
        env.extend(args.env.iter().cloned());
        process.set_env(Some(env));
    }
    if let Some(user) = &args.user {
        let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
        let number =
            |n: &str| n.parse::<u32>().map_err(|_| Error::Spec(format!("--user {user:?}: use UID or UID:GID")));
        let mut planned = process.user().clone();
        planned.set_uid(number(uid)?).set_gid(number(gid)?);
        process.set_user(planned);
    }
    if args.no_new_privs {
        process.set_no_new_privileges(Some(true));
    }
    spec::validate_process(&process)?;
    Ok(process)
}

fn read_resources(file: &Path) -> Result<LinuxResources> {
    let raw = if file.as_os_str() == "-" {
        let mut raw = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut raw).context(|| "read resources from stdin".into())?;
        raw
    } else {
        fs::read(file).context(|| format!("read {}", file.display()))?
    };
    serde_json::from_slice(&raw).map_err(|e| Error::Spec(format!("{} holds no valid resources: {e}", file.display())))
}

fn list(root: &Path, json: bool, quiet: bool) -> Result<()> {
    let states = lifecycle::list(root)?;
    if json {
        return print_json(&states);
    }
    let mut text =
        if quiet { String::new() } else { format!("{:<40} {:<8} {:<10} {}\n", "ID", "PID", "STATUS", "BUNDLE") };
    for s in states {
        text += &if quiet {
            format!("{}\n", s.id)
        } else {
            format!("{:<40} {:<8} {:<10} {}\n", s.id, s.pid, s.status, s.bundle.display())
        };
    }
    print(&text)
}

fn ps(directory: &Directory, format: PsFormat) -> Result<()> {
    let pids = directory.load()?.cgroup.pids();
    match format {
        PsFormat::Json => print_json(&pids),
        PsFormat::Table => {
            let line = |pid: &i32| {
                let command = fs::read(PathBuf::from(format!("/proc/{pid}/cmdline"))).unwrap_or_default();
                format!("{pid:<8} {}\n", String::from_utf8_lossy(&command).replace('\0', " ").trim_end())
            };
            print(&(format!("{:<8} CMD\n", "PID") + &pids.iter().map(line).collect::<String>()))
        }
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::Spec(format!("encode the answer: {e}")))?;
    print(&(text + "\n"))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context(|| "write to stdout".into())
}
