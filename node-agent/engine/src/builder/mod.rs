//! `POST /build`: the image builder, with the classic builder's output and cache and with BuildKit's instructions. Stages that do
//! not need each other are built side by side, those that nothing needs not at all. What a Dockerfile says is read by
//! `engine_wasm`; nothing here parses one.

mod add;
pub(crate) mod args;
mod base;
mod cache;
mod caches;
mod checks;
mod claim;
mod commit;
mod context;
mod copy;
mod dispatch;
mod epoch;
mod files;
mod git;
mod git_url;
mod golang;
mod ignore;
mod landing;
mod logins;
mod mounts;
mod options;
mod output;
mod owner;
mod place;
mod plan;
mod ports;
mod prepare;
pub(crate) mod remote;
mod repository;
mod reproducible;
mod run;
mod secrets;
mod source;
mod ssh;
mod stage;
pub(crate) mod state;
mod steps;
mod unpack;
mod whole;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use engine_wasm::dockerfile::Dockerfile;
use engine_wasm::dockerfile::instructions::Program;
use slipway_images::ImageId;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

pub use cache::InFlight;
pub use caches::{Prune, prune, usage};
pub use options::Options;
pub(crate) use prepare::prepare;
pub use run::sweep;
pub use ssh::Waiting;

use context::{Context, Scratch};
use engine_wasm::store::recipe::Recipe;
use epoch::Epoch;
use output::Output;
use plan::Plan;
use reproducible::Reproducible;

use crate::engine::Engine;
use crate::error::{Error, Result};

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What went wrong, where, and the exit status of a command that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) code: Option<i32>,
    /// The instruction's lines in the Dockerfile, the first and the last, from 1.
    pub(crate) lines: Option<(usize, usize)>,
}

impl Failure {
    /// The stage was stopped, because another one has failed or the client has gone.
    fn is_cancelled(&self) -> bool {
        self.error.message == output::cancelled().message
    }

    fn at(self, lines: (usize, usize)) -> Self {
        Self { lines: Some(lines), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, code: None, lines: None }
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
    /// `SOURCE_DATE_EPOCH`
    pub(crate) epoch: Option<Epoch>,
    /// Where the image is to be the same each time.
    pub(crate) reproducible: Option<Reproducible>,
    pub(crate) context: Context,
    /// For what steps bring from elsewhere.
    pub(crate) scratch: Scratch,
    pub(crate) file: Dockerfile,
    pub(crate) program: Program,
    pub(crate) plan: Plan,
    pub(crate) cancel: CancellationToken,
    /// Held by whoever pulls.
    pub(crate) pulling: tokio::sync::Mutex<()>,
    /// Roots of images that are copied from.
    pub(crate) roots: tokio::sync::Mutex<Vec<(Option<ImageId>, Arc<commit::Root>)>>,
    /// Images of steps, which the disk has yet to be waited for.
    pub(crate) made: Mutex<Vec<ImageId>>,
    /// Containers of steps that are being removed.
    pub(crate) removals: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    stages: Vec<OnceCell<Result<Done, Failure>>>,
    outputs: Mutex<Vec<Option<Output>>>,
    /// Where checks are told that end the build; `None` when none do.
    checks: Mutex<Option<Output>>,
    used: Mutex<BTreeSet<String>>,
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
