//! `ADD`: as `COPY`, and archives are unpacked, and what lies on the network is fetched.

use engine_wasm::dockerfile::instructions::Add;
use sha2::{Digest as _, Sha256};

use super::remote;
use super::source::Source;
use super::stage::Stage;
use crate::error::{Error, Result};

impl Stage {
    /// `ADD`
    ///
    /// # Errors
    /// Docker's sentences.
    pub(crate) async fn add(&mut self, add: &Add) -> Result<()> {
        let mut put = self.put("ADD", &add.files)?;
        put.unpack = add.unpack.unwrap_or(true);
        let checksum = add.checksum.as_ref().map(|word| self.state.expand(&word.text)).transpose()?;
        let mut sources = Vec::new();
        let root = self.build.context.dir.path().to_owned();
        for word in &add.files.paths {
            let name = self.state.expand(&word.text)?;
            if remote::is_git(&name) {
                return Err(Error::unsupported(format!(
                    "ADD failed: {name}: repositories cannot be added by this builder; use an archive's URL"
                )));
            }
            if remote::is_url(&name) {
                let source = self.fetch(&name, checksum.as_deref()).await?;
                sources.push(Source { packed: add.unpack != Some(true), ..source });
            } else {
                if checksum.is_some() {
                    return Err(Error::bad("checksum can't be specified for non-HTTP(S) sources"));
                }
                sources.extend(self.find_names(&put, &root, vec![name], false).await?);
            }
        }
        sources.extend(self.contents(&add.files.contents)?);
        put.sources = sources;
        self.copy_all(put).await
    }

    /// Fetches a file; it belongs to root alone, as in Docker.
    async fn fetch(&self, url: &str, checksum: Option<&str>) -> Result<Source> {
        let name = remote::file_name(url)
            .ok_or_else(|| Error::bad(format!("ADD failed: cannot determine filename for source {url}")))?;
        let fetched = tokio::select! {
            fetched = remote::get(url) => fetched,
            () = self.build.cancel.cancelled() => Err(super::output::cancelled()),
        };
        let fetched = fetched.map_err(|e| e.context("ADD failed"))?;
        if let Some(wanted) = checksum {
            let found = format!("sha256:{}", hex::encode(Sha256::digest(&fetched.body)));
            if found != wanted {
                return Err(Error::bad(format!("digest mismatch {found}: {wanted}")));
            }
        }
        self.made(&name, &fetched.body, 0o600)
    }
}
