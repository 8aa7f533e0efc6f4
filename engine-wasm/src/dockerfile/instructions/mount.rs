//! `RUN --mount` and `RUN --device` (`instructions/commands_runmount.go`, `commands_rundevice.go`).

use std::ops::Range;

use super::super::Word;
use super::fault::Fault;
use super::go::{csv, lower, parse_bool, parse_uint32};
use super::suggest::{closest, with_suggestion};
use crate::golang::quote::quote;
use crate::units::ram_in_bytes;

/// What is mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context, a stage or an image.
    #[default]
    Bind,
    /// A directory that outlives the build.
    Cache,
    /// Memory.
    Tmpfs,
    /// A secret.
    Secret,
    /// The SSH agent.
    Ssh,
}

impl MountKind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }

    fn takes_required(self) -> bool {
        matches!(self, Self::Secret | Self::Ssh)
    }
}

/// Who may use a cache at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Everyone.
    Shared,
    /// One; others get a cache of their own.
    Private,
    /// One; others wait.
    Locked,
}

/// A `--mount` as written. Its options may hold variables; [`Mount::options`] reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The whole value.
    pub spec: Word,
    /// The comma-separated fields, unquoted, with their places.
    pub fields: Vec<Word>,
    /// `from`: a stage or an image; empty when not given. It holds no variables.
    pub from: String,
}

/// The options of a mount, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// `type`
    pub kind: MountKind,
    /// `from`: a stage or an image; empty when not given.
    pub from: String,
    /// `source`, `src`
    pub source: String,
    /// `target`, `dst`, `destination`
    pub target: String,
    /// `readonly`, `rw` and their kin, or what the kind has when none is given.
    pub read_only: bool,
    /// `size` in bytes; 0 when not given.
    pub size_limit: i64,
    /// `id`; empty when not given.
    pub id: String,
    /// `sharing`
    pub sharing: Option<Sharing>,
    /// `required`
    pub required: bool,
    /// `env`: the variable that a secret is put in; empty means the default name.
    pub env: Option<String>,
    /// `mode`
    pub mode: Option<u32>,
    /// `uid`
    pub uid: Option<u32>,
    /// `gid`
    pub gid: Option<u32>,
}

const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];

/// Where a part of a word stands; the whole word's place when quotes or a continuation are inside.
fn inside(word: &Word, range: Range<usize>) -> Range<usize> {
    if word.span.len() == word.text.len() {
        word.span.start + range.start..word.span.start + range.end
    } else {
        word.span.clone()
    }
}

fn fields(word: &Word, what: &str) -> Result<Vec<Word>, String> {
    let fields = csv(&word.text).map_err(|error| format!("failed to parse csv {what}: {error}"))?;
    Ok(fields
        .into_iter()
        .map(|(text, at)| {
            let end = (at + text.len()).min(word.text.len());
            let span = inside(word, at..end);
            Word { text, span }
        })
        .collect())
}

impl Mount {
    pub(super) fn read(spec: Word) -> Result<Self, (Fault, Range<usize>)> {
        let fields = fields(&spec, "mounts").map_err(|error| (Fault::Mount(error), spec.span.clone()))?;
        let mut from = "";
        for field in &fields {
            if let Some((key, value)) = field.text.split_once('=')
                && lower(key) == "from"
            {
                if value.find('$').is_some_and(|at| at + 1 != value.len()) {
                    let message = "'from' doesn't support variable expansion, define alias stage instead".to_owned();
                    return Err((Fault::Mount(message), field.span.clone()));
                }
                from = value;
            }
        }
        Ok(Self { from: from.to_owned(), spec, fields })
    }

    /// Reads the options as they are written, without expanding anything.
    ///
    /// # Errors
    /// [`Fault::Mount`] with BuildKit's text.
    pub fn literal(&self) -> Result<MountOptions, Fault> {
        self.options(|value| Ok(value.to_owned()))
    }

    /// Reads the options, each value expanded by `expand`.
    ///
    /// # Errors
    /// What `expand` says, or [`Fault::Mount`] with BuildKit's text.
    pub fn options<E: From<Fault>>(
        &self,
        mut expand: impl FnMut(&str) -> Result<String, E>,
    ) -> Result<MountOptions, E> {
        let mut out = Reading { options: MountOptions::default(), read_only: None };
        for field in &self.fields {
            let (key, value) =
                field.text.split_once('=').map_or((field.text.as_str(), None), |(key, value)| (key, Some(value)));
            let value = value.map(&mut expand).transpose()?;
            out.field(&lower(key), value, &field.text).map_err(Fault::Mount)?;
        }
        Ok(out.finish().map_err(Fault::Mount)?)
    }
}

struct Reading {
    options: MountOptions,
    read_only: Option<bool>,
}

impl Reading {
    fn field(&mut self, key: &str, value: Option<String>, field: &str) -> Result<(), String> {
        let out = &mut self.options;
        let unexpected = |kind: MountKind| format!("unexpected key '{key}' for mount type '{}'", kind.name());
        let Some(value) = value else {
            match key {
                "readonly" | "ro" => self.read_only = Some(true),
                "readwrite" | "rw" => self.read_only = Some(false),
                "required" if out.kind.takes_required() => out.required = true,
                "required" => return Err(unexpected(out.kind)),
                _ => return Err(format!("invalid field '{field}' must be a key=value pair")),
            }
            return Ok(());
        };
        let invalid = || format!("invalid value for {key}: {value}");
        let number = |base| parse_uint32(&value, base).ok_or_else(|| format!("invalid value {value} for {key}"));
        match key {
            "type" => {
                const ALL: [MountKind; 5] =
                    [MountKind::Bind, MountKind::Cache, MountKind::Secret, MountKind::Ssh, MountKind::Tmpfs];
                let wanted = lower(&value);
                out.kind = ALL.into_iter().find(|kind| kind.name() == wanted).ok_or_else(|| {
                    let near = closest(&value, ALL.map(MountKind::name));
                    with_suggestion(&format!("unsupported mount type {}", quote(&value)), near)
                })?;
            }
            "from" => out.from = value,
            "source" | "src" => out.source = value,
            "target" | "dst" | "destination" => out.target = value,
            "readonly" | "ro" => self.read_only = Some(parse_bool(&value).ok_or_else(invalid)?),
            "readwrite" | "rw" => self.read_only = Some(!parse_bool(&value).ok_or_else(invalid)?),
            "required" if out.kind.takes_required() => out.required = parse_bool(&value).ok_or_else(invalid)?,
            "size" if out.kind == MountKind::Tmpfs => out.size_limit = ram_in_bytes(&value).map_err(|_| invalid())?,
            "required" | "size" => return Err(unexpected(out.kind)),
            "id" => out.id = value,
            "sharing" => {
                const ALL: [(&str, Sharing); 3] =
                    [("locked", Sharing::Locked), ("private", Sharing::Private), ("shared", Sharing::Shared)];
                let wanted = lower(&value);
                let found = ALL.into_iter().find(|(name, _)| *name == wanted).ok_or_else(|| {
                    let near = closest(&value, ALL.map(|(name, _)| name));
                    with_suggestion(&format!("unsupported sharing value {}", quote(&value)), near)
                })?;
                out.sharing = Some(found.1);
            }
            "mode" => out.mode = Some(number(8)?),
            "uid" => out.uid = Some(number(10)?),
            "gid" => out.gid = Some(number(10)?),
            "env" => out.env = Some(value),
            _ => {
                return Err(with_suggestion(&format!("unexpected key '{key}' in '{field}'"), closest(key, KEYS)));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<MountOptions, String> {
        let mut out = self.options;
        if !matches!(out.kind, MountKind::Secret | MountKind::Ssh | MountKind::Cache) {
            for (name, value) in [("mode", out.mode), ("uid", out.uid), ("gid", out.gid)] {
                if value.is_some() {
                    return Err(format!("{name} not allowed for \"{}\" type mounts", out.kind.name()));
                }
            }
        }
        out.read_only = self.read_only.unwrap_or(!matches!(out.kind, MountKind::Cache | MountKind::Tmpfs));
        if out.kind == MountKind::Secret {
            let fault = if !out.from.is_empty() {
                "secret mount should not have a from"
            } else if out.sharing.is_some() {
                "secret mount should not define sharing"
            } else if out.source.is_empty() && out.target.is_empty() && out.id.is_empty() {
                "invalid secret mount. one of source, target required"
            } else if !out.source.is_empty() && !out.id.is_empty() {
                "both source and id can't be set"
            } else {
                ""
            };
            if !fault.is_empty() {
                return Err(fault.to_owned());
            }
        }
        if out.sharing.is_some() && out.kind != MountKind::Cache {
            return Err(format!("invalid cache sharing set for {} mount", out.kind.name()));
        }
        Ok(out)
    }
}

/// A `--device`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// Its name, as CDI has it.
    pub name: String,
    /// Whether the build fails without it.
    pub required: bool,
    /// Bytes of the value.
    pub span: Range<usize>,
}

impl Device {
    pub(super) fn read(word: &Word) -> Result<Self, (Fault, Range<usize>)> {
        Self::parse(word).map_err(|message| (Fault::Device(message), word.span.clone()))
    }

    fn parse(word: &Word) -> Result<Self, String> {
        let mut out = Self { span: word.span.clone(), ..Self::default() };
        for Word { text: field, .. } in fields(word, "devices")? {
            let (key, value) = field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value)));
            let key = lower(key);
            match (key.as_str(), value) {
                ("required", None) => out.required = true,
                ("required", Some(value)) => {
                    out.required = parse_bool(value).ok_or_else(|| format!("invalid value for {key}: {value}"))?;
                }
                ("name", Some(_)) if !out.name.is_empty() => {
                    return Err(format!("device name already set to {}", out.name));
                }
                ("name", Some(value)) => out.name = value.to_owned(),
                _ if out.name.is_empty() => out.name = field,
                (_, None) => return Err(format!("invalid field '{field}' must be a key=value pair")),
                _ => {
                    let message = format!("unexpected key '{key}' in '{field}'");
                    return Err(with_suggestion(&message, closest(&key, ["name", "required"])));
                }
            }
        }
        Ok(out)
    }
}
