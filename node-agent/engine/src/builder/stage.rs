//! Building one stage: its base, then its instructions one after the other, each from the cache or for real, with the classic
//! builder's output.

use std::sync::Arc;

use engine_wasm::dockerfile::instructions::{self, Command, Instruction};
use engine_wasm::store::recipe::Recipe;
use slipway_images::{ImageId, Reference};

use super::cache::Cache;
use super::output::{Output, cancelled};
use super::plan::{self, From};
use super::state::State;
use super::{Build, Done, Failure, commit, run};
use crate::containers::names::new_id;
use crate::error::{Error, Result, blocking};
use crate::images::pull;
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
    /// What its first failing step says; the step's lines have been shown then.
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
        let begun = self.begin(index, &output, args).await;
        let mut stage = match begun {
            Ok(stage) => stage,
            Err(failure) => {
                self.show(&output, definition.lines).await;
                return Err(failure);
            }
        };
        for (at, instruction) in definition.commands.iter().enumerate() {
            if let Some(number) = number {
                let step = number + 1 + at;
                output.text(format!("Step {step}/{} : {}\n", self.plan.total, instruction.original)).await?;
            }
            if let Err(failure) = stage.step(instruction).await {
                self.show(&output, instruction.lines).await;
                return Err(failure);
            }
        }
        if index == self.plan.target && !self.options.labels.is_empty() {
            stage.labels().await?;
        }
        self.used(stage.state.args.used());
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
        let expand = |text: &str| super::expand_global(&args, self.file.escape, text);
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
        let cache = Cache::new(&self.engine.store, &self.options.cache_from, self.options.no_cache);
        let mut state = State::new(image, config, args, self.file.escape);
        state.epoch = self.reproducible.as_ref().map(|how| how.epoch);
        let (build, output, containers) = (Arc::clone(self), output.clone(), Vec::new());
        let mut stage = Stage { build, index, output, state, cache, recipe, ran: Vec::new(), containers };
        stage.triggers().await?;
        stage.told().await?;
        Ok(stage)
    }

    /// An image by name, pulled when it is not there or `--pull` asks for it.
    ///
    /// # Errors
    /// Docker's sentences for a name that is none, a failed pull and another platform.
    pub(crate) async fn image(&self, name: &str, platform: &str, output: &Output) -> Result<ImageId> {
        let engine = &self.engine;
        if !self.options.pull
            && let Ok(id) = engine.store.resolve(name)
        {
            self.check_platform(&id, name, platform)?;
            return Ok(id);
        }
        let reference = Reference::parse(name).map_err(|e| Error::bad(e.to_string()))?.with_default_tag();
        // Stages that begin with the same image pull it once.
        let _one_at_a_time = self.pulling.lock().await;
        if !self.options.pull
            && let Ok(id) = engine.store.resolve(name)
        {
            return Ok(id);
        }
        let (progress, mut messages) = tokio::sync::mpsc::unbounded_channel();
        let work = pull::pull(engine, &reference, progress);
        let tell = async {
            while let Some(message) = messages.recv().await {
                output.progress(&message).await?;
            }
            Ok::<(), Error>(())
        };
        let (pulled, told) = tokio::select! {
            both = async { tokio::join!(work, tell) } => both,
            () = self.cancel.cancelled() => return Err(cancelled()),
        };
        told?;
        let id = pulled?;
        self.check_platform(&id, name, platform)?;
        Ok(id)
    }

    fn check_platform(&self, id: &ImageId, name: &str, platform: &str) -> Result<()> {
        if platform.is_empty() {
            return Ok(());
        }
        let image = self.engine.store.image(id)?;
        let (os, architecture) = platform.split_once('/').unwrap_or(("linux", platform));
        let architecture = architecture.split('/').next().unwrap_or(architecture);
        let known = |text: &str| match text {
            "x86_64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.to_owned(),
        };
        let (has_os, has) = (&image.config.os, &image.config.architecture);
        if os != has_os || (platform.contains('/') && known(architecture) != *has) {
            return Err(Error::not_found(format!(
                "image with reference {name} was found but does not match the specified platform: wanted {platform}, actual: {has_os}/{has}"
            )));
        }
        Ok(())
    }

    /// What an image says of its containers.
    ///
    /// # Errors
    /// When the image is gone.
    pub(crate) fn config_of(&self, id: &ImageId) -> Result<Config> {
        let image = self.engine.store.image(id)?;
        let value = serde_json::to_value(&image.config.config).map_err(Error::internal)?;
        crate::types::from_go_json(value).map_err(Error::internal)
    }
}

impl Stage {
    /// One numbered step.
    async fn step(&mut self, instruction: &Instruction) -> Result<(), Failure> {
        if self.build.cancel.is_cancelled() {
            return Err(cancelled().into());
        }
        let done = Box::pin(self.dispatch(&instruction.command)).await;
        self.clean_up(done.is_ok()).await;
        done?;
        let image = self.state.image;
        self.state.took(image);
        self.told().await?;
        Ok(())
    }

    /// ` ---> id`
    async fn told(&self) -> Result<()> {
        let short = self.state.image.map(|id| id.short()).unwrap_or_default();
        self.output.text(format!(" ---> {short}\n")).await?;
        if let Some(id) = &self.state.image {
            self.output.image(id).await?;
        }
        Ok(())
    }

    /// Takes the step's containers away, or leaves them where `--rm=false` asks for it. After a failure nothing stays.
    async fn clean_up(&mut self, well: bool) {
        let options = &self.build.options;
        for (id, container) in std::mem::take(&mut self.containers) {
            let keep = well && !options.remove && !options.force_remove;
            match container {
                Some(container) if keep => run::keep(&container),
                Some(container) => run::discard(&self.build.engine, &container).await,
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
                self.clean_up(done.is_ok()).await;
                done?;
                let image = self.state.image;
                self.state.took(image);
            }
        }
        Ok(())
    }

    /// `--label`: one more instruction at the end.
    async fn labels(&mut self) -> Result<(), Failure> {
        let labels = self.build.options.labels.clone();
        let text: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = format!("LABEL {}", text.join(" "));
        let total = self.build.plan.total;
        self.output.text(format!("Step {total}/{total} : {text}\n")).await?;
        self.state.config.labels.extend(labels);
        let done = self.commit_text(&text).await;
        self.clean_up(done.is_ok()).await;
        done?;
        let image = self.state.image;
        self.state.took(image);
        Ok(self.told().await?)
    }

    async fn dispatch(&mut self, command: &Command) -> Result<(), Failure> {
        self.execute(command).await?;
        if let (Some(how), Some(recipe)) = (&self.build.reproducible, &mut self.recipe) {
            how.step(&self.build, recipe, command, &self.ran, self.state.image.as_ref())?;
        }
        Ok(())
    }

    async fn execute(&mut self, command: &Command) -> Result<(), Failure> {
        let text = match command {
            Command::Run(run) => return self.run(run).await,
            Command::Copy(copy) => return Ok(self.copy(copy).await?),
            Command::Add(add) => return Ok(self.add(add).await?),
            Command::Workdir(word) => {
                let directory = self.state.expand(&word.text)?;
                let text = self.state.set_directory(&directory)?;
                return Ok(self.make_directory(&text).await?);
            }
            Command::Arg(arg) => self.arg(arg)?,
            Command::Env(pairs) => {
                // All values are expanded before any is set.
                let pairs = self.pairs(pairs)?;
                for (name, value) in &pairs {
                    self.state.set_env(name, value);
                }
                pairs.iter().fold("ENV".to_owned(), |text, (name, value)| format!("{text} {name}={value}"))
            }
            Command::Label(pairs) => {
                let pairs = self.pairs(pairs)?;
                let text =
                    pairs.iter().fold("LABEL".to_owned(), |text, (name, value)| format!("{text} {name}={value}"));
                self.state.config.labels.extend(pairs);
                text
            }
            Command::Cmd(line) => self.state.set_command(line),
            Command::Entrypoint(line) => self.state.set_entrypoint(line),
            Command::Expose(words) => {
                let mut all = Vec::new();
                for word in words {
                    all.extend(self.state.expand_words(&word.text)?);
                }
                self.state.expose(&all)?
            }
            Command::Healthcheck(check) => self.state.set_healthcheck(check),
            Command::Maintainer(name) => {
                self.state.author.clone_from(&name.text);
                format!("MAINTAINER {}", name.text)
            }
            Command::Onbuild(onbuild) => {
                self.state.config.on_build.get_or_insert_default().push(onbuild.expression.clone());
                format!("ONBUILD {}", onbuild.expression)
            }
            Command::Shell(words) => {
                let shell: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
                let text = format!("SHELL [{}]", shell.join(" "));
                self.state.config.shell = Some(shell);
                text
            }
            Command::StopSignal(word) => {
                let signal = self.state.expand(&word.text)?;
                self.state.set_stop_signal(&signal)?
            }
            Command::User(word) => {
                self.state.config.user = self.state.expand(&word.text)?;
                format!("USER {}", self.state.config.user)
            }
            Command::Volume(words) => {
                let mut volumes = Vec::new();
                for word in words {
                    let volume = self.state.expand(&word.text)?.trim().to_owned();
                    if volume.is_empty() {
                        return Err(Error::bad("VOLUME specified can not be an empty string").into());
                    }
                    volumes.push(volume);
                }
                for volume in &volumes {
                    self.state.config.volumes.insert(volume.clone(), serde_json::json!({}));
                }
                format!("VOLUME [{}]", volumes.join(" "))
            }
            other => return Err(Error::unsupported(format!("this builder has no {}", other.name())).into()),
        };
        Ok(self.commit_text(&text).await?)
    }

    fn pairs(&self, pairs: &[instructions::Pair]) -> Result<Vec<(String, String)>> {
        let expand =
            |pair: &instructions::Pair| Ok((self.state.expand(&pair.name.text)?, self.state.expand(&pair.value.text)?));
        pairs.iter().map(expand).collect()
    }

    fn arg(&mut self, arg: &instructions::Arg) -> Result<String> {
        let mut text = "ARG".to_owned();
        for pair in &arg.pairs {
            let name = self.state.expand(&pair.name.text)?;
            let value = pair.value.as_ref().map(|value| self.state.expand(&value.text)).transpose()?;
            text.push(' ');
            text.push_str(&name);
            if let Some(value) = &value {
                text.push('=');
                text.push_str(value);
            }
            self.state.args.add(&name, value);
        }
        Ok(text)
    }

    /// Looks a step up in the cache; says so when it is there.
    ///
    /// # Errors
    /// When nobody reads the output any more.
    pub(crate) async fn probe(&mut self, step: &Config) -> Result<bool> {
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
    async fn commit_text(&mut self, text: &str) -> Result<()> {
        let step = self.state.comment(text, true);
        if self.probe(&step).await? {
            return Ok(());
        }
        let container = self.announce(&step).await?;
        let (engine, state) = (Arc::clone(&self.build.engine), self.state.clone());
        let id = blocking(move || commit::image(&engine, &state, &step, &container, None)).await?;
        self.state.image = Some(id);
        Ok(())
    }

    /// `WORKDIR`: the directory is made.
    async fn make_directory(&mut self, text: &str) -> Result<()> {
        let step = self.state.comment(text, false);
        if self.probe(&step).await? {
            return Ok(());
        }
        let container = self.announce(&step).await?;
        let (engine, state) = (Arc::clone(&self.build.engine), self.state.clone());
        let id = blocking(move || {
            let root = commit::Root::mount(&engine, state.image.as_ref())?;
            let path = super::copy::resolve(&root.path, state.config.working_dir.as_ref())?;
            // The classic builder makes it as root, BuildKit as the stage's user.
            let user = Some(&state.config.user).filter(|user| state.epoch.is_some() && !user.is_empty());
            let owner = user.and_then(|user| super::owner::parse(user, &root.path).ok()).unwrap_or((0, 0));
            super::copy::make_dirs(&root.path, &path, Some(owner))
                .map_err(|_| Error::bad(format!("Cannot mkdir: {} is not a directory", state.config.working_dir)))?;
            let _ = container;
            root.commit(&state, &step)
        })
        .await?;
        self.state.image = Some(id);
        Ok(())
    }

    /// Says which container the step has. A step that runs nothing needs none: only where containers are to stay one is made.
    async fn announce(&mut self, step: &Config) -> Result<String> {
        let options = &self.build.options;
        let container = if options.remove || options.force_remove || self.state.image.is_none() {
            None
        } else {
            Some(run::container(&self.build.engine, step.clone(), options.host.clone()).await?)
        };
        let id = container.as_ref().map_or_else(new_id, |container| container.id.clone());
        self.output.text(format!(" ---> Running in {}\n", &id[..12])).await?;
        self.containers.push((id.clone(), container));
        Ok(id)
    }
}
