//! The beginning of a build and its end as the client sees it: the request becomes a plan, and the stages' messages one stream.

use std::sync::{Arc, Mutex};

use engine_wasm::dockerfile;
use engine_wasm::dockerfile::instructions::{self, Command, Fault, Program};
use tokio::sync::{OnceCell, mpsc};
use tokio_util::sync::CancellationToken;

use super::context::{self, Context, Scratch};
use super::epoch::Epoch;
use super::options::Options;
use super::output::{self, Output};
use super::plan::Plan;
use super::reproducible::Reproducible;
use super::{Build, checks, remote, scratch_dir};
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};

/// A build that is ready to begin, and the channels of its stages in order.
pub(crate) struct Prepared {
    build: Arc<Build>,
    channels: Vec<mpsc::Receiver<String>>,
    /// About the context, before everything else.
    said: Vec<serde_json::Value>,
}

/// Takes the context in and reads the Dockerfile: whatever is wrong with these becomes the status of the answer.
///
/// # Errors
/// For a context that is none and a Dockerfile with faults.
pub(crate) async fn prepare(
    engine: &Arc<Engine>,
    options: Options,
    body: impl std::io::Read + Send + 'static,
) -> Result<Prepared> {
    let epoch = Epoch::read(&options.args)?;
    let dir = scratch_dir(engine);
    let made = blocking(move || Ok((Scratch::new(&dir)?, Scratch::new(&dir)?))).await?;
    let (root, scratch) = made;
    let (context, said) = if options.remote.is_empty() {
        let (wanted, filtered) = (options.dockerfile.clone(), options.filtered);
        blocking(move || {
            context::unpack(body, root.path())?;
            Ok((Context::open(root, &wanted, filtered)?, Vec::new()))
        })
        .await?
    } else {
        remote::context(engine, &options, root).await?
    };
    let file = dockerfile::parse(&context.text);
    let program = instructions::program(&file);
    if let Some(error) = program.errors.first() {
        let text = error.report();
        // Faults of the syntax are told without a line, so the classic builder says where they come from.
        let known = text.starts_with("dockerfile parse error") || text.starts_with("no build stage");
        return Err(Error::bad(if known { text } else { format!("failed to parse {}: {text}", context.name) }));
    }
    check_mounts(&program)?;
    let plan = Plan::new(&program, &options.target, options.labels.len())?;
    let mut outputs: Vec<Option<Output>> = program.stages.iter().map(|_| None).collect();
    let mut channels = Vec::new();
    for index in &plan.needed {
        let (output, channel) = Output::new();
        outputs[*index] = Some(output);
        channels.push(channel);
    }
    let mut checks = None;
    if checks::wanted(&options, &context.text)? {
        let (output, channel) = Output::new();
        checks = Some(output);
        channels.insert(0, channel);
    }
    let reproducible = epoch.map(|epoch| Reproducible::new(epoch, &options, &program, file.escape)).transpose()?;
    let build = Build {
        engine: Arc::clone(engine),
        options,
        epoch,
        reproducible,
        context,
        scratch,
        stages: program.stages.iter().map(|_| OnceCell::new()).collect(),
        file,
        program,
        plan,
        cancel: CancellationToken::new(),
        pulling: tokio::sync::Mutex::default(),
        roots: tokio::sync::Mutex::default(),
        made: Mutex::default(),
        removals: Mutex::default(),
        outputs: Mutex::new(outputs),
        checks: Mutex::new(checks),
        used: Mutex::default(),
    };
    Ok(Prepared { build: Arc::new(build), channels, said })
}

/// Options of mounts that need no variables are faults of the file, found before anything is done.
fn check_mounts(program: &Program) -> Result<()> {
    for instruction in program.stages.iter().flat_map(|stage| &stage.commands) {
        let Command::Run(run) = &instruction.command else { continue };
        for mount in run.mounts.iter().filter(|mount| !mount.spec.text.contains('$')) {
            let checked = mount.options(|text| Ok::<_, Fault>(text.to_owned()));
            let line = instruction.lines.0;
            checked.map_err(|fault| Error::bad(format!("dockerfile parse error on line {line}: {fault}")))?;
        }
    }
    Ok(())
}

impl Prepared {
    /// Builds, and tells the client everything, the failure included.
    pub(crate) async fn run(self, client: mpsc::Sender<String>) {
        let Self { build, channels, said } = self;
        let quiet = build.options.quiet;
        for message in said.iter().filter(|_| !quiet) {
            // One that has gone is noticed by the first step.
            let _ = client.send(output::line(message)).await;
        }
        let work = {
            let build = Arc::clone(&build);
            tokio::spawn(async move { build.all_stages().await })
        };
        let kept = output::forward(channels, &client, quiet, &build.cancel).await;
        let outcome = match work.await.map_err(Error::internal) {
            Ok(outcome) => outcome,
            Err(e) => Err(e.into()),
        };
        build.release().await;
        let finished = match outcome {
            Ok(done) => build.finish(&done, &client).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = finished {
            for message in kept {
                let _ = client.send(message).await;
            }
            if let Some(lines) = failure.lines {
                let _ = client.send(output::line(&serde_json::json!({ "stream": build.excerpt(lines) }))).await;
            }
            let _ = client.send(output::failure(&failure.error, failure.code)).await;
        }
    }
}
