//! The site: the labs' front page, and a lab's text beside its terminals.
//! What needs no browser (the terminal protocol, placeholders) is pure and tested natively; the rest compiles for WebAssembly only.

#[cfg(target_arch = "wasm32")]
mod api;
#[cfg(target_arch = "wasm32")]
mod dom;
#[cfg(target_arch = "wasm32")]
mod page;
pub mod placeholder;
pub mod terminal;
#[cfg(target_arch = "wasm32")]
mod theme;
pub mod time_left;

/// Draws the page; called by the bundle's script.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    page::mount();
}
