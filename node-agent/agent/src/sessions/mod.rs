//! Sessions: the pure core and the manager that carries out on a host what the core decides.

pub mod core;
mod manager;

pub use manager::{Error, Manager, Opened};
