//! Commands that ask the engine once and print what it says: ps, images, history, diff, volume ls, network ls, search, top, port.

use super::Context;
use crate::client::{encode_path, query};
use crate::error::Failure;
use crate::{output, pull};
use engine_wasm::cli::format::{container, image, network, search, uses, validate, volume};
use engine_wasm::cli::spec::Cmd;
use engine_wasm::cli::when::filters;
use engine_wasm::tabwriter::TabWriter;
use serde_json::{Value, json};

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or_default())
}

fn on(yes: bool) -> &'static str {
    if yes { "1" } else { "" }
}

/// `--format`, or the configured one.
fn format<'a>(context: &'a Context, configured: &'a str) -> &'a str {
    match context.args.text("format") {
        Some(format) if !format.is_empty() => format,
        _ if !configured.is_empty() && !context.args.switch("quiet") => configured,
        _ => "table",
    }
}

/// The command that the context names.
pub(crate) async fn command(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let client = &context.client;
    let quiet = args.switch("quiet");
    let trunc = !args.switch("no-trunc");
    let filter = filters(&args.list("filter"));
    let text = match args.id() {
        Cmd::Ps => return ps(context).await,
        Cmd::Images => return images(context).await,
        Cmd::History => {
            let path = format!("/images/{}/history{}", encode_path(context.first()), platform_query(context)?);
            let human = args.switch_or("human", true);
            image::history(format(context, ""), &client.get(&path).await?, quiet, human, trunc, now())
        }
        Cmd::Diff => {
            let name = context.first();
            if name.trim().is_empty() {
                return Err(Failure::new("Container name cannot be empty"));
            }
            Ok(container::diff(&client.get(&format!("/containers/{}/changes", encode_path(name))).await?))
        }
        Cmd::VolumeLs => {
            let mut answer = client.get(&format!("/volumes{}", query(&[("filters", &filter)]))).await?;
            let mut shown = format(context, &context.config.volumes_format);
            if args.switch("cluster") {
                if let Some(volumes) = answer["Volumes"].as_array_mut() {
                    volumes.retain(|v| !v["ClusterVolume"].is_null());
                }
                if shown == "table" && !quiet {
                    shown = volume::CLUSTER;
                }
            }
            volume::list(shown, &answer["Volumes"], quiet)
        }
        Cmd::NetworkLs => {
            let answer = client.get(&format!("/networks{}", query(&[("filters", &filter)]))).await?;
            network::list(format(context, &context.config.networks_format), &answer, quiet, trunc)
        }
        Cmd::Search => {
            let limit = args.int("limit").filter(|n| *n > 0).map(|n| n.to_string()).unwrap_or_default();
            let path = format!(
                "/images/search{}",
                query(&[("filters", &filter), ("limit", &limit), ("term", context.first())])
            );
            if args.list("filter").iter().any(|f| f.starts_with("is-automated")) {
                output::error(
                    "WARNING: the \"is-automated\" filter is deprecated, and searching for \"is-automated=true\" will not yield any results in future.",
                );
            }
            let domain = match context.first().split_once('/') {
                Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
                _ => "docker.io",
            };
            let headers = super::registry::auth_headers(context, domain);
            search::list(format(context, ""), &client.get_with(&path, headers).await?, trunc)
        }
        Cmd::Top => {
            let ps = args.args[1..].join(" ");
            let path = format!("/containers/{}/top{}", encode_path(context.first()), query(&[("ps_args", &ps)]));
            Ok(top(&client.get(&path).await?))
        }
        _ => return port(context).await,
    };
    output::print(&text.map_err(Failure::new)?);
    Ok(0)
}

/// `?platform=` in the engine's notation, for the API versions that know it.
pub(super) fn platform_query(context: &Context) -> Result<String, Failure> {
    match context.args.text("platform").filter(|p| !p.is_empty()) {
        None => Ok(String::new()),
        Some(text) => {
            let parts: Vec<_> = text.split('/').collect();
            let [os, arch, variant @ ..] = parts.as_slice() else {
                return Err(Failure::new(format!("invalid platform: {text:?}: expected os/arch[/variant]")));
            };
            let mut value = json!({ "os": os, "architecture": arch });
            if let Some(variant) = variant.first() {
                value["variant"] = (*variant).into();
            }
            Ok(query(&[("platform", &value.to_string())]))
        }
    }
}

async fn ps(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let quiet = args.switch("quiet");
    let given = args.text("format").filter(|f| !f.is_empty());
    if given.is_some() && quiet {
        output::error("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    }
    let chosen = given.unwrap_or(&context.config.ps_format);
    let mut size = args.switch("size");
    if !chosen.is_empty() {
        let sample = container::row(&json!({}), true, now());
        validate(chosen, &container::KIND, &sample).map_err(Failure::new)?;
        if !quiet && !args.changed("size") && uses(chosen, "Size") {
            size = true;
        }
    }
    let mut limit = args.int("last").unwrap_or(-1);
    if args.switch("latest") && limit == -1 {
        limit = 1;
    }
    let limit = if limit > 0 { limit.to_string() } else { String::new() };
    let filter = filters(&args.list("filter"));
    let path = format!(
        "/containers/json{}",
        query(&[("all", on(args.switch("all"))), ("filters", &filter), ("limit", &limit), ("size", on(size))])
    );
    let answer = context.client.get(&path).await?;
    let template = container::template(chosen, quiet, size);
    let text = container::list(&template, &answer, !args.switch("no-trunc"), now()).map_err(Failure::new)?;
    output::print(&text);
    Ok(0)
}

async fn images(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    if args.switch("tree") {
        return Err(Failure::new("--tree is an experimental feature and is not supported by this client"));
    }
    let (quiet, digests) = (args.switch("quiet"), args.switch("digests"));
    let wanted = args.args.first().map(String::as_str);
    let mut values: Vec<String> = args.list("filter").into_iter().map(str::to_owned).collect();
    values.extend(wanted.map(|w| format!("reference={w}")));
    let filter = filters(&values.iter().map(String::as_str).collect::<Vec<_>>());
    let path = format!("/images/json{}", query(&[("all", on(args.switch("all"))), ("filters", &filter)]));
    let answer = context.client.get(&path).await?;
    let template = image::template(format(context, &context.config.images_format), quiet, digests);
    let text = image::list(&template, &answer, digests, !args.switch("no-trunc"), now()).map_err(Failure::new)?;
    output::print(&text);
    const COMMANDS: [&str; 13] =
        ["build", "history", "import", "inspect", "list", "load", "ls", "prune", "pull", "push", "rm", "save", "tag"];
    if let Some(wanted) = wanted.filter(|w| COMMANDS.contains(w) && answer.as_array().is_some_and(Vec::is_empty)) {
        output::error(&format!("\nNo images found matching {wanted:?}: did you mean \"docker image {wanted}\"?"));
    }
    Ok(0)
}

fn top(answer: &Value) -> String {
    let row = |cells: &Value| {
        cells.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("\t") + "\n"
    };
    let text: String = std::iter::once(&answer["Titles"])
        .chain(answer["Processes"].as_array().into_iter().flatten())
        .map(row)
        .collect();
    TabWriter::new(20, 1, 3, ' ', 0).format(&text)
}

async fn port(context: &Context) -> Result<u8, Failure> {
    let name = context.first();
    let answer = context.client.get(&format!("/containers/{}/json", encode_path(name))).await?;
    let wanted = context.args.args.get(1).map(String::as_str);
    match (container::port_lines(&answer, wanted), wanted) {
        (Some(text), _) => output::print(&text),
        (None, None) => {}
        (None, Some(port)) => {
            return Err(Failure::new(format!("Error: No public port '{port}' published for {name}")));
        }
    }
    Ok(0)
}

/// `docker pull`.
pub(crate) async fn pull_command(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let image = pull::normalize(context.first()).map_err(Failure::new)?;
    let (all, quiet) = (args.switch("all-tags"), args.switch("quiet"));
    if all && !image.default_tag {
        return Err(Failure::new("tag can't be used with --all-tags/-a"));
    }
    if !all && image.default_tag && !quiet {
        output::line(&format!("Using default tag: {}", image.tag));
    }
    let target = if quiet { pull::Target::Nowhere } else { pull::Target::Stdout };
    pull::pull(context, &image, args.text_or_empty("platform"), all, target).await?;
    output::line(&if all { image.name.clone() } else { image.full });
    Ok(0)
}
