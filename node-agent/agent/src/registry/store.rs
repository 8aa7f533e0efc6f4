//! What was pushed in one session, on disk: contents by digest once, and for each repository which of them it has and what its tags
//! mean. A file is written beside its place and renamed, so that a registry that was killed has every push whole or not at all.
//!
//! ```text
//! contents/ALGORITHM-HEX                      a blob's or a manifest's bytes
//! repositories/NAME/blobs/ALGORITHM-HEX       empty: the repository has this blob     (NAME with + for /)
//! repositories/NAME/manifests/ALGORITHM-HEX   its media type
//! repositories/NAME/tags/TAG                  a manifest's digest
//! uploads/ID                                  what has come of a blob
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::digest::Digest;
use super::manifest::Manifest;

/// Repositories a session may have, and manifests and tags each of them may have.
const MOST: usize = 1000;

/// Why something could not be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("this session's registry is full: it may hold {0} bytes; delete what is no longer needed")]
    Full(u64),
    #[error("a session's registry holds at most {MOST} {0}")]
    TooMany(&'static str),
    #[error("{action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}

/// One session's pushes. Its calls block.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    quota: u64,
    used: AtomicU64,
    /// Held while links and tags change, so that nothing that is about to be named is removed.
    changing: Mutex<()>,
}

impl Store {
    /// Takes the directory, which is made if it is not there; unfinished uploads in it are removed.
    pub(super) fn open(dir: &Path, quota: u64) -> Result<Self, Error> {
        let uploads = dir.join("uploads");
        match fs::remove_dir_all(&uploads) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(at("removing", &uploads)(error)),
            _ => {}
        }
        for part in [uploads, dir.join("contents"), dir.join("repositories")] {
            fs::create_dir_all(&part).map_err(at("making", &part))?;
        }
        let store = Self { dir: dir.to_owned(), quota, used: AtomicU64::new(0), changing: Mutex::new(()) };
        let contents = dir.join("contents");
        let mut used = 0;
        for entry in fs::read_dir(&contents).map_err(at("listing", &contents))?.flatten() {
            if Digest::from_file_name(&entry.file_name().to_string_lossy()).is_some() {
                used += entry.metadata().map_or(0, |meta| meta.len());
            } else {
                fs::remove_file(entry.path()).map_err(at("removing", &entry.path()))?;
            }
        }
        store.used.store(used, Ordering::Relaxed);
        Ok(store)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for `bytes` more, before they are written.
    pub(super) fn reserve(&self, bytes: u64) -> Result<(), Error> {
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.quota);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Full(self.quota)),
        }
    }

    /// Gives room back.
    pub(super) fn release(&self, bytes: u64) {
        // More is never given back than was taken.
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Where an upload grows.
    pub(super) fn upload_path(&self, id: &str) -> PathBuf {
        self.dir.join("uploads").join(id)
    }

    fn content(&self, digest: &Digest) -> PathBuf {
        self.dir.join("contents").join(digest.file_name())
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.dir.join("repositories").join(name.replace('/', "+"))
    }

    fn link(&self, repository: &str, digest: &Digest) -> PathBuf {
        self.repository(repository).join("blobs").join(digest.file_name())
    }

    fn manifest_link(&self, repository: &str, digest: &Digest) -> PathBuf {
        self.repository(repository).join("manifests").join(digest.file_name())
    }

    fn tag(&self, repository: &str, tag: &str) -> PathBuf {
        self.repository(repository).join("tags").join(tag)
    }

    /// The file of a blob that the repository has; one whose bytes lie elsewhere (a mount from the library) has none here.
    pub(super) fn blob(&self, repository: &str, digest: &Digest) -> Option<Result<PathBuf, Elsewhere>> {
        if !self.link(repository, digest).exists() {
            return None;
        }
        let path = self.content(digest);
        Some(if path.exists() { Ok(path) } else { Err(Elsewhere) })
    }

    /// The bytes of a blob that any repository of the session has.
    pub(super) fn blob_anywhere(&self, digest: &Digest) -> bool {
        self.content(digest).exists()
            && self.names().is_ok_and(|names| names.iter().any(|name| self.link(name, digest).exists()))
    }

    /// Lets the repository have the blob.
    pub(super) fn add_blob(&self, repository: &str, digest: &Digest) -> Result<(), Error> {
        let _changing = self.lock();
        self.write_link(repository, &self.link(repository, digest), b"", "repositories")
    }

    /// Takes a finished upload of `size` bytes, whose digest has been checked, for the repository.
    pub(super) fn adopt(&self, repository: &str, upload: &Path, digest: &Digest, size: u64) -> Result<(), Error> {
        let _changing = self.lock();
        let content = self.content(digest);
        self.write_link(repository, &self.link(repository, digest), b"", "blobs")?;
        if content.exists() {
            self.release(size);
            return fs::remove_file(upload).map_err(at("removing", upload));
        }
        fs::rename(upload, &content).map_err(at("making", &content))
    }

    /// Forgets that the repository has the blob; false when it has not.
    pub(super) fn remove_blob(&self, repository: &str, digest: &Digest) -> Result<bool, Error> {
        let _changing = self.lock();
        if !remove(&self.link(repository, digest))? {
            return Ok(false);
        }
        self.drop_content(digest)?;
        Ok(true)
    }

    /// Keeps a manifest and, if one is given, lets a tag mean it.
    pub(super) fn put_manifest(
        &self,
        repository: &str,
        digest: &Digest,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&str>,
    ) -> Result<(), Error> {
        let _changing = self.lock();
        let content = self.content(digest);
        if !content.exists() {
            let size = bytes.len() as u64;
            self.reserve(size)?;
            self.replace(&content, bytes).inspect_err(|_| self.release(size))?;
        }
        self.write_link(repository, &self.manifest_link(repository, digest), media_type.as_bytes(), "manifests")?;
        match tag {
            Some(tag) => self.write_link(repository, &self.tag(repository, tag), digest.as_str().as_bytes(), "tags"),
            None => Ok(()),
        }
    }

    /// The digest that a tag means.
    pub(super) fn resolve(&self, repository: &str, tag: &str) -> Option<Digest> {
        Digest::parse(&fs::read_to_string(self.tag(repository, tag)).ok()?)
    }

    /// A manifest's file and media type.
    pub(super) fn manifest(&self, repository: &str, digest: &Digest) -> Option<(PathBuf, String)> {
        let media_type = fs::read_to_string(self.manifest_link(repository, digest)).ok()?;
        Some((self.content(digest), media_type))
    }

    /// Removes a manifest and the tags that mean it; false when the repository has none of it.
    pub(super) fn remove_manifest(&self, repository: &str, digest: &Digest) -> Result<bool, Error> {
        let _changing = self.lock();
        if !remove(&self.manifest_link(repository, digest))? {
            return Ok(false);
        }
        for tag in self.tags(repository)? {
            if self.resolve(repository, &tag).as_ref() == Some(digest) {
                remove(&self.tag(repository, &tag))?;
            }
        }
        self.drop_content(digest)?;
        Ok(true)
    }

    /// Removes a tag alone; false when there is none.
    pub(super) fn remove_tag(&self, repository: &str, tag: &str) -> Result<bool, Error> {
        let _changing = self.lock();
        remove(&self.tag(repository, tag))
    }

    /// Whether anything was ever pushed to the repository.
    pub(super) fn has_repository(&self, repository: &str) -> bool {
        self.repository(repository).exists()
    }

    /// The repositories' names.
    pub(super) fn names(&self) -> Result<BTreeSet<String>, Error> {
        Ok(list(&self.dir.join("repositories"))?.into_iter().map(|name| name.replace('+', "/")).collect())
    }

    /// The repository's tags.
    pub(super) fn tags(&self, repository: &str) -> Result<BTreeSet<String>, Error> {
        list(&self.repository(repository).join("tags"))
    }

    /// The repository's manifests that say something about `subject`.
    pub(super) fn referrers(&self, repository: &str, subject: &Digest) -> Result<Vec<(Digest, Manifest)>, Error> {
        let mut found = Vec::new();
        for name in list(&self.repository(repository).join("manifests"))? {
            let Some(digest) = Digest::from_file_name(&name) else { continue };
            let Some((path, media_type)) = self.manifest(repository, &digest) else { continue };
            let bytes = fs::read(&path).map_err(at("reading", &path))?;
            // It was read well when it came.
            if let Ok(manifest) = Manifest::read(&bytes, Some(&media_type))
                && manifest.subject.as_ref() == Some(subject)
            {
                found.push((digest, manifest));
            }
        }
        Ok(found)
    }

    /// Removes the bytes when no repository has them any more.
    fn drop_content(&self, digest: &Digest) -> Result<(), Error> {
        let named = |name: &String| self.link(name, digest).exists() || self.manifest_link(name, digest).exists();
        if self.names()?.iter().any(named) {
            return Ok(());
        }
        let content = self.content(digest);
        let size = fs::metadata(&content).map_or(0, |meta| meta.len());
        if remove(&content)? {
            self.release(size);
        }
        Ok(())
    }

    fn write_link(&self, repository: &str, link: &Path, text: &[u8], what: &'static str) -> Result<(), Error> {
        // Every link lies in a directory of its repository.
        let dir = link.parent().unwrap_or(&self.dir);
        if !self.repository(repository).exists() && self.names()?.len() >= MOST {
            return Err(Error::TooMany("repositories"));
        }
        fs::create_dir_all(dir).map_err(at("making", dir))?;
        if what != "blobs" && !link.exists() && list(dir)?.len() >= MOST {
            return Err(Error::TooMany(what));
        }
        self.replace(link, text)
    }

    /// Writes beside the place, flushes, renames. Only one is written at a time.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let partial = self.dir.join("uploads/partial");
        let write = || {
            let mut file = File::create(&partial)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&partial, path)
        };
        write().map_err(at("writing", path))
    }
}

/// The repository has the blob, its bytes are not the session's.
#[derive(Debug)]
pub(super) struct Elsewhere;

fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(at("removing", path)(error)),
    }
}

/// File names in a directory; none when it is not there.
fn list(dir: &Path) -> Result<BTreeSet<String>, Error> {
    match fs::read_dir(dir) {
        Ok(entries) => Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(at("listing", dir)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(store: &Store, bytes: &[u8]) -> (PathBuf, Digest, u64) {
        store.reserve(bytes.len() as u64).expect("room");
        let path = store.upload_path("u");
        fs::write(&path, bytes).expect("an upload");
        (path, Digest::of(bytes), bytes.len() as u64)
    }

    fn used(store: &Store) -> u64 {
        store.used.load(Ordering::Relaxed)
    }

    #[test]
    fn bytes_are_kept_once_and_go_with_their_last_repository() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path(), 100).expect("a store");
        for name in ["a/one", "a/two"] {
            let (path, digest, size) = upload(&store, b"layer");
            store.adopt(name, &path, &digest, size).expect("a blob");
            assert!(!path.exists());
        }
        let digest = Digest::of(b"layer");
        assert_eq!(used(&store), 5, "kept once");
        assert!(store.remove_blob("a/one", &digest).expect("removed"));
        assert!(!store.remove_blob("a/one", &digest).expect("it is gone"));
        assert!(matches!(store.blob("a/two", &digest), Some(Ok(_))), "the other still has it");
        assert!(store.blob("a/one", &digest).is_none());
        assert!(store.remove_blob("a/two", &digest).expect("removed"));
        assert_eq!(used(&store), 0);
        assert_eq!(fs::read_dir(dir.path().join("contents")).expect("a directory").count(), 0);
    }

    #[test]
    fn a_full_registry_takes_no_more_and_keeps_what_it_has() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path(), 10).expect("a store");
        let (path, digest, size) = upload(&store, b"12345678");
        store.adopt("a/b", &path, &digest, size).expect("a blob");
        assert!(matches!(store.reserve(3), Err(Error::Full(10))));
        assert!(matches!(store.reserve(u64::MAX), Err(Error::Full(10))));
        let manifest = store.put_manifest("a/b", &Digest::of(b"long"), "kind", b"long", Some("t"));
        assert!(matches!(manifest, Err(Error::Full(10))));
        assert_eq!(store.resolve("a/b", "t"), None);
        store.reserve(2).expect("what is left");
    }

    #[test]
    fn a_new_start_finds_what_was_pushed_and_drops_what_was_not_finished() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        {
            let store = Store::open(dir.path(), 100).expect("a store");
            let (path, digest, size) = upload(&store, b"whole");
            store.adopt("a/b", &path, &digest, size).expect("a blob");
            store.put_manifest("a/b", &Digest::of(b"{}"), "kind", b"{}", Some("latest")).expect("a manifest");
            upload(&store, b"half");
            assert_eq!(used(&store), 11);
        }
        let store = Store::open(dir.path(), 100).expect("the store again");
        assert_eq!(used(&store), 7);
        assert!(!store.upload_path("u").exists());
        assert_eq!(store.resolve("a/b", "latest"), Some(Digest::of(b"{}")));
        let (path, kind) = store.manifest("a/b", &Digest::of(b"{}")).expect("the manifest");
        assert_eq!((fs::read(path).expect("its bytes"), kind.as_str()), (b"{}".to_vec(), "kind"));
    }

    #[test]
    fn with_a_manifest_its_tags_go_and_with_a_tag_only_the_tag() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path(), 100).expect("a store");
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        for (digest, bytes, tag) in [(&one, b"one", "1"), (&one, b"one", "latest"), (&two, b"two", "2")] {
            store.put_manifest("a/b", digest, "kind", bytes, Some(tag)).expect("a manifest");
        }
        assert!(store.remove_manifest("a/b", &one).expect("removed"));
        assert_eq!(store.tags("a/b").expect("tags").into_iter().collect::<Vec<_>>(), ["2"]);
        assert!(store.remove_tag("a/b", "2").expect("removed"));
        assert!(!store.remove_tag("a/b", "2").expect("it is gone"));
        assert!(store.manifest("a/b", &two).is_some());
    }
}
