//! The OCI runtime floor: starts, signals, inspects and removes containers as the OCI runtime specification says.
//!
//! [`cli`] is the command line (compatible with runc's), [`client`] drives any OCI runtime command line from another process.
//! Containers are only ever started from the single-threaded process that [`cli::main`] runs in; no function here forks a caller's process.

mod capabilities;
mod cgroups;
pub mod cli;
pub mod client;
mod create;
pub mod defaults;
mod devices;
mod error;
mod exec;
mod features;
mod guard;
mod hooks;
mod id_map;
mod init;
mod lifecycle;
mod log;
pub mod memory;
mod mount_plan;
mod mounts;
mod namespaces;
pub mod net;
mod process;
mod procfs;
mod relay;
mod rlimits;
mod rootfs;
pub mod seccomp;
mod spec;
mod state;
mod sync;
mod sys;
mod terminal;

pub use defaults::{ALL_CAPABILITIES, docker_default_capabilities, docker_masked_paths, docker_readonly_paths};
pub use error::{Error, Result};
pub use state::{State, Status};
