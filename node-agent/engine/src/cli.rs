//! `node-agent engine`: options, the event loop, sockets, and what a signal does; `engine fsck` is a command of its own.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use slipway_images::registry::{self, Trust};

use crate::api::{self, Address};
use crate::engine::{Engine, EngineConfig};
use crate::error::{Error, Result};
use crate::shim::protocol::RuntimeCommand;

/// The Docker engine: containers, images, networks and volumes behind Docker's HTTP API. `engine fsck` checks a data root that
/// no engine uses.
#[derive(Debug, Parser)]
#[command(name = "engine", version)]
struct Options {
    /// Where to listen: unix:///PATH or tcp://ADDRESS:PORT (repeatable).
    #[arg(long = "host", short = 'H', default_value = "unix:///var/run/docker.sock")]
    hosts: Vec<String>,
    /// Persistent state.
    #[arg(long, default_value = "/var/lib/docker")]
    data_root: PathBuf,
    /// State of running containers.
    #[arg(long, default_value = "/var/run/docker")]
    exec_root: PathBuf,
    /// File that receives the engine's pid.
    #[arg(long)]
    pidfile: Option<PathBuf>,
    /// An OCI runtime to use instead of the built-in one (runc, crun, runsc).
    #[arg(long)]
    runtime: Option<PathBuf>,
    /// Name of the default bridge.
    #[arg(long, default_value = "docker0")]
    bridge: String,
    /// Address of the default bridge with its subnet.
    #[arg(long, default_value = "172.17.0.1/16")]
    bip: String,
    /// Where docker.io images come from: http://HOST[:PORT], https://HOST[:PORT] or unix:///PATH.
    #[arg(long)]
    registry_mirror: Option<slipway_images::registry::Source>,
    /// A registry that needs no valid certificate, nor TLS at all: HOST, HOST:PORT or a network (repeatable). Those on this
    /// machine's loopback never do.
    #[arg(long = "insecure-registry")]
    insecure_registries: Vec<String>,
    /// PEM file with certificate authorities to trust besides the system's (repeatable).
    #[arg(long = "registry-ca")]
    registry_ca: Vec<PathBuf>,
    /// Directory with certificates for single registries, HOST:PORT/{*.crt,*.cert,*.key}.
    #[arg(long, default_value = "/etc/docker/certs.d")]
    certs_dir: PathBuf,
    /// Layers that are downloaded at a time.
    #[arg(long, default_value_t = 3)]
    max_concurrent_downloads: usize,
    /// Layers that are uploaded at a time.
    #[arg(long, default_value_t = 5)]
    max_concurrent_uploads: usize,
    /// Tries for a layer whose transfer breaks.
    #[arg(long, default_value_t = 5)]
    max_download_attempts: u32,
    /// Socket of a host that keeps layers for several engines; where it does not answer, layers are downloaded.
    #[arg(long)]
    host_layers: Option<PathBuf>,
    /// error, warn, info or debug.
    #[arg(long, default_value = "warn")]
    log_level: String,
}

/// Runs the engine until a signal ends it; containers go on.
pub fn main(args: Vec<OsString>) -> ExitCode {
    if args.first().is_some_and(|word| word == "fsck") {
        return crate::fsck::main(&args[1..]);
    }
    let options = match Options::try_parse_from(std::iter::once(OsString::from("engine")).chain(args)) {
        Ok(options) => options,
        Err(e) => {
            // Nothing helps if the terminal is gone.
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(1));
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("engine: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&options.log_level)
        .map_err(|e| Error::bad(format!("--log-level: {e}")))?;
    // A second subscriber in one process (tests) is no error. A line that cannot be written, as on a full disk, is lost; complaining
    // of it on the same stream would panic, and a container's end would be told nobody.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .try_init();
    let addresses = options.hosts.iter().map(|h| Address::parse(h)).collect::<Result<Vec<_>>>()?;
    let exec_root = absolute(&options.exec_root)?;
    let runtime = match options.runtime {
        Some(program) => RuntimeCommand { program, args: vec![], root: exec_root.join("runtime") },
        // This very program, even if its file is replaced while it runs.
        None => RuntimeCommand {
            program: "/proc/self/exe".into(),
            args: vec!["runtime".into()],
            root: exec_root.join("runtime"),
        },
    };
    let mut trust = Trust { extra_ca: options.registry_ca, certs_dir: options.certs_dir, ..Trust::default() };
    trust.insecure.extend(options.insecure_registries);
    let registries = registry::Options {
        mirror: options.registry_mirror,
        trust,
        downloads: options.max_concurrent_downloads,
        uploads: options.max_concurrent_uploads,
        attempts: options.max_download_attempts,
        ..registry::Options::default()
    };
    let config = EngineConfig {
        data_root: absolute(&options.data_root)?,
        exec_root,
        runtime,
        bridge: options.bridge,
        bip: options.bip.parse().map_err(|e| Error::bad(format!("--bip: {e}")))?,
        registries,
        host_layers: options.host_layers,
    };
    // One thread for everything that waits; blocking work gets small threads that end when idle.
    let event_loop = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(1 << 20)
        .max_blocking_threads(64)
        .thread_keep_alive(std::time::Duration::from_secs(2))
        .build()?;
    event_loop.block_on(async {
        let engine = Engine::open(config)?;
        // Bound before containers are restored: clients wait instead of failing.
        let listeners = addresses.iter().map(api::Listener::bind).collect::<Result<Vec<_>>>()?;
        crate::containers::restore::restore(&engine).await?;
        crate::builder::sweep(&engine).await;
        if let Some(path) = &options.pidfile {
            std::fs::write(path, format!("{}\n", std::process::id()))
                .map_err(|e| Error::internal(format!("writing {}: {e}", path.display())))?;
        }
        for (listener, address) in listeners.into_iter().zip(&options.hosts) {
            let _ = writeln!(std::io::stderr(), "API listen on {address}");
            tokio::spawn(api::serve(Arc::clone(&engine), listener));
        }
        wait_for_signal().await?;
        for address in &addresses {
            address.clean_up();
        }
        if let Some(path) = &options.pidfile {
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    })
}

fn absolute(path: &std::path::Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Error::bad(format!("{}: {e}", path.display())))
}

async fn wait_for_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}
