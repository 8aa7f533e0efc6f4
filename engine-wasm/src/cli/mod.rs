//! The docker command line: one table of commands and flags, and what comes from it (parser, help, request bodies), and the formatters that turn the engine's
//! JSON into docker's text. Pure: no I/O, no clock; the node's `docker` command and the browser both use it. The model is docker CLI 28.2.

pub mod build;
mod check;
pub mod create;
pub mod format;
mod gpus;
mod mount;
mod netopt;
pub mod parse;
mod ports;
pub mod progress;
pub mod secret;
pub mod spec;
pub mod table;
pub mod usage;
pub mod when;

#[cfg(test)]
mod recorded;
