//! What needs no node: Dockerfiles, templates and image archives on the command line, by the engine that also runs in the browser.

pub(crate) mod image;
pub(crate) mod template;
