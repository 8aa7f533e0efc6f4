//! `docker attach` and `docker start`.

use super::{Context, check_tty, wait};
use crate::client::{encode, encode_path};
use crate::error::Failure;
use crate::stream::{Attachment, End};
use crate::{hijack, output, signals, terminal};
use serde_json::Value;
use std::rc::Rc;
use tokio::task::LocalSet;

fn attach_query(keys: &str, stdin: bool) -> String {
    let keys = if keys.is_empty() { String::new() } else { format!("detachKeys={}&", encode(keys)) };
    format!("?{keys}stderr=1{}&stdout=1&stream=1", if stdin { "&stdin=1" } else { "" })
}

fn check_state(container: &Value) -> Result<(), Failure> {
    let is = |state: &str| container["State"][state] == true;
    Err(Failure::new(match () {
        () if !is("Running") => "You cannot attach to a stopped container, start it first",
        () if is("Paused") => "You cannot attach to a paused container, unpause it first",
        () if is("Restarting") => "You cannot attach to a restarting container, wait until it is running",
        () => return Ok(()),
    }))
}

/// `docker attach`.
pub(crate) async fn attach(context: &Context) -> Result<u8, Failure> {
    LocalSet::new().run_until(attach_local(context)).await
}

async fn attach_local(context: &Context) -> Result<u8, Failure> {
    let client = &context.client;
    let name = context.first();
    let path = format!("/containers/{}", encode_path(name));
    let keys = context.detach_keys()?;
    let waiting = wait::register(client, name, "").await;
    let container = client.get(&format!("{path}/json")).await?;
    check_state(&container)?;
    let no_stdin = context.args.switch("no-stdin");
    let tty = container["Config"]["Tty"] == true;
    check_tty(!no_stdin, tty)?;
    let stdin = !no_stdin && container["Config"]["OpenStdin"] == true;
    if !tty && context.args.switch_or("sig-proxy", true) {
        tokio::task::spawn_local(signals::proxy(Rc::clone(client), name.to_owned()));
    } else {
        tokio::task::spawn_local(signals::restore_and_die());
    }
    let stream = hijack::open(client, &format!("{path}/attach{}", attach_query(&keys, stdin)), None).await?;
    check_state(&client.get(&format!("{path}/json")).await?)?;
    if tty && terminal::stdout_is_terminal() {
        // A size that differs and then the true one: the program inside redraws, so that the prompt is seen at once.
        let [rows, columns] = terminal::size();
        signals::resize_to(client, &path, rows.saturating_add(1), columns.saturating_add(1)).await;
        tokio::task::spawn_local(signals::follow_size(Rc::clone(client), path));
    }
    let attachment = Attachment { tty, stdin, output: true, detach_keys: keys };
    match attachment.run(stream).await.map_err(Failure::new)? {
        End::Detached => Err(Failure::new("read escape sequence")),
        End::Closed => waiting?.status().await.map(wait::code_of).map_err(Failure::new),
    }
}

/// `docker start`.
pub(crate) async fn start(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let keys = context.detach_keys()?;
    if args.switch("attach") || args.switch("interactive") {
        if args.args.len() > 1 {
            return Err(Failure::new("you cannot start and attach multiple containers at once"));
        }
        return LocalSet::new().run_until(start_attached(context, keys)).await;
    }
    let checkpoint = args.text_or_empty("checkpoint");
    if !checkpoint.is_empty() && args.args.len() > 1 {
        return Err(Failure::new("you cannot restore multiple containers at once"));
    }
    let query = checkpoint_query(context);
    let mut failed = Vec::new();
    for name in &args.args {
        match context.client.post(&format!("/containers/{}/start{query}", encode_path(name)), None).await {
            Ok(_) if checkpoint.is_empty() => output::line(name),
            Ok(_) => {}
            Err(e) if checkpoint.is_empty() => {
                output::error(&e.to_string());
                failed.push(name.as_str());
            }
            Err(e) => return Err(e.into()),
        }
    }
    if failed.is_empty() {
        Ok(0)
    } else {
        Err(Failure::new(format!("Error: failed to start containers: {}", failed.join(", "))))
    }
}

fn checkpoint_query(context: &Context) -> String {
    let text = |name| context.args.text_or_empty(name);
    crate::client::query(&[("checkpoint", text("checkpoint")), ("checkpoint-dir", text("checkpoint-dir"))])
}

async fn start_attached(context: &Context, keys: String) -> Result<u8, Failure> {
    let client = &context.client;
    let container = client.get(&format!("/containers/{}/json", encode_path(context.first()))).await?;
    let id = container["Id"].as_str().unwrap_or_default();
    let path = format!("/containers/{}", encode_path(id));
    let tty = container["Config"]["Tty"] == true;
    if tty {
        tokio::task::spawn_local(signals::restore_and_die());
    } else {
        tokio::task::spawn_local(signals::proxy(Rc::clone(client), id.to_owned()));
    }
    let stdin = context.args.switch("interactive") && container["Config"]["OpenStdin"] == true;
    let stream = hijack::open(client, &format!("{path}/attach{}", attach_query(&keys, stdin)), None).await?;
    let auto_remove = container["HostConfig"]["AutoRemove"] == true;
    let waiting = wait::register(client, id, if auto_remove { "removed" } else { "next-exit" }).await;
    if let Err(e) = client.post(&format!("{path}/start{}", checkpoint_query(context)), None).await {
        if let (true, Ok(waiting)) = (auto_remove, waiting) {
            let _ = waiting.status().await;
        }
        return Err(e.into());
    }
    if tty && terminal::stdout_is_terminal() {
        tokio::task::spawn_local(signals::follow_size(Rc::clone(client), path));
    }
    let attachment = Attachment { tty, stdin, output: true, detach_keys: keys };
    match attachment.run(stream).await.map_err(Failure::new)? {
        End::Detached => Ok(0),
        End::Closed => Ok(waiting?.exit_code().await),
    }
}
