//! Builds a Dockerfile into an image of the store, for real, as long as nothing has to run. Layers and configuration follow the rules of [`layer`](super::layer) and [`config`](super::config);
//! every entry and every history entry has the build's epoch for its time, so the same input gives the same digests everywhere.

mod files;
mod stage;

use std::collections::BTreeMap;
use std::ops::Range;

use super::config::rfc3339;
use super::fs::Fs;
use super::{Error, Store};
use crate::dockerfile::expand::{self, Globals};
use crate::dockerfile::instructions::{Command, Program, program};
use crate::dockerfile::{self};
use crate::ignore::Matcher;
use crate::image::Digest;
use crate::small::Map;

pub use files::{ContextFile, context};
use stage::StageState;

/// What a build is told.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// `--target`, `--build-arg` and the platform.
    pub expand: expand::Options,
    /// Seconds since 1970 that everything gets for its time (`SOURCE_DATE_EPOCH`).
    pub epoch: i64,
    /// Names for the image.
    pub tags: Vec<String>,
    /// `--label`
    pub labels: BTreeMap<String, String>,
    /// The patterns of an ignore file of one's own; otherwise the context's `.dockerignore` is used.
    pub ignore: Option<Vec<u8>>,
    /// What `ADD URL` gets, by URL.
    pub downloads: BTreeMap<String, Vec<u8>>,
}

/// An image that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its id.
    pub id: Digest,
    /// Its layers, lowest first.
    pub layers: Vec<Digest>,
}

/// Why a build failed, and at which instruction.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct BuildError {
    /// What is wrong.
    pub error: Box<dyn std::error::Error + Send + Sync>,
    /// First and last line of the Dockerfile, from 1; 0 where no line is to blame.
    pub lines: (usize, usize),
    /// Bytes of the Dockerfile.
    pub span: Range<usize>,
}

impl BuildError {
    fn new(error: Error, lines: (usize, usize), span: Range<usize>) -> Self {
        Self { error: Box::new(error), lines, span }
    }
}

/// A stage or an image that files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Stage(usize),
    Image(String),
}

struct Builder<'a> {
    store: &'a mut Store,
    program: &'a Program,
    globals: Globals,
    options: &'a BuildOptions,
    context: Fs,
    created: String,
    done: Map<usize, StageState>,
    images: Map<String, Fs>,
}

impl Store {
    /// Builds the target stage and what it needs, and gives the image its names.
    ///
    /// # Errors
    /// The first fault, with the lines it stands on. Layers that were made until then are not kept.
    pub fn build(&mut self, dockerfile: &str, context: &Fs, options: &BuildOptions) -> Result<Built, BuildError> {
        let file = dockerfile::parse(dockerfile);
        let program = program(&file);
        if let Some(error) = program.errors.first() {
            let (lines, span) = (error.lines, error.span.clone());
            return Err(BuildError { error: Box::new(error.clone()), lines, span });
        }
        let nowhere = |error| BuildError::new(error, (0, 0), 0..0);
        let globals = Globals::new(&program, file.escape, &options.expand).map_err(|error| {
            let (lines, span) = (error.lines, error.span.clone());
            BuildError { error: Box::new(error), lines, span }
        })?;
        let target = match options.expand.target.as_str() {
            "" => program.stages.len().saturating_sub(1),
            name => find(&program, name).ok_or_else(|| nowhere(Error::NoTarget(name.to_owned())))?,
        };
        let context = files::filtered(context, options.ignore.as_deref()).map_err(nowhere)?;
        let created = rfc3339(options.epoch);
        let (before, images) = (self.layers.clone(), Map::default());
        let done = Map::default();
        let mut builder = Builder { store: self, program: &program, globals, options, context, created, done, images };
        let result = builder.target(target);
        match result {
            Ok(state) => {
                let built = self.finish(state, options).map_err(nowhere)?;
                let used = crate::order::set(self.images.values().flat_map(|image| &image.diff_ids));
                self.layers.retain(|diff_id, _| used.contains(diff_id));
                Ok(built)
            }
            Err(error) => {
                self.layers = before;
                Err(error)
            }
        }
    }

    fn finish(&mut self, state: StageState, options: &BuildOptions) -> Result<Built, Error> {
        let mut config = state.recipe.config;
        config.run.labels.extend(options.labels.clone());
        config.created = rfc3339(options.epoch);
        let bytes = config.to_bytes();
        let layers = config.diff_ids.clone();
        let id = self.add(bytes, config.to_json(), layers.clone());
        for tag in &options.tags {
            self.tag(id.as_str(), tag)?;
        }
        Ok(Built { id, layers })
    }
}

impl Builder<'_> {
    /// Builds a stage after those it needs, each once.
    fn target(&mut self, target: usize) -> Result<StageState, BuildError> {
        let mut stack = vec![target];
        while let Some(&at) = stack.last() {
            if self.done.contains_key(&at) {
                stack.pop();
                continue;
            }
            let needs: Vec<usize> = self.needs(at)?.into_iter().filter(|need| !self.done.contains_key(need)).collect();
            if let Some(circle) = needs.iter().find(|need| stack.contains(need)) {
                let stage = self.program.stages.get(*circle);
                let name = stage.map(|s| s.name().to_owned()).filter(|n| !n.is_empty()).unwrap_or(circle.to_string());
                let (lines, span) = stage.map(|s| (s.lines, s.span.clone())).unwrap_or_default();
                return Err(BuildError::new(Error::Circle(name), lines, span));
            }
            if needs.is_empty() {
                let state = self.stage(at)?;
                self.done.insert(at, state);
                stack.pop();
            } else {
                stack.extend(needs);
            }
        }
        self.done.remove(&target).ok_or_else(|| BuildError::new(Error::NoTarget(target.to_string()), (0, 0), 0..0))
    }

    /// The stages that a stage begins with or copies from.
    fn needs(&self, at: usize) -> Result<Vec<usize>, BuildError> {
        let Some(stage) = self.program.stages.get(at) else { return Ok(Vec::new()) };
        let fail = |error, lines, span: &Range<usize>| BuildError::new(error, lines, span.clone());
        let mut needs = Vec::new();
        if let Origin::Stage(base) = self.base(at).map_err(|e| fail(e, stage.lines, &stage.span))? {
            needs.push(base);
        }
        for instruction in &stage.commands {
            if let Command::Copy(copy) = &instruction.command
                && let Some(from) = &copy.from
                && let Origin::Stage(source) =
                    self.origin(&from.text).map_err(|e| fail(e, instruction.lines, &instruction.span))?
            {
                needs.push(source);
            }
        }
        Ok(needs)
    }

    /// What a stage begins with. Only stages before it can be meant.
    fn base(&self, at: usize) -> Result<Origin, Error> {
        let Some(stage) = self.program.stages.get(at) else { return Err(Error::StageIndex(at.to_string())) };
        let name = self.globals.base(stage).name.map_err(|fault| Error::Expand(fault.to_string()))?;
        let earlier = self.program.stages.iter().take(at).rposition(|s| !s.name().is_empty() && s.name() == name);
        Ok(earlier.map_or(Origin::Image(name), Origin::Stage))
    }

    /// What `--from` means.
    fn origin(&self, name: &str) -> Result<Origin, Error> {
        match find(self.program, name) {
            Some(stage) => Ok(Origin::Stage(stage)),
            None if name.parse::<i64>().is_ok() => Err(Error::StageIndex(name.to_owned())),
            None => Ok(Origin::Image(name.to_owned())),
        }
    }

    /// The files of a stage that is done, or of an image of the store.
    fn origin_files(&mut self, name: &str) -> Result<Fs, Error> {
        match self.origin(name)? {
            Origin::Stage(at) => {
                self.done.get(&at).map(|state| state.fs.clone()).ok_or_else(|| Error::StageIndex(name.to_owned()))
            }
            Origin::Image(name) if name == "scratch" => Ok(Fs::default()),
            Origin::Image(name) => {
                if let Some(fs) = self.images.get(&name) {
                    return Ok(fs.clone());
                }
                let id = self.store.resolve(&name).map_err(|_| Error::NoBase(name.clone()))?.clone();
                let fs = self.store.files(&id)?;
                self.images.insert(name, fs.clone());
                Ok(fs)
            }
        }
    }
}

/// A stage by name, in any case, or by number.
fn find(program: &Program, name: &str) -> Option<usize> {
    match name.parse::<usize>() {
        Ok(at) => (at < program.stages.len()).then_some(at),
        Err(_) => {
            let name = crate::golang::case::lower(name);
            program.stages.iter().rposition(|stage| !stage.name().is_empty() && stage.name() == name)
        }
    }
}

/// A matcher for `--exclude`; none when there is nothing to exclude.
fn exclusions<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<Option<Matcher>, Error> {
    let patterns: Vec<&str> = patterns.collect();
    Ok(if patterns.is_empty() { None } else { Some(Matcher::new(patterns)?) })
}
