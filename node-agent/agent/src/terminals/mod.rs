//! Terminals: a PTY in a node and the pages that watch it, speaking `slipway.v1`. The core and its frames are pure.

pub mod core;
pub mod frame;
pub mod ring;
