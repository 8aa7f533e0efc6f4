//! Builds that give the same image from the same input on every machine: with the build argument `SOURCE_DATE_EPOCH` everything that the
//! build writes has that time, and the finished image is described as `engine_wasm::store` describes its own, so that a page
//! and a node come to the same digests. Intermediate images are the classic builder's.

use engine_wasm::dockerfile::expand::{self, Globals};
use engine_wasm::dockerfile::instructions::{Command, Program};
use engine_wasm::store::recipe::Recipe;
use slipway_images::ImageId;

use super::epoch::Epoch;
use super::options::Options;
use super::{Build, Done};
use crate::error::{Error, Result, blocking};

/// What a reproducible build needs beside the rest.
#[derive(Debug)]
pub(crate) struct Reproducible {
    created: String,
    globals: Globals,
    options: expand::Options,
}

impl Reproducible {
    /// # Errors
    /// For arguments before the first `FROM` that cannot be read.
    pub(crate) fn new(epoch: Epoch, options: &Options, program: &Program, escape: char) -> Result<Self> {
        let options = options.for_buildkit()?;
        let globals = Globals::new(program, escape, &options).map_err(|e| Error::bad(e.to_string()))?;
        Ok(Self { created: epoch.text(), globals, options })
    }

    /// The begin of a stage from an image of the store, or from nothing.
    ///
    /// # Errors
    /// When the image is gone.
    pub(crate) fn begin(&self, build: &Build, image: Option<&ImageId>) -> Result<Recipe> {
        let Some(id) = image else { return Ok(Recipe::scratch(&self.options.target_platform)) };
        let document = serde_json::from_slice(&build.engine.store.image(id)?.raw).map_err(Error::internal)?;
        Ok(Recipe::from_image(&document))
    }

    /// Takes in what a step has done: `words` ran, and `image` is the image after it.
    ///
    /// # Errors
    /// What the classic builder has let pass.
    pub(crate) fn step(
        &self,
        build: &Build,
        recipe: &mut Recipe,
        command: &Command,
        words: &[String],
        image: Option<&ImageId>,
    ) -> Result<()> {
        let step = recipe.step(&self.globals, &self.options, command, &self.created);
        if let Command::Run(_) = step.map_err(|e| Error::bad(e.to_string()))? {
            recipe.ran(words, &self.created);
        }
        let Some(id) = image else { return Ok(()) };
        let layers = build.engine.store.image(id)?.config.rootfs.diff_ids.clone();
        for layer in layers.iter().skip(recipe.config.diff_ids.len()) {
            recipe.config.add_layer(layer.to_string().parse().map_err(Error::internal)?);
        }
        Ok(())
    }

    /// Makes the finished image beside the last step's, which becomes its parent.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) async fn image(&self, build: &Build, done: &Done) -> Result<Option<ImageId>> {
        let (Some(parent), Some(recipe)) = (done.image, &done.recipe) else { return Ok(done.image) };
        let mut config = recipe.config.clone();
        config.run.labels.extend(build.options.labels.clone());
        config.created.clone_from(&self.created);
        let (engine, raw) = (build.engine.clone(), config.to_bytes());
        let made = blocking(move || {
            let id = engine.store.create_image(&raw)?;
            if id != parent {
                engine.store.set_parent(&id, &parent)?;
            }
            Ok(id)
        });
        Ok(Some(made.await?))
    }
}
