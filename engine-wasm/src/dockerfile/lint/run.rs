//! One run of the checks: the phases in BuildKit's order, and how warnings and errors are noted.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::super::expand::{self, Globals};
use super::super::instructions::{Fault, Program, lower, upper};
use super::super::{Dockerfile, Node, Word};
use super::rules::{self, Rule};
use super::{Config, Diagnostic, Options, Problem, Report};
use crate::golang::quote::quote;
use crate::reference;

/// Names that are looked through in all for ones similar to those that are not defined.
const MAX_COMPARED: usize = 1 << 16;

/// Where something is.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) span: Range<usize>,
    pub(super) lines: (usize, usize),
}

/// A run.
pub(super) struct Check<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Dockerfile,
    pub(super) program: &'a Program,
    pub(super) build: &'a expand::Options,
    pub(super) options: &'a Options<'a>,
    pub(super) config: Config,
    pub(super) report: Report,
    /// How many names have been looked through for a similar one.
    pub(super) compared: usize,
}

impl<'a> Check<'a> {
    pub(super) fn new(
        text: &'a str,
        file: &'a Dockerfile,
        program: &'a Program,
        build: &'a expand::Options,
        options: &'a Options<'a>,
    ) -> Self {
        Self { text, file, program, build, options, config: Config::default(), report: Report::default(), compared: 0 }
    }

    /// Whether so many more names are to be looked through for a similar one: no longer once that would take seconds.
    pub(super) fn compares(&mut self, names: usize) -> bool {
        self.compared += names;
        self.compared < MAX_COMPARED
    }

    /// Notes an error; `None` when it is the end.
    pub(super) fn fail(&mut self, message: String, place: Option<Place>) -> Option<()> {
        let (lines, span) = place.map_or((None, 0..0), |place| (Some(place.lines), place.span));
        self.report.errors.push(Problem { message, lines, parts: Vec::new(), span });
        self.options.go_on.then_some(())
    }

    /// Notes a finding, if `config` wants the rule.
    pub(super) fn warn(&mut self, config: &Config, rule: &'static Rule, place: Place, message: String) {
        if config.wants(rule) {
            self.report.warnings.push(Diagnostic {
                rule: rule.name,
                message,
                severity: rule.severity,
                url: rule.url,
                span: place.span,
                lines: place.lines,
                fixes: Vec::new(),
            });
        }
    }

    /// The rules in force for an instruction.
    pub(super) fn config_for(&self, node: usize) -> Cow<'static, Config> {
        // Owned, so that the run can be borrowed meanwhile; only a file with such a comment pays for it.
        let comments = self.file.nodes.get(node).map_or(&[][..], |node| &node.comments);
        Cow::Owned(self.config.with_comments(comments).into_owned())
    }

    pub(super) fn run(&mut self) -> Option<()> {
        let given = self.build.build_args.get("BUILDKIT_DOCKERFILE_CHECK").map(String::as_str);
        if self.text.is_empty() {
            self.fail("the Dockerfile cannot be empty".to_owned(), None)?;
        }
        match Config::parse(given.or_else(|| Config::directive(self.text)).unwrap_or_default()) {
            Ok(config) => self.config = config,
            Err(error) => {
                let place = self.file.directives.iter().find(|directive| directive.name == "check");
                let place = place
                    .map(|directive| Place { span: directive.span.clone(), lines: (directive.line, directive.line) });
                // BuildKit gives no place; an editor wants one.
                let place = if self.options.go_on { place } else { None };
                self.fail(format!("failed to parse check options: {error}"), place)?;
            }
        }
        for error in &self.file.errors {
            self.report.errors.push(error.into());
            if !self.options.go_on {
                return None;
            }
        }
        self.empty_continuations();
        self.instructions()?;
        if self.program.stages.is_empty() {
            // With faults above, that is no news.
            if self.report.errors.is_empty() {
                self.fail(Fault::NoStages.to_string(), None)?;
            }
            return Some(());
        }
        self.stage_names();
        self.casing();
        self.default_bases();
        let globals = match Globals::new(self.program, self.file.escape, self.build) {
            Ok(globals) => globals,
            Err(error) => {
                self.report.errors.push((&error).into());
                return None;
            }
        };
        self.epoch(&globals)?;
        self.walk(&globals)?;
        self.violations()
    }

    /// `SOURCE_DATE_EPOCH` is seconds, `context`, or the name of a stage that brings its time along.
    fn epoch(&mut self, globals: &Globals) -> Option<()> {
        const NAME: &str = "SOURCE_DATE_EPOCH";
        let given = self.build.build_args.get(NAME).map(String::as_str).or(globals.scope.get(NAME)).unwrap_or_default();
        let is_stage = || self.program.stages.iter().any(|stage| stage.name().eq_ignore_ascii_case(given));
        if given.is_empty() || given == "context" || given.parse::<i64>().is_ok() || is_stage() {
            return Some(());
        }
        self.fail(format!("invalid {NAME}: {given}"), None)
    }

    fn empty_continuations(&mut self) {
        let config = self.config.clone();
        for warning in &self.file.warnings {
            let node = self.file.nodes.iter().find(|node| node.lines.0 <= warning.line && warning.line <= node.lines.1);
            let place =
                Place { span: node.map_or(0..0, |node| node.span.clone()), lines: (warning.line, warning.line) };
            self.warn(&config, &rules::NO_EMPTY_CONTINUATION, place, "Empty continuation line".to_owned());
        }
    }

    fn stage_names(&mut self) {
        let config = self.config.clone();
        let mut seen = BTreeSet::new();
        for stage in &self.program.stages {
            let Some(name) = &stage.name else { continue };
            let place = || Place { span: name.span.clone(), lines: stage.lines };
            if matches!(name.text.as_str(), "context" | "scratch") {
                let message =
                    format!("Stage name should not use the same name as reserved stage {}", quote(&name.text));
                self.warn(&config, &rules::RESERVED_STAGE_NAME, place(), message);
            }
            if !seen.insert(&name.text) {
                let message = format!("Duplicate stage name {}, stage names should be unique", quote(&name.text));
                self.warn(&config, &rules::DUPLICATE_STAGE_NAME, place(), message);
            }
        }
    }

    fn casing(&mut self) {
        let config = self.config.clone();
        let mut nodes: Vec<&Node> = Vec::with_capacity(self.file.nodes.len());
        for stage in &self.program.stages {
            nodes.push(&self.file.nodes[stage.node]);
            nodes.extend(stage.commands.iter().map(|command| &self.file.nodes[command.node]));
        }
        let is_lower = |name: &str| lower(name) == name;
        let (mut lowers, mut uppers) = (0, 0);
        for node in &nodes {
            let name = &node.name.text;
            if is_lower(name) {
                lowers += 1;
            } else if upper(name) == *name {
                uppers += 1;
            }
        }
        let want_lower = lowers > uppers;
        for node in nodes {
            let name = &node.name.text;
            let (wanted, casing) = if want_lower { (lower(name), "lowercase") } else { (upper(name), "uppercase") };
            if wanted != *name {
                let place = Place { span: node.name.span.clone(), lines: node.lines };
                let message = format!("Command '{name}' should match the case of the command majority ({casing})");
                self.warn(&config, &rules::CONSISTENT_INSTRUCTION_CASING, place, message);
            }
        }
    }

    fn default_bases(&mut self) {
        let config = self.config.clone();
        // A fault is reported when the build's own arguments meet it.
        let Ok(globals) = Globals::with_defaults(self.program, self.file.escape, self.build) else { return };
        for stage in &self.program.stages {
            let Ok(name) = globals.base_name(stage) else { return };
            if reference::parse_normalized(&name).is_err() {
                let written = &stage.base.text;
                let message = format!("Default value for ARG {written} results in empty or invalid base image name");
                let place = Place { span: stage.base.span.clone(), lines: stage.lines };
                self.warn(&config, &rules::INVALID_DEFAULT_ARG_IN_FROM, place, message);
            }
        }
    }

    /// With `error=true`, findings are an error of their own.
    fn violations(&mut self) -> Option<()> {
        if !self.config.error || self.report.warnings.is_empty() {
            return Some(());
        }
        let names = crate::order::set(self.report.warnings.iter().map(|warning| warning.rule));
        let names: Vec<&str> = names.into_iter().collect();
        self.fail(format!("lint violation found for rules: {}", names.join(", ")), None)
    }

    /// Where a variable is used within a place, with its `$` and braces; else the whole place.
    pub(super) fn variable(&self, name: &str, place: &Place) -> Place {
        let text = self.text.get(place.span.clone()).unwrap_or_default();
        let is_name = |c: char| c == '_' || c.is_alphanumeric();
        let found = text.match_indices('$').find_map(|(at, _)| {
            let rest = &text[at + 1..];
            let braced = rest.strip_prefix('{');
            let after = braced.unwrap_or(rest).strip_prefix(name)?;
            if after.starts_with(is_name) {
                return None;
            }
            let end = text.len() - after.len();
            // A modifier belongs to it.
            Some(at..braced.and_then(|_| after.find('}')).map_or(end, |brace| end + brace + 1))
        });
        let span = found.map_or_else(|| place.span.clone(), |f| place.span.start + f.start..place.span.start + f.end);
        Place { span, lines: place.lines }
    }
}

/// The place of a word within an instruction.
pub(super) fn at(word: &Word, lines: (usize, usize)) -> Place {
    Place { span: word.span.clone(), lines }
}
