//! `COPY`, and what it shares with `ADD`: sources are found and hashed, the cache is asked, and only then anything is copied.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_wasm::dockerfile::instructions::{Content, Copy, Files};
use engine_wasm::ignore::Matcher;
use engine_wasm::store::{Mode, ModeError};
use slipway_images::ImageId;

use super::commit::{self, Root};
use super::context::Context;
use super::copy::{self, How};
use super::git_url::GitUrl;
use super::output::cancelled;
use super::owner;
use super::plan::{self, From};
use super::repository::Repository;
use super::source::{self, Source};
use super::stage::Stage;
use crate::containers::names::random_hex;
use crate::error::{Error, Result, blocking};

/// What is to be put where, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Put {
    /// `COPY` or `ADD`.
    pub(crate) name: &'static str,
    /// As written, variables expanded.
    pub(crate) dest: String,
    pub(crate) chown: Option<String>,
    pub(crate) chmod: Option<String>,
    /// Sources keep their owners.
    pub(crate) owners: bool,
    /// Archives are unpacked.
    pub(crate) unpack: bool,
    /// `--parents`
    pub(crate) parents: bool,
    /// `--exclude`
    pub(crate) excludes: Vec<String>,
    pub(crate) sources: Vec<Source>,
    /// Those of the sources that are still to be fetched.
    pub(crate) repositories: Vec<Repository>,
}

/// Which paths `--exclude` leaves out, seen from a source.
fn skipping(excludes: &[String]) -> Result<impl Fn(&Path) -> bool + use<>> {
    let matcher = Matcher::new(excludes).map_err(|e| Error::bad(format!("invalid --exclude: {e}")))?;
    let none = excludes.is_empty();
    Ok(move |path: &Path| !none && matcher.ignores(&path.to_string_lossy()).unwrap_or(false))
}

impl Stage {
    /// `COPY`
    ///
    /// # Errors
    /// Docker's sentences.
    pub(crate) async fn copy(&mut self, copy: &Copy) -> Result<()> {
        let mut put = self.put("COPY", &copy.files)?;
        put.parents = copy.parents;
        for word in &copy.files.paths {
            if GitUrl::parse(&word.text).is_ok_and(|url| url.is_some()) {
                return Err(Error::bad("COPY failed: source can't be a git ref for COPY"));
            }
            if super::remote::is_url(&word.text) {
                return Err(Error::bad("COPY failed: source can't be a URL for COPY"));
            }
        }
        let (root, _held) = match &copy.from {
            None => (self.build.context.dir.path().to_owned(), None),
            Some(from) => {
                put.owners = true;
                let root = self.root(&from.text).await?;
                (root.path.clone(), Some(root))
            }
        };
        put.sources = self.find(&put, &root, &copy.files, copy.from.is_some()).await?;
        put.sources.extend(self.contents(&copy.files.contents)?);
        self.copy_all(put).await
    }

    /// The words of an instruction, expanded.
    pub(crate) fn put(&self, name: &'static str, files: &Files) -> Result<Put> {
        let expand = |word: &engine_wasm::dockerfile::Word| self.state.expand(&word.text);
        Ok(Put {
            name,
            dest: expand(&files.dest)?,
            chown: files.chown.as_ref().map(expand).transpose()?.filter(|text| !text.is_empty()),
            chmod: files.chmod.as_ref().map(expand).transpose()?.filter(|text| !text.is_empty()),
            excludes: files.excludes.iter().map(expand).collect::<Result<_>>()?,
            ..Put::default()
        })
    }

    /// Finds the paths of an instruction in a root.
    pub(crate) async fn find(&self, put: &Put, root: &Path, files: &Files, from: bool) -> Result<Vec<Source>> {
        let names = files.paths.iter().map(|word| self.state.expand(&word.text)).collect::<Result<Vec<_>>>()?;
        self.find_names(put, root, names, from).await
    }

    /// As [`Self::find`], by expanded names.
    pub(crate) async fn find_names(
        &self,
        put: &Put,
        root: &Path,
        names: Vec<String>,
        from: bool,
    ) -> Result<Vec<Source>> {
        if self.build.context.absent && !from {
            return Err(Error::bad(format!("{} failed: missing build context", put.name)));
        }
        let (root, excludes, owners, instruction) = (root.to_owned(), put.excludes.clone(), put.owners, put.name);
        blocking(move || {
            let skip = skipping(&excludes)?;
            let mut found = Vec::new();
            for name in names {
                let mut sources = source::find(&root, &name, owners, &skip).map_err(|e| {
                    let known = e.message.starts_with("stat ") && !from;
                    let hint = "file not found in build context or excluded by .dockerignore: ";
                    Error::bad(format!("{instruction} failed: {}{}", if known { hint } else { "" }, e.message))
                })?;
                source::cut(&name, &mut sources)?;
                found.extend(sources);
            }
            Ok(found)
        })
        .await
    }

    /// Here-documents as files.
    pub(crate) fn contents(&self, contents: &[Content]) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        for content in contents {
            let data = if content.expand { self.state.expand_text(&content.data)? } else { content.data.clone() };
            sources.push(self.made(&content.name.text, data.as_bytes(), 0o644)?);
        }
        Ok(sources)
    }

    /// A file of the builder's own as a source.
    pub(crate) fn made(&self, name: &str, content: &[u8], mode: u32) -> Result<Source> {
        let root = self.build.scratch.path().join(format!("file-{}", random_hex(8)));
        std::fs::create_dir(&root)?;
        let plain = Path::new(name).file_name().map(PathBuf::from).unwrap_or_else(|| "file".into());
        Context::keep(&root, &plain.to_string_lossy(), content, mode)?;
        let found = source::find_plain(&root, &plain)?;
        Ok(Source { packed: true, ..found })
    }

    /// The root that `--from` names, mounted until the build ends.
    pub(crate) async fn root(&self, name: &str) -> Result<Arc<Root>> {
        let image = match plan::from(&self.build.program.stages, self.index, name)? {
            From::Stage(stage) => self.build.stage(stage).await.map_err(|_| cancelled())?.image,
            From::Scratch => None,
            From::Image(image) => {
                let found = self.build.image(&image, &self.build.options.platform, &self.output).await;
                Some(found.map_err(|e| e.context(&format!("invalid from flag value {name}")))?)
            }
        };
        self.root_of(image).await
    }

    async fn root_of(&self, image: Option<ImageId>) -> Result<Arc<Root>> {
        let mut roots = self.build.roots.lock().await;
        if let Some((_, root)) = roots.iter().find(|(known, _)| *known == image) {
            return Ok(Arc::clone(root));
        }
        let engine = Arc::clone(&self.build.engine);
        let root = Arc::new(blocking(move || Root::mount(&engine, image.as_ref())).await?);
        roots.push((image, Arc::clone(&root)));
        Ok(root)
    }

    /// Copies what was found, unless the cache has it.
    pub(crate) async fn copy_all(&mut self, put: Put) -> Result<()> {
        if put.sources.is_empty() {
            return Err(Error::bad(format!("{} failed: no source files were specified", put.name)));
        }
        let target = self.state.absolute(&put.dest);
        if put.sources.len() > 1 && !target.ends_with('/') {
            return Err(Error::bad(format!(
                "When using {} with more than one source file, the destination must be a directory and end with a /",
                put.name
            )));
        }
        let flag = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("--{name}={value} ")).unwrap_or_default()
        };
        let step = self.state.comment(
            &format!(
                "{} {}{}{}{} in {} ",
                put.name,
                flag("chown", &put.chown),
                flag("chmod", &put.chmod),
                if put.parents { "--parents " } else { "" },
                source::hash_of(&put.sources),
                put.dest
            ),
            false,
        );
        let Some(_claim) = self.claim(&step).await? else { return Ok(()) };
        for repository in &put.repositories {
            let fetched = tokio::select! {
                fetched = repository.check_out() => fetched,
                () = self.build.cancel.cancelled() => Err(cancelled()),
            };
            fetched.map_err(|e| e.context("ADD failed"))?;
        }
        let (build, state) = (Arc::clone(&self.build), self.state.clone());
        let id = blocking(move || {
            let root = Root::mount(&build.engine, state.image.as_ref())?;
            into(&root, &put, &target)?;
            root.commit(&build, &state, &step, "")
        })
        .await?;
        self.state.image = Some(id);
        Ok(())
    }
}

fn into(root: &commit::Root, put: &Put, target: &str) -> Result<()> {
    let given = put.chown.as_ref().map(|text| owner::parse(text, &root.path)).transpose()?;
    let owner = given.or((!put.owners).then_some(copy::ROOT));
    let mode = put.chmod.as_deref().map(|text| Mode::parse(text).map_err(|e| wrong_mode(text, &e))).transpose()?;
    let skip = skipping(&put.excludes)?;
    for source in &put.sources {
        // What is left out is told by its place in the source.
        let seen = |path: &Path| match path.strip_prefix(&source.path) {
            Ok(rest) if !rest.as_os_str().is_empty() => skip(rest) || skip(path),
            _ => skip(path),
        };
        let how = How { owner, archive_owner: given, mode: mode.as_ref(), unpack: put.unpack, skip: &seen };
        let target = if put.parents { below(target, &source.below) } else { target.to_owned() };
        copy::copy(&root.path, &target, source, &how).map_err(|e| e.context("failed to copy files"))?;
    }
    Ok(())
}

/// BuildKit's text, which may name the mode or not.
fn wrong_mode(text: &str, error: &ModeError) -> Error {
    match error {
        ModeError::Octal(_) => Error::bad(error.to_string()),
        ModeError::Syntax => Error::bad(format!("invalid chmod parameter: '{text}': {error}")),
    }
}

/// Where a source goes with `--parents`: under the destination by its whole path.
fn below(target: &str, path: &Path) -> String {
    format!("{}/{}", target.trim_end_matches('/'), path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_parents_the_whole_path_is_kept() {
        assert_eq!(below("/to/", Path::new("a/b/c.txt")), "/to/a/b/c.txt");
        assert_eq!(below("/", Path::new("a")), "/a");
    }

    #[test]
    fn what_is_excluded_is_told_by_patterns() {
        let skip = skipping(&["*.txt".into(), "!keep.txt".into()]).unwrap();
        assert!(skip(Path::new("a.txt")) && !skip(Path::new("keep.txt")) && !skip(Path::new("a.md")));
        assert!(!skipping(&[]).unwrap()(Path::new("a")));
        assert!(skipping(&["[".into()]).is_err());
    }
}
