//! Paths in a stack of layers: resolved through links as a container would, and searched.

use super::{Merged, MergedId};
use crate::image::error::{Error, Result};
use crate::image::tar::Kind;
use crate::image::tree::{NONE, NodeId};

/// Links on the way, as Linux counts them.
const HOPS: usize = 40;

impl Merged {
    /// A node by its path; links are not followed. Nodes that are gone are not found.
    pub fn find(&self, path: &[u8]) -> Option<MergedId> {
        let mut parts = path.split(|b| *b == b'/').filter(|part| !matches!(*part, b"" | b"."));
        parts.try_fold(Self::ROOT, |at, part| self.child(at, part).filter(|id| !self.get(*id).gone))
    }

    /// A node by its path, symbolic links followed as below a root directory.
    ///
    /// # Errors
    /// [`Error::Path`] with Linux's words.
    pub fn resolve(&self, path: &[u8]) -> Result<MergedId> {
        self.resolve_with(path, false)
    }

    /// [`Self::resolve`], if so wished also through what the topmost layer removed.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_with(&self, path: &[u8], removed: bool) -> Result<MergedId> {
        let error = |problem| Error::Path { path: String::from_utf8_lossy(path).into_owned(), problem };
        let mut left: Vec<&[u8]> = path.split(|b| *b == b'/').rev().collect();
        let (mut at, mut hops) = (Self::ROOT, 0);
        while let Some(part) = left.pop() {
            match part {
                b"" | b"." => continue,
                b".." => {
                    let parent = self.get(at).parent;
                    at = if parent == NONE { at } else { parent };
                    continue;
                }
                _ if self.kind(at) != Kind::Directory => return Err(error("not a directory")),
                _ => {}
            }
            let found = self.child(at, part).filter(|id| self.is_shown(*id, removed));
            let id = found.ok_or_else(|| error("no such file or directory"))?;
            let link = self.entry(id).filter(|_| self.kind(id) == Kind::Symlink);
            let Some(target) = link.and_then(|(_, tree, node)| tree.link(node)) else {
                at = id;
                continue;
            };
            hops += 1;
            if hops > HOPS || left.len() > 1 << 16 {
                return Err(error("too many levels of symbolic links"));
            }
            if target.starts_with(b"/") {
                at = Self::ROOT;
            }
            left.extend(target.split(|b| *b == b'/').rev());
        }
        Ok(at)
    }

    /// The layer and node that hold a file's content: hard links lead to their targets, in lower layers, too.
    ///
    /// # Errors
    /// [`Error::Path`] where it is no file or its link leads nowhere.
    pub fn content(&self, id: MergedId) -> Result<(usize, NodeId)> {
        let error = |problem| Error::Path { path: String::from_utf8_lossy(&self.path(id)).into_owned(), problem };
        let mut id = id;
        for _ in 0..HOPS {
            let (layer, tree, node) = self.entry(id).ok_or_else(|| error("no such file or directory"))?;
            let node = tree.content(node);
            match tree.node(node).kind() {
                Kind::File => return Ok((layer, node)),
                Kind::Hardlink => {
                    let target = self.find(tree.link(node).unwrap_or_default()).filter(|target| *target != id);
                    id = target.ok_or_else(|| error("the hard link leads nowhere"))?;
                }
                Kind::Directory => return Err(error("is a directory")),
                _ => return Err(error("is no regular file")),
            }
        }
        Err(error("too many levels of links"))
    }

    /// The nodes whose paths match a pattern, at most `limit` of them. `*` and `?` match within a name, `**` across directories; a pattern
    /// without any of them is looked for anywhere in the path.
    pub fn search(&self, pattern: &str, limit: usize) -> Vec<MergedId> {
        let plain = !pattern.contains(['*', '?']);
        let pattern = pattern.trim_start_matches('/').as_bytes();
        let mut found = Vec::new();
        // Paths are extended and cut back on the way rather than made anew for each node.
        let mut path: Vec<u8> = Vec::new();
        let mut stack: Vec<(MergedId, usize)> =
            self.children(Self::ROOT, false).into_iter().rev().map(|id| (id, 0)).collect();
        while let Some((id, length)) = stack.pop() {
            if found.len() >= limit {
                break;
            }
            path.truncate(length);
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(self.name(id));
            let hit = if plain { contains(&path, pattern) } else { glob(pattern, &path) };
            if hit {
                found.push(id);
            }
            let length = path.len();
            stack.extend(self.children(id, false).into_iter().rev().map(|id| (id, length)));
        }
        found
    }
}

fn contains(path: &[u8], text: &[u8]) -> bool {
    text.is_empty() || path.windows(text.len()).any(|window| window == text)
}

/// Matches with one place to come back to for `*` and one for `**`, so the time is bounded.
fn glob(pattern: &[u8], path: &[u8]) -> bool {
    let (mut p, mut s) = (0, 0);
    // Where the pattern goes on after it, and where in the path it would next be tried.
    let mut star: Option<(usize, usize)> = None;
    let mut globstar: Option<(usize, usize)> = None;
    loop {
        if pattern[p..].starts_with(b"**") {
            let after = if pattern[p + 2..].starts_with(b"/") { p + 3 } else { p + 2 };
            (globstar, star, p) = (Some((after, s)), None, after);
            continue;
        }
        match (pattern.get(p), path.get(s)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                star = Some((p + 1, s));
                p += 1;
                continue;
            }
            (Some(b'?'), Some(c)) if *c != b'/' => {
                (p, s) = (p + 1, s + 1);
                continue;
            }
            (Some(a), Some(b)) if a == b => {
                (p, s) = (p + 1, s + 1);
                continue;
            }
            _ => {}
        }
        if let Some((after, at)) = star.filter(|(_, at)| path.get(*at).is_some_and(|c| *c != b'/')) {
            (star, p, s) = (Some((after, at + 1)), after, at + 1);
        } else if let Some((after, at)) = globstar.filter(|(_, at)| *at < path.len()) {
            (globstar, star, p, s) = (Some((after, at + 1)), None, after, at + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn patterns_match_within_and_across_directories() {
        for (pattern, path, wanted) in [
            ("*.js", "a.js", true),
            ("*.js", "a/b.js", false),
            ("**/*.js", "a/b/c.js", true),
            ("**.js", "a/b/c.js", true),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/x/y/c", true),
            ("etc/pass*d", "etc/passwd", true),
            ("?tc/*", "etc/x", true),
            ("?tc/*", "etc/x/y", false),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), path.as_bytes()), wanted, "{pattern} {path}");
        }
        assert!(!glob("*a".repeat(50).as_bytes(), &[b'a'; 49]));
    }
}
