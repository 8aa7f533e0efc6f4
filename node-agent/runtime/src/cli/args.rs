//! Flags and commands, named as runc names them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::create;

/// OCI container runtime.
#[derive(Debug, Parser)]
#[command(name = "runtime", version, disable_help_subcommand = true)]
pub(super) struct Cli {
    /// Directory that holds the containers' state; on a tmpfs, so that a reboot forgets them.
    #[arg(long, default_value = "/run/slipway/runtime")]
    pub(super) root: PathBuf,
    /// Write the log to this file as well as errors to stderr.
    #[arg(long)]
    pub(super) log: Option<PathBuf>,
    /// Format of the log.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    pub(super) log_format: String,
    /// Log more (accepted for compatibility).
    #[arg(long)]
    pub(super) debug: bool,
    /// Read linux.cgroupsPath as systemd's slice:prefix:name.
    #[arg(long)]
    pub(super) systemd_cgroup: bool,
    /// Accepted for compatibility: what is possible without root is found out by trying.
    #[arg(long)]
    pub(super) rootless: Option<String>,
    /// Accepted for compatibility.
    #[arg(long)]
    pub(super) criu: Option<String>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a container; its init waits for `start`.
    Create(CreateArgs),
    /// Create, start and wait for a container, and delete it at its end.
    Run(RunArgs),
    /// Start a created container.
    Start {
        /// The container.
        id: String,
    },
    /// Print a container's state.
    State {
        /// The container.
        id: String,
    },
    /// Send a signal to a container's init.
    Kill {
        /// To all its processes instead.
        #[arg(long, short)]
        all: bool,
        /// The container.
        id: String,
        /// Name or number.
        #[arg(default_value = "SIGTERM")]
        signal: String,
    },
    /// Delete a stopped container.
    Delete {
        /// Kill it first if it still runs.
        #[arg(long, short)]
        force: bool,
        /// The container.
        id: String,
    },
    /// Execute a further process in a container.
    Exec(ExecArgs),
    /// List containers.
    List {
        /// table or json.
        #[arg(long, short)]
        format: Option<String>,
        /// Ids only.
        #[arg(long, short)]
        quiet: bool,
    },
    /// Freeze a container.
    Pause {
        /// The container.
        id: String,
    },
    /// Thaw a container.
    Resume {
        /// The container.
        id: String,
    },
    /// Change a container's limits.
    Update {
        /// JSON of linux.resources; - is stdin.
        #[arg(long, short)]
        resources: PathBuf,
        /// The container.
        id: String,
    },
    /// List a container's processes.
    Ps {
        /// Form of the answer.
        #[arg(long, short, value_enum, default_value = "table")]
        format: PsFormat,
        /// The container.
        id: String,
        /// Accepted for compatibility.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Print what this runtime can do.
    Features,
    /// Write a config.json to start from.
    Spec {
        /// Directory to write it to.
        #[arg(long, short)]
        bundle: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PsFormat {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The bundle's directory.
    #[arg(long, short, default_value = ".")]
    pub(super) bundle: PathBuf,
    /// Unix socket that receives the terminal's master.
    #[arg(long)]
    pub(super) console_socket: Option<PathBuf>,
    /// File that the init's process id is written to.
    #[arg(long)]
    pub(super) pid_file: Option<PathBuf>,
    /// Move the root instead of pivot_root, for hosts that run from a ramfs.
    #[arg(long)]
    pub(super) no_pivot: bool,
    /// Accepted for compatibility.
    #[arg(long)]
    pub(super) no_new_keyring: bool,
    /// Descriptors beyond the standard three to pass on.
    #[arg(long, default_value_t = 0)]
    pub(super) preserve_fds: u32,
    /// The container's new id.
    pub(super) id: String,
}

impl CreateArgs {
    pub(super) fn options(&self, systemd_cgroup: bool) -> create::Options {
        create::Options {
            bundle: self.bundle.clone(),
            console_socket: self.console_socket.clone(),
            pid_file: self.pid_file.clone(),
            no_pivot: self.no_pivot,
            preserve_fds: self.preserve_fds,
            systemd_cgroup,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Return once it runs.
    #[arg(long, short)]
    pub(super) detach: bool,
    /// Do not delete it at its end.
    #[arg(long)]
    pub(super) keep: bool,
    /// Accepted for compatibility.
    #[arg(long)]
    pub(super) no_subreaper: bool,
    #[command(flatten)]
    pub(super) create: CreateArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    /// JSON of the process; flags and the command are ignored then.
    #[arg(long, short)]
    pub(super) process: Option<PathBuf>,
    /// Unix socket that receives the terminal's master.
    #[arg(long)]
    pub(super) console_socket: Option<PathBuf>,
    /// File that the process id is written to.
    #[arg(long)]
    pub(super) pid_file: Option<PathBuf>,
    /// Return once it runs.
    #[arg(long, short)]
    pub(super) detach: bool,
    /// With a terminal.
    #[arg(long, short)]
    pub(super) tty: bool,
    /// Working directory.
    #[arg(long)]
    pub(super) cwd: Option<PathBuf>,
    /// A further variable, NAME=VALUE.
    #[arg(long, short)]
    pub(super) env: Vec<String>,
    /// UID or UID:GID.
    #[arg(long, short)]
    pub(super) user: Option<String>,
    /// Set no_new_privs.
    #[arg(long)]
    pub(super) no_new_privs: bool,
    /// Descriptors beyond the standard three to pass on.
    #[arg(long, default_value_t = 0)]
    pub(super) preserve_fds: u32,
    /// The container.
    pub(super) id: String,
    /// Program and arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
}
