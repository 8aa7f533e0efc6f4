//! Programs that need neither engine nor kernel: engine-wasm on the command line. They read files or standard input and print.

pub mod template;
pub mod dockerfile;
