//! The pull-through cache: what the library lacks, from an upstream registry such as Docker Hub. `node-agent fetcher` is the only part of
//! the registry that has a network; it speaks the distribution API on a socket, for reading only, and keeps what it fetched for all
//! sessions and for the next start. The registry passes on to it what it cannot answer itself ([`client`]), without anybody's name.

pub(super) mod client;
mod fetcher;
mod growing;
pub(crate) mod program;
mod shelf;
