//! `DELETE /images/{name}` and `POST /images/prune`.

use std::sync::Arc;

use serde_json::{Value, json};
use slipway_images::{ImageId, ImageUser, Removed};

use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::{Filters, label_matches};

fn in_use(engine: &Engine, id: &ImageId) -> Vec<ImageUser> {
    let wanted = id.to_string();
    let all = engine.all_containers();
    let users = all.iter().filter_map(|container| {
        let data = container.data();
        (data.record.image == wanted)
            .then(|| ImageUser { container_id: container.id.clone(), running: data.record.state.running })
    });
    users.collect()
}

/// Removes an image or one of its names. Blocking.
///
/// # Errors
/// Docker's sentences for none and for conflicts.
pub fn remove(engine: &Arc<Engine>, name: &str, force: bool, noprune: bool) -> Result<Value> {
    crate::containers::create::resolve_image(engine, name)?;
    let removed = engine.store.remove_image(name, force, noprune, &|id: &ImageId| in_use(engine, id))?;
    Ok(Value::Array(tell(engine, &removed)))
}

fn tell(engine: &Engine, removed: &[Removed]) -> Vec<Value> {
    let one = |r: &Removed| match r {
        Removed::Untagged(name) => {
            engine.events.log("image", "untag", name, [("name".to_owned(), name.clone())].into());
            json!({ "Untagged": name })
        }
        Removed::Deleted(id) => {
            engine.events.log("image", "delete", id, [("name".to_owned(), id.clone())].into());
            json!({ "Deleted": id })
        }
    };
    removed.iter().map(one).collect()
}

/// Removes images that nobody uses: those without a name, or all of them with `dangling=false`. Blocking.
///
/// # Errors
/// For unknown filters.
pub fn prune(engine: &Arc<Engine>, filters: &Filters) -> Result<Value> {
    filters.check(&["dangling", "label", "label!", "until"])?;
    let dangling = filters.flag("dangling").unwrap_or(true);
    let until = filters
        .get("until")
        .first()
        .map(|t| clock::parse_api(t).ok_or_else(|| Error::bad(format!("invalid until filter: {t}"))));
    let until = until.transpose()?;
    let (mut deleted, mut space) = (Vec::new(), 0);
    for summary in engine.store.images() {
        let image = &summary.image;
        let unused = in_use(engine, &image.id).is_empty() && engine.store.children(&image.id).is_empty();
        let old = until.is_none_or(|u| clock::parse(&image.created).is_some_and(|c| c < u));
        let labelled = filters.all(|k, v| k != "label" || label_matches(&image.config.config.labels, v));
        if !unused || !old || !labelled || (dangling && !summary.tags.is_empty()) {
            continue;
        }
        // Each name on its own, so that a removal is never a conflict between names.
        let names = summary.tags.iter().map(|t| t.familiar_string()).chain([image.id.to_string()]);
        for name in names {
            if engine.store.resolve(&name).is_err() {
                continue;
            }
            let Ok(removed) = engine.store.remove_image(&name, false, false, &|id: &ImageId| in_use(engine, id)) else {
                continue;
            };
            if removed.iter().any(|r| matches!(r, Removed::Deleted(id) if *id == image.id.to_string())) {
                space += image.size;
            }
            deleted.extend(tell(engine, &removed));
        }
    }
    engine.events.log("image", "prune", "", [("reclaimed".to_owned(), space.to_string())].into());
    let deleted = if deleted.is_empty() { Value::Null } else { json!(deleted) };
    Ok(json!({ "ImagesDeleted": deleted, "SpaceReclaimed": space }))
}
