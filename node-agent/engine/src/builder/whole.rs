//! A build as a whole: its stages side by side, each once, and what is said at its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine_wasm::dockerfile::shell::Lexer;
use tokio::sync::mpsc;

use super::args::{self, BuildArgs};
use super::output::{self, Output};
use super::{BoxFuture, Build, Done, Failure, architecture};
use crate::engine::lock;
use crate::error::{Error, Result, blocking};

/// Expands a word of `FROM` or of an `ARG` before it.
pub(crate) fn expand_global(args: &BuildArgs, escape: char, text: &str) -> Result<String> {
    let word = Lexer::new(escape).word(text, &args.globals());
    Ok(word.map_err(|e| Error::bad(e.to_string()))?.text)
}

impl Build {
    /// Builds what is needed; the first failure ends all.
    pub(crate) async fn all_stages(self: &Arc<Self>) -> Result<Done, Failure> {
        let output = lock(&self.checks).take();
        if let Some(output) = output
            && let Err(error) = self.check(&output).await
        {
            lock(&self.outputs).clear();
            return Err(error.into());
        }
        let mut tasks = tokio::task::JoinSet::new();
        for index in self.plan.needed.clone() {
            let build = Arc::clone(self);
            tasks.spawn(async move {
                let done = build.stage(index).await;
                if done.is_err() {
                    build.cancel.cancel();
                }
                (index, done)
            });
        }
        let mut target = None;
        let mut failed: Option<(usize, Failure)> = None;
        while let Some(task) = tasks.join_next().await {
            let (index, done) = task.map_err(Error::internal)?;
            match done {
                Ok(done) if index == self.plan.target => target = Some(done),
                Ok(_) => {}
                Err(failure) => {
                    // What was only cancelled has nothing to say; of several failures the first in the file is shown.
                    let rank = |(index, failure): &(usize, Failure)| (failure.is_cancelled(), *index);
                    let failure = (index, failure);
                    if failed.as_ref().is_none_or(|known| rank(&failure) < rank(known)) {
                        failed = Some(failure);
                    }
                }
            }
        }
        let removals = std::mem::take(&mut *lock(&self.removals));
        for removal in removals {
            removal.await.map_err(Error::internal)?;
        }
        // No stage writes any more: the reader comes to its end.
        lock(&self.outputs).clear();
        match (failed, target) {
            (Some((_, failure)), _) => Err(failure),
            (None, Some(done)) => Ok(done),
            (None, None) => Err(Error::internal("the target's stage was not built").into()),
        }
    }

    /// A stage, built by whoever needs it first. The type is written out, since a stage waits for others.
    pub(crate) fn stage<'a>(self: &'a Arc<Self>, index: usize) -> BoxFuture<'a, Result<Done, Failure>> {
        Box::pin(async move {
            let begin = || {
                let output = lock(&self.outputs).get_mut(index).and_then(Option::take).unwrap_or_else(Output::nowhere);
                async move {
                    let done = self.run_stage(index, output.clone()).await;
                    if done.as_ref().is_err_and(|failure| !failure.is_cancelled()) {
                        output.end_all().await;
                    }
                    done
                }
            };
            self.stages[index].get_or_init(begin).await.clone()
        })
    }

    /// The arguments before the first `FROM`.
    pub(crate) fn global_args(&self) -> Result<BuildArgs> {
        let wanted = self.options.platform.as_str();
        let (os, rest) = wanted.split_once('/').unwrap_or(("linux", wanted));
        let (arch, variant) = rest.split_once('/').unwrap_or((rest, ""));
        let arch = if arch.is_empty() || wanted == "linux" { architecture() } else { arch };
        let own = format!("linux/{}", architecture());
        let target = if variant.is_empty() { format!("{os}/{arch}") } else { format!("{os}/{arch}/{variant}") };
        let platform = [
            ("BUILDPLATFORM", own.as_str()),
            ("BUILDOS", "linux"),
            ("BUILDARCH", architecture()),
            ("BUILDVARIANT", ""),
            ("TARGETPLATFORM", target.as_str()),
            ("TARGETOS", os),
            ("TARGETARCH", arch),
            ("TARGETVARIANT", variant),
        ];
        let mut args = BuildArgs::new(self.options.args.clone(), &platform);
        for arg in &self.program.meta_args {
            for pair in &arg.pairs {
                let value = pair.value.as_ref().map(|value| expand_global(&args, self.file.escape, &value.text));
                args.add_global(&pair.name.text, value.transpose()?);
            }
        }
        Ok(args)
    }

    /// Notes the arguments that a stage has used.
    pub(crate) fn used(&self, names: &BTreeSet<String>) {
        lock(&self.used).extend(names.iter().cloned());
    }

    /// What the parser has found that will be an error one day.
    pub(crate) async fn warn(&self, output: &Output) -> Result<()> {
        if self.file.warnings.is_empty() {
            return Ok(());
        }
        let warnings = self.file.warnings.iter().map(|warning| format!("[WARNING]: {}\n", warning.message));
        output.red(&warnings.collect::<String>()).await
    }

    /// The lines that failed, as BuildKit shows them.
    pub(crate) fn excerpt(&self, lines: (usize, usize)) -> String {
        // Clients give a Dockerfile that is not in the context a name of this kind.
        let name = if self.context.name.starts_with(".dockerfile.") { "Dockerfile" } else { &self.context.name };
        engine_wasm::cli::build::excerpt(name, &self.context.text, lines)
    }

    /// Names the image and says how it went.
    pub(crate) async fn finish(&self, done: &Done, client: &mpsc::Sender<String>) -> Result<(), Failure> {
        let finished = match &self.reproducible {
            Some(how) => how.image(self, done).await?,
            None => done.image,
        };
        let Some(id) = finished else {
            return Err(Error::bad("No image was generated. Is your Dockerfile empty?").into());
        };
        // All the steps' files at once, before anything names them.
        let (engine, made) = (Arc::clone(&self.engine), std::mem::take(&mut *lock(&self.made)));
        blocking(move || Ok(engine.store.settle(&made)?)).await?;
        let mut told = Vec::new();
        if self.reproducible.is_some() {
            let _ = client.send(output::line(&serde_json::json!({ "aux": { "ID": id.to_string() } }))).await;
        }
        if let Some(warning) = args::unused(&self.options.args, &lock(&self.used)) {
            told.push(warning);
        }
        told.push(format!("Successfully built {}\n", id.short()));
        for tag in &self.options.tags {
            crate::images::give_name(&self.engine, tag, &id)?;
            crate::images::event(&self.engine, "tag", &id, &tag.familiar_string());
            told.push(format!("Successfully tagged {}\n", tag.familiar_string()));
        }
        if self.options.quiet {
            told = vec![format!("{id}\n")];
        }
        for text in told {
            // The image is there, whether or not anybody hears of it.
            let _ = client.send(output::line(&serde_json::json!({ "stream": text }))).await;
        }
        Ok(())
    }

    /// Gives back what the build has mounted.
    pub(crate) async fn release(&self) {
        let roots = std::mem::take(&mut *self.roots.lock().await);
        let dropped = blocking(move || {
            drop(roots);
            Ok(())
        });
        if let Err(e) = dropped.await {
            tracing::warn!("{e}");
        }
    }
}
