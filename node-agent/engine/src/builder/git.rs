//! The machine's own `git`: how it is run for a build, and contexts from repositories. Nothing of this machine's files can be one.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group};

use super::context::Scratch;
use crate::error::{Error, Result};
use crate::rootfs::Inside;

/// What `git` prints, or why it failed.
///
/// # Errors
/// Its own words, with its exit status; and when it is not installed.
pub(crate) async fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let started = tokio::process::Command::new("git")
        .args(args)
        .current_dir(dir)
        .env("GIT_TERMINAL_PROMPT", "0")
        // Nothing of this machine's own files is a context.
        .env("GIT_ALLOW_PROTOCOL", "git:http:https:ssh")
        .env("GIT_PROTOCOL_FROM_USER", "0")
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .process_group(0)
        .spawn();
    let output = match started {
        Ok(child) => {
            let mut helpers = Helpers(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)));
            let output = child.wait_with_output().await;
            helpers.0 = None;
            output
        }
        Err(e) => Err(e),
    };
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let code = output.status.code().unwrap_or(-1);
            Err(Error::bad(format!("error fetching: {said}\n: exit status {code}")))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::unsupported(
            "unable to find 'git': a repository needs git on the engine's machine; install it there or send its files",
        )),
        Err(e) => Err(Error::internal(format!("running git: {e}"))),
    }
}

/// The process group of a `git` that is given up: what it started would go on without it.
struct Helpers(Option<Pid>);

impl Drop for Helpers {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Clones `url#reference:directory`; returns the directory.
pub(crate) async fn clone(remote: &str, dir: &Path) -> Result<String> {
    let (url, fragment) = remote.split_once('#').unwrap_or((remote, ""));
    let (reference, sub) = fragment.split_once(':').unwrap_or((fragment, ""));
    if reference.starts_with('-') || url.starts_with('-') {
        return Err(Error::bad(format!("invalid refspec: {reference}")));
    }
    // Docker asks for "master" where nothing is said; the repository knows better what its own branch is.
    let url = if url.starts_with("github.com/") { format!("https://{url}") } else { url.to_owned() };
    let git = async |args: &[&str]| git(dir, args).await;
    git(&["init", "--quiet"]).await?;
    git(&["remote", "add", "origin", &url]).await?;
    let wanted = if reference.is_empty() { "HEAD" } else { reference };
    if git(&["fetch", "--quiet", "--depth", "1", "origin", "--", wanted]).await.is_err() {
        // A server that knows no shallow clones, or a commit that is no tip.
        git(&["fetch", "--quiet", "--tags", "origin"]).await?;
        let both = [wanted.to_owned(), format!("origin/{wanted}")];
        if git(&["fetch", "--quiet", "origin", "--", wanted]).await.is_ok() {
            git(&["checkout", "--quiet", "FETCH_HEAD"]).await?;
        } else if git(&["checkout", "--quiet", &both[0]]).await.is_err() {
            git(&["checkout", "--quiet", &both[1]]).await?;
        }
    } else {
        git(&["checkout", "--quiet", "FETCH_HEAD"]).await?;
    }
    git(&["submodule", "update", "--quiet", "--init", "--recursive", "--depth", "1"]).await?;
    Ok(sub.to_owned())
}

/// A directory of a clone as a context of its own.
pub(crate) fn narrow(dir: Scratch, sub: &str) -> Result<Scratch> {
    if sub.trim_matches('/').is_empty() {
        return Ok(dir);
    }
    let cleaned = engine_wasm::ignore::path::clean(sub.trim_start_matches('/'));
    if cleaned == ".." || cleaned.starts_with("../") {
        return Err(Error::bad(format!("error setting git context, {sub:?} not within git root")));
    }
    let found = Inside::open(dir.path(), Path::new(sub))
        .map_err(|_| Error::bad(format!("stat {sub}: no such file or directory")))?;
    if !found.metadata()?.is_dir() {
        return Err(Error::bad(format!("Error setting git context, not a directory: {sub}")));
    }
    let inner = Scratch::new(dir.path().parent().unwrap_or(Path::new("/")))?;
    std::fs::remove_dir(inner.path())?;
    std::fs::rename(std::fs::canonicalize(found.path())?, inner.path())?;
    Ok(inner)
}
