//! Commands that do one thing to each container named: stop, restart, kill, rm, pause, unpause, wait, rename, update.

use super::{Context, for_each, wait};
use crate::client::{encode_path, query};
use crate::error::Failure;
use crate::output;
use engine_wasm::cli::create::update;
use engine_wasm::cli::spec::Cmd;

/// The command that the context names.
pub(crate) async fn command(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let client = &context.client;
    let signal = args.text_or_empty("signal");
    let done = |name: &str| Ok(Some(name.to_owned()));
    match args.id() {
        Cmd::Stop | Cmd::Restart => {
            let verb = if args.id() == Cmd::Stop { "stop" } else { "restart" };
            let timeout = args.text("timeout").unwrap_or_default();
            let query = query(&[("signal", signal), ("t", timeout)]);
            for_each(context, async |name| {
                client.post(&format!("/containers/{}/{verb}{query}", encode_path(name)), None).await?;
                done(name)
            })
            .await
        }
        Cmd::Kill => {
            let query = query(&[("signal", signal)]);
            for_each(context, async |name| {
                client.post(&format!("/containers/{}/kill{query}", encode_path(name)), None).await?;
                done(name)
            })
            .await
        }
        Cmd::Pause | Cmd::Unpause => {
            let verb = if args.id() == Cmd::Pause { "pause" } else { "unpause" };
            for_each(context, async |name| {
                client.post(&format!("/containers/{}/{verb}", encode_path(name)), None).await?;
                done(name)
            })
            .await
        }
        Cmd::Rm => {
            let on = |name: &str| if args.switch(name) { "1" } else { "" };
            let force = args.switch("force");
            let query = query(&[("force", on("force")), ("link", on("link")), ("v", on("volumes"))]);
            for_each(context, async |name| {
                match client.delete(&format!("/containers/{}{query}", encode_path(name.trim_matches('/')))).await {
                    Err(e) if force && e.is_not_found() => {
                        output::error(&e.to_string());
                        Ok(None)
                    }
                    Err(e) => Err(e),
                    Ok(_) => done(name),
                }
            })
            .await
        }
        Cmd::Wait => {
            for_each(context, async |name| {
                let status = wait::register(client, name, "").await?.status().await;
                status.map(|code| Some(code.to_string())).map_err(crate::error::CallError::Transport)
            })
            .await
        }
        Cmd::Rename => {
            let (old, new) = (context.first().trim(), args.args[1].trim());
            if old.is_empty() || new.is_empty() {
                return Err(Failure::new("Error: Neither old nor new names may be empty"));
            }
            let path = format!("/containers/{}/rename{}", encode_path(old), query(&[("name", new)]));
            match client.post(&path, None).await {
                Ok(_) => Ok(0),
                Err(e) => {
                    output::error(&e.to_string());
                    Err(Failure::new(format!("Error: failed to rename container named {old}")))
                }
            }
        }
        _ => {
            let body = update(args).map_err(Failure::new)?;
            let mut warnings = Vec::new();
            let result = for_each(context, async |name| {
                let answer = client.post(&format!("/containers/{}/update", encode_path(name)), Some(&body)).await?;
                warnings.extend(
                    answer["Warnings"].as_array().into_iter().flatten().filter_map(|w| w.as_str().map(str::to_owned)),
                );
                done(name)
            })
            .await;
            if !warnings.is_empty() {
                output::error(&warnings.join("\n"));
            }
            result
        }
    }
}
