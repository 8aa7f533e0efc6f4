//! Programs that need neither engine nor kernel: engine-wasm on the command line. They read files or standard input and print.

pub mod dockerfile;
pub mod image;
pub mod template;
