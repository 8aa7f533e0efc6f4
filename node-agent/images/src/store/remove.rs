//! Removing images by Docker's rules and in its words (moby `daemon/images/image_delete.go`).

use std::fs;

use super::images::{children, references, resolve};
use super::{State, Store};
use crate::digest::{ChainId, ImageId};
use crate::error::{Error, IoContext as _, Result};
use crate::fsutil::remove_tree;
use crate::reference::Reference;

/// A container that was made from an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUser {
    /// The container's full id.
    pub container_id: String,
    /// Whether it runs.
    pub running: bool,
}

/// What a removal has done, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A name that is gone, in its familiar form.
    Untagged(String),
    /// An image that is gone.
    Image(ImageId),
    /// A layer that is gone, and the bytes of its files.
    Layer(ChainId, u64),
}

type InUse<'a> = &'a dyn Fn(&ImageId) -> Vec<ImageUser>;

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// Why an image must stay.
struct Kept {
    error: Error,
    /// A container needs it.
    used: bool,
}

impl Store {
    /// Removes a name, and the image with it when that was its last; or, by id, the image with its names.
    ///
    /// `in_use` tells an image's containers. With `noprune` the unnamed images that it was made from stay. A conflict
    /// changes nothing, unless it comes up after the last name of a named image has gone; then the image stays unnamed.
    pub fn remove_image(
        &self,
        name_or_id: &str,
        force: bool,
        noprune: bool,
        in_use: InUse<'_>,
    ) -> Result<Vec<Removed>> {
        let mut removed = Vec::new();
        let id = resolve(&self.state(), name_or_id)?;
        let names = self.references(&id);
        let by_id = id.to_string().starts_with(name_or_id) || id.hex().starts_with(name_or_id);
        if by_id {
            if is_single(&names) {
                self.check(&id, force, false, in_use).map_err(|kept| kept.error)?;
                self.forget(&names, &mut removed)?;
            }
        } else {
            if !force
                && is_single(&names)
                && let Some(user) = in_use(&id).first()
            {
                return Err(Error::Conflict(format!(
                    "unable to remove repository reference {name_or_id:?} (must force) - container {} is using its referenced image {}",
                    short(&user.container_id),
                    id.short()
                )));
            }
            let name = Reference::parse(name_or_id)?.with_default_tag();
            self.forget(std::slice::from_ref(&name), &mut removed)?;
            let mut rest = self.references(&id);
            let tagged = rest.iter().any(|other| other.digest().is_none() && same_repository(other, &name));
            if name.digest().is_none() && !tagged {
                let (digests, others): (Vec<_>, Vec<_>) =
                    rest.into_iter().partition(|other| same_repository(other, &name));
                self.forget(&digests, &mut removed)?;
                rest = others;
            }
            if !rest.is_empty() {
                return Ok(removed);
            }
        }
        self.delete(&id, force, !noprune, !by_id, in_use, &mut removed)?;
        Ok(removed)
    }

    fn forget(&self, names: &[Reference], removed: &mut Vec<Removed>) -> Result<()> {
        let keys: Vec<_> = names.iter().map(|name| (name.familiar_name(), name.familiar_string())).collect();
        self.state().references.remove(&keys)?;
        removed.extend(keys.into_iter().map(|(_, name)| Removed::Untagged(name)));
        Ok(())
    }

    /// Removes an image with all its names. When `quiet`, one that must stay does so without an error, unless nothing
    /// else would tell that it is there: an unnamed image that no other and no container needs.
    fn delete(
        &self,
        id: &ImageId,
        force: bool,
        prune: bool,
        quiet: bool,
        in_use: InUse<'_>,
        removed: &mut Vec<Removed>,
    ) -> Result<()> {
        if let Err(kept) = self.check(id, force, true, in_use) {
            return if quiet && (kept.used || !self.is_dangling(id)) { Ok(()) } else { Err(kept.error) };
        }
        let parent = self.parent(id);
        self.forget(&self.references(id), removed)?;
        let layers = self.forget_image(id)?;
        removed.push(Removed::Image(*id));
        removed.extend(self.release_layers(&layers)?.into_iter().map(|(id, size)| Removed::Layer(id, size)));
        match parent {
            Some(parent) if prune => self.delete(&parent, false, true, true, in_use, removed),
            _ => Ok(()),
        }
    }

    fn is_dangling(&self, id: &ImageId) -> bool {
        let state = self.state();
        references(&state, id).is_empty() && !has_children(&state, id)
    }

    /// Takes an image out of the store; returns its top layer.
    fn forget_image(&self, id: &ImageId) -> Result<Vec<ChainId>> {
        let mut state = self.state();
        let image = state.images.get(id).cloned().ok_or(Error::NoSuchImage(*id))?;
        let config = self.paths.config(id);
        fs::remove_file(&config).at("remove", &config)?;
        state.images.remove(id);
        state.parents.remove(id);
        // Children may stay when they were made elsewhere; they have no parent any more.
        for child in children(&state, id) {
            state.parents.remove(&child);
        }
        drop(state);
        remove_tree(&self.paths.metadata(id))?;
        Ok(image.chain_id().into_iter().collect())
    }

    fn check(&self, id: &ImageId, force: bool, names_count: bool, in_use: InUse<'_>) -> Result<(), Kept> {
        let conflict = |forcible: bool, used: bool, why: String| {
            let how = if forcible { "must be forced" } else { "cannot be forced" };
            Err(Kept { error: Error::Conflict(format!("unable to delete {} ({how}) - {why}", id.short())), used })
        };
        let users = in_use(id);
        let state = self.state();
        if has_children(&state, id) {
            return conflict(false, false, "image has dependent child images".to_owned());
        }
        if let Some(user) = users.iter().find(|user| user.running) {
            let container = short(&user.container_id);
            return conflict(false, true, format!("image is being used by running container {container}"));
        }
        if force {
            return Ok(());
        }
        if names_count && !references(&state, id).is_empty() {
            return conflict(true, false, "image is referenced in multiple repositories".to_owned());
        }
        if let Some(user) = users.first() {
            let container = short(&user.container_id);
            return conflict(true, true, format!("image is being used by stopped container {container}"));
        }
        Ok(())
    }
}

fn has_children(state: &State, id: &ImageId) -> bool {
    !children(state, id).is_empty()
}

fn same_repository(a: &Reference, b: &Reference) -> bool {
    a.domain() == b.domain() && a.path() == b.path()
}

/// Whether an image has one tag at most, and nothing in another repository (moby `isSingleReference`).
fn is_single(names: &[Reference]) -> bool {
    let [first, _, ..] = names else {
        return true;
    };
    let tags = names.iter().filter(|name| name.digest().is_none()).count();
    tags <= 1 && names.iter().all(|name| same_repository(name, first))
}
