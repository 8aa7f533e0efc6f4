//! Commands about the engine itself: version, info, system df, system prune.

use super::Context;
use super::image::{confirm, objects};
use super::list::now;
use crate::error::{CallError, Failure};
use crate::{VERSION, output};
use engine_wasm::cli::format::version::Client;
use engine_wasm::cli::format::{Wrong, disk, info, version};
use engine_wasm::cli::spec::Cmd;
use engine_wasm::cli::when::filters;

/// `docker version`.
pub(crate) async fn version(context: &Context) -> Result<u8, Failure> {
    let server = context.client.get("/version").await;
    let (major, minor) = context.client.version().await;
    let api = format!("{major}.{minor}");
    let client = Client {
        version: VERSION,
        api: &api,
        newest_api: "1.50",
        go: "none (Rust)",
        commit: "slipway",
        built: "",
        arch: if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
    };
    let text = version::show(context.args.text_or_empty("format"), &client, server.as_ref().ok()).map_err(unshown)?;
    output::print(&text);
    server.map(|_| 0).map_err(Failure::from)
}

fn unshown(wrong: Wrong) -> Failure {
    match wrong {
        Wrong::Template(message) => Failure { message, code: 64 },
        Wrong::Field(message) => {
            // docker has written the line's end by then.
            output::line("");
            Failure::new(message)
        }
    }
}

/// `docker info`.
pub(crate) async fn info(context: &Context) -> Result<u8, Failure> {
    let answer = context.client.get("/info").await;
    let text =
        info::show(context.args.text_or_empty("format"), VERSION, false, answer.as_ref().ok()).map_err(unshown)?;
    output::print(&text);
    match answer {
        Ok(answer) => {
            for warning in answer["Warnings"].as_array().into_iter().flatten().filter_map(|w| w.as_str()) {
                output::error(warning);
            }
            Ok(0)
        }
        Err(e @ CallError::Connect(_)) => Err(Failure::new(format!("{e}"))),
        Err(e) => Err(e.into()),
    }
}

/// `docker system df`.
pub(crate) async fn df(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let verbose = args.switch("verbose");
    let format = args.text_or_empty("format");
    let usage = context.client.get("/system/df").await?;
    let text = if verbose { disk::verbose(format, &usage, now()) } else { disk::summary(format, &usage) };
    output::print(&text.map_err(Failure::new)?);
    Ok(0)
}

/// `docker system prune`.
pub(crate) async fn prune(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let (all, volumes) = (args.switch("all"), args.switch("volumes"));
    if volumes && args.list("filter").iter().any(|filter| filter.starts_with("until=")) {
        return Err(Failure::new("ERROR: The \"until\" filter is not supported with \"--volumes\""));
    }
    if !args.switch("force") {
        let mut warning = String::from(
            "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n",
        );
        if volumes {
            warning += "  - all anonymous volumes not used by at least one container\n";
        }
        warning += if all {
            "  - all images without at least one container associated to them\n  - all build cache\n"
        } else {
            "  - all dangling images\n  - unused build cache\n"
        };
        let filters = args.list("filter");
        if !filters.is_empty() {
            warning += &format!(
                "\n  Items to be pruned will be filtered with:\n{}",
                filters.iter().map(|f| format!("  - {f}\n")).collect::<String>()
            );
        }
        if !confirm(&format!("{warning}\nAre you sure you want to continue?")) {
            return Ok(0);
        }
    }
    let mut steps = vec![(Cmd::ContainerPrune, false), (Cmd::NetworkPrune, false)];
    if volumes {
        steps.push((Cmd::VolumePrune, false));
    }
    steps.push((Cmd::ImagePrune, all));
    let mut total = 0.0;
    for (kind, all) in steps {
        let part = objects(context, kind, all).await?;
        let (text, reclaimed) = part.split_once("Total reclaimed space: ").unwrap_or((&part, "0B"));
        total += engine_wasm::units::from_human_size(reclaimed.trim()).map_or(0.0, |n| n as f64);
        output::print(text);
    }
    total += build_cache(context, all).await?;
    output::line(&format!("Total reclaimed space: {}", engine_wasm::units::human_size(total)));
    Ok(0)
}

/// Removes the build cache; gives the bytes that this freed.
async fn build_cache(context: &Context, all: bool) -> Result<f64, Failure> {
    let query = crate::client::query(&[
        ("all", if all { "1" } else { "" }),
        ("filters", &filters(&context.args.list("filter"))),
    ]);
    let answer = context.client.post(&format!("/build/prune{query}"), None).await?;
    let deleted: Vec<_> = answer["CachesDeleted"].as_array().into_iter().flatten().filter_map(|c| c.as_str()).collect();
    if !deleted.is_empty() {
        output::line(&format!("Deleted build cache objects:\n{}\n", deleted.join("\n")));
    }
    Ok(answer["SpaceReclaimed"].as_f64().unwrap_or_default())
}
