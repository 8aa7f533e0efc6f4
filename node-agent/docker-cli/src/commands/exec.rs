//! `docker exec`.

use super::create::Local;
use super::{Context, check_tty};
use crate::client::encode_path;
use crate::error::{CallError, Failure};
use crate::stream::{Attachment, End};
use crate::{hijack, signals, terminal};
use engine_wasm::cli::create::key_values;
use serde_json::json;
use std::rc::Rc;
use tokio::task::LocalSet;

/// `docker exec`.
pub(crate) async fn exec(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let client = &context.client;
    let container = encode_path(context.first());
    let env = key_values(args, "env-file", "env", &Local(Rc::clone(client)), true).map_err(Failure::new)?;
    let keys = args.text("detach-keys").filter(|k| !k.is_empty()).unwrap_or(&context.config.detach_keys).to_owned();
    client.get(&format!("/containers/{container}/json")).await?;
    let detach = args.switch("detach");
    let tty = args.switch("tty");
    let stdin = args.switch("interactive") && !detach;
    if !detach {
        check_tty(stdin, tty)?;
    }
    let mut body = json!({
        "User": args.text_or_empty("user"),
        "Privileged": args.switch("privileged"),
        "Tty": tty,
        "AttachStdin": stdin,
        "AttachStderr": !detach,
        "AttachStdout": !detach,
        "DetachKeys": keys,
        "Env": if env.is_empty() { serde_json::Value::Null } else { json!(env) },
        "WorkingDir": args.text_or_empty("workdir"),
        "Cmd": args.args[1..],
    });
    let mut start = json!({ "Detach": detach, "Tty": tty });
    if tty && client.version().await >= (1, 42) {
        body["ConsoleSize"] = json!(terminal::size());
        start["ConsoleSize"] = json!(terminal::size());
    }
    let created = client.post(&format!("/containers/{container}/exec"), Some(&body)).await?;
    let id = created["Id"].as_str().filter(|id| !id.is_empty()).ok_or_else(|| Failure::new("exec ID empty"))?;
    let path = format!("/exec/{}", encode_path(id));
    if detach {
        client.post(&format!("{path}/start"), Some(&start)).await?;
        return Ok(0);
    }
    let stream = hijack::open(client, &format!("{path}/start"), Some(&start)).await?;
    let attachment = Attachment { tty, stdin, output: true, detach_keys: keys };
    let end = LocalSet::new()
        .run_until(async {
            if tty && terminal::stdin_is_terminal() {
                tokio::task::spawn_local(signals::restore_and_die());
                tokio::task::spawn_local(signals::follow_size(Rc::clone(client), path.clone()));
            }
            attachment.run(stream).await
        })
        .await
        .map_err(Failure::new)?;
    if end == End::Detached {
        return Err(Failure::new("read escape sequence"));
    }
    match client.get(&format!("{path}/json")).await {
        Ok(state) => Ok(super::wait::code_of(state["ExitCode"].as_i64().unwrap_or_default())),
        Err(CallError::Connect(_)) => Err(Failure::silent(255)),
        Err(e) => Err(e.into()),
    }
}
