//! `POST /build`: the image builder, with the classic builder's output and cache and with BuildKit's instructions. Stages that do
//! not need each other are built side by side, those that nothing needs not at all. What a Dockerfile says is read by
//! `engine_wasm`; nothing here parses one.

mod add;
pub(crate) mod args;
mod cache;
mod commit;
mod context;
mod copy;
mod files;
mod ignore;
mod mounts;
mod options;
mod output;
mod owner;
mod plan;
pub(crate) mod remote;
mod reproducible;
mod run;
mod source;
mod stage;
pub(crate) mod state;
mod steps;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use engine_wasm::dockerfile::instructions::{self, Program};
use engine_wasm::dockerfile::shell::Lexer;
use engine_wasm::dockerfile::{self, Dockerfile};
use slipway_images::ImageId;
use tokio::sync::{OnceCell, mpsc};
use tokio_util::sync::CancellationToken;

pub use cache::InFlight;
pub use mounts::{cache_size, prune};
pub use options::Options;
pub use run::sweep;

use args::BuildArgs;
use context::{Context, Scratch};
use engine_wasm::store::recipe::Recipe;
use output::Output;
use plan::Plan;
use reproducible::Reproducible;

use crate::engine::{Engine, lock};
use crate::error::{Error, Result, blocking};

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What went wrong, and the exit status of a command that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) code: Option<i32>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, code: None }
    }
}

/// A finished stage.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// `None` for a stage from scratch without instructions.
    pub(crate) image: Option<ImageId>,
    /// What a reproducible build says of it.
    pub(crate) recipe: Option<Recipe>,
}

/// A build.
pub(crate) struct Build {
    pub(crate) engine: Arc<Engine>,
    pub(crate) options: Options,
    pub(crate) context: Context,
    /// For what steps bring from elsewhere.
    pub(crate) scratch: Scratch,
    pub(crate) file: Dockerfile,
    pub(crate) program: Program,
    pub(crate) plan: Plan,
    /// Where the image is to be the same each time.
    pub(crate) reproducible: Option<Reproducible>,
    pub(crate) cancel: CancellationToken,
    /// Held by whoever pulls.
    pub(crate) pulling: tokio::sync::Mutex<()>,
    /// Roots of images that are copied from.
    pub(crate) roots: tokio::sync::Mutex<Vec<(Option<ImageId>, Arc<commit::Root>)>>,
    stages: Vec<OnceCell<Result<Done, Failure>>>,
    outputs: Mutex<Vec<Option<Output>>>,
    used: Mutex<BTreeSet<String>>,
}

/// A build that is ready to begin, and the channels of its stages in order.
pub(crate) struct Prepared {
    build: Arc<Build>,
    channels: Vec<mpsc::Receiver<String>>,
}

/// Where builds keep what they need while they go on.
#[must_use]
pub(crate) fn scratch_dir(engine: &Engine) -> PathBuf {
    engine.config.data_root.join("builder").join("tmp")
}

/// This machine's architecture as Go names it.
#[must_use]
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Expands a word of `FROM` or of an `ARG` before it.
fn expand_global(args: &BuildArgs, escape: char, text: &str) -> Result<String> {
    let word = Lexer::new(escape).word(text, &args.globals());
    Ok(word.map_err(|e| Error::bad(e.to_string()))?.text)
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
    let dir = scratch_dir(engine);
    let made = blocking(move || Ok((Scratch::new(&dir)?, Scratch::new(&dir)?))).await?;
    let (root, scratch) = made;
    let context = if options.remote.is_empty() {
        let wanted = options.dockerfile.clone();
        blocking(move || {
            context::unpack(body, root.path())?;
            Context::open(root, &wanted, false)
        })
        .await?
    } else {
        remote::context(&options, root).await?
    };
    let file = dockerfile::parse(&context.text);
    let program = instructions::program(&file);
    if let Some(error) = program.errors.first() {
        let text = error.report();
        // Faults of the syntax are told without a line, so the classic builder says where they come from.
        let known = text.starts_with("dockerfile parse error") || text.starts_with("no build stage");
        return Err(Error::bad(if known { text } else { format!("failed to parse {}: {text}", context.name) }));
    }
    let plan = Plan::new(&program, &options.target, usize::from(!options.labels.is_empty()))?;
    let mut outputs: Vec<Option<Output>> = program.stages.iter().map(|_| None).collect();
    let mut channels = Vec::new();
    for index in &plan.needed {
        let (output, channel) = Output::new();
        outputs[*index] = Some(output);
        channels.push(channel);
    }
    let reproducible = Reproducible::new(&options, &program, file.escape)?;
    let build = Build {
        engine: Arc::clone(engine),
        options,
        context,
        scratch,
        stages: program.stages.iter().map(|_| OnceCell::new()).collect(),
        file,
        program,
        plan,
        reproducible,
        cancel: CancellationToken::new(),
        pulling: tokio::sync::Mutex::default(),
        roots: tokio::sync::Mutex::default(),
        outputs: Mutex::new(outputs),
        used: Mutex::default(),
    };
    Ok(Prepared { build: Arc::new(build), channels })
}

impl Prepared {
    /// Builds, and tells the client everything, the failure included.
    pub(crate) async fn run(self, client: mpsc::Sender<String>) {
        let Self { build, channels } = self;
        let quiet = build.options.quiet;
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
            let _ = client.send(output::failure(&failure.error, failure.code)).await;
        }
    }
}

impl Build {
    /// Builds what is needed; the first failure ends all.
    async fn all_stages(self: &Arc<Self>) -> Result<Done, Failure> {
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
        let mut failed: Option<Failure> = None;
        while let Some(task) = tasks.join_next().await {
            let (index, done) = task.map_err(Error::internal)?;
            match done {
                Ok(done) if index == self.plan.target => target = Some(done),
                Ok(_) => {}
                Err(failure) => {
                    // What was only cancelled has nothing to say.
                    let better = failed.as_ref().is_none_or(|known| known.error.message == output::cancelled().message);
                    if better {
                        failed = Some(failure);
                    }
                }
            }
        }
        // No stage writes any more: the reader comes to its end.
        lock(&self.outputs).clear();
        match (failed, target) {
            (Some(failure), _) => Err(failure),
            (None, Some(done)) => Ok(done),
            (None, None) => Err(Error::internal("the target's stage was not built").into()),
        }
    }

    /// A stage, built by whoever needs it first. The type is written out, since a stage waits for others.
    pub(crate) fn stage<'a>(self: &'a Arc<Self>, index: usize) -> BoxFuture<'a, Result<Done, Failure>> {
        Box::pin(async move {
            let begin = || {
                let output = lock(&self.outputs).get_mut(index).and_then(Option::take).unwrap_or_else(Output::nowhere);
                self.run_stage(index, output)
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
    async fn warn(&self, output: &Output) -> Result<()> {
        if self.file.warnings.is_empty() {
            return Ok(());
        }
        let warnings = self.file.warnings.iter().map(|warning| format!("[WARNING]: {}\n", warning.message));
        output.red(&warnings.collect::<String>()).await
    }

    /// Shows the lines that failed, as BuildKit does.
    pub(crate) async fn show(&self, output: &Output, lines: (usize, usize)) {
        if !self.cancel.is_cancelled() {
            let _ = output.text(engine_wasm::cli::build::excerpt(&self.context.name, &self.context.text, lines)).await;
        }
    }

    /// Names the image and says how it went.
    async fn finish(&self, done: &Done, client: &mpsc::Sender<String>) -> Result<(), Failure> {
        let finished = match &self.reproducible {
            Some(how) => how.image(self, done).await?,
            None => done.image,
        };
        let Some(id) = finished else {
            return Err(Error::bad("No image was generated. Is your Dockerfile empty?").into());
        };
        let mut told = Vec::new();
        if self.reproducible.is_some() {
            self.used(&BTreeSet::from([reproducible::ARGUMENT.to_owned()]));
            let _ = client.send(output::line(&serde_json::json!({ "aux": { "ID": id.to_string() } }))).await;
        }
        if let Some(warning) = args::unused(&self.options.args, &lock(&self.used)) {
            told.push(warning);
        }
        told.push(format!("Successfully built {}\n", id.short()));
        for tag in &self.options.tags {
            self.engine.store.tag(tag, &id).map_err(Error::from)?;
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
    async fn release(&self) {
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
