//! `docker rmi`: what a name or an id takes away, and what stands against it.

use sha2::{Digest as _, Sha256};

use super::{Error, Store, familiar};
use crate::image::Digest;
use crate::reference;

/// A line of `docker rmi`'s output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A name was taken away.
    Untagged(String),
    /// An image (by its id) or a layer (by its chain id) was deleted.
    Deleted(String),
}

impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Untagged(name) => write!(f, "Untagged: {name}"),
            Self::Deleted(id) => write!(f, "Deleted: {id}"),
        }
    }
}

impl Store {
    /// Takes a name away, and the image with its last name; or an image by its id. Layers go when no image has them.
    ///
    /// # Errors
    /// An image that is not there; an id whose image has names in several repositories, unless forced.
    pub fn remove(&mut self, name: &str, force: bool) -> Result<Vec<Removed>, Error> {
        let id = self.resolve(name)?.clone();
        let full = reference::parse_normalized(name).map(|n| n.with_default_tag().to_string()).ok();
        let by_name = full.filter(|full| self.tags.get(full) == Some(&id));
        let names: Vec<String> = self.tags.iter().filter(|(_, named)| **named == id).map(|(n, _)| n.clone()).collect();
        let mut out = Vec::new();
        match by_name {
            Some(full) => {
                self.tags.remove(&full);
                out.push(Removed::Untagged(familiar(&full)));
                if names.len() > 1 {
                    return Ok(out);
                }
            }
            None => {
                let repositories = crate::order::set(
                    names.iter().map(|full| full.rsplit_once(':').map_or(full.as_str(), |(name, _)| name)),
                );
                if repositories.len() > 1 && !force {
                    return Err(Error::Referenced(id.hex().get(..12).unwrap_or_default().to_owned()));
                }
                for full in &names {
                    self.tags.remove(full);
                    out.push(Removed::Untagged(familiar(full)));
                }
            }
        }
        out.extend(self.delete(&id));
        Ok(out)
    }

    fn delete(&mut self, id: &Digest) -> Vec<Removed> {
        let Some(image) = self.images.remove(id) else { return Vec::new() };
        let mut out = vec![Removed::Deleted(id.to_string())];
        let mut chains: Vec<String> = Vec::new();
        for diff_id in &image.diff_ids {
            chains.push(match chains.last() {
                None => diff_id.to_string(),
                Some(below) => chain_id(below, diff_id.as_str()),
            });
        }
        // A layer is its place in a stack, for docker: what another image has up to here stays.
        for (depth, chain) in chains.iter().enumerate().rev() {
            let stack = image.diff_ids.get(..=depth);
            let used = self.images.values().any(|other| other.diff_ids.get(..=depth) == stack);
            if !used {
                out.push(Removed::Deleted(chain.clone()));
            }
        }
        let used = crate::order::set(self.images.values().flat_map(|image| &image.diff_ids));
        self.layers.retain(|diff_id, _| used.contains(diff_id));
        out
    }
}

fn chain_id(below: &str, diff_id: &str) -> String {
    let digest = Sha256::digest(format!("{below} {diff_id}").as_bytes());
    format!("sha256:{}", digest.iter().map(|b| format!("{b:02x}")).collect::<String>())
}
