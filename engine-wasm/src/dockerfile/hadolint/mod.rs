//! The rules of hadolint (DL1001, DL3000 to DL3067, DL4000 to DL4006), each with its explanation and, where that is safe, a fix.
//! Commands in `RUN` are found by a splitter that knows words, quotes and what joins commands, not by a shell's parser; where hadolint asks ShellCheck's parser, answers can differ for exotic scripts.
//! Not covered: the `SC` rules (they are ShellCheck itself) and DL1000 (a parse error, which [`parse`] reports).
//! Facts (codes, severities, messages) are those of hadolint 2.15.1; the explanations are ours.
//!
//! ```
//! use engine_wasm::dockerfile::hadolint::{self, Options};
//! let found = hadolint::check("FROM debian:12\nRUN apt-get install curl=8\n", &Options::default());
//! let rules: Vec<_> = found.iter().map(|found| found.rule).collect();
//! assert_eq!(rules, ["DL3014", "DL3015"]);
//! ```

mod checks;
mod edits;
mod file;
pub mod fix;
mod formats;
mod pragma;
mod rules;
mod script;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use edits::{apply, fix_all};
pub use formats::LabelKind;
pub use rules::{RULES, Rule, rule};

use super::lint::{Diagnostic, Severity};
use super::{Dockerfile, parse};

/// What is checked, and how strictly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Registries that images may come from; empty for any. A `*` at the beginning or end stands for anything.
    pub trusted_registries: Vec<String>,
    /// Labels that every image must have, and what their values must be.
    pub label_schema: BTreeMap<String, LabelKind>,
    /// Forbids labels that are not in the schema.
    pub strict_labels: bool,
    /// Rules that do not count.
    pub ignored: BTreeSet<String>,
    /// Severities other than the rules' own. Rules that are off by default (DL1001, DL3057) are on with one.
    pub severities: BTreeMap<String, Severity>,
    /// Takes no notice of `# hadolint ignore=…`.
    pub disable_pragmas: bool,
}

/// Checks a Dockerfile; what cannot be read is passed over. Findings are in the order of their lines, then of their rules.
pub fn check(text: &str, options: &Options) -> Vec<Diagnostic> {
    check_file(text, &parse(text), options)
}

/// As [`check`], for a text that was parsed already.
pub fn check_file(text: &str, file: &Dockerfile, options: &Options) -> Vec<Diagnostic> {
    let view = file::View::new(text, file);
    let mut found = checks::all(&view, options);
    found.retain_mut(|diagnostic| {
        let severity = options.severities.get(diagnostic.rule).copied();
        let own = rule(diagnostic.rule).and_then(|rule| rule.severity);
        let Some(severity) = severity.or(own).filter(|_| !options.ignored.contains(diagnostic.rule)) else {
            return false;
        };
        diagnostic.severity = severity;
        options.disable_pragmas || view.pragmas.keeps(diagnostic.rule, diagnostic.lines.0)
    });
    crate::order::sort_by_key(&mut found, |diagnostic| (diagnostic.lines.0, diagnostic.rule, diagnostic.span.start));
    found
}
