//! Terminals: the pure core with its ring and frames, the pump between a pseudo-terminal and the core, and the WebSocket's end.

pub mod core;
pub mod frame;
mod pump;
pub mod ring;
mod view;

pub use pump::Terminal;
pub(crate) use view::view;
