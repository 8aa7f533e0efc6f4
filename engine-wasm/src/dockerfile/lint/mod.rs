//! The checks of `docker build --check`, and the type in which every check of a Dockerfile reports what it found.

use std::ops::Range;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A matter of taste.
    Style,
    /// Worth knowing.
    Info,
    /// Probably not what was meant, or soon no longer allowed.
    Warning,
    /// The build fails.
    Error,
}

/// A change of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit {
    /// The bytes that are replaced; empty to insert.
    pub span: Range<usize>,
    /// What stands there then.
    pub text: String,
}

/// A way to mend what was found. Edits do not overlap, and are in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, for a button: `Use uppercase`.
    pub title: String,
    /// The changes, all to be made together.
    pub edits: Vec<TextEdit>,
}

/// Something found in a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule's name: `StageNameCasing`, `DL3006`. Empty for an error of the build itself.
    pub rule: &'static str,
    /// What is wrong here.
    pub message: String,
    /// How much it matters.
    pub severity: Severity,
    /// Where more is to be read; empty when there is no such page.
    pub url: &'static str,
    /// Bytes of the text, for an editor.
    pub span: Range<usize>,
    /// First and last line, from 1.
    pub lines: (usize, usize),
    /// Ways to mend it.
    pub fixes: Vec<Fix>,
}
