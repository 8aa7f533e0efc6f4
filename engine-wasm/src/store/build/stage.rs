//! One stage: its base, its triggers, its instructions.

use std::sync::Arc;

use super::files::{copy_single, single};
use super::{BuildError, Builder, Origin, exclusions};
use crate::dockerfile::instructions::{self, Command, Copy, Files, Instruction};
use crate::dockerfile::{self};
use crate::ignore::{Matcher, path};
use crate::image::{Digest, Hasher};
use crate::store::copy::{CopyOptions, copy, copy_one, sources};
use crate::store::fs::Fs;
use crate::store::layer::write_changes;
use crate::store::mode::Mode;
use crate::store::recipe::Recipe;
use crate::store::{Error, StoredLayer};
use crate::store::{unpack, users};

/// A stage as far as it is built.
#[derive(Debug, Clone, Default)]
pub(super) struct StageState {
    pub(super) fs: Fs,
    pub(super) recipe: Recipe,
}

impl Builder<'_> {
    /// Builds a stage whose needs are done.
    pub(super) fn stage(&mut self, at: usize) -> Result<StageState, BuildError> {
        let program = self.program;
        let Some(stage) = program.stages.get(at) else {
            return Err(BuildError::new(Error::StageIndex(at.to_string()), (0, 0), 0..0));
        };
        let fail = |error| BuildError::new(error, stage.lines, stage.span.clone());
        let mut state = self.begin(at).map_err(fail)?;
        for trigger in state.recipe.take_triggers() {
            let file = dockerfile::parse(&trigger);
            let [node] = file.nodes.as_slice() else {
                return Err(fail(Error::Expand("onbuild trigger should be a single expression".to_owned())));
            };
            let command = instructions::command(node).map_err(|fault| fail(Error::Expand(fault.to_string())))?;
            self.step(&mut state, &command).map_err(fail)?;
        }
        for Instruction { command, lines, span, .. } in &stage.commands {
            self.step(&mut state, command).map_err(|error| BuildError::new(error, *lines, span.clone()))?;
        }
        Ok(state)
    }

    fn begin(&mut self, at: usize) -> Result<StageState, Error> {
        let mut state = match self.base(at)? {
            Origin::Stage(base) => {
                let base = self.done.get(&base).ok_or_else(|| Error::StageIndex(base.to_string()))?;
                StageState { fs: base.fs.clone(), recipe: Recipe::from_stage(&base.recipe) }
            }
            Origin::Image(name) if name == "scratch" => {
                StageState { fs: Fs::default(), recipe: Recipe::scratch(&self.options.expand.target_platform) }
            }
            Origin::Image(name) => {
                let fs = self.origin_files(&name)?;
                let id = self.store.resolve(&name).map_err(|_| Error::NoBase(name.clone()))?;
                let recipe = self.store.images.get(id).map(|image| Recipe::from_image(&image.config));
                StageState { fs, recipe: recipe.unwrap_or_default() }
            }
        };
        state.fs.settle();
        Ok(state)
    }

    fn step(&mut self, state: &mut StageState, command: &Command) -> Result<(), Error> {
        let command = state.recipe.step(&self.globals, &self.options.expand, command, &self.created)?;
        match &command {
            Command::Run(_) => Err(Error::Run),
            Command::Copy(Copy { files, from, parents }) => {
                let source = match from {
                    Some(from) => self.origin_files(&from.text)?,
                    None => self.context.clone(),
                };
                self.copy(state, files, &source, *parents, None)
            }
            Command::Add(add) => {
                let source = self.context.clone();
                let checksum = add.checksum.as_ref().map(|word| word.text.as_str());
                self.copy(state, &add.files, &source, false, Some((add.unpack, checksum)))
            }
            Command::Workdir(_) => {
                let run = &state.recipe.config.run;
                // A user without a line in the image makes the directory as root, as in BuildKit.
                let owner = users::owner(&state.fs, &run.user).unwrap_or((0, 0));
                let dir = state.fs.resolve(&run.working_dir)?;
                state.fs.make_dirs(&dir, 0o755, owner)?;
                self.commit(state)
            }
            _ => Ok(()),
        }
    }

    /// `COPY`, or `ADD` with what is particular to it: whether to unpack, and the checksum of a download.
    fn copy(
        &mut self,
        state: &mut StageState,
        files: &Files,
        source: &Fs,
        parents: bool,
        add: Option<(Option<bool>, Option<&str>)>,
    ) -> Result<(), Error> {
        let mut options = CopyOptions { named: true, ..CopyOptions::default() };
        options.exclude = exclusions(files.excludes.iter().map(|word| word.text.as_str()))?;
        if let Some(chown) = files.chown.as_ref().filter(|word| !word.text.is_empty()) {
            options.owner = Some(users::owner(&state.fs, &chown.text)?);
        }
        if let Some(chmod) = files.chmod.as_ref().filter(|word| !word.text.is_empty()) {
            options.mode = Some(Mode::parse(&chmod.text)?);
        }
        let mut room = self.store.room();
        let dest = destination(&state.recipe.config.run.working_dir, &files.dest.text);
        for word in &files.paths {
            let path = word.text.as_str();
            if let Some((unpack, checksum)) = add
                && is_url(path)
            {
                let room = unpack.unwrap_or(false).then_some(&mut room);
                self.download(state, path, &dest, &options, room, checksum)?;
            } else if add.is_some_and(|(unpack, _)| unpack.unwrap_or(true)) {
                for found in sources(source, path, &options)? {
                    add_local(state, source, &found, &dest, &options, &mut room)?;
                }
            } else if parents {
                let (pivot, pattern) = path.split_once("/./").unwrap_or(("/", path));
                let pattern = path::clean(&format!("/{pattern}"));
                let pattern = pattern.trim_start_matches('/');
                let plain = !pivot.contains(['*', '?', '[']) && !pattern.contains(['*', '?', '[']);
                let required = path::join(pivot, pattern);
                if plain && source.find(&source.resolve(&required)?).is_none() {
                    return Err(Error::NotFound(path::clean(&format!("/{required}"))));
                }
                options.include = Some(Matcher::new([pattern])?);
                copy(source, pivot, &mut state.fs, &dest, &options)?;
                options.include = None;
            } else {
                copy(source, path, &mut state.fs, &dest, &options)?;
            }
        }
        for content in &files.contents {
            let name = content.name.text.as_str();
            let from = single(name, 0o644, content.data.clone().into_bytes())?;
            copy_single(&from, name, &mut state.fs, &dest, &options)?;
        }
        self.commit(state)
    }

    fn download(
        &self,
        state: &mut StageState,
        url: &str,
        dest: &str,
        options: &CopyOptions,
        room: Option<&mut u64>,
        checksum: Option<&str>,
    ) -> Result<(), Error> {
        let bytes = self.options.downloads.get(url).ok_or_else(|| Error::Download(url.to_owned()))?;
        if let Some(wanted) = checksum {
            let found = Digest::of(bytes).to_string();
            if found != wanted {
                return Err(Error::Checksum { wanted: wanted.to_owned(), found });
            }
        }
        let base = state.fs.resolve(dest)?;
        if let Some(room) = room
            && unpack::archive(&mut state.fs, (url, bytes), &base, options.owner, room)?
        {
            return Ok(());
        }
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest).split(['?', '#']).next().unwrap_or_default();
        let name = match rest.split_once('/') {
            Some((_, path)) if !path.trim_end_matches('/').is_empty() => path::base(path),
            _ => "__unnamed__",
        };
        let from = single(name, 0o600, bytes.clone())?;
        copy_single(&from, name, &mut state.fs, dest, options)
    }

    /// Makes a layer of what was changed, where anything was. Memory is taken only for one that the store lacks and has room for.
    fn commit(&mut self, state: &mut StageState) -> Result<(), Error> {
        let write = |out: &mut dyn FnMut(&[u8])| write_changes(&state.fs, self.options.epoch, out);
        let mut length = 0;
        let size = write(&mut |piece| length += piece.len());
        if length == 0 {
            return Ok(());
        }
        let too_large = Error::TooLarge(self.store.most);
        if length as u64 > self.store.most {
            return Err(too_large);
        }
        let mut hasher = Hasher::like(None);
        write(&mut |piece| hasher.update(piece));
        let diff_id = hasher.finish();
        if !self.store.layers.contains_key(&diff_id) {
            if length as u64 > self.store.room() {
                return Err(too_large);
            }
            let mut tar = Vec::with_capacity(length);
            write(&mut |piece| tar.extend_from_slice(piece));
            self.store.layers.insert(diff_id.clone(), StoredLayer { tar: Arc::new(tar), size });
        }
        state.fs.settle();
        state.recipe.config.add_layer(diff_id);
        Ok(())
    }
}

/// A local source of `ADD`: an archive is unpacked.
fn add_local(
    state: &mut StageState,
    source: &Fs,
    found: &str,
    dest: &str,
    options: &CopyOptions,
    room: &mut u64,
) -> Result<(), Error> {
    let at = source.resolve(found)?;
    if let Some(crate::store::Body::File(content)) = source.get(&at).map(|node| &node.body) {
        let base = state.fs.resolve(dest)?;
        if state.fs.get(&base).is_none_or(crate::store::Node::is_dir)
            && unpack::archive(&mut state.fs, (found, content.bytes()), &base, options.owner, room)?
        {
            return Ok(());
        }
    }
    copy_one(source, found, &mut state.fs, dest, options)
}

/// A destination from the working directory, the slash or dot at its end kept.
fn destination(working_dir: &str, dest: &str) -> String {
    let written = if matches!(dest, "" | ".") { "./" } else { dest };
    let cleaned =
        if written.starts_with('/') { path::clean(written) } else { path::clean(&format!("/{working_dir}/{written}")) };
    if (written.ends_with('/') || written.ends_with("/.")) && cleaned != "/" { format!("{cleaned}/") } else { cleaned }
}

/// Whether it comes from a network: a file's address or a Git repository's.
fn is_url(path: &str) -> bool {
    ["http://", "https://", "git@", "git://", "ssh://"].iter().any(|start| path.starts_with(start))
}
