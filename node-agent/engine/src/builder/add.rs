//! `ADD`: as `COPY`, and archives are unpacked, and what lies on the network is fetched: files, and git repositories.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use engine_wasm::dockerfile::instructions::Add;

use super::git_url::GitUrl;
use super::remote;
use super::repository::Repository;
use super::source::{self, Source};
use super::stage::Stage;
use crate::containers::names::random_hex;
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
        let checksum = checksum.filter(|text| !text.is_empty());
        let mut sources = Vec::new();
        let root = self.build.context.dir.path().to_owned();
        for word in &add.files.paths {
            let name = self.state.expand(&word.text)?;
            if checksum.is_some() && add.files.paths.len() != 1 {
                return Err(Error::bad("checksum can't be specified for multiple sources"));
            }
            if let Some(url) = GitUrl::parse(&name)? {
                let repository = self.repository(url, add.keep_git_dir, checksum.as_deref()).await?;
                sources.push(repository.source());
                put.repositories.push(repository);
            } else if remote::is_url(&name) {
                if let Some(wanted) = &checksum {
                    engine_wasm::reference::validate_digest(wanted)
                        .map_err(|e| Error::bad(format!("ADD failed: {e}")))?;
                }
                let source = self.fetch(&name, checksum.as_deref()).await?;
                sources.push(Source { packed: add.unpack != Some(true), ..source });
            } else if checksum.is_some() {
                return Err(Error::bad("checksum requires HTTP(S) or Git sources"));
            } else {
                sources.extend(self.find_names(&put, &root, vec![name], false).await?);
            }
        }
        sources.extend(self.contents(&add.files.contents)?);
        put.sources = sources;
        self.copy_all(put).await
    }

    /// Asks a repository for the commit that is meant; it is not fetched yet.
    async fn repository(&self, url: GitUrl, keep: Option<bool>, checksum: Option<&str>) -> Result<Repository> {
        let place = self.build.scratch.path().join(format!("git-{}", random_hex(8)));
        std::fs::create_dir(&place)?;
        let asked = tokio::select! {
            asked = Repository::resolve(url, keep, checksum, place) => asked,
            () = self.build.cancel.cancelled() => Err(super::output::cancelled()),
        };
        asked.map_err(|e| e.context("ADD failed"))
    }

    /// Fetches a file; it belongs to root alone, as in Docker.
    async fn fetch(&self, url: &str, checksum: Option<&str>) -> Result<Source> {
        let dir = self.build.scratch.path().join(format!("file-{}", random_hex(8)));
        std::fs::create_dir(&dir)?;
        let got = tokio::select! {
            got = remote::download(&self.build.engine, url, &dir, Some(&self.output)) => got,
            () = self.build.cancel.cancelled() => Err(super::output::cancelled()),
        };
        let got = got.map_err(|e| e.context("ADD failed"))?;
        self.output.text("\n").await?;
        let name = remote::file_name(url)
            .or(got.name)
            .ok_or_else(|| Error::bad(format!("ADD failed: cannot determine filename for source {url}")))?;
        if let Some(wanted) = checksum.filter(|wanted| *wanted != got.digest) {
            return Err(Error::bad(format!("ADD failed: digest mismatch {}: {wanted}", got.digest)));
        }
        let file = std::fs::File::open(&got.path)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        let seconds = Duration::from_secs(u64::try_from(got.modified).unwrap_or(0));
        file.set_modified(SystemTime::UNIX_EPOCH + seconds)?;
        std::fs::rename(&got.path, dir.join(&name))?;
        Ok(Source { packed: true, ..source::find_plain(&dir, Path::new(&name))? })
    }
}
