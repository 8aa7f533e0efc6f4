//! Commands that change images: tag, rmi, commit, and the prunes with their question.

use super::Context;
use crate::client::{encode, encode_path, query};
use crate::error::Failure;
use crate::output;
use engine_wasm::cli::spec::Cmd;
use engine_wasm::cli::when::filters;
use engine_wasm::{reference, units};
use serde_json::Value;
use std::io::BufRead;

fn invalid(text: &str, e: &reference::Error) -> Failure {
    Failure::new(format!("Error parsing reference: {text:?} is not a valid repository/tag: {e}"))
}

/// `docker tag`.
pub(crate) async fn tag(context: &Context) -> Result<u8, Failure> {
    let (source, target) = (context.first(), &context.args.args[1]);
    reference::parse_any(source).map_err(|e| invalid(source, &e))?;
    let name = reference::parse_normalized(target).map_err(|e| invalid(target, &e))?;
    if name.digest().is_some() {
        return Err(Failure::new("refusing to create a tag with a digest reference"));
    }
    let name = name.with_default_tag();
    let path = format!(
        "/images/{}/tag{}",
        encode_path(source),
        query(&[("repo", &name.name()), ("tag", name.tag().unwrap_or_default())])
    );
    context.client.post(&path, None).await?;
    Ok(0)
}

/// `docker rmi`.
pub(crate) async fn rmi(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let force = args.switch("force");
    let mut query =
        query(&[("force", if force { "1" } else { "" }), ("noprune", if args.switch("no-prune") { "1" } else { "" })]);
    for platform in args.list("platform") {
        query.push(if query.is_empty() { '?' } else { '&' });
        query += &format!("platforms={}", encode(&super::inspect::platform(platform)));
    }
    let (mut errors, mut fatal) = (Vec::new(), false);
    for name in &args.args {
        match context.client.delete(&format!("/images/{}{query}", encode_path(name))).await {
            Ok(answer) => {
                for entry in answer.as_array().into_iter().flatten() {
                    for word in ["Deleted", "Untagged"] {
                        if let Some(what) = entry[word].as_str().filter(|w| !w.is_empty()) {
                            output::line(&format!("{word}: {what}"));
                        }
                    }
                }
            }
            Err(e) => {
                fatal |= !e.is_not_found();
                errors.push(e.to_string());
            }
        }
    }
    let text = errors.join("\n");
    match (errors.is_empty(), force && !fatal) {
        (true, _) => Ok(0),
        (false, true) => {
            output::error(&text);
            Ok(0)
        }
        (false, false) => Err(Failure::new(text)),
    }
}

/// `docker commit`.
pub(crate) async fn commit(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let (mut repository, mut tag) = (String::new(), String::new());
    if let Some(text) = args.args.get(1).filter(|t| !t.is_empty()) {
        let name = reference::parse_normalized(text).map_err(|e| Failure::new(e.to_string()))?;
        if name.digest().is_some() {
            return Err(Failure::new("refusing to create a tag with a digest reference"));
        }
        let name = name.with_default_tag();
        repository = name.name();
        tag = name.tag().unwrap_or_default().to_owned();
    }
    let pause = if args.switch_or("pause", true) { "" } else { "0" };
    let mut path = format!(
        "/commit{}",
        query(&[
            ("author", args.text_or_empty("author")),
            ("comment", args.text_or_empty("message")),
            ("container", context.first()),
            ("pause", pause),
            ("repo", &repository),
            ("tag", &tag),
        ])
    );
    for change in args.list("change") {
        path += &format!("&changes={}", encode(change));
    }
    let answer = context.client.post(&path, None).await?;
    output::line(answer["Id"].as_str().unwrap_or_default());
    Ok(0)
}

/// Asks on standard output and reads the answer; only `y` and `yes` mean yes.
pub(crate) fn confirm(question: &str) -> bool {
    output::print(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// `Total reclaimed space: …`
pub(crate) fn reclaimed(answer: &Value) -> String {
    #[allow(clippy::cast_precision_loss)] // a size for people
    let bytes = answer["SpaceReclaimed"].as_f64().unwrap_or_default();
    format!("Total reclaimed space: {}", units::human_size(bytes))
}

/// The engine's filters together with one that the command sets.
fn with_filter(context: &Context, extra: Option<&str>) -> String {
    let mut values = context.args.list("filter");
    values.extend(extra);
    query(&[("filters", &filters(&values))])
}

/// `docker container prune`, `image prune`, `volume prune` and `network prune`.
pub(crate) async fn prune(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let all = args.switch("all");
    let warning = match args.id() {
        Cmd::ContainerPrune => "This will remove all stopped containers.",
        Cmd::ImagePrune if all => "This will remove all images without at least one container associated to them.",
        Cmd::ImagePrune => "This will remove all dangling images.",
        Cmd::VolumePrune if all => "This will remove all local volumes not used by at least one container.",
        Cmd::VolumePrune => "This will remove anonymous local volumes not used by at least one container.",
        _ => "This will remove all custom networks not used by at least one container.",
    };
    if !args.switch("force") && !confirm(&format!("WARNING! {warning}\nAre you sure you want to continue?")) {
        return Ok(0);
    }
    let text = objects(context, args.id(), all).await?;
    output::print(&text);
    Ok(0)
}

/// Removes what is not used of one kind; gives the text about it.
pub(crate) async fn objects(context: &Context, id: Cmd, all: bool) -> Result<String, Failure> {
    let client = &context.client;
    let list = |answer: &Value, key: &str| {
        answer[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|s| format!("{s}\n"))
            .collect::<String>()
    };
    let section = |title: &str, body: String| {
        if body.is_empty() { String::new() } else { format!("{title}:\n{body}\n") }
    };
    Ok(match id {
        Cmd::ContainerPrune => {
            let answer = client.post(&format!("/containers/prune{}", with_filter(context, None)), None).await?;
            section("Deleted Containers", list(&answer, "ContainersDeleted")) + &reclaimed(&answer) + "\n"
        }
        Cmd::ImagePrune => {
            let dangling = if all { "dangling=false" } else { "dangling=true" };
            let answer = client.post(&format!("/images/prune{}", with_filter(context, Some(dangling))), None).await?;
            let mut body = String::new();
            for entry in answer["ImagesDeleted"].as_array().into_iter().flatten() {
                if let Some(name) = entry["Untagged"].as_str().filter(|n| !n.is_empty()) {
                    body += &format!("untagged: {name}\n");
                } else {
                    body += &format!("deleted: {}\n", entry["Deleted"].as_str().unwrap_or_default());
                }
            }
            section("Deleted Images", body) + &reclaimed(&answer) + "\n"
        }
        Cmd::VolumePrune => {
            let answer = client
                .post(&format!("/volumes/prune{}", with_filter(context, all.then_some("all=true"))), None)
                .await?;
            section("Deleted Volumes", list(&answer, "VolumesDeleted")) + &reclaimed(&answer) + "\n"
        }
        _ => {
            let answer = client.post(&format!("/networks/prune{}", with_filter(context, None)), None).await?;
            section("Deleted Networks", list(&answer, "NetworksDeleted"))
        }
    })
}
