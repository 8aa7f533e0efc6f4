//! What a build takes from the network: files of `ADD`, and contexts that are an archive, a Dockerfile or a git repository.
//! Everything is written to the disk as it comes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};
use slipway_images::Progress;
use slipway_images::registry::fetch;
use tokio::io::AsyncWriteExt as _;

use super::context::{self, Context, Scratch};
use super::ignore::Filtered;
use super::output::Output;
use super::{Options, git, unpack};
use crate::containers::names::random_hex;
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};

/// Bytes of a file or context from the network.
const MAX_BODY: u64 = 16 << 30;
/// How much comes in between two messages about it.
const TELL_EVERY: u64 = 512 * 1024;

/// A file that was fetched.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) path: PathBuf,
    /// `sha256:…`
    pub(crate) digest: String,
    pub(crate) length: u64,
    /// Seconds since 1970, as the server says; 0 where it does not.
    pub(crate) modified: i64,
    /// The name that the server gives it.
    pub(crate) name: Option<String>,
}

/// Whether a word is the address of a file.
pub(crate) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Whether a word is a git repository.
pub(crate) fn is_git(text: &str) -> bool {
    let path = text.split('#').next().unwrap_or(text);
    text.starts_with("git://")
        || text.starts_with("git@")
        || text.starts_with("ssh://")
        || text.starts_with("github.com/")
        || (is_url(text) && path.ends_with(".git"))
}

/// The last part of a URL's path.
pub(crate) fn file_name(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    let name = path.split_once('/')?.1.rsplit('/').next()?;
    plain_name(name)
}

/// A name that stands for a file in a directory.
fn plain_name(name: &str) -> Option<String> {
    Some(name.to_owned()).filter(|name| !name.is_empty() && name != "." && name != ".." && !name.contains('/'))
}

/// The name in a `Content-Disposition`.
fn disposition(value: &str) -> Option<String> {
    let name = value.split(';').find_map(|part| part.trim().strip_prefix("filename="))?;
    plain_name(name.trim_matches('"'))
}

/// A date of HTTP; 0 for what is none.
fn seconds(date: &str) -> i64 {
    let since = httpdate::parse_http_date(date).ok().and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| since.as_secs().try_into().ok()).unwrap_or(0)
}

/// Fetches a file into the directory `dir`; how it goes is told where there is an `output`.
///
/// # Errors
/// Docker's sentences for a server that does not give it, and when the disk is full.
pub(crate) async fn download(engine: &Engine, url: &str, dir: &Path, output: Option<&Output>) -> Result<Download> {
    let mut answer = fetch(&engine.config.registries.trust, url).await.map_err(Error::internal)?;
    let path = dir.join(format!("download-{}", random_hex(8)));
    let mut file = tokio::fs::File::create_new(&path).await?;
    let (mut hash, mut length, mut told) = (Sha256::new(), 0, 0);
    while let Some(piece) = answer.next().await.map_err(Error::internal)? {
        length += piece.len() as u64;
        if length > MAX_BODY {
            return Err(Error::bad(format!("{url} is longer than {MAX_BODY} bytes")));
        }
        hash.update(&piece);
        file.write_all(&piece).await?;
        let total = answer.length().unwrap_or(0);
        if let Some(output) = output
            && (length == total || length - told > TELL_EVERY)
        {
            told = length;
            let progress = Progress { detail: Some((length, total)), ..Progress::status("Downloading") };
            output.progress(&progress).await?;
        }
    }
    file.flush().await?;
    let (modified, name) = (seconds(answer.header("last-modified")), disposition(answer.header("content-disposition")));
    let digest = format!("sha256:{}", hex::encode(hash.finalize()));
    Ok(Download { path, digest, length, modified, name })
}

/// Fetches a file of a URL for an import; it goes with the directory that comes with it.
///
/// # Errors
/// As [`download`].
pub(crate) async fn file(engine: &Engine, url: &str) -> Result<(Scratch, std::fs::File)> {
    let dir = super::scratch_dir(engine);
    let dir = blocking(move || Scratch::new(&dir)).await?;
    let download = download(engine, url, dir.path(), None).await?;
    Ok((dir, std::fs::File::open(download.path)?))
}

/// Fetches a remote context into `dir`; messages for the client about it come with it.
///
/// # Errors
/// When it cannot be fetched, or is no context.
pub(crate) async fn context(
    engine: &Arc<Engine>,
    options: &Options,
    dir: Scratch,
) -> Result<(Context, Vec<serde_json::Value>)> {
    let (remote, wanted) = (options.remote.clone(), options.dockerfile.clone());
    if is_git(&remote) {
        let sub = git::clone(&remote, dir.path()).await?;
        let context = blocking(move || Context::open(git::narrow(dir, &sub)?, &wanted, Filtered::Not)).await?;
        return Ok((context, Vec::new()));
    }
    if !is_url(&remote) {
        return Err(Error::bad(format!("remoteURL ({remote}) could not be recognized as URL")));
    }
    let beside = Scratch::new(&super::scratch_dir(engine))?;
    let got = download(engine, &remote, beside.path(), None).await;
    let got = got.map_err(|e| e.context(&format!("error downloading remote context {remote}")))?;
    let progress = Progress::layer("Downloading context", &remote, Some((got.length, 0)));
    let context = blocking(move || {
        if unpack::is_archive(&got.path)? {
            context::unpack(std::fs::File::open(&got.path)?, dir.path())?;
            // What somebody has packed is taken as it is, as in Docker.
            return Context::open(dir, &wanted, Filtered::AsPacked);
        }
        std::fs::rename(&got.path, dir.path().join("Dockerfile"))?;
        let mut context = Context::open(dir, "", Filtered::AsPacked)?;
        context.absent = true;
        Ok(context)
    })
    .await?;
    drop(beside);
    Ok((context, vec![progress.to_json()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_names_and_times() {
        assert_eq!(disposition("attachment; filename=\"a b.txt\"").as_deref(), Some("a b.txt"));
        assert_eq!(disposition("attachment; filename=../x"), None);
        assert_eq!(seconds("Sun, 09 Sep 2001 01:46:40 GMT"), 1_000_000_000);
        assert_eq!(seconds("Sunday, 09-Sep-01 01:46:40 GMT"), 1_000_000_000);
        assert_eq!(seconds("Sun Sep  9 01:46:40 2001"), 1_000_000_000);
        assert_eq!(seconds("yesterday"), 0);
    }

    #[test]
    fn words_are_told_apart() {
        assert!(is_git("https://h/x.git#main:dir") && is_git("git@h:x") && is_git("github.com/a/b"));
        assert!(!is_git("https://h/x.tar") && is_url("https://h/x.tar") && !is_url("ftp://x"));
    }

    #[test]
    fn a_url_has_a_file_name() {
        assert_eq!(file_name("http://h/a/b.tar?x=/y").as_deref(), Some("b.tar"));
        assert_eq!(file_name("http://h/"), None);
        assert_eq!(file_name("http://h"), None);
        assert_eq!(file_name("http://h/a/.."), None);
    }
}
