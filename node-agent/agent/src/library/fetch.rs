//! `library add REF`: copies an image from a registry into the library as it is there, for one platform, with all its digests. Layers
//! that the library has are not fetched again, so that a copy that was interrupted goes on with the next layer.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine_wasm::reference;
use futures_util::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use slipway_images::registry::{
    Credentials, Options as Access, Platform, Registries, Remote, RemoteError, RemoteImage, RemoteManifest, Trust,
};

use super::add::{Options, put};
use super::error::Error;
use super::layout::Layout;

/// Layers that are fetched at a time.
const AT_ONCE: usize = 3;
/// Tries for one layer; each goes on where the last one broke off.
const TRIES: u32 = 5;
/// How often it is said how far a layer has come.
const TELL: Duration = Duration::from_secs(2);
/// An index names manifests, and no index.
const DEPTH: usize = 2;

/// Where and as whom to ask.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Certificates (PEM) to trust besides the system's.
    pub(super) extra_ca: Vec<PathBuf>,
    /// Docker's directory with `config.json`; the user's if not given.
    pub(super) docker_config: Option<PathBuf>,
}

/// Adds the image that `text` names; its full name.
pub(super) fn run(dir: &Path, text: &str, options: &Options, source: &Source) -> Result<Vec<String>, Error> {
    let failed = |what: String| Error::Registry { reference: text.to_owned(), what };
    let wanted = reference::parse_normalized(text)
        .map_err(|error| failed(format!("there is no such file, and it is no name of an image: {error}")))?;
    let tag = wanted.tag().map(str::to_owned);
    let which = wanted.digest().map(ToString::to_string).or(tag).unwrap_or_else(|| "latest".to_owned());
    let name = match &options.name {
        Some(name) => name.clone(),
        None if wanted.domain() != "docker.io" => return Err(failed(super::add::FOREIGN.into())),
        None => text.to_owned(),
    };
    let (full, tag) = super::add::full(&name).map_err(failed)?;
    let platform = options.platform.as_deref().map(str::parse::<Platform>).transpose();
    let platform = platform.map_err(|error| failed(error.to_string()))?;
    let config = source.docker_config.as_ref().map(|dir| dir.to_string_lossy().into_owned());
    let credentials = slipway_docker_cli::registry_credentials(config.as_deref(), wanted.domain()).map_err(failed)?;
    let credentials = Credentials::from_header(&credentials);

    let layout = Layout::create(dir)?;
    let _lock = layout.lock()?;
    layout.sweep()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("starting threads for", dir))?;
    let trust = Trust { extra_ca: source.extra_ca.clone(), ..Trust::default() };
    let registries = Registries::new(Access { trust, ..Access::default() });
    let manifest = runtime.block_on(async {
        let remote = registries.remote(wanted.domain(), wanted.path(), &credentials).await;
        let remote = remote.map_err(|error| failed(error.to_string()))?;
        let copy = Copy { remote, host: wanted.domain(), layout: &layout, failed: &failed };
        copy.image(&which, platform.as_ref()).await
    })?;
    let platform = platform.unwrap_or_else(Platform::host);
    let made_for = json!({ "architecture": platform.architecture, "os": platform.os });
    put(&layout, &manifest, &made_for, vec![(full.clone(), tag)])?;
    let partial = layout.partial();
    fs::remove_dir_all(&partial).map_err(Error::io("removing", &partial))?;
    Ok(vec![full])
}

struct Copy<'a> {
    remote: Remote,
    host: &'a str,
    layout: &'a Layout,
    failed: &'a dyn Fn(String) -> Error,
}

impl Copy<'_> {
    /// Copies manifest, configuration and layers; the manifest's descriptor.
    async fn image(&self, which: &str, platform: Option<&Platform>) -> Result<serde_json::Value, Error> {
        let said = |error: RemoteError| (self.failed)(error.to_string());
        let mut manifest = self.remote.manifest(which).await.map_err(|error| match error {
            RemoteError::NotFound(what) => (self.failed)(format!(
                "{what}; if it is not public, `docker login {}` first, or see --docker-config",
                self.host
            )),
            other => said(other),
        })?;
        let host = Platform::host();
        // An index has said for what the image is.
        let mut single = Some(platform.unwrap_or(&host));
        for _ in 0..DEPTH {
            match manifest.understand(platform).map_err(said)? {
                RemoteImage::Index(chosen) => {
                    (manifest, single) = (self.remote.manifest(&chosen).await.map_err(said)?, None);
                }
                RemoteImage::Image(parts) => return self.parts(&manifest, parts, single).await,
            }
        }
        Err((self.failed)("its index leads to another index and so on".into()))
    }

    async fn parts(
        &self,
        manifest: &RemoteManifest,
        parts: Vec<(String, u64)>,
        wanted: Option<&Platform>,
    ) -> Result<serde_json::Value, Error> {
        let mut copies = futures_util::stream::iter(parts.iter().map(|(digest, size)| self.blob(digest, *size)))
            .buffer_unordered(AT_ONCE);
        while let Some(copied) = copies.next().await {
            copied?;
        }
        self.check(manifest, wanted)?;
        self.layout.add_bytes(&manifest.media_type, &manifest.bytes)
    }

    /// Compares what the configuration says with the platform that is wanted, and with what the layers hold: no engine takes an image where that differs.
    fn check(&self, manifest: &RemoteManifest, wanted: Option<&Platform>) -> Result<(), Error> {
        let wrong = |error: serde_json::Error| (self.failed)(format!("its documents cannot be read: {error}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let manifest: Value = serde_json::from_slice(&manifest.bytes).map_err(wrong)?;
        let open = |digest: &str| {
            let bad = || (self.failed)(format!("unsupported digest {digest}"));
            let path = self.layout.blob_path(digest).ok_or_else(bad)?;
            File::open(&path).map_err(Error::io("opening", &path))
        };
        let config: Value = serde_json::from_reader(open(&text(&manifest["config"]["digest"]))?).map_err(wrong)?;
        let (os, architecture) = (text(&config["os"]), text(&config["architecture"]));
        if let Some(Platform { os: os_wanted, architecture: architecture_wanted, .. }) = wanted
            && (os != *os_wanted || architecture != *architecture_wanted)
        {
            return Err((self.failed)(format!(
                "it has no image for {os_wanted}/{architecture_wanted}, but for {os}/{architecture}; see --platform"
            )));
        }
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (layers, diff_ids) = (list(&manifest["layers"]), list(&config["rootfs"]["diff_ids"]));
        if layers.len() != diff_ids.len() {
            let (has, says) = (layers.len(), diff_ids.len());
            return Err((self.failed)(format!("it has {has} layers, its configuration says {says}")));
        }
        for (layer, diff_id) in layers.iter().zip(&diff_ids) {
            let digest = text(&layer["digest"]);
            let found = slipway_images::decompress(open(&digest)?).and_then(hash_of);
            let found = found.map_err(|error| (self.failed)(format!("layer {digest}: {error}")))?;
            if found != text(diff_id) {
                return Err((self.failed)(format!(
                    "layer {digest} unpacks to {found}, its configuration says {}",
                    text(diff_id)
                )));
            }
        }
        Ok(())
    }

    async fn blob(&self, digest: &str, size: u64) -> Result<(), Error> {
        let bad = || (self.failed)(format!("unsupported digest {digest}"));
        let place = self.layout.blob_path(digest).ok_or_else(bad)?;
        let short = digest.get(7..19).unwrap_or(digest);
        if fs::metadata(&place).is_ok_and(|meta| meta.len() == size) {
            eprintln!("{short}: already there");
            return Ok(());
        }
        let path = self.layout.partial().join(short);
        let mut file = File::create(&path).map_err(Error::io("making", &path))?;
        let (mut hash, mut have, mut tried) = (Sha256::new(), 0, 0);
        loop {
            match self.once(digest, size, &mut file, &mut hash, &mut have).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => return Err(Error::io("writing", &path)(error)),
                Err(RemoteError::Away(why)) if tried + 1 < TRIES => {
                    eprintln!("{short}: {why}; trying again");
                    tokio::time::sleep(Duration::from_secs(1 << tried)).await;
                    tried += 1;
                }
                Err(error) => return Err((self.failed)(error.to_string())),
            }
        }
        let found = format!("sha256:{}", hex::encode(hash.finalize()));
        if found != digest || have != size {
            return Err((self.failed)(format!("the registry gave {found} ({have} bytes) for {digest} ({size} bytes)")));
        }
        file.sync_all().map_err(Error::io("writing", &path))?;
        self.layout.adopt(&path, digest)?;
        eprintln!("{short}: {:.1} MB", size as f64 / 1e6);
        Ok(())
    }

    /// One try, from byte `have` on.
    async fn once(
        &self,
        digest: &str,
        size: u64,
        file: &mut File,
        hash: &mut Sha256,
        have: &mut u64,
    ) -> Result<std::io::Result<()>, RemoteError> {
        let mut blob = self.remote.blob(digest, *have).await?;
        if blob.from > *have {
            return Err(RemoteError::Invalid("the registry left bytes out".into()));
        }
        let mut skip = *have - blob.from;
        let mut told = Instant::now();
        while let Some(mut chunk) = blob.next().await? {
            let skipped = skip.min(chunk.len() as u64);
            skip -= skipped;
            let chunk = chunk.split_off(skipped as usize);
            *have += chunk.len() as u64;
            if *have > size {
                return Err(RemoteError::Invalid(format!("{digest} is longer than its manifest says")));
            }
            hash.update(&chunk);
            if let Err(error) = file.write_all(&chunk) {
                return Ok(Err(error));
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                let short = digest.get(7..19).unwrap_or(digest);
                eprintln!("{short}: {:.1} of {:.1} MB", *have as f64 / 1e6, size as f64 / 1e6);
            }
        }
        if *have < size {
            return Err(RemoteError::Away(format!("it ended after {have} of {size} bytes")));
        }
        Ok(Ok(()))
    }
}

/// The SHA-256 of what is left to read.
fn hash_of(mut from: impl Read) -> std::io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(format!("sha256:{}", hex::encode(hash.finalize()))),
            length => hash.update(&buffer[..length]),
        }
    }
}
