//! What is in force before the first stage, and every `FROM` with it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Error;
use super::super::instructions::{self, Arg, ArgPair, Fault, Program, Stage};
use super::super::shell::{self, Expansion, Lexer};
use super::{Options, Platform, Scope};

/// What is in force before the first stage and in every `FROM`: the predefined platform arguments, and the `ARG`s above.
#[derive(Debug, Clone)]
pub struct Globals {
    /// The variables.
    pub scope: Scope,
    /// The names declared above the first `FROM`, set or not.
    pub declared: BTreeSet<String>,
    pub(super) escape: char,
}

/// A `FROM` with its variables filled in.
#[derive(Debug, Clone)]
pub struct Base {
    /// The image or stage, or why it cannot be told.
    pub name: Result<String, Fault>,
    /// Variables in the name that are not set.
    pub name_unset: BTreeSet<String>,
    /// `--platform`, when given.
    pub platform: Option<BasePlatform>,
}

/// A `FROM --platform` with its variables filled in.
#[derive(Debug, Clone)]
pub struct BasePlatform {
    /// The text; empty when it cannot be told.
    pub text: String,
    /// The variables that were used.
    pub set: BTreeSet<String>,
    /// The variables that are not set.
    pub unset: BTreeSet<String>,
    /// The platform, or why there is none.
    pub platform: Result<Platform, Fault>,
}

impl Globals {
    /// The variables for this program and this build.
    ///
    /// # Errors
    /// An `ARG` whose default cannot be expanded.
    pub fn new(program: &Program, escape: char, options: &Options) -> Result<Self, Error> {
        let mut globals = Self::predefined(program, escape, options);
        globals.declare(&program.meta_args, &options.build_args)?;
        Ok(globals)
    }

    /// The same as if no build argument had been given, apart from those for predefined names.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_defaults(program: &Program, escape: char, options: &Options) -> Result<Self, Error> {
        let mut globals = Self::predefined(program, escape, options);
        globals.declare(&program.meta_args, &BTreeMap::new())?;
        Ok(globals)
    }

    fn predefined(program: &Program, escape: char, options: &Options) -> Self {
        let (build, target) = (&options.build_platform, &options.target_platform);
        let stage = match options.target.as_str() {
            "" => program.stages.last().map(Stage::name).filter(|name| !name.is_empty()).unwrap_or("default"),
            name => name,
        };
        let mut scope = Scope::default();
        for (name, value) in [
            ("BUILDPLATFORM", build.short()),
            ("BUILDOS", build.os.clone()),
            ("BUILDOSVERSION", build.os_version.clone()),
            ("BUILDARCH", build.architecture.clone()),
            ("BUILDVARIANT", build.variant.clone()),
            ("TARGETPLATFORM", target.to_string()),
            ("TARGETOS", target.os.clone()),
            ("TARGETOSVERSION", target.os_version.clone()),
            ("TARGETARCH", target.architecture.clone()),
            ("TARGETVARIANT", target.variant.clone()),
            ("TARGETSTAGE", stage.to_owned()),
        ] {
            scope.set(name, options.build_args.get(name).cloned().unwrap_or(value));
        }
        Self { scope, declared: BTreeSet::new(), escape }
    }

    fn declare(&mut self, args: &[Arg], build_args: &BTreeMap<String, String>) -> Result<(), Error> {
        for arg in args {
            for ArgPair { name, value, .. } in &arg.pairs {
                let value = match (build_args.get(&name.text), value) {
                    (Some(given), _) => Some(given.clone()),
                    (None, Some(default)) => {
                        let expanded = Lexer::new(self.escape).word(&default.text, &self.scope);
                        let expanded = expanded.map_err(|error| Error {
                            kind: error.into(),
                            lines: arg.lines,
                            span: default.span.clone(),
                        })?;
                        Some(expanded.text)
                    }
                    (None, None) => None,
                };
                if let Some(value) = value {
                    self.scope.set(&name.text, value);
                }
                self.declared.insert(name.text.clone());
            }
        }
        Ok(())
    }

    /// Expands a `FROM`'s base name.
    ///
    /// # Errors
    /// An expansion that fails.
    pub fn base_name(&self, stage: &Stage) -> Result<String, shell::Error> {
        Ok(Lexer::new(self.escape).word(&stage.base.text, &self.scope)?.text)
    }

    /// Expands a `FROM`.
    pub fn base(&self, stage: &Stage) -> Base {
        let lexer = Lexer::new(self.escape);
        let (name, expansion) = lexer.word_and_names(&stage.base.text, &self.scope);
        let name = match name {
            Err(error) => Err(Fault::Build(error.to_string())),
            Ok(()) if expansion.text.is_empty() => {
                Err(Fault::Build(format!("base name ({}) should not be blank", stage.base.text)))
            }
            Ok(()) => Ok(expansion.text),
        };
        let platform = stage.platform.as_ref().map(|platform| self.platform(&platform.text));
        Base { name, name_unset: expansion.unmatched, platform }
    }

    fn platform(&self, written: &str) -> BasePlatform {
        let (result, Expansion { text, matched, unmatched }) =
            Lexer::new(self.escape).word_and_names(written, &self.scope);
        let suggested = |message: String| {
            let near = unmatched.iter().find_map(|name| instructions::closest(name, self.scope.names()));
            instructions::with_suggestion(&message, near)
        };
        let platform = match result {
            Err(error) => Err(format!("failed to process arguments for platform {text}: {error}")),
            Ok(()) if text.is_empty() => Err(suggested(format!("empty platform value from expression {written}"))),
            Ok(()) => {
                let host = Platform::default();
                Platform::parse(&text, &host)
                    .map_err(|error| format!("failed to parse platform {written}: {}", suggested(error)))
            }
        };
        BasePlatform { text, set: matched, unset: unmatched, platform: platform.map_err(Fault::Build) }
    }
}
