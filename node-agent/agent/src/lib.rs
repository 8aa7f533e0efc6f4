//! The agent: nodes (sandboxes), sessions, terminals, labs and the site's own API. The library behind the binary `node-agent`;
//! it is a library so that tests can start a real server in their own process.

pub mod config;
pub mod dispatch;
pub mod http;
pub mod init;
pub mod labs;
mod layers;
pub mod library;
mod preflight;
mod random;
pub mod registry;
pub mod relay;
pub mod sandbox;
pub mod serve;
pub mod sessions;
pub mod terminals;
pub mod tools;
