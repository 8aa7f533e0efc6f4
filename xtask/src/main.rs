//! Build, serve, test, bench: what a person types.

fn main() {}
