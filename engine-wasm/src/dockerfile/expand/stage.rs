//! What is in force within a stage, and its instructions with it.

use super::super::instructions::{Arg, ArgPair, Command, Files, MountOptions};
use super::super::shell::Lexer;
use super::super::{ErrorKind, Word};
use super::{Globals, NOT_VARIABLES, Options, Scope};

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
