//! What the instructions of a Dockerfile say: every instruction, flag and option with a type of its own, checked as BuildKit checks them.
//! Follows `frontend/dockerfile/instructions` of `github.com/moby/buildkit`. Variables are not expanded here; that is [`super::expand`]'s part.
//!
//! ```
//! use engine_wasm::dockerfile::{self, instructions::{self, Command}};
//! let file = dockerfile::parse("FROM alpine AS base\nCOPY --chown=1000 a b /dest/\n");
//! let program = instructions::program(&file);
//! assert!(program.errors.is_empty());
//! assert_eq!(program.stages[0].name.as_ref().unwrap().text, "base");
//! let Command::Copy(copy) = &program.stages[0].commands[0].command else { panic!("COPY") };
//! assert_eq!((copy.files.paths.len(), copy.files.dest.text.as_str()), (2, "/dest/"));
//! ```

mod fault;
mod flags;
mod go;
mod mount;
mod read;
mod suggest;
#[cfg(test)]
mod tests;
mod types;

use std::ops::Range;

pub use fault::Fault;
pub(crate) use go::{lower, upper};
pub(crate) use suggest::{closest, with_suggestion};

pub use mount::{Device, Mount, MountKind, MountOptions, Sharing};
pub use types::{Add, Arg, ArgPair, CommandLine, Content, Copy, Files, Healthcheck, Onbuild, Pair, Run, Test};

use super::{Dockerfile, Error, Node, Word};
use read::Read;

/// The names of all instructions, in upper case.
pub const NAMES: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The whole file, typed.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// `ARG`s before the first `FROM`.
    pub meta_args: Vec<Arg>,
    /// The stages in order. A stage whose `FROM` has a fault is here as well, as far as it could be read.
    pub stages: Vec<Stage>,
    /// All faults: those of the syntax, then those of the instructions in order. The first is the one that BuildKit stops at.
    pub errors: Vec<Error>,
}

/// `FROM` and what follows it up to the next one.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// The image or stage it begins with.
    pub base: Word,
    /// `AS name`, in lower case.
    pub name: Option<Word>,
    /// The word `AS` as it is written.
    pub keyword: Option<Word>,
    /// `--platform`.
    pub platform: Option<Word>,
    /// The instructions that could be read.
    pub commands: Vec<Instruction>,
    /// `FROM` as one line.
    pub original: String,
    /// What the comment above says of the stage: `# name description`. Empty when there is none.
    pub comment: String,
    /// Bytes of the `FROM` instruction.
    pub span: Range<usize>,
    /// First and last line of the `FROM` instruction, from 1.
    pub lines: (usize, usize),
    /// Which of [`Dockerfile::nodes`] the `FROM` is.
    pub node: usize,
}

impl Stage {
    /// The name, or an empty text.
    pub fn name(&self) -> &str {
        self.name.as_ref().map_or("", |name| &name.text)
    }
}

/// An instruction in a stage.
#[derive(Debug, Clone)]
pub struct Instruction {
    /// What it says.
    pub command: Command,
    /// Bytes of the text, here-documents included.
    pub span: Range<usize>,
    /// First and last line, from 1.
    pub lines: (usize, usize),
    /// The instruction as one line.
    pub original: String,
    /// Which of [`Dockerfile::nodes`] it is.
    pub node: usize,
}

/// An instruction's content. Words are as written: quotes and variables are still in them where the instruction expands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// `ADD`
    Add(Add),
    /// `ARG`
    Arg(Arg),
    /// `CMD`
    Cmd(CommandLine),
    /// `COPY`
    Copy(Copy),
    /// `ENTRYPOINT`
    Entrypoint(CommandLine),
    /// `ENV`
    Env(Vec<Pair>),
    /// `EXPOSE`; sorted, as BuildKit sorts them.
    Expose(Vec<Word>),
    /// `HEALTHCHECK`
    Healthcheck(Healthcheck),
    /// `LABEL`
    Label(Vec<Pair>),
    /// `MAINTAINER`
    Maintainer(Word),
    /// `ONBUILD`
    Onbuild(Onbuild),
    /// `RUN`
    Run(Run),
    /// `SHELL`
    Shell(Vec<Word>),
    /// `STOPSIGNAL`
    StopSignal(Word),
    /// `USER`
    User(Word),
    /// `VOLUME`
    Volume(Vec<Word>),
    /// `WORKDIR`
    Workdir(Word),
}

impl Command {
    /// The instruction's name in upper case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "ADD",
            Self::Arg(_) => "ARG",
            Self::Cmd(_) => "CMD",
            Self::Copy(_) => "COPY",
            Self::Entrypoint(_) => "ENTRYPOINT",
            Self::Env(_) => "ENV",
            Self::Expose(_) => "EXPOSE",
            Self::Healthcheck(_) => "HEALTHCHECK",
            Self::Label(_) => "LABEL",
            Self::Maintainer(_) => "MAINTAINER",
            Self::Onbuild(_) => "ONBUILD",
            Self::Run(_) => "RUN",
            Self::Shell(_) => "SHELL",
            Self::StopSignal(_) => "STOPSIGNAL",
            Self::User(_) => "USER",
            Self::Volume(_) => "VOLUME",
            Self::Workdir(_) => "WORKDIR",
        }
    }
}

/// Types the whole file. Goes on after faults, as the parser does.
pub fn program(file: &Dockerfile) -> Program {
    let mut out = Program { errors: file.errors.clone(), ..Program::default() };
    for (index, node) in file.nodes.iter().enumerate() {
        let (read, faults) = read::node(node, index);
        out.errors.extend(faults.into_iter().map(|(fault, span)| Error {
            kind: fault.into(),
            lines: node.lines,
            span,
        }));
        match read {
            Some(Read::Stage(stage)) => out.stages.push(*stage),
            Some(Read::Command(command)) => {
                let instruction = Instruction {
                    command,
                    span: node.span.clone(),
                    lines: node.lines,
                    original: node.original.trim().to_owned(),
                    node: index,
                };
                match (out.stages.last_mut(), instruction.command) {
                    (Some(stage), command) => stage.commands.push(Instruction { command, ..instruction }),
                    (None, Command::Arg(arg)) => out.meta_args.push(arg),
                    (None, _) => out.errors.push(Error {
                        kind: Fault::NoStage.into(),
                        lines: node.lines,
                        span: node.name.span.clone(),
                    }),
                }
            }
            None => {}
        }
    }
    out
}

/// Types one instruction that is no `FROM`: what an `ONBUILD` trigger of an image turns into when it runs.
///
/// # Errors
/// The first fault; for a `FROM`, that it is none that can stand here.
pub fn command(node: &Node) -> Result<Command, Fault> {
    match read::node(node, 0) {
        (_, faults) if !faults.is_empty() => {
            Err(faults.into_iter().next().map_or(Fault::NotACommand, |(fault, _)| fault))
        }
        (Some(Read::Command(command)), _) => Ok(command),
        _ => Err(Fault::NotACommand),
    }
}
