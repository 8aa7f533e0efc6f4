//! HTTP to a registry: one connection a request, over TCP or a unix socket, with limits on what is believed.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

/// No answer, or no more bytes, for this long is a failure.
const PATIENCE: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: usize = 5;

/// Where a registry is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Plain HTTP to `host:port`.
    Tcp(String),
    /// HTTP over a unix socket.
    Unix(PathBuf),
}

/// A text that names no registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid registry address {0:?}: expected http://HOST[:PORT] or unix:///PATH")]
pub struct ParseSourceError(String);

impl FromStr for Source {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, ParseSourceError> {
        let error = || ParseSourceError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(error()) };
        }
        let authority = text.strip_prefix("http://").ok_or_else(error)?.trim_end_matches('/');
        let parsed: http::uri::Authority = authority.parse().map_err(|_| error())?;
        Ok(Self::Tcp(match parsed.port() {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:80"),
        }))
    }
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum HttpError {
    #[error("cannot reach the registry at {at}: {source}")]
    Connect { at: String, source: std::io::Error },
    #[error("{method} {path}: {source}", method = "Get")]
    Http { path: String, source: hyper::Error },
    #[error("Get {path}: no answer from the registry for {} seconds", PATIENCE.as_secs())]
    Timeout { path: String },
    #[error("Get {path}: the answer is longer than {limit} bytes")]
    TooLong { path: String, limit: usize },
    #[error("Get {path}: {why}")]
    Bad { path: String, why: String },
    /// The registry says no, with the error code of the distribution spec when it gave one.
    #[error("{message}")]
    Refused { status: StatusCode, code: String, message: String },
}

/// A registry.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    source: Source,
    host: String,
}

impl Client {
    pub(crate) fn new(source: Source, domain: &str) -> Self {
        let host = match &source {
            Source::Tcp(authority) => authority.clone(),
            Source::Unix(_) => domain.to_owned(),
        };
        Self { source, host }
    }

    /// GETs a small document, at most `limit` bytes.
    pub(crate) async fn document(
        &self,
        path: &str,
        accept: &str,
        limit: usize,
    ) -> Result<(http::HeaderMap, Bytes), HttpError> {
        let response = self.get(path, accept).await?;
        let (parts, body) = response.into_parts();
        let body = read_limited(path, body, limit).await?;
        Ok((parts.headers, body))
    }

    /// GETs, follows redirects, and turns a refusal into an error.
    pub(crate) async fn get(&self, path: &str, accept: &str) -> Result<Response<Incoming>, HttpError> {
        let mut source = self.source.clone();
        let mut host = self.host.clone();
        let mut target = path.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let response = request(&source, &host, &target, accept).await?;
            let status = response.status();
            if status.is_redirection() {
                let bad = |why: &str| HttpError::Bad { path: path.to_owned(), why: why.to_owned() };
                let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
                let uri: Uri = location
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| bad("a redirect without a usable Location"))?;
                if let Some(authority) = uri.authority() {
                    if uri.scheme_str() != Some("http") {
                        return Err(bad("a redirect to another scheme than http"));
                    }
                    host = authority.to_string();
                    source = Source::Tcp(match authority.port() {
                        Some(_) => host.clone(),
                        None => format!("{host}:80"),
                    });
                }
                target = uri.path_and_query().map_or("/".to_owned(), ToString::to_string);
                continue;
            }
            if status.is_success() {
                return Ok(response);
            }
            return Err(refusal(path, response).await);
        }
        Err(HttpError::Bad { path: path.to_owned(), why: format!("stopped after {MAX_REDIRECTS} redirects") })
    }
}

/// Awaits the next piece of a body, but not for ever.
pub(crate) async fn next_chunk(path: &str, body: &mut Incoming) -> Result<Option<Bytes>, HttpError> {
    loop {
        let frame = tokio::time::timeout(PATIENCE, body.frame())
            .await
            .map_err(|_| HttpError::Timeout { path: path.to_owned() })?;
        match frame {
            None => return Ok(None),
            Some(Err(source)) => {
                return Err(HttpError::Http { path: path.to_owned(), source });
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

async fn request(source: &Source, host: &str, path: &str, accept: &str) -> Result<Response<Incoming>, HttpError> {
    let bad = |why: String| HttpError::Bad { path: path.to_owned(), why };
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "slipway")
        .header(header::ACCEPT, accept)
        .body(Empty::<Bytes>::new())
        .map_err(|error| bad(error.to_string()))?;
    let unreachable = |at: String| move |source| HttpError::Connect { at, source };
    let sending = async {
        match source {
            Source::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await.map_err(unreachable(format!("http://{authority}")))?;
                // Only a matter of speed.
                let _ = stream.set_nodelay(true);
                send(TokioIo::new(stream), path, request).await
            }
            Source::Unix(socket) => {
                let at = format!("unix://{}", socket.display());
                let stream = UnixStream::connect(socket).await.map_err(unreachable(at))?;
                send(TokioIo::new(stream), path, request).await
            }
        }
    };
    tokio::time::timeout(PATIENCE, sending).await.map_err(|_| HttpError::Timeout { path: path.to_owned() })?
}

async fn send<S>(stream: S, path: &str, request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, HttpError>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let failed = |source| HttpError::Http { path: path.to_owned(), source };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(failed)?;
    // The connection ends with the response's body; its error reaches the body, too.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(failed)
}

async fn read_limited(path: &str, body: Incoming, limit: usize) -> Result<Bytes, HttpError> {
    let collecting = tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect());
    let collected = collecting.await.map_err(|_| HttpError::Timeout { path: path.to_owned() })?;
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(source) => Err(HttpError::Http { path: path.to_owned(), source: *source }),
            Err(_) => Err(HttpError::TooLong { path: path.to_owned(), limit }),
        },
    }
}

async fn refusal(path: &str, response: Response<Incoming>) -> HttpError {
    let status = response.status();
    let body = read_limited(path, response.into_body(), 64 * 1024).await.unwrap_or_default();
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let field = |name: &str| answer["errors"][0][name].as_str().unwrap_or_default().to_owned();
    let (mut code, mut message) = (field("code"), field("message"));
    if code.is_empty() {
        code = match status {
            StatusCode::UNAUTHORIZED => "UNAUTHORIZED".to_owned(),
            StatusCode::FORBIDDEN => "DENIED".to_owned(),
            StatusCode::TOO_MANY_REQUESTS => "TOOMANYREQUESTS".to_owned(),
            _ => String::new(),
        };
    }
    if message.is_empty() {
        message = format!("received unexpected HTTP status: {status}");
    }
    HttpError::Refused { status, code, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_registries() {
        assert_eq!("http://localhost:5000".parse(), Ok(Source::Tcp("localhost:5000".into())));
        assert_eq!("http://mirror".parse(), Ok(Source::Tcp("mirror:80".into())));
        assert_eq!("unix:///run/l.sock".parse(), Ok(Source::Unix("/run/l.sock".into())));
        for text in ["https://x", "unix://x", "x", "http://"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
