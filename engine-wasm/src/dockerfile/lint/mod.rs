//! The checks of `docker build --check`, and the type in which every check of a Dockerfile reports what it found.
//! Follows `frontend/dockerfile/linter` and the order in which `frontend/dockerfile/dockerfile2llb` of `github.com/moby/buildkit` comes upon things.
//!
//! ```
//! use engine_wasm::dockerfile::lint::{self, Options};
//! let report = lint::check("FROM alpine as Base\n", &Options::default());
//! let rules: Vec<&str> = report.warnings.iter().map(|warning| warning.rule).collect();
//! assert_eq!(rules, ["StageNameCasing", "FromAsCasing"]);
//! assert_eq!(report.warnings[1].fixes[0].edits[0].text, "AS");
//! ```

mod begin;
mod config;
mod order;
mod ports;
mod print;
pub mod rules;
mod run;
#[cfg(test)]
mod tests;
mod words;

use std::ops::Range;

pub use config::Config;

use super::expand::{self, Platform};
use super::hadolint::fix;
use super::instructions::{Program, program};
use super::{Dockerfile, Error, parse};

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

/// What a base image has, as far as checks want to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// What it was made for, when known.
    pub platform: Option<Platform>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Its triggers.
    pub onbuild: Vec<String>,
    /// Whether it has a `SHELL` of its own.
    pub shell: bool,
    /// Its working directory; empty for `/`.
    pub workdir: String,
}

/// Where the facts of images come from: a registry, a store, a table.
pub trait Facts {
    /// An image, named in full (`docker.io/library/alpine:latest`), for a platform; `None` when nothing is known of it.
    fn image(&self, reference: &str, platform: &Platform) -> Option<ImageFacts>;
}

/// Which files of the context a `.dockerignore` without exceptions keeps out. With exceptions (`!`), BuildKit does not check, and none should be given.
#[derive(Clone, Copy)]
pub struct Ignored<'a> {
    /// Whether a path, or a directory it is in, is kept out.
    pub matches: &'a dyn Fn(&str) -> bool,
    /// Whether one of the patterns is `*`, `**` or `**/*`.
    pub everything: bool,
}

impl std::fmt::Debug for Ignored<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ignored").field("everything", &self.everything).finish_non_exhaustive()
    }
}

/// How to check.
#[derive(Default, Clone, Copy)]
pub struct Options<'a> {
    /// What the build is told. The build argument `BUILDKIT_DOCKERFILE_CHECK` takes the place of the file's `# check=`. `None` for a plain build.
    pub build: Option<&'a expand::Options>,
    /// What `.dockerignore` keeps out.
    pub ignored: Option<Ignored<'a>>,
    /// Facts of base images. Without them, an image is taken to have no variables but `PATH`, and to fit the platform.
    pub facts: Option<&'a dyn Facts>,
    /// Check what can be checked also after an error, as an editor wants it, and not stop at the first as BuildKit does.
    pub go_on: bool,
}

/// An error with which the build would end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// BuildKit's text.
    pub message: String,
    /// First and last line, from 1; none when the error has no place.
    pub lines: Option<(usize, usize)>,
    /// The lines in between that are meant, when not all are: in order, each range with its first and last line. Otherwise empty.
    pub parts: Vec<(usize, usize)>,
    /// Bytes of the text; empty when the error has no place.
    pub span: Range<usize>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self { message: error.report(), lines: Some(error.lines), parts: Vec::new(), span: error.span.clone() }
    }
}

/// What checks found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Findings in BuildKit's order.
    pub warnings: Vec<Diagnostic>,
    /// Errors in BuildKit's order; at most one unless [`Options::go_on`] is set.
    pub errors: Vec<Problem>,
}

impl Report {
    /// Warnings and errors together, for an editor.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let errors = self.errors.iter().map(|problem| Diagnostic {
            rule: "",
            message: problem.message.clone(),
            severity: Severity::Error,
            url: "",
            span: problem.span.clone(),
            lines: problem.lines.unwrap_or((1, 1)),
            fixes: Vec::new(),
        });
        let mut all: Vec<Diagnostic> = errors.chain(self.warnings.iter().cloned()).collect();
        crate::order::sort_by_key(&mut all, |diagnostic| (diagnostic.lines, diagnostic.span.start));
        all
    }
}

/// Parses and checks a Dockerfile.
pub fn check(text: &str, options: &Options<'_>) -> Report {
    let file = parse(text);
    let program = program(&file);
    check_parsed(text, &file, &program, options)
}

/// Checks a Dockerfile that has been parsed and typed already.
pub fn check_parsed(text: &str, file: &Dockerfile, program: &Program, options: &Options<'_>) -> Report {
    let plain = expand::Options::default();
    let build = options.build.unwrap_or(&plain);
    let mut check = run::Check::new(text, file, program, build, options);
    // `None` says that an error ended it.
    let _ = check.run();
    let mut report = check.report;
    for warning in &mut report.warnings {
        warning.fixes = fix::fixes_in(text, file, warning);
    }
    report
}
