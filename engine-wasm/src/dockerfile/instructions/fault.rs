//! What can be wrong with an instruction. The texts are BuildKit's.

use super::super::ErrorKind;
use super::suggest::with_suggestion;
use crate::golang::quote::quote;
use crate::units::NumError;

/// What is wrong with an instruction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No such instruction, and the one that may have been meant.
    #[error("{}", with_suggestion(&format!("unknown instruction: {name}"), suggestion.as_deref()))]
    UnknownInstruction {
        /// As written.
        name: String,
        /// A name that is close.
        suggestion: Option<String>,
    },
    /// An instruction before the first `FROM`.
    #[error("no build stage in current context")]
    NoStage,
    /// The file has no `FROM`.
    #[error("dockerfile contains no stages to build")]
    NoStages,
    /// `FROM` where only other instructions may stand.
    #[error("*instructions.Stage is not a command type")]
    NotACommand,
    /// Nothing follows the instruction's name.
    #[error("{0} requires at least one argument")]
    AtLeastOne(&'static str),
    /// None or several arguments where one is wanted.
    #[error("{0} requires exactly one argument")]
    ExactlyOne(&'static str),
    /// `COPY` or `ADD` with one argument only.
    #[error("{0} requires at least two arguments, but only one was provided. Destination could not be determined")]
    NoDestination(&'static str),
    /// A here-document where the destination should be.
    #[error("{0} cannot accept a heredoc as a destination")]
    HeredocDestination(&'static str),
    /// `=value` without a name.
    #[error("{0} names can not be blank")]
    BlankName(&'static str),
    /// Neither `FROM base` nor `FROM base AS name`.
    #[error("FROM requires either one or three arguments")]
    FromArguments,
    /// A stage's name with characters that it may not have.
    #[error("invalid name for build stage: {}, name can't start with a number or contain symbols", quote(.0))]
    StageName(String),
    /// `ONBUILD ONBUILD`
    #[error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    OnbuildChain,
    /// `ONBUILD FROM` or `ONBUILD MAINTAINER`.
    #[error("{0} isn't allowed as an ONBUILD trigger")]
    OnbuildTrigger(String),
    /// `HEALTHCHECK NONE` with something behind it.
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthcheckNone,
    /// `HEALTHCHECK CMD` without a command.
    #[error("Missing command after HEALTHCHECK CMD")]
    HealthcheckCommand,
    /// `HEALTHCHECK` with neither `NONE` nor `CMD`.
    #[error("Unknown type {} in HEALTHCHECK (try CMD)", quote(.0))]
    HealthcheckType(String),
    /// A time that is shorter than a millisecond; holds the flag.
    #[error("Interval {} cannot be less than 1ms", quote(.0))]
    Interval(&'static str),
    /// A time that cannot be read; Go's text.
    #[error("{0}")]
    Duration(String),
    /// A number that cannot be read.
    #[error(transparent)]
    Number(#[from] NumError),
    /// `--retries` below zero.
    #[error("--retries cannot be negative ({0})")]
    Retries(i64),
    /// `VOLUME` with an empty word.
    #[error("VOLUME specified can not be an empty string")]
    EmptyVolume,
    /// `SHELL` in the shell form.
    #[error("{0} requires the arguments to be in JSON form")]
    NotJson(&'static str),
    /// A flag that the instruction has not, and the one that may have been meant.
    #[error("{}", with_suggestion(&format!("unknown flag: {flag}"), suggestion.as_deref()))]
    UnknownFlag {
        /// With its dashes.
        flag: String,
        /// A flag that is close, without dashes.
        suggestion: Option<String>,
    },
    /// A word among the flags that is none.
    #[error("arg should start with -- : {0}")]
    NotAFlag(String),
    /// A flag given twice that may be given once.
    #[error("duplicate flag specified: {0}")]
    DuplicateFlag(String),
    /// A flag without its value.
    #[error("missing a value on flag: {0}")]
    FlagValue(String),
    /// A switch with a value that is neither true nor false.
    #[error("expecting boolean value for flag {flag}, not: {value}")]
    FlagBoolean {
        /// With its dashes.
        flag: String,
        /// As written.
        value: String,
    },
    /// `--network` with a mode that there is not.
    #[error("invalid network mode {}", quote(.0))]
    Network(String),
    /// `--security` with a mode that there is not.
    #[error("security {} is not valid", quote(.0))]
    Security(String),
    /// `--mount` cannot be read; BuildKit's text.
    #[error("{0}")]
    Mount(String),
    /// `--device` cannot be read; BuildKit's text.
    #[error("{0}")]
    Device(String),
    /// Something that the whole build, not one instruction, does not allow; BuildKit's text.
    #[error("{0}")]
    Build(String),
}

impl From<Fault> for ErrorKind {
    fn from(fault: Fault) -> Self {
        Self::Instruction(Box::new(fault))
    }
}
