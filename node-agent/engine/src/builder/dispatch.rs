//! Instructions to what they do: most change the configuration only.

use engine_wasm::dockerfile::instructions::{self, Command};

use super::Failure;
use super::stage::Stage;
use crate::error::{Error, Result};

impl Stage {
    /// Carries an instruction out.
    ///
    /// # Errors
    /// Docker's sentences.
    pub(crate) async fn dispatch(&mut self, command: &Command) -> Result<(), Failure> {
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
                if let Some((_, value)) = pairs.iter().find(|(name, _)| name.is_empty()) {
                    return Err(Error::bad(format!("invalid environment variable: ={value}")).into());
                }
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
            Command::Healthcheck(check) => {
                if let Some(note) = self.state.overridden_healthcheck() {
                    self.output.text(note).await?;
                }
                self.state.set_healthcheck(check)
            }
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
                self.state.config.volumes.sort_keys();
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
}
