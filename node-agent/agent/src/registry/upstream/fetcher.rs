//! What the cache does for a question: it answers from the shelf what it may, asks the upstream registry for the rest, and lets all who
//! want the same blob wait for one download. It asks as nobody: whatever comes is public, so that it may be kept for everybody.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use slipway_images::registry::{Credentials, Registries, Remote, RemoteError, SearchError, SearchResult};

use super::growing::{Download, Growing};
use super::shelf::Shelf;
use crate::registry::digest::Digest;
use crate::registry::manifest::Manifest;
use crate::registry::path::is_tag;

/// How long a question waits for an upstream that did not answer the last one; after that it is looked for without the question.
const GLANCE: Duration = Duration::from_millis(500);
/// Repositories whose connections and tokens are kept.
const REMOTES: usize = 64;

/// How the upstream registry is asked.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// How long a tag is believed before it is asked for again.
    pub(crate) ttl: Duration,
    /// How long nobody is asked after nobody answered.
    pub(crate) pause: Duration,
}

/// A manifest on the shelf.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) path: PathBuf,
}

/// A blob, whole or on its way.
#[derive(Debug)]
pub(super) enum Blob {
    Whole(PathBuf),
    Growing(Arc<Growing>),
}

/// The cache in front of one upstream registry.
#[derive(Debug)]
pub(super) struct Fetcher {
    shelf: Arc<Shelf>,
    registries: Registries,
    /// Where the first version of the API is, which only searches.
    searched: Registries,
    manners: Manners,
    remotes: Mutex<HashMap<String, Remote>>,
    /// Downloads that are going on, by digest.
    growing: Arc<Mutex<HashMap<Digest, Arc<Growing>>>>,
    /// Nobody is asked before then, and why, as every session may hear it.
    away: Mutex<Option<(Instant, String)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Maps and times: a panic elsewhere leaves none half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fetcher {
    pub(super) fn new(shelf: Shelf, registries: Registries, searched: Registries, manners: Manners) -> Self {
        let (remotes, growing, away) = Default::default();
        Self { shelf: Arc::new(shelf), registries, searched, manners, remotes, growing, away }
    }

    /// The upstream's repository, unless nobody answered there a moment ago. Later one question waits a little for the upstream to
    /// be back, the others are told at once that it is away.
    async fn remote(self: &Arc<Self>, name: &str) -> Result<Remote, RemoteError> {
        let Some(why) = self.away()? else { return self.open(name).await };
        let (me, name) = (Arc::clone(self), name.to_owned());
        let opening = tokio::spawn(async move {
            lock(&me.remotes).clear();
            me.open(&name).await
        });
        match tokio::time::timeout(GLANCE, opening).await {
            Ok(Ok(opened)) => opened,
            // It goes on, and the next question finds out.
            _ => Err(RemoteError::Away(why)),
        }
    }

    /// Why nobody is asked now, as an error; or why nobody was asked up to now, if it is this question's turn to look again.
    fn away(&self) -> Result<Option<String>, RemoteError> {
        let mut away = lock(&self.away);
        let Some((until, why)) = &mut *away else { return Ok(None) };
        if Instant::now() < *until {
            return Err(RemoteError::Away(why.clone()));
        }
        *until = Instant::now() + self.manners.pause;
        Ok(Some(why.clone()))
    }

    async fn open(&self, name: &str) -> Result<Remote, RemoteError> {
        if let Some(remote) = lock(&self.remotes).get(name) {
            return Ok(remote.clone());
        }
        let opened = self.registries.remote("docker.io", name, &Credentials::default()).await;
        let remote = self.noted(opened)?;
        let mut remotes = lock(&self.remotes);
        if remotes.len() >= REMOTES {
            remotes.clear();
        }
        remotes.insert(name.to_owned(), remote.clone());
        Ok(remote)
    }

    /// Remembers when nobody answered, so that a class without the internet does not wait for it at every name.
    fn noted<T>(&self, result: Result<T, RemoteError>) -> Result<T, RemoteError> {
        let mut away = lock(&self.away);
        match &result {
            Err(RemoteError::Away(why)) => {
                tracing::warn!("the upstream registry is away: {why}");
                *away = Some((Instant::now() + self.manners.pause, for_all(why)));
            }
            _ => *away = None,
        }
        result
    }

    /// A manifest by tag or digest.
    pub(super) async fn manifest(self: &Arc<Self>, name: &str, reference: &str) -> Result<Kept, RemoteError> {
        if is_tag(reference) {
            return self.tagged(name, reference).await;
        }
        let digest = Digest::parse(reference).filter(Digest::is_sha256);
        let digest = digest.ok_or_else(|| RemoteError::NotFound(format!("{reference} is no digest that is kept")))?;
        if self.shelf.linked(name, &digest)
            && let Some(kept) = self.kept(digest)
        {
            return Ok(kept);
        }
        self.fetch(name, reference).await
    }

    async fn tagged(self: &Arc<Self>, name: &str, tag: &str) -> Result<Kept, RemoteError> {
        let known = self.shelf.tag(name, tag).and_then(|tag| Some((tag.age, self.kept(tag.digest)?)));
        let Some((age, kept)) = known else { return self.fetch(name, tag).await };
        if age < self.manners.ttl {
            return Ok(kept);
        }
        let asked = match self.remote(name).await {
            Ok(remote) => {
                let resolved = remote.resolve(tag).await;
                self.noted(resolved)
            }
            Err(error) => Err(error),
        };
        match asked {
            Ok(Some(digest)) if digest == kept.digest.as_str() => {
                self.shelf.set_tag(name, tag, &kept.digest).map_err(disk)?;
                Ok(kept)
            }
            Ok(_) => self.fetch(name, tag).await,
            Err(RemoteError::NotFound(why)) => {
                self.shelf.forget_tag(name, tag);
                Err(RemoteError::NotFound(why))
            }
            // Old is better than nothing.
            Err(why) => {
                tracing::info!("{name}:{tag} is served as it was: {why}");
                Ok(kept)
            }
        }
    }

    /// A manifest from the shelf, which with all it names counts as used now.
    fn kept(&self, digest: Digest) -> Option<Kept> {
        let (path, media_type) = self.shelf.manifest(&digest)?;
        self.shelf.touch([&digest]);
        if let Ok(bytes) = std::fs::read(&path)
            && let Ok(manifest) = Manifest::read(&bytes, Some(&media_type))
        {
            self.shelf.touch(manifest.blobs.iter().chain(&manifest.manifests));
        }
        Some(Kept { digest, media_type, path })
    }

    async fn fetch(self: &Arc<Self>, name: &str, reference: &str) -> Result<Kept, RemoteError> {
        let remote = self.remote(name).await?;
        let found = remote.manifest(reference).await;
        let found = self.noted(found)?;
        let digest = Digest::of(&found.bytes);
        self.shelf.put_manifest(name, &digest, &found.media_type, &found.bytes).map_err(disk)?;
        if is_tag(reference) {
            self.shelf.set_tag(name, reference, &digest).map_err(disk)?;
        }
        self.kept(digest).ok_or_else(|| RemoteError::Invalid("the manifest is gone already".into()))
    }

    /// A blob; one that is not there begins to come.
    pub(super) async fn blob(self: &Arc<Self>, name: &str, digest: &Digest) -> Result<Blob, RemoteError> {
        let linked = self.shelf.linked(name, digest);
        if linked && let Some(path) = self.shelf.blob(digest) {
            return Ok(Blob::Whole(path));
        }
        let remote = self.remote(name).await?;
        if self.shelf.blob(digest).is_some() || lock(&self.growing).contains_key(digest) {
            // It came by another name: whether it is to be had by this one, too, is not for us to say.
            let there = remote.stat(digest.as_str()).await;
            self.noted(there)?;
            self.shelf.link(name, digest).map_err(disk)?;
            if let Some(path) = self.shelf.blob(digest) {
                return Ok(Blob::Whole(path));
            }
        }
        let growing = {
            let mut going_on = lock(&self.growing);
            if let Some(growing) = going_on.get(digest) {
                return Ok(Blob::Growing(Arc::clone(growing)));
            }
            // It may have come whole since it was looked for.
            if let Some(path) = self.shelf.blob(digest) {
                return Ok(Blob::Whole(path));
            }
            let growing = Arc::new(Growing::new(self.shelf.partial()));
            going_on.insert(digest.clone(), Arc::clone(&growing));
            growing
        };
        let download =
            Download { remote, digest: digest.clone(), shelf: Arc::clone(&self.shelf), name: name.to_owned() };
        let (mine, all) = (Arc::clone(&growing), Arc::clone(&self.growing));
        // It goes on when whoever asked first has gone: somebody else may have joined.
        tokio::spawn(async move {
            download.run(&mine).await;
            lock(&all).remove(&download.digest);
        });
        Ok(Blob::Growing(growing))
    }

    /// The length of a blob.
    pub(super) async fn stat(self: &Arc<Self>, name: &str, digest: &Digest) -> Result<Option<u64>, RemoteError> {
        if self.shelf.linked(name, digest)
            && let Some(path) = self.shelf.blob(digest)
        {
            return Ok(Some(std::fs::metadata(path).map_err(disk)?.len()));
        }
        let remote = self.remote(name).await?;
        let there = remote.stat(digest.as_str()).await;
        self.noted(there)
    }

    /// The body of a page of the upstream's list of tags, and the query of the next page; never kept.
    pub(super) async fn tags(
        self: &Arc<Self>,
        name: &str,
        page: &str,
    ) -> Result<(bytes::Bytes, Option<String>), RemoteError> {
        let remote = self.remote(name).await?;
        let listed = remote.tags(page).await;
        self.noted(listed)
    }

    /// What the upstream finds: by the first version of the API, which Docker Hub has, or else by the names in its catalog.
    pub(super) async fn search(&self, term: &str, limit: u32) -> Result<Vec<SearchResult>, RemoteError> {
        match self.away()? {
            None => self.find(term, limit).await,
            Some(why) => {
                let found = tokio::time::timeout(GLANCE, self.find(term, limit)).await;
                found.unwrap_or(Err(RemoteError::Away(why)))
            }
        }
    }

    async fn find(&self, term: &str, limit: u32) -> Result<Vec<SearchResult>, RemoteError> {
        let nobody = Credentials::default();
        match self.searched.search(term, limit, &nobody).await {
            Ok(found) => return self.noted(Ok(found)),
            Err(SearchError::Away(why)) => return self.noted(Err(RemoteError::Away(why))),
            Err(_) => {}
        }
        let listed = self.registries.catalog("docker.io", &nobody).await;
        let mut names = self.noted(listed)?;
        names.retain(|name| name.contains(term));
        names.truncate(limit as usize);
        let result = |name: String| {
            let official = name.strip_prefix("library/").map(str::to_owned);
            SearchResult { is_official: official.is_some(), name: official.unwrap_or(name), ..SearchResult::default() }
        };
        Ok(names.into_iter().map(result).collect())
    }
}

/// Why nobody answered, without what was asked for: `Head "http://host/v2/name/manifests/tag": reason` names what one session looks at.
fn for_all(why: &str) -> String {
    let known = || {
        let (url, reason) = why.split_once('"')?.1.split_once('"')?;
        let (scheme, rest) = url.split_once("://")?;
        let host = rest.split('/').next()?;
        Some(format!("Get \"{scheme}://{host}/v2/\"{reason}"))
    };
    known().unwrap_or_else(|| "the upstream registry does not answer".to_owned())
}

/// A failure of the disk is none of the upstream's.
fn disk(error: std::io::Error) -> RemoteError {
    RemoteError::Invalid(format!("the cache's disk: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_session_asked_for_is_not_told_to_others() {
        let refused = "dial tcp 10.0.0.1:5000: connect: connection refused";
        for asked in ["Head \"http://h:5000/v2/a/b/manifests/v1\"", "Get \"http://h:5000/v1/search?q=b&n=25\""] {
            assert_eq!(for_all(&format!("{asked}: {refused}")), format!("Get \"http://h:5000/v2/\": {refused}"));
        }
        assert_eq!(for_all("it ended after 1 of 2 bytes of a/b"), "the upstream registry does not answer");
    }
}
