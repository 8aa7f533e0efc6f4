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
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
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
    std::fs::create_dir_all(&options.data_dir)
        .with_context(|| format!("cannot create {}", options.data_dir.display()))?;
    let absolute = |path: &PathBuf| path.canonicalize().with_context(|| format!("cannot find {}", path.display()));
    let data_dir = absolute(&options.data_dir)?;
    let node_image = options.node_image.clone().unwrap_or_else(|| data_dir.join("node-image"));
    let library = options.library.as_ref().map(absolute).transpose()?;
    let settings = Settings {
        node_image: node_image.canonicalize().unwrap_or(node_image),
        agent: std::env::current_exe().context("cannot find this program's own file")?,
        library: library.as_ref().map(|_| data_dir.join("library.sock")),
        data_dir,
        config,
    };
    let missing = preflight::check(&settings);
    if !missing.is_empty() {
        bail!("this machine cannot run nodes; it lacks\n  - {}", missing.join("\n  - "));
    }
    // Before any other thread: threads inherit their maker's mount namespace.
    sandbox::isolate()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(serve(&options, settings, library))
}

async fn serve(options: &Options, settings: Settings, library: Option<PathBuf>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shelf =
        Shelf::open(&options.labs).with_context(|| format!("cannot read the labs in {}", options.labs.display()))?;
    for error in &shelf.errors {
        tracing::warn!("{error}");
    }
    if let (Some(dir), Some(socket)) = (library, settings.library.clone()) {
        serve_library(dir, socket)?;
    }
    let limits = settings.config.sessions;
    let host = tokio::task::spawn_blocking(move || Host::open(settings)).await??;
    let host = Arc::new(host);
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
    tokio::task::spawn_blocking(move || host.close()).await??;
    Ok(())
}

/// Serves the library on a socket that is bound into nodes; whoever is root in a node may connect.
fn serve_library(dir: PathBuf, socket: PathBuf) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if socket.exists() {
        std::fs::remove_file(&socket).with_context(|| format!("cannot remove the old socket {}", socket.display()))?;
    }
    let listener =
        tokio::net::UnixListener::bind(&socket).with_context(|| format!("cannot listen on {}", socket.display()))?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666))?;
    tokio::spawn(axum::serve(listener, crate::library::router(dir)).into_future());
    Ok(())
}
