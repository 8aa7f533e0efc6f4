//! The cache on disk: blobs by digest, and beside them which repository has which of them, what tags meant when they were last asked for,
//! and how manifests are called. Files grow aside and are renamed when their digest is right; what is least recently used goes first.
//!
//! ```text
//! blobs/sha256/HEX            whole, verified
//! types/HEX                   a manifest's media type
//! repositories/NAME/blobs/HEX, repositories/NAME/tags/TAG ('/' in NAME is '+')
//! partial/                    what is on its way; emptied at the start
//! ```

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use crate::registry::digest::Digest;

/// A directory of what was fetched.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    limit: u64,
}

/// What a tag meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) digest: Digest,
    /// How long ago that was asked for.
    pub(super) age: Duration,
}

impl Shelf {
    /// Takes the directory, which is made if it is not there.
    pub(super) fn open(dir: &Path, limit: u64) -> io::Result<Self> {
        let partial = dir.join("partial");
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for part in ["blobs/sha256", "types", "repositories", "partial"] {
            fs::create_dir_all(dir.join(part))?;
        }
        Ok(Self { dir: dir.to_owned(), limit })
    }

    /// The most it keeps, in bytes.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    fn hex(digest: &Digest) -> &str {
        digest.as_str().trim_start_matches("sha256:")
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs/sha256").join(Self::hex(digest))
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.dir.join("repositories").join(name.replace('/', "+"))
    }

    /// A blob's file, if it is there; `None` for digests other than sha256, which are not kept.
    pub(super) fn blob(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.blob_path(digest)).filter(|path| digest.is_sha256() && path.is_file())
    }

    /// Whether the repository is known to have the blob.
    pub(super) fn linked(&self, name: &str, digest: &Digest) -> bool {
        self.repository(name).join("blobs").join(Self::hex(digest)).exists()
    }

    /// Notes that the repository has the blob.
    pub(super) fn link(&self, name: &str, digest: &Digest) -> io::Result<()> {
        let dir = self.repository(name).join("blobs");
        fs::create_dir_all(&dir)?;
        File::create(dir.join(Self::hex(digest))).map(drop)
    }

    /// Where a blob grows.
    pub(super) fn partial(&self) -> PathBuf {
        self.dir.join("partial").join(crate::random::hex::<8>())
    }

    /// Takes a file in whose digest has been checked, and makes room.
    pub(super) fn adopt(&self, file: &Path, digest: &Digest) -> io::Result<()> {
        fs::rename(file, self.blob_path(digest))?;
        self.make_room(digest)
    }

    /// Takes a manifest in.
    pub(super) fn put_manifest(&self, name: &str, digest: &Digest, media_type: &str, bytes: &[u8]) -> io::Result<()> {
        debug_assert_eq!(digest.as_str(), format!("sha256:{}", hex::encode(Sha256::digest(bytes))));
        self.write(&self.dir.join("types").join(Self::hex(digest)), media_type.as_bytes())?;
        self.write(&self.blob_path(digest), bytes)?;
        self.link(name, digest)
    }

    /// A manifest's file and media type.
    pub(super) fn manifest(&self, digest: &Digest) -> Option<(PathBuf, String)> {
        let kind = fs::read_to_string(self.dir.join("types").join(Self::hex(digest))).ok()?;
        Some((self.blob(digest)?, kind))
    }

    /// What the tag meant when it was last asked for.
    pub(super) fn tag(&self, name: &str, tag: &str) -> Option<Tag> {
        let path = self.repository(name).join("tags").join(tag);
        let digest = Digest::parse(&fs::read_to_string(&path).ok()?)?;
        let asked = fs::metadata(&path).and_then(|meta| meta.modified()).unwrap_or(UNIX_EPOCH);
        // A clock that was set back makes it old, not young for ever.
        let age = SystemTime::now().duration_since(asked).unwrap_or(Duration::MAX);
        Some(Tag { digest, age })
    }

    /// Notes what the tag means now.
    pub(super) fn set_tag(&self, name: &str, tag: &str, digest: &Digest) -> io::Result<()> {
        let dir = self.repository(name).join("tags");
        fs::create_dir_all(&dir)?;
        self.write(&dir.join(tag), digest.as_str().as_bytes())
    }

    /// Forgets a tag that is gone.
    pub(super) fn forget_tag(&self, name: &str, tag: &str) {
        // If it stays, it is asked for again the next time.
        let _ = fs::remove_file(self.repository(name).join("tags").join(tag));
    }

    /// Marks blobs as used now.
    pub(super) fn touch<'a>(&self, digests: impl IntoIterator<Item = &'a Digest>) {
        for digest in digests {
            if let Ok(file) = File::open(self.blob_path(digest)) {
                // Only the order of what goes first depends on it.
                let _ = file.set_modified(SystemTime::now());
            }
        }
    }

    /// Removes what was least recently used until a tenth of the limit is free, if the limit is passed; `keep` stays.
    fn make_room(&self, keep: &Digest) -> io::Result<()> {
        let mut blobs = Vec::new();
        for entry in fs::read_dir(self.dir.join("blobs/sha256"))?.flatten() {
            let meta = entry.metadata()?;
            blobs.push((meta.modified().unwrap_or(UNIX_EPOCH), meta.len(), entry.path()));
        }
        let mut total: u64 = blobs.iter().map(|(_, size, _)| size).sum();
        if total <= self.limit {
            return Ok(());
        }
        blobs.sort();
        let kept = self.blob_path(keep);
        for (_, size, path) in blobs {
            if total <= self.limit - self.limit / 10 {
                break;
            }
            if path != kept {
                // Whoever reads it has it open and reads on.
                fs::remove_file(&path)?;
                total -= size;
            }
        }
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let partial = self.partial();
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(shelf: &Shelf, bytes: &[u8]) -> Digest {
        let (partial, digest) = (shelf.partial(), Digest::of(bytes));
        fs::write(&partial, bytes).expect("a file");
        shelf.adopt(&partial, &digest).expect("taken");
        digest
    }

    #[test]
    fn what_is_least_recently_used_goes_first_and_the_newest_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let shelf = Shelf::open(dir.path(), 100).expect("a cache");
        let one = put(&shelf, &[1; 40]);
        let two = put(&shelf, &[2; 40]);
        let old = |digest: &Digest, seconds| {
            let file = File::open(shelf.blob_path(digest)).expect("a blob");
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).expect("its time");
        };
        old(&one, 20);
        old(&two, 10);
        shelf.touch([&one]);
        let three = put(&shelf, &[3; 40]);
        assert!(shelf.blob(&two).is_none(), "it was not used for longest");
        assert!(shelf.blob(&one).is_some() && shelf.blob(&three).is_some());
        let large = put(&shelf, &[4; 300]);
        assert!(shelf.blob(&large).is_some() && shelf.blob(&one).is_none());
    }

    #[test]
    fn a_new_start_finds_everything_but_what_was_on_its_way() {
        let dir = tempfile::tempdir().expect("a directory");
        let (manifest, partial) = {
            let shelf = Shelf::open(dir.path(), 100).expect("a cache");
            let digest = Digest::of(b"{}");
            shelf.put_manifest("library/a", &digest, "kind", b"{}").expect("a manifest");
            shelf.set_tag("library/a", "latest", &digest).expect("a tag");
            let partial = shelf.partial();
            fs::write(&partial, "half").expect("a file");
            (digest, partial)
        };
        let shelf = Shelf::open(dir.path(), 100).expect("the cache again");
        assert!(!partial.exists());
        assert_eq!(shelf.tag("library/a", "latest").map(|tag| tag.digest), Some(manifest.clone()));
        assert_eq!(shelf.manifest(&manifest).map(|(_, kind)| kind).as_deref(), Some("kind"));
        assert!(shelf.linked("library/a", &manifest) && !shelf.linked("library/b", &manifest));
        shelf.forget_tag("library/a", "latest");
        assert_eq!(shelf.tag("library/a", "latest"), None);
    }
}
