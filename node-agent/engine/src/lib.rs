//! The Docker engine: containers, networks, events and the HTTP API that clients speak.
