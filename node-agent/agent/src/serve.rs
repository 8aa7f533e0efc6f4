//! `node-agent serve`: site, API and nodes of one host. Takes everything up in order and, on SIGTERM or SIGINT, down again.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::Config,
    http::{self, App},
    labs::Shelf,
    preflight,
    sandbox::{self, Host, Settings},
    sessions::{Manager, core::EndReason},
};

/// Serves the site, its API and the nodes.
#[derive(Debug, Parser)]
#[command(name = "node-agent serve")]
struct Options {
    /// Address and port to serve on
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The agent's own directory, on a local filesystem with room for the nodes' disks
    #[arg(long, default_value = "/var/lib/slipway")]
    data_dir: PathBuf,
    /// Folder with the labs
    #[arg(long)]
    labs: PathBuf,
    /// Configuration file (TOML); everything in it has a default
    #[arg(long)]
    config: Option<PathBuf>,
    /// Root filesystem of the nodes [default: DATA_DIR/node-image]
    #[arg(long)]
    node_image: Option<PathBuf>,
    /// Image library, an OCI layout, served to the nodes as docker.io
    #[arg(long)]
    library: Option<PathBuf>,
}

/// Entry point.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let options = match Options::try_parse_from(std::iter::once("node-agent serve".into()).chain(args)) {
        Ok(options) => options,
        Err(error) => {
            // A closed standard output is no reason to fail.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SLIPWAY_LOG").unwrap_or_else(|_| "info".into());
    // A line that cannot be written, as on a full disk, is lost; complaining of it on the same stream would panic.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false).init();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("node-agent serve: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<()> {
    let config = options.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?;
    let absolute = |path: &PathBuf| path.canonicalize().with_context(|| format!("cannot find {}", path.display()));
    let node_image = options.node_image.clone().unwrap_or_else(|| options.data_dir.join("node-image"));
    let library = options.library.as_ref().map(absolute).transpose()?;
    let mut settings = Settings {
        node_image: node_image.canonicalize().unwrap_or(node_image),
        agent: std::env::current_exe().context("cannot find this program's own file")?,
        library,
        data_dir: options.data_dir.clone(),
        config,
    };
    // Before anything is made: a machine that lacks something is told so, not that some directory cannot be created.
    let missing = preflight::check(&settings);
    if !missing.is_empty() {
        bail!("this machine cannot run nodes; it lacks\n  - {}", missing.join("\n  - "));
    }
    std::fs::create_dir_all(&options.data_dir)
        .with_context(|| format!("cannot create {}", options.data_dir.display()))?;
    settings.data_dir = absolute(&options.data_dir)?;
    // Before any other thread: threads inherit their maker's mount namespace.
    sandbox::isolate()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(serve(&options, settings))
}

async fn serve(options: &Options, settings: Settings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shelf =
        Shelf::open(&options.labs).with_context(|| format!("cannot read the labs in {}", options.labs.display()))?;
    for error in &shelf.errors {
        tracing::warn!("{error}");
    }
    let limits = settings.config.sessions;
    let host = tokio::task::spawn_blocking(move || Host::open(settings)).await??;
    let host = Arc::new(host);
    // The registry is shown the fetcher's socket, hence this order.
    let fetcher = keep_running("the fetcher", Arc::clone(&host), Host::start_fetcher).await?;
    let registry = keep_running("the registry", Arc::clone(&host), Host::start_registry).await?;
    let manager = Arc::new(Manager::new(limits, Some(Arc::clone(&host))));
    let keeper = {
        let manager = Arc::clone(&manager);
        tokio::spawn(async move { manager.keep().await })
    };
    let app = App { manager: Arc::clone(&manager), shelf: Arc::new(shelf) };
    let listener = tokio::net::TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another with --listen", options.listen))?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(axum::serve(http::prompt(listener), http::router(app)).into_future());
    // Programs that start this one wait for this line.
    println!("Slipway is ready at http://{address}");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending all sessions");
    keeper.abort();
    server.abort();
    manager.end_all(EndReason::Shutdown).await;
    registry.abort();
    fetcher.abort();
    tokio::task::spawn_blocking(move || host.close()).await??;
    Ok(())
}

/// How [`Host`] starts one of its services: the receiver of its exit code, `None` where there is none to start.
type Start = fn(&Host) -> sandbox::Result<Option<tokio::sync::oneshot::Receiver<i32>>>;

/// Starts a service and, in the task returned, starts it again whenever it ends.
async fn keep_running(
    what: &'static str,
    host: Arc<Host>,
    start: Start,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let start = move |host: Arc<Host>| tokio::task::spawn_blocking(move || start(&host));
    let first = start(Arc::clone(&host)).await?;
    if first.is_err()
        && let Err(error) = host.close()
    {
        tracing::error!(%error, "clean-up after a failed start");
    }
    let first = first.with_context(|| format!("cannot start {what}"))?;
    Ok(tokio::spawn(async move {
        let mut exit = first;
        while let Some(ended) = exit {
            let code = ended.await.map_or_else(|_| "an unknown code".into(), |code| code.to_string());
            tracing::error!("{what} ended with {code}; it is started again");
            exit = loop {
                match start(Arc::clone(&host)).await {
                    Ok(Ok(exit)) => break exit,
                    Ok(Err(error)) => tracing::error!(%error, "{what} does not start"),
                    Err(error) => tracing::error!(%error, "{what} does not start"),
                }
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            };
        }
    }))
}
