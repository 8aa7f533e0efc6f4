//! Images by id and by name: making, finding, naming.

use std::fs;
use std::sync::Arc;

use super::paths::{Paths, mkdir_all};
use super::{State, Store};
use crate::digest::{ChainId, ImageId};
use crate::error::{Error, IoContext as _, ResolveError, Result};
use crate::fsutil::{names, read_optional, write_atomic, write_renamed};
use crate::image::{Image, ImageConfig};
use crate::reference::Reference;

/// An image with its names, for lists.
#[derive(Debug, Clone)]
pub struct ImageSummary {
    /// The image.
    pub image: Arc<Image>,
    /// Its names with a tag, sorted.
    pub tags: Vec<Reference>,
    /// Its names with a digest, sorted.
    pub digests: Vec<Reference>,
    /// The image that it was made from on this machine by commit or build.
    pub parent: Option<ImageId>,
}

/// The file of an image's notes that says when it was last given a name; what moby calls it.
const TAGGED: &str = "lastUpdated";

impl Store {
    /// Stores an image configuration whose layers are registered, and returns its id. Repeating it is no error.
    pub fn create_image(&self, config_json: &[u8]) -> Result<ImageId> {
        let id = ImageId::of(config_json);
        let mut state = self.state();
        if state.images.contains_key(&id) {
            return Ok(id);
        }
        let image = understand(&state, config_json)?;
        write_renamed(&self.paths.config(&id), config_json, self.host.is_none())?;
        state.images.insert(id, Arc::new(image));
        Ok(id)
    }

    /// Notes which image another was made from, for `history` and for the rules of removal.
    pub fn set_parent(&self, id: &ImageId, parent: &ImageId) -> Result<()> {
        let mut state = self.state();
        for id in [id, parent] {
            if !state.images.contains_key(id) {
                return Err(Error::NoSuchImage(*id));
            }
        }
        mkdir_all(&self.paths.metadata(id), 0o700)?;
        write_atomic(&self.paths.metadata(id).join("parent"), parent.to_string().as_bytes())?;
        state.parents.insert(*id, *parent);
        Ok(())
    }

    /// Notes when an image was last given a name, a text of the caller's; it goes with the image.
    pub fn set_tagged(&self, id: &ImageId, time: &str) -> Result<()> {
        let state = self.state();
        if !state.images.contains_key(id) {
            return Err(Error::NoSuchImage(*id));
        }
        mkdir_all(&self.paths.metadata(id), 0o700)?;
        write_renamed(&self.paths.metadata(id).join(TAGGED), time.as_bytes(), false)
    }

    /// When an image was last given a name, as [`Self::set_tagged`] has noted it.
    pub fn tagged(&self, id: &ImageId) -> Option<String> {
        read_optional(&self.paths.metadata(id).join(TAGGED)).ok().flatten().filter(|text| !text.is_empty())
    }

    /// The image that `id` was made from on this machine.
    pub fn parent(&self, id: &ImageId) -> Option<ImageId> {
        self.state().parents.get(id).copied()
    }

    /// The images that were made from `id` on this machine.
    pub fn children(&self, id: &ImageId) -> Vec<ImageId> {
        children(&self.state(), id)
    }

    /// An image by its id.
    pub fn image(&self, id: &ImageId) -> Result<Arc<Image>> {
        self.state().images.get(id).cloned().ok_or(Error::NoSuchImage(*id))
    }

    /// All images, the newest first.
    pub fn images(&self) -> Vec<ImageSummary> {
        let state = self.state();
        let mut list: Vec<ImageSummary> = state
            .images
            .iter()
            .map(|(id, image)| {
                let (tags, digests) = references(&state, id).into_iter().partition(|name| name.digest().is_none());
                ImageSummary { image: Arc::clone(image), tags, digests, parent: state.parents.get(id).copied() }
            })
            .collect();
        list.sort_by(|a, b| b.image.created.cmp(&a.image.created).then_with(|| a.image.id.cmp(&b.image.id)));
        list
    }

    /// Finds an image by `name[:tag][@digest]`, by id with or without `sha256:`, or by the beginning of an id.
    pub fn resolve(&self, text: &str) -> Result<ImageId, ResolveError> {
        resolve(&self.state(), text)
    }

    /// Makes a name lead to an image, away from the one it led to before, which is returned.
    pub fn tag(&self, name: &Reference, id: &ImageId) -> Result<Option<ImageId>> {
        let mut state = self.state();
        if !state.images.contains_key(id) {
            return Err(Error::NoSuchImage(*id));
        }
        let name = name.clone().with_default_tag();
        if name.familiar_name() == "sha256" {
            let why = "refusing to create an ambiguous tag using digest algorithm as name";
            return Err(Error::InvalidReference(why.into()));
        }
        let before = state.references.set(&name.familiar_name(), &name.familiar_string(), id)?;
        Ok(before.filter(|before| before != id))
    }

    /// Forgets a name; returns whether it was there.
    pub fn untag(&self, name: &Reference) -> Result<bool> {
        let mut state = self.state();
        let name = name.clone().with_default_tag();
        let (repository, name) = (name.familiar_name(), name.familiar_string());
        let there = state.references.get(&repository, &name).is_some();
        state.references.remove(&[(repository, name)])?;
        Ok(there)
    }

    /// The tags of a repository with their images.
    pub fn tags_of(&self, repository: &Reference) -> Vec<(Reference, ImageId)> {
        let state = self.state();
        let wanted = repository.familiar_name();
        let names = state.references.all().filter(|(repository, _, _)| *repository == wanted);
        names
            .filter_map(|(_, name, id)| Some((Reference::parse(name).ok()?, *id)))
            .filter(|(name, _)| name.digest().is_none())
            .collect()
    }

    /// The names of an image, with a tag or with a digest, sorted.
    pub fn references(&self, id: &ImageId) -> Vec<Reference> {
        references(&self.state(), id)
    }
}

pub(super) fn children(state: &State, id: &ImageId) -> Vec<ImageId> {
    let mut children: Vec<ImageId> =
        state.parents.iter().filter(|(_, parent)| *parent == id).map(|(child, _)| *child).collect();
    children.sort_unstable();
    children
}

pub(super) fn references(state: &State, id: &ImageId) -> Vec<Reference> {
    let names = state.references.all().filter(|(_, _, image)| *image == id);
    let mut names: Vec<Reference> = names.filter_map(|(_, name, _)| Reference::parse(name).ok()).collect();
    // As Docker has them: by their whole names.
    names.sort_by_cached_key(ToString::to_string);
    names
}

pub(super) fn resolve(state: &State, text: &str) -> Result<ImageId, ResolveError> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if is_hex && digits.len() == 64 {
        let id = format!("sha256:{digits}").parse().map_err(|_| ResolveError::Invalid(text.to_owned()))?;
        return match state.images.contains_key(&id) {
            true => Ok(id),
            false => Err(ResolveError::NotFound(text.to_owned())),
        };
    }
    let parsed = Reference::parse(text);
    if let Ok(name) = &parsed {
        let name = name.clone().with_default_tag();
        // With tag and digest the digest decides, as in Docker.
        let lookup = match name.digest() {
            Some(digest) => name.with_digest(digest),
            None => name,
        };
        if let Some(id) = state.references.get(&lookup.familiar_name(), &lookup.familiar_string())
            && state.images.contains_key(&id)
        {
            return Ok(id);
        }
        if let Some(digest) = lookup.digest() {
            // A digest may also be an image's id.
            let id = ImageId::from_bytes(*digest.as_bytes());
            let named = state
                .references
                .all()
                .any(|(repository, _, image)| *image == id && repository == lookup.familiar_name());
            if named {
                return Ok(id);
            }
        }
    }
    if is_hex && digits.len() < 64 {
        let mut found = state.images.keys().filter(|id| id.hex().starts_with(digits));
        if let Some(id) = found.next() {
            return match found.next() {
                None => Ok(*id),
                Some(_) => Err(ResolveError::Ambiguous(text.to_owned())),
            };
        }
    }
    match parsed {
        Err(error) if !is_hex => Err(ResolveError::Invalid(error.to_string())),
        _ => Err(ResolveError::NotFound(text.to_owned())),
    }
}

fn understand(state: &State, raw: &[u8]) -> Result<Image> {
    let value: serde_json::Value =
        serde_json::from_slice(raw).map_err(|error| Error::InvalidConfig(error.to_string()))?;
    if !value.get("rootfs").is_some_and(serde_json::Value::is_object) {
        return Err(Error::InvalidConfig("invalid image JSON, no RootFS key".to_owned()));
    }
    let config: ImageConfig = serde_json::from_value(value).map_err(|error| Error::InvalidConfig(error.to_string()))?;
    let layers = config.rootfs.diff_ids.clone();
    let mut size = 0;
    for id in ChainId::stack(&layers) {
        size += state.layers.get(&id).ok_or(Error::NoSuchLayer(id))?.size;
    }
    let created = config.created.clone().unwrap_or_default();
    Ok(Image { id: ImageId::of(raw), config, raw: raw.to_vec(), created, size, layers })
}

/// Reads the images. One whose bytes do not fit its id or whose layers are missing is left out, as Docker does.
pub(super) fn load(paths: &Paths, state: &mut State) -> Result<()> {
    for name in names(&paths.configs())? {
        let Ok(id) = format!("sha256:{name}").parse::<ImageId>() else {
            continue;
        };
        let path = paths.config(&id);
        let raw = fs::read(&path).at("read", &path)?;
        if ImageId::of(&raw) != id {
            continue;
        }
        if let Ok(image) = understand(state, &raw) {
            state.images.insert(id, Arc::new(image));
        }
    }
    for name in names(&paths.metadata_root())? {
        let Ok(id) = format!("sha256:{name}").parse::<ImageId>() else {
            continue;
        };
        let parent = read_optional(&paths.metadata(&id).join("parent"))?.and_then(|text| text.trim().parse().ok());
        if let Some(parent) = parent
            && state.images.contains_key(&id)
        {
            state.parents.insert(id, parent);
        }
    }
    Ok(())
}
