//! Which blob of which repository a layer came from, as Docker keeps it under `distribution/`, and room for downloads.

use std::fs::{self, File};

use serde_json::{Value, json};

use super::Store;
use super::paths::mkdir_all;
use crate::digest::{DiffId, Digest};
use crate::error::{IoContext as _, Result};
use crate::fsutil::write_atomic;

impl Store {
    /// Notes that `digest` in `repository` (`docker.io/library/ubuntu`) unpacks to the layer `diff`.
    pub fn note_blob(&self, diff: &DiffId, digest: &Digest, repository: &str) -> Result<()> {
        let root = self.paths.distribution();
        let by_digest = root.join("diffid-by-digest/sha256").join(digest.hex());
        let by_diff = root.join("v2metadata-by-diffid/sha256").join(diff.hex());
        let entry = json!({"Digest": digest, "SourceRepository": repository, "HMAC": ""});
        let _one_at_a_time = self.state();
        let mut entries: Vec<Value> =
            fs::read(&by_diff).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        if entries.contains(&entry) {
            return Ok(());
        }
        entries.push(entry);
        write_atomic(&by_diff, &serde_json::to_vec(&entries).expect("JSON values are valid JSON"))?;
        write_atomic(&by_digest, diff.to_string().as_bytes())
    }

    /// A file without a name: whatever happens, nothing of it stays.
    pub(crate) fn temporary_file(&self) -> Result<File> {
        let dir = self.paths.temporary();
        mkdir_all(&dir, 0o700)?;
        tempfile::tempfile_in(&dir).at("create a file in", &dir)
    }
}
