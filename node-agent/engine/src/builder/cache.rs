//! The build cache is the images themselves: a step is known when its parent has a child that was made by the same step. The
//! step's configuration is the key, and what is copied is in it by the hash of its content (moby `image/cache`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use slipway_images::{BuildStep, ChainId, DiffId, Image, ImageId, Store};

use super::epoch::Epoch;
use crate::engine::lock;
use crate::error::Result;
use crate::types::Config;

/// Work that is going on: builds that come to the same step wait for each other, and all but one find it in the cache.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>);

impl InFlight {
    /// The lock of a step on a parent.
    pub(crate) fn step(&self, parent: Option<&ImageId>, step: &Config) -> Arc<tokio::sync::Mutex<()>> {
        let key = serde_json::to_vec(&(parent.map(ToString::to_string), step)).unwrap_or_default();
        let mut all = lock(&self.0);
        // Those that nobody holds any more are forgotten here.
        all.retain(|_, other| Arc::strong_count(other) > 1);
        Arc::clone(all.entry(Sha256::digest(key).into()).or_default())
    }
}

/// Where a stage looks for steps done before.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    store: Arc<Store>,
    /// `--cache-from`; with any, only what they contain is taken.
    sources: Vec<Arc<Image>>,
    /// `--no-cache`
    off: bool,
    /// Only what was made for this time is taken.
    created: Option<String>,
}

impl Cache {
    /// The cache of a stage. Names in `from` that lead to no image are passed over, as in Docker.
    pub(crate) fn new(store: &Arc<Store>, from: &[String], off: bool, epoch: Option<Epoch>) -> Self {
        let found = from.iter().filter_map(|name| store.image(&store.resolve(name).ok()?).ok());
        let created = epoch.map(Epoch::text);
        Self { store: Arc::clone(store), sources: found.collect(), off, created }
    }

    /// Whether there is no use in asking.
    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    /// The image that `step` made on `parent` before. Blocking.
    ///
    /// # Errors
    /// When an image of `--cache-from` cannot be stored.
    pub(crate) fn probe(&mut self, parent: Option<&ImageId>, step: &Config) -> Result<Option<ImageId>> {
        if self.off {
            return Ok(None);
        }
        // Asked even below a step that this build has made: another one may have gone ahead from there.
        match self.local(parent, step) {
            Some(id) if self.sources.is_empty() || self.sources.iter().any(|s| self.is_below(&id, &s.id)) => {
                Ok(Some(id))
            }
            _ if self.sources.is_empty() => Ok(None),
            _ => self.among_sources(parent, step),
        }
    }

    fn local(&self, parent: Option<&ImageId>, step: &Config) -> Option<ImageId> {
        let siblings = match parent {
            Some(parent) => self.store.children(parent),
            None => self.store.parentless(),
        };
        let mut found: Option<Arc<Image>> = None;
        for id in siblings {
            let Ok(image) = self.store.image(&id) else { continue };
            let newer = found.as_ref().is_none_or(|other| other.created < image.created);
            let then = self.created.as_ref().is_none_or(|created| image.config.created.as_ref() == Some(created));
            if newer && then && image.config.container_config.as_ref().is_some_and(|config| same(config, step)) {
                found = Some(image);
            }
        }
        found.map(|image| image.id)
    }

    /// Whether `id` is `top` or one of the images that it was made from.
    fn is_below(&self, id: &ImageId, top: &ImageId) -> bool {
        let mut next = Some(*top);
        while let Some(at) = next {
            if at == *id {
                return true;
            }
            next = self.store.parent(&at);
        }
        false
    }

    fn among_sources(&mut self, parent: Option<&ImageId>, step: &Config) -> Result<Option<ImageId>> {
        let parent = parent.map(|id| self.store.image(id)).transpose()?;
        let done = parent.as_ref().map_or(0, |image| image.config.history.len());
        let command = step.cmd.clone().unwrap_or_default().join(" ");
        for source in self.sources.clone() {
            let Some(next) = source.config.history.get(done) else { continue };
            if !is_ancestor(parent.as_deref(), &source) || next.created_by.as_deref() != Some(&command) {
                continue;
            }
            // No jumping between sources: what follows must come from this one.
            self.sources = vec![Arc::clone(&source)];
            if done + 1 == source.config.history.len() {
                if let Some(parent) = &parent {
                    self.store.set_parent(&source.id, &parent.id)?;
                }
                return Ok(Some(source.id));
            }
            let before = source.config.history[..done].iter().filter(|entry| !entry.empty_layer).count();
            let layer = (!next.empty_layer).then(|| source.layers.get(before).copied()).flatten();
            return self.restore(parent.as_deref(), &source, layer, step, done).map(Some);
        }
        Ok(None)
    }

    /// Makes the image that stood between the parent and the source.
    fn restore(
        &self,
        parent: Option<&Image>,
        source: &Image,
        layer: Option<DiffId>,
        step: &Config,
        at: usize,
    ) -> Result<ImageId> {
        let entry = source.config.history.get(at).cloned().unwrap_or_default();
        let mut diffs: Vec<DiffId> = parent.map(|image| image.layers.clone()).unwrap_or_default();
        diffs.extend(layer);
        // Held until the image names it.
        let _layers: Vec<_> = ChainId::stack(&diffs).iter().filter_map(|id| self.store.layer(id)).collect();
        let build = BuildStep {
            parent: parent.map(|image| image.id),
            config: super::commit::document(step)?,
            author: entry.author.unwrap_or_default(),
            created: entry.created.unwrap_or_default(),
            created_by: entry.created_by.unwrap_or_default(),
            comment: entry.comment.unwrap_or_default(),
            docker_version: crate::VERSION.into(),
            architecture: source.config.architecture.clone(),
            ..BuildStep::default()
        };
        Ok(self.store.build_image(&build, layer.as_ref())?)
    }
}

/// Whether `source` was made on `parent`: the same history and the same layers below.
fn is_ancestor(parent: Option<&Image>, source: &Image) -> bool {
    let Some(parent) = parent else { return true };
    source.config.history.starts_with(&parent.config.history) && source.layers.starts_with(&parent.layers)
}

/// moby's `runconfig.Compare`: what makes two steps the same.
fn same(stored: &Value, step: &Config) -> bool {
    // The command tells almost all siblings apart, and reading the rest takes longer.
    let words = step.cmd.as_deref().unwrap_or_default();
    let command = stored["Cmd"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !command.iter().map(Value::as_str).eq(words.iter().map(|word| Some(word.as_str()))) {
        return false;
    }
    let Ok(stored) = crate::types::from_go_json::<Config>(stored.clone()) else { return false };
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    !stored.open_stdin
        && stored.user == step.user
        && stored.tty == step.tty
        && stored.env == step.env
        && stored.labels == step.labels
        && list(&stored.entrypoint) == list(&step.entrypoint)
        && stored.exposed_ports.keys().eq(step.exposed_ports.keys())
        && stored.volumes.keys().eq(step.volumes.keys())
        && stored.working_dir == step.working_dir
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_the_same_by_what_they_run_and_in_which_surroundings() {
        let step = Config { cmd: Some(vec!["a".into()]), env: vec!["A=1".into()], ..Config::default() };
        let stored = |change: &dyn Fn(&mut Config)| {
            let mut config = step.clone();
            change(&mut config);
            serde_json::to_value(config).unwrap()
        };
        assert!(same(&stored(&|_| {}), &step));
        assert!(same(&stored(&|c| c.hostname = "other".into()), &step));
        assert!(same(&stored(&|c| c.entrypoint = Some(vec![])), &step));
        assert!(!same(&stored(&|c| c.env.clear()), &step));
        assert!(!same(&stored(&|c| c.cmd = None), &step));
        assert!(!same(&stored(&|c| c.user = "app".into()), &step));
        assert!(!same(&stored(&|c| c.working_dir = "/x".into()), &step));
        assert!(!same(&Value::Null, &step));
    }

    #[tokio::test]
    async fn the_same_step_has_one_lock() {
        let (flight, step) = (InFlight::default(), Config::default());
        let first = flight.step(None, &step);
        let guard = first.lock().await;
        assert!(flight.step(None, &step).try_lock().is_err());
        let other = Config { user: "x".into(), ..Config::default() };
        assert!(flight.step(None, &other).try_lock().is_ok());
        drop(guard);
        assert!(flight.step(None, &step).try_lock().is_ok());
    }
}
