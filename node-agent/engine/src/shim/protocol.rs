//! What engine and shim say to each other: the shim's start file, one JSON line per request and reply on its
//! socket, and the events that a watching connection receives. After an `Attach` or `Exec` reply the connection
//! carries Docker's own attach stream, so that the engine copies bytes without looking at them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How to run the OCI runtime.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuntimeCommand {
    /// Program to execute.
    pub program: PathBuf,
    /// Arguments before the runtime's own, `["runtime"]` for this project's binary.
    pub args: Vec<String>,
    /// The runtime's state directory (`--root`).
    pub root: PathBuf,
}

/// Where and how container output is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogFile {
    /// The json-file log.
    pub path: PathBuf,
    /// Rotate when the file would exceed this many bytes; `None` never rotates.
    pub max_size: Option<u64>,
    /// Number of files kept, the current one included.
    pub max_file: u32,
}

/// The shim's start file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShimConfig {
    /// Container id.
    pub id: String,
    /// OCI bundle directory.
    pub bundle: PathBuf,
    /// Socket to serve on.
    pub socket: PathBuf,
    /// File that receives an [`Exit`] when the container has ended.
    pub exit_file: PathBuf,
    /// The OCI runtime.
    pub runtime: RuntimeCommand,
    /// The container has a terminal.
    pub tty: bool,
    /// The container's stdin stays open for clients.
    pub open_stdin: bool,
    /// Close the container's stdin when the first attached client closes its side.
    pub stdin_once: bool,
    /// Terminal size at start, columns and rows.
    pub console_size: Option<(u16, u16)>,
    /// Log, unless logging is off.
    pub log: Option<LogFile>,
    /// Files with an `oom_kill N` line (cgroup v1 `memory.oom_control`, v2 `memory.events`); the first that exists counts.
    pub oom_files: Vec<PathBuf>,
}

/// The shim's first and only line on stdout.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// The container is created; this is its init's pid.
    Pid(u32),
    /// It could not be created.
    Error(String),
}

/// One request on the shim's socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// Start the created container.
    Start,
    /// Join the container's or an exec's streams.
    Attach {
        /// Exec id; `None` is the container itself.
        exec: Option<String>,
        /// Bytes from the client go to stdin.
        stdin: bool,
        /// Send stdout.
        stdout: bool,
        /// Send stderr.
        stderr: bool,
    },
    /// Set a terminal's size.
    Resize {
        /// Exec id; `None` is the container itself.
        exec: Option<String>,
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Send a signal to the container's init.
    Signal {
        /// Signal number.
        signal: i32,
    },
    /// Run another process in the container; the connection becomes its stream.
    Exec {
        /// Exec id.
        id: String,
        /// OCI process, as JSON.
        process: Box<serde_json::Value>,
        /// Keep stdin open.
        stdin: bool,
        /// Send stdout to this connection.
        stdout: bool,
        /// Send stderr to this connection.
        stderr: bool,
        /// Terminal size, columns and rows.
        console_size: Option<(u16, u16)>,
    },
    /// Receive [`Event`]s, one JSON line each, until the shim ends.
    Watch,
    /// Receive log records (json-file lines) as they are written.
    FollowLog,
}

/// Answer to a [`Request`], one JSON line.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Reply {
    /// What went wrong; `None` is success.
    pub error: Option<String>,
    /// Pid of a process started by `Exec`.
    pub pid: u32,
    /// Bytes in the log file when the connection joined (`Attach` of the container, `FollowLog`).
    pub log_offset: u64,
    /// Times the log has been rotated since the shim started.
    pub log_generation: u64,
}

/// How a container ended; also the exit file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit status, 128 + signal if it was killed.
    pub code: i32,
    /// The kernel killed a process of it for lack of memory.
    pub oom_killed: bool,
    /// RFC 3339 time.
    pub at: String,
}

/// What a watching connection receives.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The container ended; its output is already on its way to every client.
    Exit(Exit),
    /// An exec ended.
    ExecExit {
        /// Exec id.
        id: String,
        /// Exit status.
        code: i32,
    },
    /// The runtime has deleted the container: its cgroups and state are gone, the id may be used again.
    Gone,
}
