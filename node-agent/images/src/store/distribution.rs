//! Which blob of which repository a layer came from, as Docker keeps it under `distribution/`, and room for downloads.

use std::fs::{self, File};

use serde_json::{Value, json};

use super::Store;
use super::paths::mkdir_all;
use crate::digest::{DiffId, Digest};
use crate::error::{IoContext as _, Result};
use crate::fsutil::write_renamed;

/// More entries than this are not kept for one layer, as in Docker; the oldest go.
const MAX_ENTRIES: usize = 50;

/// Where a layer is, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobSource {
    /// The compressed blob.
    pub digest: Digest,
    /// The repository that has it, with its domain.
    pub repository: String,
}

impl Store {
    /// Notes that `digest` in `repository` (`docker.io/library/ubuntu`) unpacks to the layer `diff`.
    pub fn note_blob(&self, diff: &DiffId, digest: &Digest, repository: &str) -> Result<()> {
        let root = self.paths.distribution();
        let by_digest = root.join("diffid-by-digest/sha256").join(digest.hex());
        let by_diff = root.join("v2metadata-by-diffid/sha256").join(diff.hex());
        let entry = json!({"Digest": digest, "SourceRepository": repository, "HMAC": ""});
        let _one_at_a_time = self.state();
        let mut entries = read(&by_diff);
        if entries.last() == Some(&entry) {
            return Ok(());
        }
        entries.retain(|other| *other != entry);
        entries.push(entry);
        let surplus = entries.len().saturating_sub(MAX_ENTRIES);
        entries.drain(..surplus);
        // Only hints: it is no matter if a crash of the machine takes them.
        write_renamed(&by_diff, &serde_json::to_vec(&entries).expect("JSON values are valid JSON"), false)?;
        write_renamed(&by_digest, diff.to_string().as_bytes(), false)
    }

    /// The blobs that are known for a layer, the newest last.
    pub fn blobs_of(&self, diff: &DiffId) -> Vec<BlobSource> {
        let entries = read(&self.paths.distribution().join("v2metadata-by-diffid/sha256").join(diff.hex()));
        let entry = |entry: &Value| {
            let repository = entry["SourceRepository"].as_str()?.to_owned();
            Some(BlobSource { digest: entry["Digest"].as_str()?.parse().ok()?, repository })
        };
        entries.iter().filter_map(entry).collect()
    }

    /// Forgets that a repository has a layer's blob. Only a hint goes, so that a failure does not matter.
    pub(crate) fn forget_blob(&self, diff: &DiffId, blob: &BlobSource) {
        let by_diff = self.paths.distribution().join("v2metadata-by-diffid/sha256").join(diff.hex());
        let _one_at_a_time = self.state();
        let mut entries = read(&by_diff);
        let digest = blob.digest.to_string();
        entries.retain(|entry| {
            entry["SourceRepository"] != blob.repository.as_str() || entry["Digest"] != digest.as_str()
        });
        let _ = write_renamed(&by_diff, &serde_json::to_vec(&entries).expect("JSON values are valid JSON"), false);
    }

    /// A file without a name: whatever happens, nothing of it stays.
    pub(crate) fn temporary_file(&self) -> Result<File> {
        let dir = self.paths.temporary();
        mkdir_all(&dir, 0o700)?;
        tempfile::tempfile_in(&dir).at("create a file in", &dir)
    }
}

fn read(file: &std::path::Path) -> Vec<Value> {
    fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
