//! A walk through a build context, told entry by entry: what is kept, what is not, and which directories need no visit.

use super::{BadPattern, Matcher, ParentResults};

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It belongs to the context.
    Keep,
    /// It does not, and of a directory nothing below does.
    Ignore,
    /// A directory that is left out, unless something below it turns out to be kept: then it comes too, in front.
    Descend,
}

/// The state of a walk: what was said of the directories above the current entry.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    matcher: &'a Matcher,
    above: Vec<(String, ParentResults)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(matcher: &'a Matcher) -> Self {
        Self { matcher, above: Vec::new() }
    }

    /// Judges the next entry of a walk in which every directory comes before what is in it. `path` is relative to the context, without a leading `/`.
    ///
    /// # Errors
    /// [`BadPattern`] for a pattern that only matching shows to be malformed.
    pub fn visit(&mut self, path: &str, is_dir: bool) -> Result<Verdict, BadPattern> {
        while self.above.last().is_some_and(|(dir, _)| !path.starts_with(dir.as_str())) {
            self.above.pop();
        }
        let top = ParentResults::default();
        let parent = self.above.last().map_or(&top, |(_, results)| results);
        let (ignored, results) = self.matcher.matches_using_parent_results(path, parent)?;
        if ignored && (!is_dir || self.matcher.can_skip(path)) {
            return Ok(Verdict::Ignore);
        }
        if is_dir {
            self.above.push((format!("{path}/"), results));
        }
        Ok(if ignored { Verdict::Descend } else { Verdict::Keep })
    }
}
