//! The steps behind the commands of xtask, one module a subject. Nothing here is part of what a server runs; it builds, starts and tests it.

pub mod bench;
pub mod build;
pub mod clean;
pub mod engine;
pub mod layout;
pub mod package;
pub mod process;
pub mod progress;
pub mod serve;
pub mod server;
pub mod setup;
mod shrink;
pub mod test;
pub mod web;
