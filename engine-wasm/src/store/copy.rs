//! What `COPY` and `ADD` do to files. Follows `copy.go` of `github.com/tonistiigi/fsutil` and `solver/llbsolver/file` of BuildKit.

use std::collections::HashMap;

use super::Error;
use super::fs::{Body, Fs, Node};
use super::mode::Mode;
use crate::ignore::{Matcher, ParentResults, file_match, path};

/// How files are copied.
#[derive(Debug, Clone, Default)]
pub struct CopyOptions {
    /// The owner and the group of what is copied or made; that of the source when not given.
    pub owner: Option<(u32, u32)>,
    /// `--chmod`
    pub mode: Option<Mode>,
    /// Whether a symbolic link that is named as the source is followed, and wildcards are expanded: not for here-documents and downloads.
    pub named: bool,
    /// `--parents`: only what matches is copied, with the directories above it.
    pub include: Option<Matcher>,
    /// `--exclude`
    pub exclude: Option<Matcher>,
}

/// Copies `source`, which may have wildcards, to `dest`, where a slash at the end says that it is a directory.
///
/// # Errors
/// A source that does not exist, a file and a directory in each other's place.
pub fn copy(from: &Fs, source: &str, to: &mut Fs, dest: &str, options: &CopyOptions) -> Result<(), Error> {
    for source in sources(from, source, options)? {
        copy_one(from, &source, to, dest, options)?;
    }
    Ok(())
}

/// The sources that a name with wildcards means. Wildcards that match nothing mean nothing.
///
/// # Errors
/// Links in a circle.
pub fn sources(from: &Fs, source: &str, options: &CopyOptions) -> Result<Vec<String>, Error> {
    let cleaned = path::clean(&format!("/{source}"));
    let parts: Vec<&str> = cleaned.split('/').filter(|part| !part.is_empty()).collect();
    let plain = parts.iter().take_while(|part| !wild(part)).count();
    if !options.named || plain == parts.len() {
        return Ok(vec![parts.join("/")]);
    }
    let (base, pattern) = parts.split_at(plain);
    let base = from.resolve(&base.join("/"))?;
    let pattern = pattern.join("/");
    let mut out: Vec<String> = Vec::new();
    for at in from.walk(&base) {
        let relative = if base.is_empty() { at.as_str() } else { at.get(base.len() + 1..).unwrap_or_default() };
        // What is inside a match comes with it.
        let inside = out.last().is_some_and(|last| at.strip_prefix(last.as_str()).is_some_and(|r| r.starts_with('/')));
        if !inside && file_match(&pattern, relative).unwrap_or(false) {
            out.push(at);
        }
    }
    Ok(out)
}

fn wild(part: &str) -> bool {
    let mut escaped = false;
    part.chars().any(|c| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        escaped = c == '\\';
        matches!(c, '*' | '?' | '[')
    })
}

/// Copies what [`sources`] found.
pub(super) fn copy_one(from: &Fs, source: &str, to: &mut Fs, dest: &str, options: &CopyOptions) -> Result<(), Error> {
    let made = match options.mode {
        Some(Mode::Octal(mode)) => mode,
        _ => 0o755,
    };
    let owner = options.owner.unwrap_or((0, 0));
    // The directory that the destination names, or is in, has to be there.
    let (dir, name) = dest.rsplit_once('/').unwrap_or(("", dest));
    let dir = if matches!(name, "" | ".") { dest } else { dir };
    let dir = to.resolve(dir)?;
    to.make_dirs(&dir, made, owner)?;
    let mut dest = to.resolve(dest)?;
    // The copy is called as it was asked for, whatever a link leads to.
    let name = path::base(source).to_owned();
    let source = if options.named { from.resolve(source)? } else { from.resolve_parent(source)? };
    let node = from.get(&source).ok_or_else(|| Error::NotFound(format!("/{source}")))?;
    let existing = to.get(&dest);
    if !node.is_dir() && existing.is_some_and(Node::is_dir) {
        dest = if dest.is_empty() { name } else { format!("{dest}/{name}") };
    } else if node.is_dir() && existing.is_none() {
        to.make_dirs(&dest, made, owner)?;
    }
    let mut copier = Copier { from, to, options, links: HashMap::new(), parents: Vec::new() };
    copier.copy(&source, "", &dest, false, &ParentResults::default(), &ParentResults::default())
}

struct Copier<'a> {
    from: &'a Fs,
    to: &'a mut Fs,
    options: &'a CopyOptions,
    /// What became of nodes that were copied: a second name is a hard link.
    links: HashMap<usize, usize>,
    /// Directories above the current one: source, destination, whether it was made.
    parents: Vec<(String, String, bool)>,
}

impl Copier<'_> {
    fn copy(
        &mut self,
        source: &str,
        below: &str,
        dest: &str,
        overwrite: bool,
        included: &ParentResults,
        excluded: &ParentResults,
    ) -> Result<(), Error> {
        let Some(id) = self.from.find(source) else { return Err(Error::NotFound(format!("/{source}"))) };
        let Some(node) = self.from.node(id) else { return Err(Error::NotFound(format!("/{source}"))) };
        let (mut include, mut drop) = (true, false);
        let (mut in_results, mut ex_results) = (ParentResults::default(), ParentResults::default());
        if !below.is_empty() {
            if let Some(matcher) = &self.options.include {
                (include, in_results) = matcher.matches_using_parent_results(below, included)?;
            }
            if let Some(matcher) = &self.options.exclude {
                (drop, ex_results) = matcher.matches_using_parent_results(below, excluded)?;
                include &= !drop;
            }
        }
        let Body::Directory(children) = &node.body else {
            if include {
                self.make_parents(overwrite)?;
                self.file(id, node, dest)?;
            }
            return Ok(());
        };
        let mut made = false;
        if include {
            self.make_parents(overwrite)?;
            made = self.directory(node, dest, overwrite)?;
        }
        self.parents.push((source.to_owned(), dest.to_owned(), include));
        if !drop || self.options.exclude.as_ref().is_some_and(Matcher::exclusions) {
            for name in children.keys() {
                let join = |dir: &str| if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
                self.copy(&join(source), &join(below), &join(dest), true, &in_results, &ex_results)?;
            }
        }
        self.parents.pop();
        if include && (made || overwrite) {
            self.attributes(node, dest);
        }
        Ok(())
    }

    /// Makes the directories above, which waited for something in them to match.
    fn make_parents(&mut self, overwrite: bool) -> Result<(), Error> {
        for i in 0..self.parents.len() {
            let Some((source, dest, false)) = self.parents.get(i).cloned() else { continue };
            if let Some(node) = self.from.get(&source)
                && self.directory(node, &dest, overwrite)?
            {
                self.attributes(node, &dest);
            }
            if let Some(parent) = self.parents.get_mut(i) {
                parent.2 = true;
            }
        }
        Ok(())
    }

    /// Whether the directory had to be made.
    fn directory(&mut self, node: &Node, dest: &str, overwrite: bool) -> Result<bool, Error> {
        match self.to.get(dest) {
            Some(there) if there.is_dir() => {
                if overwrite {
                    self.to.change(dest, |there| there.mode = node.mode);
                }
                Ok(false)
            }
            Some(_) => Err(Error::DirectoryOverFile(format!("/{dest}"))),
            None => {
                self.to.put(dest, Node::directory(node.mode))?;
                Ok(true)
            }
        }
    }

    fn file(&mut self, id: usize, node: &Node, dest: &str) -> Result<(), Error> {
        if self.to.get(dest).is_some_and(Node::is_dir) {
            return Err(Error::FileOverDirectory(format!("/{dest}")));
        }
        match self.links.get(&id) {
            Some(&copied) => self.to.link(dest, copied),
            None => {
                let copied = self.to.put(dest, Node::new(node.body.clone(), node.mode))?;
                self.attributes(node, dest);
                self.links.insert(id, copied);
                Ok(())
            }
        }
    }

    fn attributes(&mut self, node: &Node, dest: &str) {
        let options = self.options;
        self.to.change(dest, |there| {
            (there.uid, there.gid) = options.owner.unwrap_or((node.uid, node.gid));
            there.mode = match (&options.mode, &node.body) {
                (_, Body::Symlink(_)) => 0o777,
                (Some(mode), body) => mode.apply(node.mode, matches!(body, Body::Directory(_))),
                (None, _) => node.mode,
            };
            there.xattrs.extend(node.xattrs.clone());
        });
    }
}
