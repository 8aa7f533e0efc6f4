//! The terminal: `slipway.v1` in [`frame`] and [`client`], which are pure, and the edge that joins them to a WebSocket and to xterm.js.
//! It depends on web-sys alone, so that a page without Leptos can carry it.

pub mod client;
pub mod frame;
#[cfg(target_arch = "wasm32")]
mod socket;
#[cfg(target_arch = "wasm32")]
pub mod view;
#[cfg(target_arch = "wasm32")]
mod xterm;
