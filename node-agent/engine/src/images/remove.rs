//! `DELETE /images/{name}` and `POST /images/prune`.

use std::sync::Arc;

use serde_json::{Value, json};
use slipway_images::{ChainId, ImageId, ImageUser, Removed};

use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;

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
    let id = crate::containers::create::resolve_image(engine, name)?;
    let removed = engine.store.remove_image(name, force, noprune, &|id: &ImageId| in_use(engine, id))?;
    Ok(Value::Array(tell(engine, &id, &removed)))
}

/// The answer's entries; and the events, which are about images, never about names or layers.
fn tell(engine: &Engine, id: &ImageId, removed: &[Removed]) -> Vec<Value> {
    let event = |action: &str, id: &str| {
        engine.events.log("image", action, id, [("name".to_owned(), id.to_owned())].into());
    };
    let one = |r: &Removed| match r {
        Removed::Untagged(name) => {
            event("untag", &id.to_string());
            json!({ "Untagged": name })
        }
        Removed::Image(id) => {
            event("delete", &id.to_string());
            json!({ "Deleted": id.to_string() })
        }
        Removed::Layer(layer, _) => json!({ "Deleted": layer.to_string() }),
    };
    removed.iter().map(one).collect()
}

/// Removes images that nobody uses: those without a name, or all of them with `dangling=false`. Blocking.
///
/// # Errors
/// For unknown filters.
pub fn prune(engine: &Arc<Engine>, filters: &Filters) -> Result<Value> {
    filters.check(&["dangling", "label", "label!", "until"])?;
    let given = filters.get("dangling");
    let says = |wanted: &[&str]| given.iter().any(|value| wanted.contains(&value.as_str()));
    let dangling = !says(&["false", "0"]);
    if dangling && !given.is_empty() && !says(&["true", "1"]) {
        return Err(Error::bad(format!("invalid filter 'dangling=[{}]'", given.join(" "))));
    }
    let until = filters.until()?;
    let (mut deleted, mut space) = (Vec::new(), 0);
    let parents: Vec<ImageId> = engine.store.images().iter().filter_map(|s| s.parent).collect();
    for summary in engine.store.images() {
        let image = &summary.image;
        let named = !summary.tags.is_empty() || !summary.digests.is_empty();
        let has_children = parents.contains(&image.id);
        // What others are built on goes with them.
        let intermediate = has_children && (dangling || !named);
        let young = until.is_some_and(|until| clock::parse(&image.created).is_some_and(|created| created > until));
        if intermediate
            || young
            || !filters.labels_fit(&image.config.config.labels)
            || (dangling && !summary.tags.is_empty())
        {
            continue;
        }
        let mut names: Vec<String> =
            summary.tags.iter().chain(&summary.digests).map(slipway_images::Reference::familiar_string).collect();
        if names.is_empty() {
            names.push(image.id.hex());
        }
        for name in names {
            // Gone with the one before, or needed: it stays.
            let Ok(id) = engine.store.resolve(&name) else { continue };
            let Ok(removed) = engine.store.remove_image(&name, false, false, &|id: &ImageId| in_use(engine, id)) else {
                continue;
            };
            space += removed.iter().map(|r| if let Removed::Layer(_, size) = r { *size } else { 0 }).sum::<u64>();
            deleted.extend(tell(engine, &id, &removed));
        }
    }
    engine.events.log("image", "prune", "", [("reclaimed".to_owned(), space.to_string())].into());
    let deleted = if deleted.is_empty() { Value::Null } else { json!(deleted) };
    Ok(json!({ "ImagesDeleted": deleted, "SpaceReclaimed": space }))
}

/// What images share, for `docker system df`.
#[derive(Debug, Default)]
pub struct Sharing {
    /// Bytes of all layers that images have, each once.
    pub total: u64,
    users: std::collections::HashMap<ChainId, (u64, usize)>,
}

impl Sharing {
    /// Counts the layers of all images; those of intermediate ones are shared with nobody. Blocking.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        let mut sharing = Self::default();
        for summary in engine.store.images() {
            let user = usize::from(!super::is_intermediate(engine, &summary));
            for chain in ChainId::stack(&summary.image.layers) {
                let size = engine.store.layer(&chain).map_or(0, |layer| layer.size);
                sharing.users.entry(chain).or_insert((size, 0)).1 += user;
            }
        }
        sharing.total = sharing.users.values().map(|(size, _)| size).sum();
        sharing
    }

    /// Bytes of those layers of an image that others have, too.
    #[must_use]
    pub fn shared(&self, layers: &[slipway_images::DiffId]) -> u64 {
        let shared = ChainId::stack(layers).into_iter().filter_map(|chain| self.users.get(&chain));
        shared.filter(|(_, users)| *users > 1).map(|(size, _)| size).sum()
    }
}
