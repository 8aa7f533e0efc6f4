//! The commands: each turns its flags into calls and the answers into text. One file a subject; `dispatch` sends a command line to its own.

mod archive;
mod attach;
mod build;
mod cp;
mod create;
mod exec;
mod image;
mod inspect;
mod lifecycle;
mod list;
mod logs;
pub(crate) mod registry;
mod run;
mod stats;
mod system;
mod volume;
mod wait;

use crate::client::Client;
use crate::config::{self, Config};
use crate::credentials::Credentials;
use crate::error::{CallError, Failure};
use crate::{host, output, terminal};
use engine_wasm::cli::parse::{Global, Parsed};
use engine_wasm::cli::spec::Cmd;
use std::rc::Rc;

/// What a command works with.
pub(crate) struct Context {
    pub(crate) client: Rc<Client>,
    pub(crate) config: Config,
    pub(crate) credentials: Credentials,
    pub(crate) args: Parsed,
}

impl Context {
    /// Reads the configuration and finds the engine's address.
    ///
    /// # Errors
    /// More than one `-H`, an address that is none, TLS (which this client does not speak), an unknown context.
    pub(crate) fn new(global: &Global, args: Parsed) -> Result<Self, Failure> {
        let config_dir = global.config.clone().unwrap_or_else(config::default_dir);
        let config = config::load(&config_dir);
        let host = match global.hosts.as_slice() {
            [] => std::env::var("DOCKER_HOST").unwrap_or_default(),
            [one] => one.clone(),
            _ => return Err(Failure::new("Specify only one -H")),
        };
        if global.tls || std::env::var("DOCKER_TLS_VERIFY").is_ok_and(|v| !v.is_empty()) {
            return Err(Failure::new(
                "TLS is not supported by this client; use a unix socket, or tcp:// on a trusted network",
            ));
        }
        if let Some(context) = global.context.as_deref().filter(|c| !c.is_empty()) {
            if !global.hosts.is_empty() {
                return Err(Failure::new("conflicting options: cannot specify both --host and --context"));
            }
            if context != "default" {
                return Err(Failure::new(format!(
                    "Failed to initialize: unable to resolve docker endpoint: context {context:?}: context not found: this client knows the default context only"
                )));
            }
        }
        let client = Client::new(if host.is_empty() { host::DEFAULT } else { &host }, config.http_headers.clone())?;
        Ok(Self { client: Rc::new(client), config, credentials: Credentials::new(&config_dir), args })
    }

    /// `--detach-keys`, or the configured ones.
    ///
    /// # Errors
    /// A sequence that is none.
    pub(crate) fn detach_keys(&self) -> Result<String, Failure> {
        let given = self.args.text("detach-keys").filter(|k| !k.is_empty()).unwrap_or(&self.config.detach_keys);
        crate::detach_keys::Detector::new(given)
            .map_err(|e| Failure::new(format!("invalid detach keys ({given}): {e}")))?;
        Ok(given.to_owned())
    }

    /// The first positional argument; the table guarantees it where a command needs one.
    pub(crate) fn first(&self) -> &str {
        self.args.args.first().map(String::as_str).unwrap_or_default()
    }
}

/// docker's check that `-t` with standard input has a terminal to work with.
///
/// # Errors
/// `the input device is not a TTY`.
pub(crate) fn check_tty(stdin: bool, tty: bool) -> Result<(), Failure> {
    if stdin && tty && !terminal::stdin_is_terminal() {
        return Err(Failure::new("the input device is not a TTY"));
    }
    Ok(())
}

/// Does something for each argument; prints the argument, or the error on standard error, and fails in the end if any failed.
///
/// # Errors
/// Exit code 1 without a further message.
pub(crate) async fn for_each<F>(context: &Context, mut action: F) -> Result<u8, Failure>
where
    F: AsyncFnMut(&str) -> Result<Option<String>, CallError>,
{
    let mut failed = false;
    for argument in &context.args.args {
        match action(argument).await {
            Ok(Some(text)) => output::line(&text),
            Ok(None) => {}
            Err(e) => {
                output::error(&e.to_string());
                failed = true;
            }
        }
    }
    if failed { Err(Failure::silent(1)) } else { Ok(0) }
}

/// Whether the command is attached to a container, which gets the signals.
pub(crate) fn passes_signals_on(context: &Context) -> bool {
    matches!(context.args.id(), Cmd::Run | Cmd::Start | Cmd::Attach | Cmd::Exec)
}

/// Runs the command.
///
/// # Errors
/// What the command fails with.
pub(crate) async fn dispatch(context: &Context) -> Result<u8, Failure> {
    match context.args.id() {
        Cmd::Run => run::run(context).await,
        Cmd::Create => create::command(context).await,
        Cmd::Start => attach::start(context).await,
        Cmd::Attach => attach::attach(context).await,
        Cmd::Exec => exec::exec(context).await,
        Cmd::Stop
        | Cmd::Restart
        | Cmd::Kill
        | Cmd::Rm
        | Cmd::Pause
        | Cmd::Unpause
        | Cmd::Wait
        | Cmd::Rename
        | Cmd::Update => lifecycle::command(context).await,
        Cmd::Ps
        | Cmd::Images
        | Cmd::History
        | Cmd::Diff
        | Cmd::VolumeLs
        | Cmd::NetworkLs
        | Cmd::Search
        | Cmd::Top
        | Cmd::Port => list::command(context).await,
        Cmd::Pull => list::pull_command(context).await,
        Cmd::Push => registry::push(context).await,
        Cmd::Login => registry::login(context).await,
        Cmd::Logout => registry::logout(context),
        Cmd::Build => build::build(context).await,
        Cmd::BuilderPrune => build::prune(context).await,
        Cmd::Tag => image::tag(context).await,
        Cmd::Rmi => image::rmi(context).await,
        Cmd::Commit => image::commit(context).await,
        Cmd::ContainerPrune | Cmd::ImagePrune | Cmd::VolumePrune | Cmd::NetworkPrune => image::prune(context).await,
        Cmd::Inspect | Cmd::ContainerInspect | Cmd::ImageInspect | Cmd::NetworkInspect | Cmd::VolumeInspect => {
            inspect::command(context).await
        }
        Cmd::Logs => logs::logs(context).await,
        Cmd::Events => logs::events(context).await,
        Cmd::Save => archive::save(context).await,
        Cmd::Load => archive::load(context).await,
        Cmd::Import => archive::import(context).await,
        Cmd::Export => archive::export(context).await,
        Cmd::Version => system::version(context).await,
        Cmd::Info => system::info(context).await,
        Cmd::SystemDf => system::df(context).await,
        Cmd::SystemPrune => system::prune(context).await,
        Cmd::VolumeCreate
        | Cmd::VolumeRm
        | Cmd::NetworkCreate
        | Cmd::NetworkRm
        | Cmd::NetworkConnect
        | Cmd::NetworkDisconnect => volume::command(context).await,
        Cmd::Stats => stats::stats(context).await,
        Cmd::Cp => cp::cp(context).await,
    }
}
