//! `docker inspect` and the inspect of each kind of object.

use super::Context;
use crate::client::{encode_path, query};
use crate::error::{CallError, Failure};
use crate::output;
use engine_wasm::cli::format::inspect::Format;
use engine_wasm::cli::spec::Cmd;
use serde_json::Value;

const TYPES: [&str; 10] =
    ["config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"];

async fn one(context: &Context, kind: &str, name: &str, size: bool) -> Result<Value, CallError> {
    let name = encode_path(name);
    let path = match kind {
        "container" => format!("/containers/{name}/json{}", if size { "?size=1" } else { "" }),
        "image" => {
            let platform = platform(context.args.text_or_empty("platform"));
            format!("/images/{name}/json{}", query(&[("platform", &platform)]))
        }
        "network" => format!("/networks/{name}{}", if context.args.switch("verbose") { "?verbose=true" } else { "" }),
        "volume" => format!("/volumes/{name}"),
        other => format!("/{other}s/{name}"),
    };
    context.client.get(&path).await
}

/// `os/arch[/variant]` as the API takes it; empty where nothing was asked for.
pub(super) fn platform(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut parts = text.split('/');
    let mut value = serde_json::Map::new();
    for key in ["os", "architecture", "variant"] {
        if let Some(part) = parts.next() {
            value.insert(key.into(), part.into());
        }
    }
    Value::Object(value).to_string()
}

/// Tries the kinds in docker's order.
async fn any(context: &Context, wanted: &str, name: &str, size: bool) -> Result<Value, CallError> {
    if name.trim().is_empty() {
        return Err(CallError::Transport("invalid container name or ID: value is empty".into()));
    }
    if !wanted.is_empty() {
        return one(context, wanted, name, size).await;
    }
    for kind in ["container", "image", "network", "volume"] {
        match one(context, kind, name, size).await {
            Ok(value) => {
                if size && kind != "container" {
                    output::error(&format!("WARNING: --size ignored for {kind}"));
                }
                return Ok(value);
            }
            Err(e)
                if e.is_not_found()
                    || e.to_string().contains("not supported")
                    || e.to_string().contains("invalid reference format") => {}
            Err(e) => return Err(e),
        }
    }
    Err(CallError::Transport(format!("Error: No such object: {name}")))
}

/// The inspect command that the context names.
pub(crate) async fn command(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let size = args.switch("size");
    let wanted = match args.id() {
        Cmd::ContainerInspect => "container",
        Cmd::ImageInspect => "image",
        Cmd::NetworkInspect => "network",
        Cmd::VolumeInspect => "volume",
        _ => args.text_or_empty("type"),
    };
    if args.changed("type") && wanted.is_empty() {
        return Err(Failure::new(format!("type is empty: must be one of \"{}\"", TYPES.join("\", \""))));
    }
    if !wanted.is_empty() && !TYPES.contains(&wanted) {
        return Err(Failure::new(format!("unknown type: {wanted:?}: must be one of \"{}\"", TYPES.join("\", \""))));
    }
    let format = Format::new(args.text_or_empty("format")).map_err(|message| Failure { message, code: 64 })?;
    let (mut objects, mut errors) = (Vec::new(), Vec::new());
    for name in &args.args {
        match any(context, wanted, name, size).await {
            Ok(object) => objects.push(object),
            Err(e) => errors.push(e.to_string()),
        }
    }
    let volumes = args.id() == Cmd::VolumeInspect;
    let (text, mut unfit) = if volumes { format.show_volumes(&objects) } else { format.show(&objects) };
    output::print(&text);
    errors.append(&mut unfit);
    if errors.is_empty() { Ok(0) } else { Err(Failure::new(errors.join("\n"))) }
}
