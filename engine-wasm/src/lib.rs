//! The image engine: what needs no kernel. Pure functions over text and bytes, the same in the browser and on a node; no I/O, no clock, no `unsafe`.

#[macro_use]
mod json;

pub mod bindings;
pub mod cli;
pub mod dockerfile;
mod golang;
pub mod graph;
pub mod ignore;
pub mod image;
mod order;
pub mod reference;
mod small;
pub mod store;
pub mod tabwriter;
pub mod template;
pub mod units;

pub use golang::errno;

/// Two kilobytes smaller than the standard library's for WebAssembly, and a little slower.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
