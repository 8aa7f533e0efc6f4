//! Variables: which are in force where, and what each instruction is with them filled in.
//! Follows `buildMetaArgs`, `defaultArgs`, `dispatch` and `dispatchArg` of `frontend/dockerfile/dockerfile2llb` in `github.com/moby/buildkit`. Pure: a builder and the checks both walk a file with it.
//!
//! ```
//! use engine_wasm::dockerfile::{self, expand::{Globals, Options, StageScope}, instructions::{self, Command}};
//! let file = dockerfile::parse("ARG V=3.20\nFROM alpine:$V\nARG V\nENV A=${V%.*}\nWORKDIR /srv/$A\n");
//! let program = instructions::program(&file);
//! let options = Options::default();
//! let globals = Globals::new(&program, file.escape, &options).unwrap();
//! assert_eq!(globals.base(&program.stages[0]).name.unwrap(), "alpine:3.20");
//! let mut scope = StageScope::from_image(["PATH=/bin"]);
//! let mut last = None;
//! for instruction in &program.stages[0].commands {
//!     last = Some(scope.step(&globals, &options, &instruction.command, &mut |_| {}).unwrap().command);
//! }
//! assert!(matches!(last, Some(Command::Workdir(path)) if path.text == "/srv/3"));
//! ```

mod platform;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use platform::Platform;
pub use scope::Scope;

use super::instructions::{Arg, ArgPair, Command, Fault, Files, MountOptions, Program, Stage};
use super::shell::{self, Expansion, Lexer};
use super::{Error, ErrorKind, Word};

/// Build arguments that a build may be given without an `ARG`, for `RUN` only; they are not in the image, nor in the cache's key.
pub const PROXY_ARGS: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The `PATH` of an image that has none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Build arguments that never become variables.
const NOT_VARIABLES: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What a build was told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--build-arg`
    pub build_args: BTreeMap<String, String>,
    /// `--target`; empty for the last stage.
    pub target: String,
    /// The machine that builds.
    pub build_platform: Platform,
    /// `--platform`, or the machine that builds.
    pub target_platform: Platform,
}

impl Options {
    /// The proxy settings among the build arguments.
    pub fn proxies(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_proxy = |name: &str| PROXY_ARGS.iter().any(|proxy| proxy.eq_ignore_ascii_case(name));
        self.build_args.iter().filter(move |(name, _)| is_proxy(name)).map(|(name, value)| (&**name, &**value))
    }
}

/// What is in force before the first stage and in every `FROM`: the predefined platform arguments, and the `ARG`s above.
#[derive(Debug, Clone)]
pub struct Globals {
    /// The variables.
    pub scope: Scope,
    /// The names declared above the first `FROM`, set or not.
    pub declared: BTreeSet<String>,
    escape: char,
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
            let near = unmatched.iter().find_map(|name| super::instructions::closest(name, self.scope.names()));
            super::instructions::with_suggestion(&message, near)
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

/// An instruction with its variables filled in.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// The instruction. `ARG` has the values that are in force.
    pub command: Command,
    /// The options of a `RUN`'s mounts.
    pub mounts: Vec<MountOptions>,
}

/// What is met on the way.
#[derive(Debug)]
pub enum Event<'a> {
    /// A variable is used that is neither set nor declared.
    Unset {
        /// Its name.
        name: &'a str,
        /// What is set.
        scope: &'a Scope,
    },
    /// An `ARG`'s next variable comes to be looked at.
    Arg(&'a ArgPair),
}

/// The variables in force within a stage, which change from instruction to instruction.
#[derive(Debug, Clone, Default)]
pub struct StageScope {
    /// What is set, by the base image, `ENV` or `ARG`.
    pub env: Scope,
    /// What is kept in the image: the base image's variables and those of `ENV`.
    pub image: Scope,
    /// What `ARG` declared in this stage and those it is built from, with the values in force.
    pub args: Vec<(String, Option<String>)>,
}

impl StageScope {
    /// At the begin of a stage from an image: its variables are set.
    pub fn from_image<'a>(env: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scope = Self::default();
        for entry in env {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            scope.env.set(name, value);
            scope.image.set(name, value);
        }
        scope
    }

    /// At the begin of a stage from another one, which has ended with `base`. What the image keeps hides the `ARG`s of that name.
    #[must_use]
    pub fn from_stage(base: &Self) -> Self {
        let mut scope = base.clone();
        for (name, value) in base.image.iter() {
            scope.env.set(name, value);
        }
        scope
    }

    /// Expands an instruction as BuildKit does, and puts into force what `ENV` and `ARG` set.
    ///
    /// # Errors
    /// A word that cannot be expanded, or a mount whose options are wrong.
    pub fn step(
        &mut self,
        globals: &Globals,
        options: &Options,
        command: &Command,
        event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Expanded, ErrorKind> {
        let mut command = command.clone();
        let mut mounts = Vec::new();
        if let Command::Arg(arg) = &mut command {
            self.declare(globals, options, arg, event)?;
            return Ok(Expanded { command, mounts });
        }
        let mut expander = Expander { scope: self, lexer: Lexer::new(globals.escape), event };
        match &mut command {
            Command::Env(pairs) | Command::Label(pairs) => {
                for pair in pairs {
                    expander.word(&mut pair.name)?;
                    expander.word(&mut pair.value)?;
                }
            }
            Command::Add(add) => {
                expander.optional(&mut add.files.chown)?;
                expander.optional(&mut add.files.chmod)?;
                expander.optional(&mut add.checksum)?;
                expander.files(&mut add.files)?;
            }
            Command::Copy(copy) => {
                expander.optional(&mut copy.files.chown)?;
                expander.optional(&mut copy.files.chmod)?;
                expander.files(&mut copy.files)?;
            }
            Command::Run(run) => {
                for mount in &run.mounts {
                    mounts.push(mount.options(|value| expander.text(value))?);
                }
            }
            Command::Expose(ports) => *ports = expander.split(ports)?,
            Command::Volume(volumes) => {
                for volume in volumes {
                    expander.word(volume)?;
                }
            }
            Command::StopSignal(word) | Command::User(word) | Command::Workdir(word) => expander.word(word)?,
            _ => {}
        }
        if let Command::Env(pairs) = &command {
            for pair in pairs {
                self.env.set(&pair.name.text, pair.value.text.as_str());
                self.image.set_in_place(&pair.name.text, pair.value.text.as_str());
            }
        }
        Ok(Expanded { command, mounts })
    }

    fn declare(
        &mut self,
        globals: &Globals,
        options: &Options,
        arg: &mut Arg,
        event: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), ErrorKind> {
        for pair in &mut arg.pairs {
            event(Event::Arg(pair));
            let name = pair.name.text.clone();
            if let Some(given) = options.build_args.get(&name) {
                pair.value = Some(Word { text: given.clone(), span: pair.name.span.clone() });
            } else if let Some(default) = &mut pair.value {
                Expander { scope: self, lexer: Lexer::new(globals.escape), event: &mut *event }.word(default)?;
            } else if let Some(global) = globals.scope.get(&name) {
                pair.value = Some(Word { text: global.to_owned(), span: pair.name.span.clone() });
            }
            let value = pair.value.as_ref().map(|value| value.text.clone());
            if let Some(value) = &value
                && !NOT_VARIABLES.contains(&name.as_str())
            {
                self.env.set(&name, value.as_str());
            }
            self.args.push((name, value));
        }
        Ok(())
    }
}

struct Expander<'a> {
    scope: &'a StageScope,
    lexer: Lexer,
    event: &'a mut dyn FnMut(Event<'_>),
}

impl Expander<'_> {
    fn text(&mut self, text: &str) -> Result<String, ErrorKind> {
        let lexer = self.lexer;
        self.text_with(lexer, text)
    }

    fn text_with(&mut self, lexer: Lexer, text: &str) -> Result<String, ErrorKind> {
        // Most words have nothing to be read.
        if !text.contains(['$', '\'', '"', lexer.escape]) {
            return Ok(text.to_owned());
        }
        let (result, expansion) = lexer.word_and_names(text, &self.scope.env);
        for name in &expansion.unmatched {
            if !self.scope.args.iter().any(|(arg, _)| arg == name) && !NOT_VARIABLES.contains(&name.as_str()) {
                (self.event)(Event::Unset { name, scope: &self.scope.env });
            }
        }
        result?;
        Ok(expansion.text)
    }

    fn word(&mut self, word: &mut Word) -> Result<(), ErrorKind> {
        word.text = self.text(&word.text)?;
        Ok(())
    }

    fn optional(&mut self, word: &mut Option<Word>) -> Result<(), ErrorKind> {
        word.as_mut().map_or(Ok(()), |word| self.word(word))
    }

    fn files(&mut self, files: &mut Files) -> Result<(), ErrorKind> {
        for path in &mut files.paths {
            self.word(path)?;
        }
        self.word(&mut files.dest)?;
        let raw = Lexer { skip_process_quotes: true, ..Lexer::new('\\') };
        for content in files.contents.iter_mut().filter(|content| content.expand) {
            content.data = self.text_with(raw, &content.data)?;
        }
        Ok(())
    }

    /// Words that may become several.
    fn split(&mut self, words: &[Word]) -> Result<Vec<Word>, ErrorKind> {
        let mut out = Vec::with_capacity(words.len());
        for word in words {
            let texts = self.lexer.words(&word.text, &self.scope.env)?;
            out.extend(texts.into_iter().map(|text| Word { text, span: word.span.clone() }));
        }
        Ok(out)
    }
}
