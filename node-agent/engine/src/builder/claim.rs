//! Steps and the cache: each is looked up, and what is not there is made by one build while the others that come to the same
//! step wait for it. The steps that run no command are made here, too.

use std::sync::Arc;

use super::Failure;
use super::commit::{self, Root};
use super::output::cancelled;
use super::stage::Stage;
use super::{copy, place, run};
use crate::containers::names::new_id;
use crate::error::{Error, Result, blocking};
use crate::types::Config;

/// The right to make a step; while it lives no other build makes the same.
#[derive(Debug)]
pub(crate) struct Claim {
    _alone: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Stage {
    /// Takes a step from the cache, or the right to make it; `None` when the cache had it and the stage has gone on.
    ///
    /// # Errors
    /// When the build is cancelled meanwhile.
    pub(crate) async fn claim(&mut self, step: &Config) -> Result<Option<Claim>> {
        if self.build.options.no_cache {
            return Ok(Some(Claim { _alone: None }));
        }
        let lock = self.build.engine.builds.step(self.state.image.as_ref(), step);
        let guard = tokio::select! {
            guard = lock.lock_owned() => guard,
            () = self.build.cancel.cancelled() => return Err(cancelled()),
        };
        // Asked under the lock: whoever held it before may have made the step.
        if self.probe(step).await? { Ok(None) } else { Ok(Some(Claim { _alone: Some(guard) })) }
    }

    /// Looks a step up in the cache; says so when it is there.
    async fn probe(&mut self, step: &Config) -> Result<bool> {
        if self.cache.is_off() {
            return Ok(false);
        }
        let (mut cache, parent, wanted) = (self.cache.clone(), self.state.image, step.clone());
        let (cache, found) = blocking(move || {
            let found = cache.probe(parent.as_ref(), &wanted)?;
            Ok((cache, found))
        })
        .await?;
        self.cache = cache;
        let Some(id) = found else { return Ok(false) };
        self.state.image = Some(id);
        self.output.text(" ---> Using cache\n").await?;
        Ok(true)
    }

    /// A step that changes the configuration only.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) async fn commit_text(&mut self, text: &str) -> Result<()> {
        let step = self.state.comment(text, true);
        let Some(_claim) = self.claim(&step).await? else { return Ok(()) };
        let (container, step) = self.announce(step).await?;
        let (build, state) = (Arc::clone(&self.build), self.state.clone());
        let id = blocking(move || commit::image(&build, &state, &step, &container, None)).await?;
        self.state.image = Some(id);
        Ok(())
    }

    /// `WORKDIR`: the directory is made.
    ///
    /// # Errors
    /// When something else stands in its way.
    pub(crate) async fn make_directory(&mut self, text: &str) -> Result<()> {
        let step = self.state.comment(text, false);
        let Some(_claim) = self.claim(&step).await? else { return Ok(()) };
        let (container, step) = self.announce(step).await?;
        let (build, state) = (Arc::clone(&self.build), self.state.clone());
        let id = blocking(move || {
            let root = Root::mount(&build.engine, state.image.as_ref())?;
            let path = place::resolve(&root.path, state.config.working_dir.as_ref())?;
            // The classic builder makes it as root, BuildKit as the stage's user.
            let user = Some(&state.config.user).filter(|user| build.epoch.is_some() && !user.is_empty());
            let owner = user.and_then(|user| super::owner::parse(user, &root.path).ok()).unwrap_or(copy::ROOT);
            place::make_dirs(&root.path, &path, Some(owner))
                .map_err(|_| Error::bad(format!("Cannot mkdir: {} is not a directory", state.config.working_dir)))?;
            root.commit(&build, &state, &step, &container)
        })
        .await?;
        self.state.image = Some(id);
        Ok(())
    }

    /// Says which container the step has, and gives it back with the configuration that is noted of it: it has the container's name. A
    /// step that runs nothing needs none: only where containers are to stay one is made.
    async fn announce(&mut self, mut step: Config) -> Result<(String, Config)> {
        let options = &self.build.options;
        let container = if options.remove || options.force_remove || self.state.image.is_none() {
            None
        } else {
            Some(run::container(&self.build.engine, step.clone(), options.host.clone()).await?)
        };
        let id = container.as_ref().map_or_else(new_id, |container| container.id.clone());
        self.output.text(format!(" ---> Running in {}\n", &id[..12])).await?;
        self.containers.push((id.clone(), container));
        if self.build.epoch.is_none() {
            id[..12].clone_into(&mut step.hostname);
        }
        Ok((id, step))
    }

    /// The step is done, well or not: its containers go, and the stage stands on the image it has come to.
    ///
    /// # Errors
    /// `done`'s own.
    pub(crate) async fn end(&mut self, done: Result<(), Failure>) -> Result<(), Failure> {
        self.clean_up(done.is_ok()).await;
        done?;
        let image = self.state.image;
        self.state.took(image);
        Ok(())
    }
}
