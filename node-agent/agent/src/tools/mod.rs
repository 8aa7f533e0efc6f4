//! Programs that need neither engine nor kernel: engine-wasm on the command line. They read files or standard input and print.

pub mod dockerfile;
pub mod image;
pub mod template;

/// The most that is read of a Dockerfile or of JSON: far more than either has, and less than the machine.
const MAX_INPUT: u64 = 256 << 20;
