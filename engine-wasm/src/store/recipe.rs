//! A stage's configuration while it is built: what every builder of the project makes of an instruction, its files apart. The store's builder
//! and the engine's (where a build is to be reproducible) go through the same steps here, so that their images are the same.

use serde_json::Value;

use super::Error;
use super::config::ImageConfig;
use crate::dockerfile::expand::{DEFAULT_PATH, Globals, Options, Platform, StageScope};
use crate::dockerfile::instructions::{Command, Files};

/// A stage's configuration so far, and the variables in force.
#[derive(Debug, Clone, Default)]
pub struct Recipe {
    /// The configuration.
    pub config: ImageConfig,
    scope: StageScope,
    /// Whether `CMD` was given in this stage.
    cmd_set: bool,
    /// The triggers that this stage sets, for stages built on it.
    triggers: Vec<String>,
}

impl Recipe {
    /// The begin of a stage from nothing.
    pub fn scratch(platform: &Platform) -> Self {
        Self::begin(ImageConfig::scratch(&platform.os, &platform.architecture, &platform.variant))
    }

    /// The begin of a stage from an image with this configuration.
    pub fn from_image(document: &Value) -> Self {
        let mut config = ImageConfig::from_json(document);
        if !config.run.env.iter().any(|entry| entry.starts_with("PATH=")) {
            config.run.env.push(format!("PATH={DEFAULT_PATH}"));
        }
        if config.run.working_dir.is_empty() {
            config.run.working_dir = "/".to_owned();
        }
        Self::begin(config)
    }

    fn begin(config: ImageConfig) -> Self {
        let scope = StageScope::from_image(config.run.env.iter().map(String::as_str));
        Self { config, scope, ..Self::default() }
    }

    /// The begin of a stage that is built on another, which has ended so.
    #[must_use]
    pub fn from_stage(base: &Self) -> Self {
        let mut recipe = Self { scope: StageScope::from_stage(&base.scope), cmd_set: false, ..base.clone() };
        // What the base sets as triggers runs here and is in its image only.
        recipe.config.run.on_build.clear();
        recipe
    }

    /// The instructions of `ONBUILD` that run before the stage's own.
    pub fn take_triggers(&mut self) -> Vec<String> {
        let own = std::mem::take(&mut self.triggers);
        own.into_iter().chain(std::mem::take(&mut self.config.run.on_build)).collect()
    }

    /// Applies an instruction and adds its history entry (but that of `RUN`: see [`Recipe::ran`]). Returns it with its variables filled in.
    /// `created` is RFC 3339. What files it makes is the caller's, who then tells of a layer by [`ImageConfig::add_layer`].
    ///
    /// # Errors
    /// Variables that cannot be filled in, and what a configuration cannot take.
    pub fn step(
        &mut self,
        globals: &Globals,
        options: &Options,
        command: &Command,
        created: &str,
    ) -> Result<Command, Error> {
        let expanded = self.scope.step(globals, options, command, &mut |_| {});
        let command = expanded.map_err(|error| Error::Expand(error.to_string()))?.command;
        match &command {
            Command::Run(_) => {}
            Command::Copy(copy) => {
                let text = if copy.parents { "COPY --parents" } else { "COPY" };
                self.config.add_history(&said(text, &copy.files), created);
            }
            Command::Add(add) => self.config.add_history(&said("ADD", &add.files), created),
            Command::Workdir(dir) => drop(self.config.workdir(&dir.text, created)),
            other => {
                if let Command::Onbuild(onbuild) = other {
                    self.triggers.push(onbuild.expression.clone());
                }
                self.config.apply(other, &mut self.cmd_set, created)?;
            }
        }
        Ok(command)
    }

    /// Adds the history entry of a `RUN`: the words that ran, with the arguments in force before them.
    pub fn ran(&mut self, words: &[String], created: &str) {
        let mut args: Vec<(&str, String)> = Vec::new();
        for (name, value) in &self.scope.args {
            let value = self.scope.env.get(name).map(str::to_owned).or_else(|| value.clone()).unwrap_or_default();
            match args.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1 = value,
                None => args.push((name, value)),
            }
        }
        let mut text = String::from("RUN");
        if !args.is_empty() {
            text.push_str(&format!(" |{}", args.len()));
        }
        args.iter().for_each(|(name, value)| text.push_str(&format!(" {name}={value}")));
        words.iter().for_each(|word| text.push_str(&format!(" {word}")));
        text.push_str(" # buildkit");
        self.config.add_history(&text, created);
    }
}

/// The history's line of `COPY` and `ADD`.
fn said(name: &str, files: &Files) -> String {
    let mut text = String::from(name);
    for (flag, word) in [("chown", &files.chown), ("chmod", &files.chmod)] {
        if let Some(word) = word.as_ref().filter(|word| !word.text.is_empty()) {
            text.push_str(&format!(" --{flag}={}", word.text));
        }
    }
    files.paths.iter().for_each(|path| text.push_str(&format!(" {}", path.text)));
    files.contents.iter().for_each(|content| text.push_str(&format!(" <<{}", content.name.text)));
    text.push_str(&format!(" {} # buildkit", files.dest.text));
    text
}
