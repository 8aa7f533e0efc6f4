//! The site: the labs' front page, and a lab's text beside its terminals.
//! What needs no browser (the terminal protocol, placeholders) is pure and tested natively; the rest compiles for WebAssembly only.

pub mod placeholder;
pub mod terminal;
