//! What single instructions hold.

use std::ops::Range;

use super::super::{Heredoc, Word};
use super::{Command, Device, Mount};

/// `ARG name[=value] …`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arg {
    /// The variables.
    pub pairs: Vec<ArgPair>,
    /// Bytes of the instruction.
    pub span: Range<usize>,
    /// First and last line, from 1.
    pub lines: (usize, usize),
    /// Which of [`Dockerfile::nodes`] it is.
    pub node: usize,
}

/// One variable of `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgPair {
    /// Its name.
    pub name: Word,
    /// Its default; `None` without `=`.
    pub value: Option<Word>,
    /// What the comment above says of it: `# name description`. Empty when there is none.
    pub comment: String,
}

/// `name=value` of `ENV` and `LABEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: Word,
    /// The value.
    pub value: Word,
    /// The old form without `=`: `ENV name value`.
    pub legacy: bool,
}

/// A command, in the shell form or the exec form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The exec form's words; in the shell form one word with the whole line, or none.
    pub words: Vec<Word>,
    /// The shell form: the shell in force is to be put in front.
    pub shell: bool,
    /// Here-documents.
    pub heredocs: Vec<Heredoc>,
}

/// What `COPY` and `ADD` have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Sources that are paths (or, for `ADD`, URLs and repositories).
    pub paths: Vec<Word>,
    /// Sources that are here-documents.
    pub contents: Vec<Content>,
    /// Where they go.
    pub dest: Word,
    /// `--chown`
    pub chown: Option<Word>,
    /// `--chmod`
    pub chmod: Option<Word>,
    /// `--link`
    pub link: bool,
    /// `--exclude`, as often as given.
    pub excludes: Vec<Word>,
}

/// A file whose content is a here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its name, the delimiter; placed where `<<NAME` stands.
    pub name: Word,
    /// The content; leading tabs are dropped where `<<-` asks for it.
    pub data: String,
    /// Whether variables in it are expanded.
    pub expand: bool,
    /// Bytes of the content in the Dockerfile.
    pub span: Range<usize>,
}

/// `COPY`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// Sources, destination, owner and mode.
    pub files: Files,
    /// `--from`: a stage's name or number, or an image. `None` also when empty.
    pub from: Option<Word>,
    /// `--parents`
    pub parents: bool,
}

/// `ADD`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Add {
    /// Sources, destination, owner and mode.
    pub files: Files,
    /// `--keep-git-dir`, when given.
    pub keep_git_dir: Option<bool>,
    /// `--checksum`
    pub checksum: Option<Word>,
    /// `--unpack`, when given.
    pub unpack: Option<bool>,
}

/// `HEALTHCHECK`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// What is run.
    pub test: Test,
    /// `--interval` in nanoseconds; 0 is the default, also below.
    pub interval: i64,
    /// `--timeout` in nanoseconds.
    pub timeout: i64,
    /// `--start-period` in nanoseconds.
    pub start_period: i64,
    /// `--start-interval` in nanoseconds.
    pub start_interval: i64,
    /// `--retries`
    pub retries: i32,
}

/// The test of a `HEALTHCHECK`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Test {
    /// `NONE`
    #[default]
    None,
    /// `CMD` in the shell form.
    Shell(Word),
    /// `CMD` in the exec form.
    Exec(Vec<Word>),
}

/// `ONBUILD`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Onbuild {
    /// The trigger as it is kept in the image, here-documents included.
    pub expression: String,
    /// The trigger, typed; `None` when it has faults, which BuildKit finds only when the trigger runs.
    pub trigger: Option<Box<Command>>,
}

/// `RUN`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// What is run.
    pub line: CommandLine,
    /// `--mount`
    pub mounts: Vec<Mount>,
    /// `--network`: `default`, `none` or `host`; `None` when not given.
    pub network: Option<Word>,
    /// `--security`: `sandbox` or `insecure`; `None` when not given.
    pub security: Option<Word>,
    /// `--device`
    pub devices: Vec<Device>,
}
