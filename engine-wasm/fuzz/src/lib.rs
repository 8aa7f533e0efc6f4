//! What must hold for every input, one function a subject. The fuzzer calls them with bytes of its own making, and engine-wasm's
//! ordinary tests (`tests/corpus.rs`) with the inputs kept in `corpus/`. A function that returns has found nothing.

mod properties;

pub use properties::*;
