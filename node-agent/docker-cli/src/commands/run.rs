//! `docker run`: create, attach, wait, start, in that order, so that no byte of output and no exit is missed.

use super::create::{container, plan, with_help};
use super::{Context, check_tty, wait};
use crate::client::{encode, encode_path};
use crate::error::Failure;
use crate::stream::{Attachment, End};
use crate::{hijack, output, signals, terminal};
use std::rc::Rc;
use tokio::task::LocalSet;

/// `docker run`.
pub(crate) async fn run(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let detach = args.switch("detach");
    if detach && args.changed("attach") {
        return Err(Failure::new("conflicting options: cannot specify both --attach and --detach"));
    }
    let plan = plan(context)?;
    check_tty(plan.stdin, plan.tty)?;
    let keys = context.detach_keys()?;
    let id = container(context, &plan).await?;
    LocalSet::new().run_until(attached(context, &plan, &id, keys)).await
}

async fn attached(
    context: &Context,
    plan: &engine_wasm::cli::create::Create,
    id: &str,
    keys: String,
) -> Result<u8, Failure> {
    let wrong = |e: &dyn std::fmt::Display| with_help(context, &e.to_string(), start_code(&e.to_string()));
    let client = &context.client;
    let attach = plan.stdin || plan.stdout || plan.stderr;
    if attach {
        if context.args.switch_or("sig-proxy", true) {
            tokio::task::spawn_local(signals::proxy(Rc::clone(client), id.to_owned()));
        } else {
            tokio::task::spawn_local(signals::restore_and_die());
        }
    }
    let path = format!("/containers/{}", encode_path(id));
    let stream = if attach {
        let mut query: Vec<String> = Vec::new();
        if !keys.is_empty() {
            query.push(format!("detachKeys={}", encode(&keys)));
        }
        for (name, on) in [("stderr", plan.stderr), ("stdin", plan.stdin), ("stdout", plan.stdout)] {
            if on {
                query.push(format!("{name}=1"));
            }
        }
        query.push("stream=1".into());
        Some(hijack::open(client, &format!("{path}/attach?{}", query.join("&")), None).await.map_err(|e| wrong(&e))?)
    } else {
        None
    };
    let condition = if plan.auto_remove { "removed" } else { "next-exit" };
    let waiting = wait::register(client, id, condition).await;

    let Some(stream) = stream else {
        let started = client.post(&format!("{path}/start"), None).await;
        output::line(id);
        started.map_err(|e| wrong(&e))?;
        return Ok(0);
    };
    if let Err(e) = client.post(&format!("{path}/start"), None).await {
        if let (true, Ok(waiting)) = (plan.auto_remove, waiting) {
            // The engine removes what could not be started; the command ends when that is done.
            let _ = waiting.status().await;
        }
        return Err(wrong(&e));
    }
    if plan.tty && terminal::stdout_is_terminal() {
        tokio::task::spawn_local(signals::follow_size(Rc::clone(client), path));
    }
    let attachment =
        Attachment { tty: plan.tty, stdin: plan.stdin, output: plan.stdout || plan.stderr, detach_keys: keys };
    match attachment.run(stream).await {
        Ok(End::Detached) => Ok(0),
        Ok(End::Closed) => Ok(waiting?.exit_code().await),
        Err(e) => Err(Failure::new(e)),
    }
}

/// The exit code for a container that did not start, by docker's reading of the engine's message.
fn start_code(message: &str) -> u8 {
    if ["executable file not found", "no such file or directory", "system cannot find the file specified"]
        .iter()
        .any(|s| message.contains(s))
    {
        127
    } else if message.contains("permission denied") || message.contains("is a directory") {
        126
    } else {
        125
    }
}

#[cfg(test)]
mod tests {
    use super::start_code;

    #[test]
    fn start_errors_have_the_shells_exit_codes() {
        assert_eq!(start_code("exec: \"nosuch\": executable file not found in $PATH"), 127);
        assert_eq!(start_code("exec: \"/etc\": permission denied"), 126);
        assert_eq!(start_code("No command specified"), 125);
    }
}
