//! Building one stage: its base, then its instructions one after the other, each from the cache or for real, with the classic
//! builder's output.

use std::sync::Arc;

use engine_wasm::dockerfile::instructions::{self, Command, Instruction};
use engine_wasm::store::recipe::Recipe;

use super::cache::Cache;
use super::output::{Output, cancelled};
use super::plan::{self, From};
use super::state::State;
use super::{Build, Done, Failure, run};
use crate::engine::lock;
use crate::error::{Error, Result};
use crate::types::Config;

/// A stage at work.
pub(crate) struct Stage {
    pub(crate) build: Arc<Build>,
    /// Its place in the file.
    pub(crate) index: usize,
    pub(crate) output: Output,
    pub(crate) state: State,
    pub(crate) cache: Cache,
    /// What a reproducible build says of its image.
    pub(crate) recipe: Option<Recipe>,
    /// The words of the last `RUN`.
    pub(crate) ran: Vec<String>,
    /// Containers of the current step, which are removed at its end: those without the record are names only.
    pub(crate) containers: Vec<(String, Option<Arc<crate::containers::Container>>)>,
}

impl Build {
    /// Builds a stage.
    ///
    /// # Errors
    /// What its first failing step says, and where that is.
    pub(crate) async fn run_stage(self: &Arc<Self>, index: usize, output: Output) -> Result<Done, Failure> {
        let definition = &self.program.stages[index];
        let number = self.plan.first_step(index);
        if Some(&index) == self.plan.needed.first() {
            self.warn(&output).await?;
            for (at, arg) in self.program.meta_args.iter().enumerate() {
                let text = self.file.nodes.get(arg.node).map_or("", |node| node.original.trim());
                output.text(format!("Step {}/{} : {text}\n", at + 1, self.plan.total)).await?;
            }
        }
        let args = self.global_args()?;
        if let Some(number) = number {
            output.text(format!("Step {number}/{} : {}\n", self.plan.total, definition.original.trim())).await?;
        }
        let mut stage = self.begin(index, &output, args).await.map_err(|failure| failure.at(definition.lines))?;
        for (at, instruction) in definition.commands.iter().enumerate() {
            if let Some(number) = number {
                let step = number + 1 + at;
                output.text(format!("Step {step}/{} : {}\n", self.plan.total, instruction.original)).await?;
            }
            stage.step(instruction).await.map_err(|failure| failure.at(instruction.lines))?;
        }
        if index == self.plan.target && !self.options.labels.is_empty() {
            stage.labels().await?;
        }
        self.used(stage.state.args.used());
        if let Some(id) = &stage.state.image {
            output.image(id).await?;
        }
        Ok(Done { image: stage.state.image, recipe: stage.recipe })
    }

    /// Finds or makes the stage's base and runs the triggers in it.
    async fn begin(
        self: &Arc<Self>,
        index: usize,
        output: &Output,
        args: super::args::BuildArgs,
    ) -> Result<Stage, Failure> {
        let definition = &self.program.stages[index];
        let expand = |text: &str| super::whole::expand_global(&args, self.file.escape, text);
        let name = expand(&definition.base.text)?;
        if name.is_empty() {
            return Err(Error::bad(format!("base name ({}) should not be blank", definition.base.text)).into());
        }
        let platform = match &definition.platform {
            Some(platform) => expand(&platform.text)?,
            None => self.options.platform.clone(),
        };
        let mut recipe = None;
        let image = match plan::base(&self.program.stages, index, &name) {
            From::Scratch => None,
            From::Stage(stage) => {
                let base = self.stage(stage).await.map_err(|_| cancelled())?;
                recipe = base.recipe.as_ref().map(Recipe::from_stage);
                base.image
            }
            From::Image(name) => Some(self.image(&name, &platform, output).await?),
        };
        if let (Some(how), None) = (&self.reproducible, &recipe) {
            recipe = Some(how.begin(self, image.as_ref())?);
        }
        let config = match &image {
            Some(id) => self.config_of(id)?,
            None => Config::default(),
        };
        let cache = Cache::new(&self.engine.store, &self.options.cache_from, self.options.no_cache, self.epoch);
        let state = State::new(image, config, args, self.file.escape);
        let (build, output, containers) = (Arc::clone(self), output.clone(), Vec::new());
        let mut stage = Stage { build, index, output, state, cache, recipe, ran: Vec::new(), containers };
        stage.triggers().await?;
        stage.told().await?;
        Ok(stage)
    }
}

impl Stage {
    /// One numbered step.
    async fn step(&mut self, instruction: &Instruction) -> Result<(), Failure> {
        if self.build.cancel.is_cancelled() {
            return Err(cancelled().into());
        }
        let done = Box::pin(self.dispatch(&instruction.command)).await;
        self.end(done).await?;
        Ok(self.told().await?)
    }

    /// ` ---> id`
    async fn told(&self) -> Result<()> {
        let short = self.state.image.map(|id| id.short()).unwrap_or_default();
        self.output.text(format!(" ---> {short}\n")).await
    }

    /// Takes the step's containers away, or leaves them where `--rm=false` asks for it. After a failure nothing stays.
    pub(crate) async fn clean_up(&mut self, well: bool) {
        let options = &self.build.options;
        for (id, container) in std::mem::take(&mut self.containers) {
            let keep = well && !options.remove && !options.force_remove;
            match container {
                Some(container) if keep => run::keep(&container),
                Some(container) => {
                    // Nothing of it is needed any more: the next step need not wait. The build's end does.
                    let engine = Arc::clone(&self.build.engine);
                    let removal = tokio::spawn(async move { run::discard(&engine, &container).await });
                    lock(&self.build.removals).push(removal);
                }
                None => {}
            }
            if (well && options.remove) || options.force_remove {
                let text = format!("Removing intermediate container {}\n", &id[..12]);
                // A client that has gone is noticed by the next step.
                let _ = self.output.text(text).await;
            }
        }
    }

    /// The `ONBUILD` instructions of the base.
    async fn triggers(&mut self) -> Result<(), Failure> {
        let triggers = self.state.config.on_build.take().unwrap_or_default();
        if let Some(recipe) = &mut self.recipe {
            recipe.take_triggers();
        }
        if triggers.is_empty() {
            return Ok(());
        }
        let plural = if triggers.len() == 1 { "" } else { "s" };
        self.output.text(format!("# Executing {} build trigger{plural}\n", triggers.len())).await?;
        for text in triggers {
            let file = engine_wasm::dockerfile::parse(&text);
            if let Some(error) = file.errors.first() {
                return Err(Error::bad(error.report()).into());
            }
            for node in &file.nodes {
                let command = instructions::command(node).map_err(|fault| Error::bad(fault.to_string()))?;
                let name = command.name();
                if matches!(command, Command::Onbuild(_) | Command::Maintainer(_)) {
                    return Err(Error::bad(format!("{name} isn't allowed as an ONBUILD trigger")).into());
                }
                let done = Box::pin(self.dispatch(&command)).await;
                self.end(done).await?;
            }
        }
        Ok(())
    }

    /// `--label`: an instruction more for each, at the end.
    async fn labels(&mut self) -> Result<(), Failure> {
        let (labels, total) = (self.build.options.labels.clone(), self.build.plan.total);
        let first = total - labels.len() + 1;
        for (step, (name, value)) in (first..).zip(labels) {
            let text = format!("LABEL {name}={value}");
            self.output.text(format!("Step {step}/{total} : {text}\n")).await?;
            self.state.config.labels.insert(name, value);
            let done = self.commit_text(&text).await;
            self.end(done.map_err(Failure::from)).await?;
            self.told().await?;
        }
        Ok(())
    }
}
