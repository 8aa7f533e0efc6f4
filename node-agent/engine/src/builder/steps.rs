//! `RUN`: the command, in a container of its own.

use std::sync::Arc;

use engine_wasm::dockerfile::instructions::Run;

use super::commit;
use super::context::Context;
use super::run;
use super::stage::Stage;
use super::{Failure, mounts};
use crate::containers::names::random_hex;
use crate::error::{Error, Result, blocking};
use crate::types::{Config, Healthcheck, HostConfig};

/// A command line, and files that it needs in the container: path on this machine and in there.
struct Line {
    words: Vec<String>,
    files: Vec<(String, String)>,
}

impl Stage {
    /// `RUN`
    ///
    /// # Errors
    /// Docker's sentence with the exit status when the command fails.
    pub(crate) async fn run(&mut self, run: &Run) -> Result<(), Failure> {
        let line = self.line(run)?;
        let host = self.host(run)?;
        let visible = self.state.args.visible(&self.state.config.env);
        let mut key = line.words.clone();
        if !visible.is_empty() {
            let in_key = self.state.args.in_key(&visible);
            key = std::iter::once(format!("|{}", in_key.len())).chain(in_key).chain(key).collect();
        }
        let prepared = mounts::prepare(self, run).await?;
        let mut step = Config { cmd: Some(key), entrypoint: None, ..self.state.config.clone() };
        if let Some(hash) = &prepared.hash {
            // What is mounted is part of the key, but not of the history.
            step.labels.insert("slipway.mounts".into(), hash.clone());
        }
        self.ran.clone_from(&line.words);
        let Some(_claim) = self.claim(&step).await? else { return Ok(()) };
        let Some(image) = self.state.image else {
            return Err(Error::bad(format!(
                "unable to start container process: exec: {:?}: stage {} is empty: there is nothing to run in it",
                line.words.first().map_or("", String::as_str),
                self.index
            ))
            .into());
        };
        let mut config = Config {
            image: image.to_string(),
            cmd: Some(line.words.clone()),
            entrypoint: Some(vec![String::new()]),
            healthcheck: Some(Healthcheck { test: vec!["NONE".into()], ..Healthcheck::default() }),
            attach_stdout: true,
            attach_stderr: true,
            ..self.state.config.clone()
        };
        config.env.extend(visible);
        config.env.extend_from_slice(&prepared.env);
        let mut host = prepared.apply(host);
        for (source, target) in &line.files {
            host.binds.get_or_insert_default().push(format!("{source}:{target}:ro"));
        }
        let container = run::container(&self.build.engine, config, host).await?;
        self.containers.push((container.id.clone(), Some(Arc::clone(&container))));
        self.output.text(format!(" ---> Running in {}\n", &container.id[..12])).await?;
        let code = run::run(&self.build.engine, &container, &self.output, &self.build.cancel).await?;
        if code != 0 {
            let command = line.words.join(" ");
            let error = Error::internal(format!("The command '{command}' returned a non-zero code: {code}"));
            return Err(Failure { error, code: Some(code), lines: None });
        }
        let keep = !self.build.options.remove && !self.build.options.force_remove;
        let (build, state, id) = (Arc::clone(&self.build), self.state.clone(), container.id.clone());
        let made = blocking(move || {
            prepared.tidy(&build.engine, &id);
            if keep { commit::copy(&build, &id, &state, &step) } else { commit::take(&build, &id, &state, &step, &id) }
        });
        self.state.image = Some(made.await?);
        Ok(())
    }

    /// The command as it is executed, here-documents in it.
    fn line(&self, run: &Run) -> Result<Line> {
        let documents = &run.line.heredocs;
        let Some(first) = documents.first() else {
            return Ok(Line { words: self.state.command(&run.line), files: vec![] });
        };
        let written = run.line.words.first().map_or("", |word| word.text.as_str());
        let alone = documents.len() == 1 && is_document_only(written);
        if alone && first.chomped().starts_with("#!") {
            let name = format!("script-{}", random_hex(8));
            let scratch = self.build.scratch.path();
            Context::keep(scratch, &name, first.chomped().as_bytes(), 0o755)?;
            let inside = format!("/dev/pipes/{}", first.name);
            let source = scratch.join(name).to_string_lossy().into_owned();
            return Ok(Line { words: vec![inside.clone()], files: vec![(source, inside)] });
        }
        let mut script = if alone { String::new() } else { format!("{written}\n") };
        for document in documents {
            if alone {
                script.push_str(&document.chomped());
            } else {
                // The shell of the container reads these itself.
                script.push_str(&document.content);
                script.push_str(&document.name);
                script.push('\n');
            }
        }
        let mut words = self.state.shell();
        words.push(script);
        Ok(Line { words, files: vec![] })
    }

    fn host(&self, run: &Run) -> Result<HostConfig> {
        let mut host = self.build.options.host.clone();
        match run.network.as_ref().map(|word| word.text.as_str()) {
            None | Some("default") => {}
            Some("none") => host.network_mode = "none".into(),
            Some(name) if name == host.network_mode => {}
            Some(name) => {
                return Err(Error::bad(format!(
                    "network.{name} is not allowed: start the build with --network={name}"
                )));
            }
        }
        if run.security.as_ref().is_some_and(|word| word.text == "insecure") {
            return Err(Error::bad("security.insecure is not allowed"));
        }
        if !run.devices.is_empty() {
            return Err(Error::unsupported("RUN --device is not supported by this builder"));
        }
        Ok(host)
    }
}

/// Whether a line is nothing but `<<NAME`.
fn is_document_only(line: &str) -> bool {
    let rest = line.trim().strip_prefix("<<");
    rest.is_some_and(|rest| !rest.trim_start_matches('-').contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_alone_is_the_script() {
        assert!(is_document_only("<<EOF") && is_document_only("<<-'E O'".replace(' ', "").as_str()));
        assert!(!is_document_only("cat <<EOF") && !is_document_only("<<EOF cat") && !is_document_only("ls"));
    }
}
