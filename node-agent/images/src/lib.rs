//! Images on disk: content store, overlay2 layers, archives and the registry client. Never runs a process.
