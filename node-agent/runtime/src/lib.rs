//! The OCI runtime: turns a bundle into processes in namespaces, and nothing else.

pub mod net;
