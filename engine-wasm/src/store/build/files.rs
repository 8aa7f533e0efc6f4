//! The build context: a list of files, and what an ignore file leaves of it.

use crate::ignore::{Matcher, Verdict, path};
use crate::store::Error;
use crate::store::copy::{CopyOptions, copy};
use crate::store::fs::{Body, Fs, Node};

/// A file of the context. Owners do not matter: everything in a context belongs to root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFile {
    /// Its path from the context's root.
    pub path: String,
    /// The lower twelve bits of its mode.
    pub mode: u32,
    /// What it is.
    pub body: Body,
}

impl ContextFile {
    /// A regular file.
    pub fn file(path: impl Into<String>, mode: u32, content: Vec<u8>) -> Self {
        Self { path: path.into(), mode, body: Body::File(content.into()) }
    }

    /// A directory; those above files need not be given, and have the mode 0755 then.
    pub fn directory(path: impl Into<String>, mode: u32) -> Self {
        Self { path: path.into(), mode, body: Body::Directory(Default::default()) }
    }

    /// A symbolic link.
    pub fn symlink(path: impl Into<String>, target: impl Into<String>) -> Self {
        Self { path: path.into(), mode: 0o777, body: Body::Symlink(target.into()) }
    }
}

/// A context of files. Paths cannot leave it: `..` stops at its root.
///
/// # Errors
/// A file where a directory is needed.
pub fn context(files: impl IntoIterator<Item = ContextFile>) -> Result<Fs, Error> {
    let mut fs = Fs::default();
    for ContextFile { path, mode, body } in files {
        let cleaned = path::clean(&format!("/{path}"));
        let at = cleaned.trim_start_matches('/');
        if at.is_empty() {
            continue;
        }
        fs.make_dirs(at.rsplit_once('/').map_or("", |(dir, _)| dir), 0o755, (0, 0))?;
        if matches!(body, Body::Directory(_)) && fs.get(at).is_some_and(Node::is_dir) {
            fs.change(at, |node| node.mode = mode);
        } else {
            fs.put(at, Node::new(body, mode))?;
        }
    }
    fs.settle();
    Ok(fs)
}

/// The context without what an ignore file leaves out.
pub(super) fn filtered(context: &Fs, ignore: Option<&[u8]>) -> Result<Fs, Error> {
    let own = context.get(".dockerignore").and_then(|node| match &node.body {
        Body::File(content) => Some(content.bytes().to_vec()),
        _ => None,
    });
    let Some(patterns) = ignore.map(<[u8]>::to_vec).or(own) else { return Ok(context.clone()) };
    let matcher = Matcher::from_file(&patterns)?;
    let mut walk = matcher.walk();
    let mut out = Fs::default();
    // A directory that was left out, for the case that something in it is not.
    let mut skipped: Option<String> = None;
    for at in context.walk("") {
        if skipped.as_ref().is_some_and(|dir| at.strip_prefix(dir.as_str()).is_some_and(|rest| rest.starts_with('/'))) {
            continue;
        }
        let Some(id) = context.find(&at) else { continue };
        let Some(node) = context.node(id) else { continue };
        match walk.visit(&at, node.is_dir())? {
            Verdict::Ignore => skipped = Some(at),
            Verdict::Descend => {}
            Verdict::Keep => {
                let dir = at.rsplit_once('/').map_or("", |(dir, _)| dir);
                restore(context, &mut out, dir)?;
                let body = if node.is_dir() { Body::Directory(Default::default()) } else { node.body.clone() };
                out.put(&at, Node { body, ..node.clone() })?;
            }
        }
    }
    out.settle();
    Ok(out)
}

/// Makes the directories that were left out above something that was kept.
fn restore(context: &Fs, out: &mut Fs, dir: &str) -> Result<(), Error> {
    if dir.is_empty() || out.find(dir).is_some() {
        return Ok(());
    }
    for end in dir.match_indices('/').map(|(at, _)| at).chain([dir.len()]) {
        let at = dir.get(..end).unwrap_or_default();
        if out.find(at).is_none() {
            let mode = context.get(at).map_or(0o755, |node| node.mode);
            out.put(at, Node::directory(mode))?;
        }
    }
    Ok(())
}

/// A file system with one file, for here-documents and downloads.
pub(super) fn single(name: &str, mode: u32, content: Vec<u8>) -> Result<Fs, Error> {
    context([ContextFile::file(name, mode, content)])
}

/// Copies one file made by [`single`].
pub(super) fn copy_single(from: &Fs, name: &str, to: &mut Fs, dest: &str, options: &CopyOptions) -> Result<(), Error> {
    copy(from, name, to, dest, &CopyOptions { named: false, include: None, exclude: None, ..options.clone() })
}
