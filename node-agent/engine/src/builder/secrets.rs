//! `RUN --mount=type=secret`: what a client sends along for commands to read, and for nothing else: neither an image, nor the cache's keys, nor
//! a log has any of it. It lies in memory, and as a file for as long as a command runs.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_wasm::dockerfile::instructions::MountOptions;
use http::HeaderMap;

use super::context::Scratch;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// A header for each secret: the id and the content, both in base64, with a dot between. Only our own `docker build --secret` sends it.
const HEADER: &str = "x-slipway-secret";

/// A build's secrets by their ids.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Vec<u8>>);

impl fmt::Debug for Secrets {
    /// The ids alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// Those of a request.
    ///
    /// # Errors
    /// For a header that cannot be read.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self> {
        let one = |value: &http::HeaderValue| {
            let (id, content) = value.to_str().ok()?.split_once('.')?;
            Some((String::from_utf8(STANDARD.decode(id).ok()?).ok()?, STANDARD.decode(content).ok()?))
        };
        let wrong = || Error::bad(format!("{HEADER}: an id and a content in base64 with a dot between are expected"));
        headers.get_all(HEADER).iter().map(|value| one(value).ok_or_else(wrong)).collect::<Result<_>>().map(Self)
    }

    /// The content that a mount asks for; `None` where it may be missing and is.
    ///
    /// # Errors
    /// BuildKit's words for a secret that must be there, with the remedy.
    pub(super) fn find(&self, options: &MountOptions) -> Result<Option<&[u8]>> {
        let id = id(options);
        match self.0.get(id) {
            None if options.required => Err(Error::bad(format!(
                "secret {id}: not found: give it with --secret id={id},src=FILE of Slipway's own docker command; others send none"
            ))),
            found => Ok(found.map(Vec::as_slice)),
        }
    }
}

/// What the mount is of: its id, or the last part of its target.
pub(super) fn id(options: &MountOptions) -> &str {
    let named = [options.source.as_str(), &options.id].into_iter().find(|id| !id.is_empty());
    named.unwrap_or_else(|| base(&options.target))
}

/// Where the file is seen; `None` when only a variable is asked for.
pub(super) fn target(options: &MountOptions) -> Option<String> {
    match (&options.target, &options.env) {
        (target, None) if target.is_empty() => Some(format!("/run/secrets/{}", base(id(options)))),
        (target, _) => Some(target.clone()).filter(|target| !target.is_empty()),
    }
}

fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// Where files of secrets are while their commands run: with what does not outlive the machine.
pub(super) fn dir(engine: &Engine) -> PathBuf {
    engine.config.exec_root.join("secrets")
}

/// Writes a secret to a file that goes with the returned directory.
///
/// # Errors
/// When it cannot be written.
pub(super) fn keep(dir: &Path, content: &[u8], options: &MountOptions) -> Result<(Scratch, PathBuf)> {
    let scratch = Scratch::new(dir)?;
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o700))?;
    let path = scratch.path().join("content");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    std::io::Write::write_all(&mut file, content)?;
    file.set_permissions(std::fs::Permissions::from_mode(options.mode.unwrap_or(0o400)))?;
    std::os::unix::fs::fchown(&file, Some(options.uid.unwrap_or(0)), Some(options.gid.unwrap_or(0)))?;
    Ok((scratch, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_hold_secrets_of_any_bytes_and_nothing_shows_them() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, format!("{}.{}", STANDARD.encode("a.b"), STANDARD.encode([0, 255])).parse().unwrap());
        let secrets = Secrets::read(&headers).unwrap();
        let options = MountOptions { id: "a.b".into(), required: true, ..MountOptions::default() };
        assert_eq!(secrets.find(&options).unwrap(), Some(&[0, 255][..]));
        assert_eq!(format!("{secrets:?}"), r#"{"a.b"}"#);
        for bad in ["", "YQ==", "YQ==.!", "!.YQ==", "/w==.YQ=="] {
            headers.insert(HEADER, bad.parse().unwrap());
            assert!(Secrets::read(&headers).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mount_names_its_secret_and_its_place_as_buildkits_does() {
        let options = |id: &str, target: &str, env: Option<&str>| MountOptions {
            id: id.into(),
            target: target.into(),
            env: env.map(str::to_owned),
            ..MountOptions::default()
        };
        let seen = |options: &MountOptions| (id(options).to_owned(), target(options));
        assert_eq!(seen(&options("a/b", "", None)), ("a/b".into(), Some("/run/secrets/b".into())));
        assert_eq!(seen(&options("", "/etc/key", None)), ("key".into(), Some("/etc/key".into())));
        assert_eq!(seen(&options("a", "/k", Some("K"))), ("a".into(), Some("/k".into())));
        assert_eq!(seen(&options("a", "", Some("K"))), ("a".into(), None));
    }
}
