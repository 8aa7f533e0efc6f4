//! The binary `node-agent`: every server-side program of the project under one name.

fn main() {}
