//! The docker command line: one table of commands and flags, and what comes from it (parser, help, request bodies), and the formatters that turn the engine's
//! JSON into docker's text. Pure: no I/O, no clock; the node's `docker` command and the browser both use it. The model is docker CLI 28.2.

mod check;
pub mod create;
mod gpus;
mod mount;
mod netopt;
pub mod parse;
mod ports;
pub mod progress;
mod size;
pub mod spec;
pub mod table;
pub mod usage;

#[cfg(test)]
mod recorded;
