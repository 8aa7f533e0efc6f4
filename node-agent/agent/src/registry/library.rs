//! The image library behind the pushes: an OCI layout that is only read, and read anew for every question, so that a rebuilt library is
//! seen at once. It only ever opens `index.json` and files named by a checked digest.

use std::path::PathBuf;

use super::digest::Digest;
use super::refusal::Refusal;
use crate::library::{Error, IMAGE_NAME, Layout, annotation};

/// An image's name in the index, and the manifest that it names.
#[derive(Debug, Clone)]
pub(super) struct Name {
    /// As a client asks for it: without `docker.io/`.
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
    pub(super) media_type: String,
}

/// A library that may be made, or made anew, while it is served: until it is there every repository is unknown.
#[derive(Debug, Clone)]
pub(super) struct Library {
    dir: PathBuf,
}

impl Library {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Every name in the index.
    pub(super) async fn names(&self) -> Result<Vec<Name>, Refusal> {
        let dir = self.dir.clone();
        let read = tokio::task::spawn_blocking(move || -> Result<Vec<Name>, Error> {
            if !dir.join("index.json").exists() {
                return Ok(Vec::new());
            }
            let index = Layout::open(&dir)?.index()?;
            let named = index.manifests().iter().filter_map(|entry| {
                let (repository, tag) = annotation(entry, IMAGE_NAME)?.rsplit_once(':')?;
                Some(Name {
                    repository: repository.strip_prefix("docker.io/").unwrap_or(repository).to_owned(),
                    tag: tag.to_owned(),
                    digest: entry.digest().to_string(),
                    media_type: entry.media_type().to_string(),
                })
            });
            Ok(named.collect())
        });
        match read.await {
            Ok(Ok(names)) => Ok(names),
            Ok(Err(error)) => Err(Refusal::internal(&error)),
            Err(error) => Err(Refusal::internal(&error)),
        }
    }

    /// The names of one repository. Docker's clients write `library/ubuntu`, others `ubuntu`; both are meant to find it.
    pub(super) async fn repository(&self, wanted: &str) -> Result<Vec<Name>, Refusal> {
        let official = format!("library/{wanted}");
        let mut names = self.names().await?;
        names.retain(|name| name.repository == wanted || name.repository == official);
        Ok(names)
    }

    /// The file of a blob or manifest, if it is there.
    pub(super) fn blob(&self, digest: &Digest) -> Option<PathBuf> {
        Layout::open(&self.dir).ok()?.blob_path(digest.as_str()).filter(|path| path.exists())
    }

    /// What an image says of itself, for the search: its stand-in label or description.
    pub(super) async fn description(&self, name: &Name) -> Option<String> {
        let (dir, digest) = (self.dir.clone(), name.digest.clone());
        tokio::task::spawn_blocking(move || Layout::open(&dir).ok()?.description(&digest)).await.ok()?
    }
}
