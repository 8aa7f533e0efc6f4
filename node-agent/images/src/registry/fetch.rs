//! One file from any web server, over TLS where the address says so: what `ADD` and builds from afar need. Redirects are
//! followed, and never from TLS to plain text.

use bytes::Bytes;
use http::{Response, Uri, header};
use hyper::body::Incoming;

use super::address::resolve;
use super::source::Site;
use super::transport::{Call, Transport, Trust, next_chunk, read_limited};

/// Redirects that are followed, as in Go.
const MAX_REDIRECTS: usize = 10;
/// Bytes of an error's body that are read.
const MAX_WORDS: usize = 64 * 1024;

/// A file that could not be had; the text is Go's for the same failure.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(String);

/// An answer whose body is read piece by piece.
#[derive(Debug)]
pub struct Fetched(Response<Incoming>);

impl Fetched {
    /// A header's value; empty where it was not sent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.0.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Bytes of the body, where the server has said it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH.as_str()).parse().ok()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks, or nothing comes for a minute.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        next_chunk(self.0.body_mut()).await.map_err(|fault| FetchError(fault.to_string()))
    }
}

/// Asks for a file at an `http` or `https` address.
///
/// # Errors
/// For addresses that are none, servers that cannot be reached or believed, and every status of 400 or more.
pub async fn fetch(trust: &Trust, url: &str) -> Result<Fetched, FetchError> {
    // What is taken for insecure without proof is meant for registries.
    let transport = Transport::new(Trust { insecure: Vec::new(), ..trust.clone() });
    let (mut url, mut secure) = (url.to_owned(), false);
    for _ in 0..=MAX_REDIRECTS {
        let wrong = |why: &str| FetchError(format!("parse {url:?}: {why}"));
        if let Some(bad) = bad_escape(&url) {
            return Err(wrong(&format!("invalid URL escape {bad:?}")));
        }
        let uri: Uri = url.split('#').next().unwrap_or(&url).parse().map_err(|_| wrong("invalid character in URL"))?;
        let authority = uri.authority().ok_or_else(|| wrong("no Host in request URL"))?.as_str();
        let site = match uri.scheme_str() {
            Some("https") => Site::tls(authority),
            Some("http") if !secure => Site::tcp(authority),
            Some("http") => return Err(FetchError(format!("Get {url:?}: refusing to go from https to http"))),
            _ => return Err(FetchError(format!("Get {url:?}: unsupported protocol scheme"))),
        };
        secure |= site.is_tls();
        // Go shows an address without a path as it was given.
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let answer =
            transport.exchange(&site, &Call::get(path)).await.map_err(|fault| FetchError(fault.to_string()))?;
        let status = answer.status();
        let next = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        if status.is_redirection()
            && let Some(next) = next
        {
            url = resolve(&uri, next);
            continue;
        }
        if status.as_u16() >= 400 {
            let words = read_limited(answer.into_body(), MAX_WORDS).await.unwrap_or_default();
            let words = String::from_utf8_lossy(&words);
            return Err(FetchError(format!("failed to GET {url} with status {status}: {}", words.trim())));
        }
        return Ok(Fetched(answer));
    }
    Err(FetchError(format!("Get {url:?}: stopped after {MAX_REDIRECTS} redirects")))
}

/// The first `%` that no two hexadecimal digits follow, with what follows it.
fn bad_escape(url: &str) -> Option<&str> {
    url.match_indices('%').map(|(at, _)| &url[at..]).find_map(|rest| {
        let digits = rest.bytes().skip(1).take(2).filter(u8::is_ascii_hexdigit).count();
        let end = rest.char_indices().nth(3).map_or(rest.len(), |(end, _)| end);
        (digits < 2).then_some(&rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_checked() {
        assert_eq!(bad_escape("http://h/%20%zz"), Some("%zz"));
        assert_eq!(bad_escape("http://h/%2"), Some("%2"));
        assert_eq!(bad_escape("http://h/%20"), None);
    }

    #[tokio::test]
    async fn what_is_no_address_is_an_error() {
        let trust = Trust::default();
        for url in ["ftp://h/x", "http:///x", "h"] {
            assert!(fetch(&trust, url).await.is_err(), "{url}");
        }
        let refused = fetch(&trust, "http://127.0.0.1:1/x").await.unwrap_err().to_string();
        assert_eq!(refused, "Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused");
    }
}
