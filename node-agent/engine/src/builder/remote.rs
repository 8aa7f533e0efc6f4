//! What a build takes from the network: files of `ADD`, and contexts that are an archive, a Dockerfile or a git repository.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;

use super::Options;
use super::context::{self, Context, Scratch};
use crate::error::{Error, Result, blocking};
use crate::rootfs::Inside;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;
/// Bytes of a file or context from the network.
const MAX_BODY: usize = 1 << 30;
const CONNECT: Duration = Duration::from_secs(30);

/// A fetched file.
pub(crate) struct Fetched {
    pub(crate) body: Vec<u8>,
    /// The media type without parameters.
    pub(crate) kind: String,
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
    Some(name.to_owned()).filter(|name| !name.is_empty() && name != "." && name != "..")
}

/// Fetches a file over HTTP.
///
/// # Errors
/// For anything but 200, for bodies that are too long, and for `https`, which this engine does not speak.
pub(crate) async fn get(url: &str) -> Result<Fetched> {
    let mut url = url.to_owned();
    for _ in 0..MAX_REDIRECTS {
        let uri: http::Uri = url.parse().map_err(|e| Error::bad(format!("parsing {url}: {e}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(Error::unsupported(format!(
                "{url}: this engine fetches over http only: download the file first"
            )));
        }
        let failed = |e: &dyn std::fmt::Display| Error::internal(format!("Get \"{url}\": {e}"));
        let host = uri.host().ok_or_else(|| Error::bad(format!("{url} names no host")))?.trim_matches(['[', ']']);
        let address = (host.to_owned(), uri.port_u16().unwrap_or(80));
        let connecting = tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(address)).await;
        let stream = connecting.map_err(|_| failed(&"connection timed out"))?.map_err(|e| failed(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
        let running = tokio::spawn(connection);
        let request = http::Request::get(uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str))
            .header(http::header::HOST, uri.authority().map_or(host, http::uri::Authority::as_str))
            .header(http::header::USER_AGENT, concat!("slipway/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|e| failed(&e))?;
        let answer = sender.send_request(request).await.map_err(|e| failed(&e))?;
        let status = answer.status();
        if status.is_redirection()
            && let Some(next) = answer.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok())
        {
            url = if next.contains("://") {
                next.to_owned()
            } else {
                format!("http://{}{next}", uri.authority().map_or(host, http::uri::Authority::as_str))
            };
            running.abort();
            continue;
        }
        if !status.is_success() {
            return Err(Error::internal(format!("failed to GET {url} with status {status}: {}", short(answer).await)));
        }
        let kind = answer.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim().to_owned();
        let mut body = Vec::new();
        let mut incoming = answer.into_body();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|e| failed(&e))?;
            if let Some(data) = frame.data_ref() {
                if body.len() + data.len() > MAX_BODY {
                    return Err(Error::bad(format!("{url} is longer than {MAX_BODY} bytes")));
                }
                body.extend_from_slice(data);
            }
        }
        return Ok(Fetched { body, kind });
    }
    Err(Error::internal(format!("Get \"{url}\": stopped after {MAX_REDIRECTS} redirects")))
}

/// The beginning of an error's body.
async fn short(answer: http::Response<hyper::body::Incoming>) -> String {
    let frame = answer.into_body().frame().await;
    let data = frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()).unwrap_or_default();
    String::from_utf8_lossy(&data[..data.len().min(200)]).trim().to_owned()
}

/// Fetches a remote context into `dir`.
///
/// # Errors
/// When it cannot be fetched, or is no context.
pub(crate) async fn context(options: &Options, dir: Scratch) -> Result<Context> {
    let remote = options.remote.clone();
    if is_git(&remote) {
        let sub = clone(&remote, dir.path()).await?;
        let wanted = options.dockerfile.clone();
        return blocking(move || Context::open(narrow(dir, &sub)?, &wanted, true)).await;
    }
    if !is_url(&remote) {
        return Err(Error::bad(format!("remote context {remote:?} is neither a URL nor a git repository")));
    }
    let fetched = get(&remote).await.map_err(|e| e.context("error downloading remote context"))?;
    if matches!(fetched.kind.as_str(), "text/plain") {
        return Context::of_dockerfile(dir, String::from_utf8_lossy(&fetched.body).into_owned());
    }
    let wanted = options.dockerfile.clone();
    blocking(move || {
        context::unpack(&fetched.body[..], dir.path())?;
        Context::open(dir, &wanted, true)
    })
    .await
}

/// Clones `url#reference:directory`; returns the directory.
async fn clone(remote: &str, dir: &Path) -> Result<String> {
    let (url, fragment) = remote.split_once('#').unwrap_or((remote, ""));
    let (reference, sub) = fragment.split_once(':').unwrap_or((fragment, ""));
    if reference.starts_with('-') || url.starts_with('-') {
        return Err(Error::bad(format!("invalid refspec: {reference}")));
    }
    let url = if url.starts_with("github.com/") { format!("https://{url}") } else { url.to_owned() };
    let git = async |args: &[&str]| {
        let output = tokio::process::Command::new("git")
            .args(args)
            .current_dir(dir)
            .env("GIT_TERMINAL_PROMPT", "0")
            // Nothing of this machine's own files is a context.
            .env("GIT_ALLOW_PROTOCOL", "git:http:https:ssh")
            .env("GIT_PROTOCOL_FROM_USER", "0")
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output()
            .await;
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(Error::bad(format!(
                    "unable to prepare context: unable to 'git clone' to temporary context directory: {said}"
                )))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::unsupported(
                "unable to find 'git': a git context needs git on the engine's machine; install it there or send a directory",
            )),
            Err(e) => Err(Error::internal(format!("running git: {e}"))),
        }
    };
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
fn narrow(dir: Scratch, sub: &str) -> Result<Scratch> {
    let _ = std::fs::remove_dir_all(dir.path().join(".git"));
    if sub.trim_matches('/').is_empty() {
        return Ok(dir);
    }
    let wrong = || Error::bad(format!("Error setting git context, not a directory: {sub}"));
    let found = Inside::open(dir.path(), Path::new(sub)).map_err(|_| wrong())?;
    if !found.metadata()?.is_dir() {
        return Err(wrong());
    }
    let inner = Scratch::new(dir.path().parent().unwrap_or(Path::new("/")))?;
    std::fs::remove_dir(inner.path())?;
    std::fs::rename(std::fs::canonicalize(found.path())?, inner.path())?;
    Ok(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

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
