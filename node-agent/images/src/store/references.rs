//! `repositories.json`: which names lead to which image, as Docker keeps it, by familiar names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::ImageId;
use crate::error::{Error, Result};
use crate::fsutil::{read_optional, write_renamed};

/// The names of a store's images.
#[derive(Debug, Default)]
pub(super) struct References {
    file: PathBuf,
    content: Content,
    durable: bool,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Content {
    #[serde(rename = "Repositories", default)]
    repositories: BTreeMap<String, BTreeMap<String, ImageId>>,
}

impl References {
    /// Those in `file`; if `durable`, changes are on the platter when they are made.
    pub(super) fn load(file: &Path, durable: bool) -> Result<Self> {
        let content = match read_optional(file)? {
            None => Content::default(),
            Some(text) if text.trim().is_empty() => Content::default(),
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| Error::Damaged { path: file.to_owned(), why: error.to_string() })?,
        };
        Ok(Self { file: file.to_owned(), content, durable })
    }

    /// Makes `name` (of the repository `repository`) lead to `id`; returns what it led to before.
    pub(super) fn set(&mut self, repository: &str, name: &str, id: &ImageId) -> Result<Option<ImageId>> {
        let before = self.get(repository, name);
        if before == Some(*id) {
            return Ok(before);
        }
        let mut content = self.content.clone();
        content.repositories.entry(repository.to_owned()).or_default().insert(name.to_owned(), *id);
        self.replace(content)?;
        Ok(before)
    }

    /// Forgets names at one stroke; those that are not there are no error.
    pub(super) fn remove(&mut self, names: &[(String, String)]) -> Result<()> {
        let mut content = self.content.clone();
        let mut changed = false;
        for (repository, name) in names {
            if let Some(entries) = content.repositories.get_mut(repository) {
                changed |= entries.remove(name).is_some();
                if entries.is_empty() {
                    content.repositories.remove(repository);
                }
            }
        }
        if changed { self.replace(content) } else { Ok(()) }
    }

    fn replace(&mut self, content: Content) -> Result<()> {
        let text = serde_json::to_vec(&content).expect("maps of strings are valid JSON");
        write_renamed(&self.file, &text, self.durable)?;
        self.content = content;
        Ok(())
    }

    pub(super) fn get(&self, repository: &str, name: &str) -> Option<ImageId> {
        self.content.repositories.get(repository)?.get(name).copied()
    }

    /// All names with repository and image, sorted.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str, &ImageId)> {
        let repositories = self.content.repositories.iter();
        repositories.flat_map(|(repository, names)| {
            names.iter().map(move |(name, id)| (repository.as_str(), name.as_str(), id))
        })
    }
}
