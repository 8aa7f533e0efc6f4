//! `.dockerignore` as BuildKit reads and matches it: which files of a build context are left out.
//! Follows `ignorefile` and `patternmatcher` of `github.com/moby/patternmatcher`, and the walk of `github.com/tonistiigi/fsutil` (`filter.go`); paths are as on Linux.
//! It never looks at a file system: a caller who walks one asks [`Walk`] at each step.
//!
//! ```
//! let matcher = engine_wasm::ignore::Matcher::from_file(b"# no logs\n*.log\n!keep.log\n").unwrap();
//! assert!(matcher.ignores("a.log").unwrap());
//! assert!(!matcher.ignores("keep.log").unwrap());
//! ```

mod file;
mod glob;
pub mod path;
mod pattern;
mod regexp;
#[cfg(test)]
mod tests;
mod walk;

pub use crate::reference::BadPattern;
pub use file::{MAX_LINE, read};
pub use glob::{file_match, has_meta};
pub use pattern::Pattern;
pub use walk::{Verdict, Walk};

/// Why an ignore file cannot be used. The texts are Go's and moby's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pattern that is `!` alone.
    #[error("illegal exclusion pattern: \"!\"")]
    IllegalExclusion,
    /// A pattern with an open class, a range without end, or a backslash at the end.
    #[error(transparent)]
    BadPattern(#[from] BadPattern),
    /// A line longer than [`MAX_LINE`].
    #[error("bufio.Scanner: token too long")]
    LineTooLong,
}

/// Patterns in order; a later one overrules an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    patterns: Vec<Pattern>,
    exclusions: bool,
}

/// What the patterns said of a directory, one answer a pattern: handed on to what lies in it, so that no parent is matched twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParentResults(Vec<bool>);

impl Matcher {
    /// Patterns that are not yet trimmed and cleaned; empty ones are passed over. A leading `!` re-includes.
    ///
    /// # Errors
    /// [`Error::IllegalExclusion`] and [`Error::BadPattern`].
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let mut matcher = Self::default();
        for pattern in patterns {
            let trimmed = pattern.as_ref().trim();
            if trimmed.is_empty() {
                continue;
            }
            let cleaned = path::clean(trimmed);
            let (exclusion, text) = match cleaned.strip_prefix('!') {
                Some("") => return Err(Error::IllegalExclusion),
                Some(rest) => (true, rest),
                None => (false, cleaned.as_str()),
            };
            file_match(text, ".")?;
            matcher.exclusions |= exclusion;
            matcher.patterns.push(Pattern::new(text, exclusion));
        }
        Ok(matcher)
    }

    /// The patterns of an ignore file: [`read`], then [`Matcher::new`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, Error> {
        Self::new(read(bytes)?)
    }

    /// The patterns in force.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Whether any pattern re-includes (`!…`).
    pub fn exclusions(&self) -> bool {
        self.exclusions
    }

    /// Whether a path of the context is left out: what one asks for a single path. The path is cleaned first; the context's root is never left out.
    ///
    /// # Errors
    /// [`BadPattern`] for a pattern that only matching shows to be malformed (`[z-a]`).
    pub fn ignores(&self, file: &str) -> Result<bool, BadPattern> {
        let cleaned = path::clean(file);
        if cleaned == "." { Ok(false) } else { self.matches_or_parent_matches(&cleaned) }
    }

    /// moby's `MatchesOrParentMatches`: whether the path, or a directory above it, is matched and not re-included. The path is taken as it stands.
    ///
    /// # Errors
    /// [`BadPattern`], as for [`Matcher::ignores`].
    pub fn matches_or_parent_matches(&self, file: &str) -> Result<bool, BadPattern> {
        let mut matched = false;
        for pattern in &self.patterns {
            if pattern.exclusion() == matched && (pattern.matches(file)? || pattern.matches_parent(file)) {
                matched = !pattern.exclusion();
            }
        }
        Ok(matched)
    }

    /// moby's older `Matches`, which compares only one directory above the path with each pattern. Kept for programs that are to agree with old builders.
    ///
    /// # Errors
    /// [`BadPattern`], as for [`Matcher::ignores`].
    pub fn matches_one_parent(&self, file: &str) -> Result<bool, BadPattern> {
        let parent = path::dir(file);
        let mut matched = false;
        for pattern in &self.patterns {
            if pattern.exclusion() != matched {
                continue;
            }
            let mut hit = pattern.matches(file)?;
            if !hit && parent != "." {
                let depth = pattern.text().split('/').count();
                if let Some(prefix) = path::prefix(&parent, depth) {
                    hit = pattern.matches(prefix).unwrap_or(false);
                }
            }
            if hit {
                matched = !pattern.exclusion();
            }
        }
        Ok(matched)
    }

    /// moby's `MatchesUsingParentResults`: as [`Matcher::matches_or_parent_matches`], with what the same call gave for the directory above (the default at the top).
    ///
    /// # Errors
    /// [`BadPattern`], as for [`Matcher::ignores`].
    pub fn matches_using_parent_results(
        &self,
        file: &str,
        parent: &ParentResults,
    ) -> Result<(bool, ParentResults), BadPattern> {
        let known = parent.0.len() == self.patterns.len();
        let mut matched = false;
        let mut results = vec![false; self.patterns.len()];
        for (i, pattern) in self.patterns.iter().enumerate() {
            let mut hit = known && parent.0.get(i).copied().unwrap_or(false);
            if !hit {
                if pattern.exclusion() != matched {
                    continue;
                }
                hit = pattern.matches(file)? || (!known && pattern.matches_parent(file));
            }
            if let Some(result) = results.get_mut(i) {
                *result = hit;
            }
            if hit {
                matched = !pattern.exclusion();
            }
        }
        Ok((matched, ParentResults(results)))
    }

    /// Whether nothing below an ignored directory can come back, so that a walk need not enter it.
    pub fn can_skip(&self, ignored_dir: &str) -> bool {
        if !self.exclusions {
            return true;
        }
        let back = self.patterns.iter().filter(|p| p.exclusion());
        let prefix = format!("{ignored_dir}/");
        back.into_iter().all(|pattern| {
            let text = pattern.without_trailing_glob();
            !text.contains(['*', '[', ']', '?', '^', '\\']) && !format!("{text}/").starts_with(&prefix)
        })
    }

    /// A walk through a context.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }
}
