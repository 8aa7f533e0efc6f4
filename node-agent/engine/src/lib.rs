//! The Docker engine: containers, networks, events and the HTTP API that clients speak.

#![recursion_limit = "512"]

mod api;
pub mod builder;
pub mod cli;
pub mod clock;
pub mod containers;
pub mod engine;
pub mod error;
pub mod events;
pub mod exec;
pub mod filters;
mod fsck;
pub mod images;
pub mod logs;
pub mod network;
mod rootfs;
pub mod runtime;
pub mod shim;
pub mod spec;
pub mod types;
pub mod volumes;

/// The engine's version, as `docker version` shows it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
