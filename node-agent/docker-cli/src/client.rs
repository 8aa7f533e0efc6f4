//! The connection to the engine: API version negotiation, one request or one hijacked stream at a time, and docker's texts for what goes wrong.

use crate::VERSION;
use crate::error::{CallError, go_io};
use crate::host::{self, Endpoint};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// The newest API version that this client speaks.
const NEWEST: (u16, u16) = (1, 50);
/// The version assumed of an engine that does not name its own.
const FALLBACK: (u16, u16) = (1, 24);

/// The body of a request.
pub(crate) type Body = BoxBody<Bytes, std::io::Error>;

/// No body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

fn full(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed()
}

/// What `/_ping` tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ping {
    /// The engine's newest API version, as it wrote it.
    pub(crate) version: Option<String>,
    /// It does what it calls experimental.
    pub(crate) experimental: bool,
}

/// A client of one engine.
pub(crate) struct Client {
    endpoint: Endpoint,
    address: String,
    headers: BTreeMap<String, String>,
    version: Cell<Option<(u16, u16)>>,
    pinged: OnceCell<Ping>,
    idle: RefCell<Option<SendRequest<Body>>>,
}

impl Client {
    /// A client for `host` (docker's notation); nothing is sent yet.
    ///
    /// # Errors
    /// docker's text for an address that is none.
    pub(crate) fn new(host: &str, headers: BTreeMap<String, String>) -> Result<Self, crate::error::Failure> {
        let (endpoint, address) = host::parse(host)?;
        let forced = std::env::var("DOCKER_API_VERSION").ok().and_then(|v| parse_version(v.trim_start_matches('v')));
        Ok(Self {
            endpoint,
            address,
            headers,
            version: Cell::new(forced),
            pinged: OnceCell::new(),
            idle: RefCell::new(None),
        })
    }

    /// The path of the engine's socket; the usual one where the engine is reached by TCP.
    pub(crate) fn socket(&self) -> String {
        match &self.endpoint {
            Endpoint::Unix(path) => path.to_string_lossy().into_owned(),
            Endpoint::Tcp(..) => "/var/run/docker.sock".into(),
        }
    }

    /// The API version in use, negotiated at the first call.
    pub(crate) async fn version(&self) -> (u16, u16) {
        if let Some(version) = self.version.get() {
            return version;
        }
        let ping = self.ping().await.unwrap_or_default();
        let theirs = ping.version.as_deref().map_or(NEWEST, |v| parse_version(v).unwrap_or(FALLBACK));
        let version = theirs.min(NEWEST);
        self.version.set(Some(version));
        version
    }

    /// Asks `/_ping`, once.
    pub(crate) async fn ping(&self) -> Result<Ping, CallError> {
        if let Some(ping) = self.pinged.get() {
            return Ok(ping.clone());
        }
        let mut sender = self.connect("/_ping").await?;
        let request = self.request(Method::HEAD, "/_ping", HeaderMap::new(), empty())?;
        let response = sender.send_request(request).await.map_err(|e| self.broken(&Method::HEAD, "/_ping", &e))?;
        let version = response.headers().get("api-version").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let experimental = response.headers().get("docker-experimental").is_some_and(|value| value == "true");
        let ping = Ping { version, experimental };
        let _ = response.into_body().collect().await;
        *self.idle.borrow_mut() = Some(sender);
        let _ = self.pinged.set(ping.clone());
        Ok(ping)
    }

    /// GET, answered with JSON.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, CallError> {
        self.call(Method::GET, path, None).await
    }

    /// GET with further headers, answered with JSON.
    pub(crate) async fn get_with(&self, path: &str, headers: HeaderMap) -> Result<Value, CallError> {
        let answer = self.send(Method::GET, path, headers, empty()).await?;
        json(path, answer).await
    }

    /// POST with an optional JSON body, answered with JSON or nothing.
    pub(crate) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        self.call(Method::POST, path, body).await
    }

    /// DELETE, answered with JSON or nothing.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, CallError> {
        self.call(Method::DELETE, path, None).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        json(path, self.open(method, path, body).await?).await
    }

    /// Sends a request with an optional JSON body and gives the answer, whose body is still to be read.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, CallError> {
        let mut headers = HeaderMap::new();
        let body = match body {
            Some(value) => {
                headers.insert("content-type", http::HeaderValue::from_static("application/json"));
                full(value.to_string().into_bytes())
            }
            None => empty(),
        };
        self.send(method, path, headers, body).await
    }

    /// Sends a request; an answer of 400 or more is an error with the engine's message.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response<Incoming>, CallError> {
        let (major, minor) = self.version().await;
        let path = format!("/v{major}.{minor}{path}");
        let idle = self.idle.borrow_mut().take();
        let mut sender = match idle {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect(&path).await?,
        };
        let head = method == Method::HEAD;
        let request = self.request(method.clone(), &path, headers, body)?;
        let response = sender.send_request(request).await.map_err(|e| self.broken(&method, &path, &e))?;
        let status = response.status();
        if status.as_u16() < 400 {
            // The sender may go: hyper keeps the connection until the answer has been read.
            return Ok(response);
        }
        let bytes = response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(engine_error(status, &bytes, &path, head))
    }

    fn request(&self, method: Method, path: &str, headers: HeaderMap, body: Body) -> Result<Request<Body>, CallError> {
        let host = match &self.endpoint {
            Endpoint::Unix(_) => "api.moby.localhost".to_owned(),
            Endpoint::Tcp(host, port) => format!("{host}:{port}"),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host)
            .header("user-agent", format!("Docker-Client/{VERSION} (linux)"));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request =
            request.body(body).map_err(|e| CallError::Transport(format!("making a request for {path}: {e}")))?;
        request.headers_mut().extend(headers);
        Ok(request)
    }

    async fn connect(&self, path: &str) -> Result<SendRequest<Body>, CallError> {
        match &self.endpoint {
            Endpoint::Unix(socket) => match tokio::net::UnixStream::connect(socket).await {
                Ok(stream) => handshake(stream).await,
                Err(e) => Err(self.unreachable(path, &e, &format!("dial unix {}: connect", socket.display()))),
            },
            Endpoint::Tcp(host, port) => {
                let dial = tokio::time::timeout(
                    Duration::from_secs(30),
                    tokio::net::TcpStream::connect((host.as_str(), *port)),
                );
                match dial.await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
                    Ok(stream) => {
                        let _ = stream.set_nodelay(true);
                        handshake(stream).await
                    }
                    Err(e) => Err(self.unreachable(path, &e, &format!("dial tcp: lookup {host}"))),
                }
            }
        }
    }

    /// What is said of a request whose body could not be read to its end, however the engine took it.
    pub(crate) async fn unsent(&self, method: &Method, path: &str, why: &str) -> CallError {
        let (major, minor) = self.version().await;
        let request = self.go_request(method, &format!("/v{major}.{minor}{path}"));
        CallError::Transport(format!("error during connect: {request} {why}"))
    }

    /// The answer to `path` did not come.
    fn broken(&self, method: &Method, path: &str, e: &hyper::Error) -> CallError {
        let why = match std::error::Error::source(e) {
            _ if e.is_incomplete_message() || e.is_canceled() => "EOF".to_owned(),
            // The body that was to be sent knows what is wrong with it.
            Some(body) if e.is_user() => body.to_string(),
            _ => e.to_string(),
        };
        CallError::Transport(format!("error during connect: {} {why}", self.go_request(method, path)))
    }

    fn go_request(&self, method: &Method, path: &str) -> String {
        let host = match &self.endpoint {
            Endpoint::Unix(socket) => socket.to_string_lossy().replace('/', "%2F"),
            Endpoint::Tcp(host, port) => format!("{host}:{port}"),
        };
        let (first, rest) = method.as_str().split_at(1);
        format!("{first}{} \"http://{host}{path}\":", rest.to_lowercase())
    }

    fn unreachable(&self, path: &str, e: &std::io::Error, dial: &str) -> CallError {
        use std::io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied, TimedOut};
        CallError::Connect(match e.kind() {
            PermissionDenied => format!(
                "permission denied while trying to connect to the Docker daemon socket at {}: {} {dial}: {}",
                self.address,
                self.go_request(&Method::GET, path),
                go_io(e)
            ),
            NotFound | ConnectionRefused | TimedOut => {
                format!("Cannot connect to the Docker daemon at {}. Is the docker daemon running?", self.address)
            }
            _ if e.raw_os_error().is_some() => {
                format!("error during connect: {} {dial}: {}", self.go_request(&Method::GET, path), go_io(e))
            }
            _ => format!("error during connect: {} {dial}: no such host", self.go_request(&Method::GET, path)),
        })
    }
}

/// The JSON of an answer; null where it has none.
async fn json(path: &str, answer: Response<Incoming>) -> Result<Value, CallError> {
    let body = answer.into_body().collect().await.map_err(|e| CallError::Transport(e.to_string()))?;
    let bytes = body.to_bytes();
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes)
        .map_err(|e| CallError::Transport(format!("invalid JSON from the engine for {path}: {e}")))
}

async fn handshake<T>(stream: T) -> Result<SendRequest<Body>, CallError>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| CallError::Transport(e.to_string()))?;
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

fn engine_error(status: StatusCode, body: &[u8], path: &str, head: bool) -> CallError {
    let text = String::from_utf8_lossy(body);
    let message = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|v| Some(v.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| match text.trim() {
            "" if head => status.canonical_reason().unwrap_or_default().to_owned(),
            "" => format!("request returned {status} for API route and version {path}, check if the server supports the requested API version"),
            text => text.to_owned(),
        });
    CallError::Engine { status: status.as_u16(), message: message.trim().to_owned() }
}

fn parse_version(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Percent-encodes one piece of a path or query.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// Like [`encode`], for names in paths, where docker leaves `/` and `:` as they are.
pub(crate) fn encode_path(text: &str) -> String {
    text.split('/').map(|part| encode(part).replace("%3A", ":").replace("%40", "@")).collect::<Vec<_>>().join("/")
}

/// A query string (with its `?`) of those pairs that have a value.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let parts: Vec<_> =
        pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}={}", encode(v))).collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}
