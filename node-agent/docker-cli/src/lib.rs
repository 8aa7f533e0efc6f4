//! The `docker` command: command line in, HTTP to the engine, text out.
