//! Pulls images from a registry by the OCI distribution spec, over TCP or over a unix socket, and tells how it goes in
//! Docker's words.

mod client;
pub(crate) mod manifest;
mod pull;

pub use client::{ParseSourceError, Source};
pub use pull::{PullError, Pulled, pull};
