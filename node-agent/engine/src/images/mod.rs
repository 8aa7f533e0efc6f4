//! Images as the API shows them, and what makes them: pull, import, commit. The store does the work.

pub mod changes;
pub mod commit;
pub mod pull;
pub mod remove;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_wasm::reference::glob_match;
use http::StatusCode;
use serde_json::{Value, json};
use slipway_images::registry::Platform;
use slipway_images::{
    ChainId, Error as StoreError, Image, ImageId, ImageSummary, Reference, ResolveError, UnpackError,
};

use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;

/// The store's errors with Docker's status codes.
#[must_use]
pub fn error_of(e: &StoreError) -> Error {
    let status = match e {
        StoreError::NoSuchImage(_) | StoreError::Resolve(ResolveError::NotFound(_) | ResolveError::NoSuchReference) => {
            StatusCode::NOT_FOUND
        }
        StoreError::InvalidReference(_)
        | StoreError::InvalidConfig(_)
        | StoreError::Archive(_)
        | StoreError::Resolve(_) => StatusCode::BAD_REQUEST,
        StoreError::Conflict(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Error::new(status, e.to_string())
}

/// As [`error_of`], for an archive that a client sent: what is wrong with it needs no word about layers.
#[must_use]
pub fn archive_error(e: &StoreError) -> Error {
    match e {
        StoreError::Unpack(UnpackError::Stream(source)) => Error::internal(source),
        StoreError::Unpack(UnpackError::Entry { action, path, source }) => {
            Error::internal(format!("{action} /{path}: {source}"))
        }
        StoreError::Unpack(UnpackError::Breakout { path, .. }) => {
            Error::internal(format!("{path:?} leads out of the image: the archive is refused"))
        }
        other => error_of(other),
    }
}

/// Docker's sentence: a name gets its tag, an id stays as it is.
#[must_use]
pub fn no_such_image(name: &str) -> String {
    match Reference::parse(name) {
        Ok(r) if !name.starts_with("sha256:") => format!("No such image: {}", r.with_default_tag().familiar_string()),
        _ => format!("No such image: {name}"),
    }
}

/// Records an event about an image.
pub fn event(engine: &Engine, action: &str, id: &ImageId, name: &str) {
    let mut attributes: BTreeMap<String, String> =
        engine.store.image(id).map(|i| i.config.config.labels.clone()).unwrap_or_default();
    attributes.insert("name".into(), name.to_owned());
    engine.events.log("image", action, &id.to_string(), attributes);
}

/// `GET /images/json`.
///
/// # Errors
/// For unknown filters.
pub fn list(engine: &Engine, all: bool, filters: &Filters) -> Result<Vec<Value>> {
    filters.check(&["dangling", "label", "label!", "before", "since", "reference", "until"])?;
    let created_of = |key: &str| -> Result<Option<time::OffsetDateTime>> {
        let Some(name) = filters.get(key).first() else { return Ok(None) };
        let id = engine.store.resolve(name).map_err(|_| Error::not_found(no_such_image(name)))?;
        Ok(clock::parse(&engine.store.image(&id)?.created))
    };
    let (before, since) = (created_of("before")?, created_of("since")?);
    if let Some(other) = filters.get("dangling").iter().find(|v| !matches!(v.as_str(), "true" | "1" | "false" | "0")) {
        return Err(Error::bad(format!("invalid filter 'dangling=[{other}]'")));
    }
    let (dangling, until) = (filters.flag("dangling"), filters.until()?);
    let patterns = filters.get("reference");
    for pattern in patterns {
        glob_match(pattern, "").map_err(|e| Error::bad(e.to_string()))?;
    }
    let mut list: Vec<(Option<time::OffsetDateTime>, Value)> = Vec::new();
    for mut summary in engine.store.images() {
        let image = Arc::clone(&summary.image);
        let created = clock::parse(&image.created);
        // Shown with --all only; among the dangling ones never.
        if (!all || dangling == Some(true)) && is_intermediate(engine, &summary) {
            continue;
        }
        if !patterns.is_empty() {
            let fits = |name: &Reference| patterns.iter().any(|pattern| reference_matches(name, pattern));
            summary.tags.retain(fits);
            summary.digests.retain(fits);
        }
        if dangling.is_some_and(|d| d != summary.tags.is_empty())
            || before.is_some_and(|b| created >= Some(b))
            || since.is_some_and(|s| created <= Some(s))
            || until.is_some_and(|u| created >= Some(u))
            || (!patterns.is_empty() && summary.tags.is_empty() && summary.digests.is_empty())
            || !filters.labels_fit(&image.config.config.labels)
        {
            continue;
        }
        list.push((created, summary_json(&summary)));
    }
    list.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    Ok(list.into_iter().map(|(_, v)| v).collect())
}

/// Whether an image has no name, and others are built on it.
fn is_intermediate(engine: &Engine, summary: &ImageSummary) -> bool {
    let named = !summary.tags.is_empty() || !summary.digests.is_empty();
    !named && !engine.store.children(&summary.image.id).is_empty()
}

/// How many containers there are of it, and what it shares with others, only `docker system df` asks.
fn summary_json(s: &ImageSummary) -> Value {
    let image = &s.image;
    let names = |list: &[Reference]| list.iter().map(Reference::familiar_string).collect::<Vec<_>>();
    let labels = &image.config.config.labels;
    json!({
        "Containers": -1, "Created": clock::parse(&image.created).map_or(0, time::OffsetDateTime::unix_timestamp),
        "Id": image.id.to_string(), "Labels": if labels.is_empty() { Value::Null } else { json!(labels) },
        "ParentId": s.parent.map(|p| p.to_string()).unwrap_or_default(), "RepoDigests": names(&s.digests), "RepoTags": names(&s.tags),
        "SharedSize": -1, "Size": image.size,
    })
}

/// `reference=PATTERN`: Go's `path.Match` against the name with or without its tag.
fn reference_matches(reference: &Reference, pattern: &str) -> bool {
    let fits = |name: &str| glob_match(pattern, name).unwrap_or(false);
    fits(&reference.familiar_string()) || fits(&reference.familiar_name())
}

/// Refuses an image that was not made for a platform that is asked for.
///
/// # Errors
/// Docker's sentence.
pub(crate) fn check_platform(name: &str, image: &Image, wanted: &Platform) -> Result<()> {
    let actual = Platform::of(&image.config);
    if wanted.runs(&actual) {
        return Ok(());
    }
    Err(Error::not_found(format!(
        "image with reference {name} was found but its platform ({actual}) does not match the specified platform ({wanted})"
    )))
}

/// `GET /images/{name}/json`.
///
/// # Errors
/// Docker's sentence for none.
pub fn inspect(engine: &Engine, name: &str) -> Result<Value> {
    let (id, image) = find(engine, name)?;
    let summary = engine.store.images().into_iter().find(|s| s.image.id == id);
    let names = |list: &[Reference]| list.iter().map(Reference::familiar_string).collect::<Vec<_>>();
    let (tags, digests, parent) = summary.map_or_else(Default::default, |s| {
        (names(&s.tags), names(&s.digests), s.parent.map(|p| p.to_string()).unwrap_or_default())
    });
    let c = &image.config;
    let raw: Value = serde_json::from_slice(&image.raw).map_err(Error::internal)?;
    let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    let mut value = json!({
        "Id": id.to_string(), "RepoTags": tags, "RepoDigests": digests, "Parent": parent, "Comment": c.comment.clone().unwrap_or_default(),
        "Created": image.created, "Container": c.container.clone().unwrap_or_default(),
        "ContainerConfig": config_json(&raw["container_config"])?,
        "DockerVersion": c.docker_version.clone().unwrap_or_default(), "Author": c.author.clone().unwrap_or_default(),
        "Config": config_json(&raw["config"])?, "Architecture": or(&c.architecture, &Platform::host().architecture), "Os": or(&c.os, "linux"), "Size": image.size,
        "VirtualSize": image.size, "GraphDriver": { "Data": layer_dirs(engine, &image), "Name": "overlay2" },
        "RootFS": { "Type": "layers", "Layers": image.layers.iter().map(ToString::to_string).collect::<Vec<_>>() },
        "Metadata": { "LastTagTime": engine.store.tagged(&id).unwrap_or_else(|| crate::types::NEVER.into()) },
    });
    if let Some(variant) = &c.variant {
        value["Variant"] = json!(variant);
    }
    Ok(value)
}

/// A configuration out of an image's JSON with all of Docker's fields; what is absent there is `null`, as Go has it.
fn config_json(raw: &Value) -> Result<Value> {
    let config: crate::types::Config = match raw {
        Value::Null => crate::types::Config::default(),
        raw => crate::types::from_go_json(raw.clone()).map_err(Error::internal)?,
    };
    let mut value = serde_json::to_value(config).map_err(Error::internal)?;
    for key in ["Env", "Labels"] {
        if raw[key].is_null() {
            value[key] = Value::Null;
        }
    }
    Ok(value)
}

fn layer_dirs(engine: &Engine, image: &Image) -> Value {
    let mut dirs: Vec<String> = Vec::new();
    for chain in ChainId::stack(&image.layers).iter().rev() {
        let Ok(dir) = engine.store.layer_dir(chain) else { return Value::Null };
        dirs.push(dir.to_string_lossy().into_owned());
    }
    let Some((upper, lower)) = dirs.split_first() else { return Value::Null };
    let base = upper.trim_end_matches("/diff");
    let mut data = serde_json::Map::new();
    if !lower.is_empty() {
        data.insert("LowerDir".into(), json!(lower.join(":")));
    }
    data.insert("MergedDir".into(), json!(format!("{base}/merged")));
    data.insert("UpperDir".into(), json!(upper));
    data.insert("WorkDir".into(), json!(format!("{base}/work")));
    Value::Object(data)
}

/// `GET /images/{name}/history`.
///
/// # Errors
/// Docker's sentence for none.
pub fn history(engine: &Engine, name: &str) -> Result<Value> {
    let (id, image) = find(engine, name)?;
    let tags: Vec<String> =
        engine.store.references(&id).iter().filter(|r| r.tag().is_some()).map(Reference::familiar_string).collect();
    let chain = ChainId::stack(&image.layers);
    let (mut layer, mut out) = (0, Vec::new());
    for step in &image.config.history {
        let mut size = 0;
        if !step.empty_layer {
            size = chain.get(layer).and_then(|c| engine.store.layer(c)).map_or(0, |l| l.size);
            layer += 1;
        }
        out.push(json!({
            "Comment": step.comment.clone().unwrap_or_default(),
            "Created": step.created.as_deref().and_then(clock::parse).map_or(0, time::OffsetDateTime::unix_timestamp),
            "CreatedBy": step.created_by.clone().unwrap_or_default(), "Id": "<missing>", "Size": size, "Tags": null,
        }));
    }
    out.reverse();
    if let Some(first) = out.first_mut() {
        first["Id"] = json!(id.to_string());
        first["Tags"] = if tags.is_empty() { Value::Null } else { json!(tags) };
    }
    // Images made here on top of others are named as far as they are known.
    let (mut parent, mut at) = (engine.store.parent(&id), 1);
    while let (Some(p), Some(entry)) = (parent, out.get_mut(at)) {
        entry["Id"] = json!(p.to_string());
        let tags: Vec<String> =
            engine.store.references(&p).iter().filter(|r| r.tag().is_some()).map(Reference::familiar_string).collect();
        if !tags.is_empty() {
            entry["Tags"] = json!(tags);
        }
        (parent, at) = (engine.store.parent(&p), at + 1);
    }
    Ok(Value::Array(out))
}

/// Finds an image by what a client typed.
///
/// # Errors
/// Docker's sentence for none.
pub fn find(engine: &Engine, name: &str) -> Result<(ImageId, Arc<Image>)> {
    let id = crate::containers::create::resolve_image(engine, name)?;
    Ok((id, engine.store.image(&id)?))
}

/// `POST /images/{name}/tag`.
///
/// # Errors
/// For an unknown image and a name that is none.
pub fn tag(engine: &Engine, name: &str, repo: &str, tag: &str) -> Result<()> {
    let (id, _) = find(engine, name)?;
    let reference = new_name(repo, tag)?;
    give_name(engine, &reference, &id)?;
    event(engine, "tag", &id, &reference.familiar_string());
    Ok(())
}

/// Gives an image a name that was asked for here, in difference to one that it came with, and notes when.
///
/// # Errors
/// The store's own.
pub fn give_name(engine: &Engine, reference: &Reference, id: &ImageId) -> Result<()> {
    engine.store.tag(reference, id)?;
    Ok(engine.store.set_tagged(id, &clock::now_string())?)
}

/// A name to give: `repo`, and `tag` unless `repo` has one.
///
/// # Errors
/// Docker's sentences for bad references.
pub fn new_name(repo: &str, tag: &str) -> Result<Reference> {
    let reference = Reference::parse(repo).map_err(|e| Error::bad(e.to_string()))?;
    if reference.digest().is_some() {
        return Err(Error::bad("refusing to create a tag with a digest reference"));
    }
    if tag.is_empty() {
        return Ok(reference.with_default_tag());
    }
    let full = Reference::parse(&format!("{}:{tag}", reference.familiar_name()));
    full.map_err(|_| Error::bad("invalid tag format"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_get_a_tag_in_the_sentence() {
        assert_eq!(no_such_image("nope"), "No such image: nope:latest");
        assert_eq!(no_such_image("a/b:1"), "No such image: a/b:1");
        let id = format!("sha256:{}", "0".repeat(64));
        assert_eq!(no_such_image(&id), format!("No such image: {id}"));
    }

    #[test]
    fn reference_patterns_do_not_cross_slashes() {
        let r = Reference::parse("alpine:3.10").unwrap();
        assert!(
            reference_matches(&r, "alp*") && reference_matches(&r, "alpine:3.?0") && !reference_matches(&r, "*:4*")
        );
        assert!(!reference_matches(&Reference::parse("a/b").unwrap(), "*"));
        assert!(reference_matches(&r, "[a-c]lpine"));
    }

    #[test]
    fn names_to_give() {
        assert_eq!(new_name("a", "").unwrap().familiar_string(), "a:latest");
        assert_eq!(new_name("a", "v1").unwrap().familiar_string(), "a:v1");
        assert!(new_name("A", "").is_err() && new_name("a", "b c").is_err());
    }
}
