//! HTTP/1.1 over TCP, TLS or a unix socket: connections, kept open between requests, and one exchange at a time. Knows
//! nothing of registries; limits what is believed and waited for.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::fault::{Fault, Kind};
use super::lookup;
use super::source::{Site, Source};
use super::tls;

/// No answer, or no more bytes, for this long is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(15);
/// As long as an upload of one layer may take.
const UPLOAD: Duration = Duration::from_secs(3600);

pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Whom to trust, and whom to talk to without trust.
#[derive(Debug, Clone)]
pub struct Trust {
    /// PEM files with further certificate authorities.
    pub extra_ca: Vec<PathBuf>,
    /// Docker's `/etc/docker/certs.d`.
    pub certs_dir: PathBuf,
    /// Hosts (`host`, `host:port`) and networks (`10.0.0.0/8`) that need no valid certificate, nor TLS at all.
    pub insecure: Vec<String>,
}

impl Default for Trust {
    fn default() -> Self {
        let insecure = vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()];
        Self { extra_ca: Vec::new(), certs_dir: "/etc/docker/certs.d".into(), insecure }
    }
}

impl Trust {
    /// Whether a host may be talked to without proof of who it is. Looks its addresses up where a name is given.
    pub(crate) async fn insecure(&self, authority: &str) -> bool {
        if self.names(authority) {
            return true;
        }
        let host = host_of(authority);
        let addresses: Vec<IpAddr> = match host.parse() {
            Ok(address) => vec![address],
            Err(_) if host.eq_ignore_ascii_case("localhost") => vec![[127, 0, 0, 1].into()],
            Err(_) => {
                let looking = tokio::time::timeout(CONNECT, tokio::net::lookup_host((host, 443)));
                looking.await.ok().and_then(Result::ok).into_iter().flatten().map(|address| address.ip()).collect()
            }
        };
        addresses.iter().any(|address| self.holds(*address))
    }

    /// Whether it is listed by its name.
    fn names(&self, authority: &str) -> bool {
        let host = host_of(authority);
        self.insecure.iter().any(|entry| entry == authority || entry == host)
    }

    /// Whether the address is in one of the networks.
    fn holds(&self, address: IpAddr) -> bool {
        self.insecure.iter().any(|entry| contains(entry, address))
    }
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.contains(':') => host,
        _ => authority,
    }
}

fn contains(network: &str, address: IpAddr) -> bool {
    let Some((base, length)) = network.split_once('/') else { return false };
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// One request; its body is small and can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target)
    }

    /// With a header; one that HTTP cannot carry is left out.
    pub(crate) fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.append(name, value);
        }
        self
    }

    fn request(&self, site: &Site, body: Body) -> Result<Request<Body>, Fault> {
        let request = Request::builder()
            .method(self.method.clone())
            .uri(&self.target)
            .header(header::HOST, &site.host)
            .header(header::USER_AGENT, concat!("slipway/", env!("CARGO_PKG_VERSION")))
            .body(body);
        let mut request = request.map_err(|error| Fault::invalid(error.to_string()))?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }
}

/// Connections to any number of hosts.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) trust: Trust,
    idle: Mutex<HashMap<Site, Vec<SendRequest<Body>>>>,
}

impl Transport {
    pub(crate) fn new(trust: Trust) -> Self {
        Self { trust, idle: Mutex::default() }
    }

    /// Sends a request and gives the answer's head; any status is a success here.
    pub(crate) async fn exchange(&self, site: &Site, call: &Call) -> Result<Response<Incoming>, Fault> {
        let whole = || Full::new(call.body.clone()).map_err(|never| match never {}).boxed_unsync();
        if let Some(mut sender) = self.take(site) {
            let sent = tokio::time::timeout(PATIENCE, sender.send_request(call.request(site, whole())?)).await;
            match sent {
                Ok(Ok(response)) => {
                    self.keep(site, sender);
                    return Ok(response);
                }
                // The other side had closed it meanwhile: once more on a new connection.
                Ok(Err(_)) => {}
                Err(_) => return Err(too_late().during(&call.method, &site.url(&call.target))),
            }
        }
        self.fresh(site, call, whole(), PATIENCE).await
    }

    /// Sends a request whose body is made while it is sent.
    pub(crate) async fn stream(&self, site: &Site, call: &Call, body: Body) -> Result<Response<Incoming>, Fault> {
        self.fresh(site, call, body, UPLOAD).await
    }

    async fn fresh(&self, site: &Site, call: &Call, body: Body, limit: Duration) -> Result<Response<Incoming>, Fault> {
        let during = |fault: Fault| fault.during(&call.method, &site.url(&call.target));
        let request = call.request(site, body)?;
        let mut sender = match tokio::time::timeout(CONNECT, self.connect(site)).await {
            // What is wrong with our own files is not the request's fault.
            Ok(sender) => sender.map_err(|fault| if fault.kind == Kind::Invalid { fault } else { during(fault) })?,
            Err(_) => return Err(during(Fault::new(Kind::Connection, "dial: i/o timeout"))),
        };
        match tokio::time::timeout(limit, sender.send_request(request)).await {
            Ok(Ok(response)) => {
                self.keep(site, sender);
                Ok(response)
            }
            Ok(Err(error)) => Err(during(broken(&error))),
            Err(_) => Err(during(too_late())),
        }
    }

    fn take(&self, site: &Site) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let senders = idle.get_mut(site)?;
        senders.retain(|sender| !sender.is_closed());
        let at = senders.iter().position(SendRequest::is_ready)?;
        Some(senders.swap_remove(at))
    }

    /// It is ready again when the answer has been read.
    fn keep(&self, site: &Site, sender: SendRequest<Body>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).entry(site.clone()).or_default().push(sender);
    }

    async fn connect(&self, site: &Site) -> Result<SendRequest<Body>, Fault> {
        match &site.source {
            Source::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| {
                    Fault::new(Kind::Connection, format!("dial unix {}: connect: {}", path.display(), words(&error)))
                })?;
                shake(stream).await
            }
            Source::Tcp(authority) => shake(dial(authority).await?).await,
            Source::Tls(authority) => {
                let stream = dial(authority).await?;
                // Where it has led to counts, so that the name is looked up once.
                let insecure = self.trust.names(&site.host)
                    || stream.peer_addr().is_ok_and(|address| self.trust.holds(address.ip()));
                let trust = self.trust.clone();
                let host = site.host.clone();
                // Reads files.
                let config = tokio::task::spawn_blocking(move || {
                    tls::configure(&trust.extra_ca, &trust.certs_dir, &host, insecure)
                });
                let config = config.await.map_err(|error| error.to_string()).and_then(|config| config);
                let config = config.map_err(Fault::invalid)?;
                let name = ServerName::try_from(host_of(authority).to_owned())
                    .map_err(|_| Fault::new(Kind::Tls, format!("tls: {authority:?} is no host name")))?;
                let stream =
                    TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
                        match tls::explain(&error) {
                            Some(why) => Fault::new(Kind::Tls, why),
                            None => Fault::new(Kind::Connection, words(&error)),
                        }
                    })?;
                shake(stream).await
            }
        }
    }
}

async fn dial(authority: &str) -> Result<TcpStream, Fault> {
    let fault = |text: String| Fault::new(Kind::Connection, text);
    let host = host_of(authority);
    let begun = Instant::now();
    let found: Vec<SocketAddr> = match tokio::net::lookup_host(authority).await {
        Ok(found) => found.collect(),
        Err(error) => return Err(fault(format!("dial tcp: {}", lookup::words(host, &error, begun.elapsed())))),
    };
    let mut first = None;
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Only a matter of speed.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                first.get_or_insert_with(|| fault(format!("dial tcp {address}: connect: {}", words(&error))));
            }
        }
    }
    Err(first.unwrap_or_else(|| fault(format!("dial tcp: lookup {host}: no such host"))))
}

async fn shake<S>(stream: S) -> Result<SendRequest<Body>, Fault>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    // Its error reaches the request or the answer's body, too.
    tokio::spawn(connection);
    Ok(sender)
}

fn too_late() -> Fault {
    Fault::new(Kind::Connection, format!("no answer for {} seconds", PATIENCE.as_secs()))
}

/// Go's words for a connection that ended too early.
fn broken(error: &hyper::Error) -> Fault {
    use std::error::Error as _;
    let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    match source {
        Some(source) => match tls::explain(source) {
            Some(why) => Fault::new(Kind::Tls, why),
            None => Fault::new(Kind::Connection, words(source)),
        },
        None if error.is_parse() => Fault::new(Kind::Invalid, format!("malformed HTTP response: {error}")),
        None => Fault::new(Kind::Connection, "EOF"),
    }
}

/// strerror's words begin with a small letter in Go.
pub(crate) fn words(error: &std::io::Error) -> String {
    if let Some(words) = error.raw_os_error().and_then(engine_wasm::errno::errno) {
        return words.to_owned();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    match error.raw_os_error() {
        Some(_) => text[..1].to_ascii_lowercase() + &text[1..],
        None => text.to_owned(),
    }
}

/// Awaits the next piece of a body, but not for ever.
pub(crate) async fn next_chunk(body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
    loop {
        let frame = tokio::time::timeout(PATIENCE, body.frame()).await.map_err(|_| too_late())?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Fault::new(Kind::Connection, "unexpected EOF")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_limited(body: Incoming, limit: usize) -> Result<Bytes, Fault> {
    let reading = tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect());
    match reading.await.map_err(|_| too_late())? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<hyper::Error>() => Err(Fault::new(Kind::Connection, "unexpected EOF")),
        Err(_) => Err(Fault::invalid(format!("the answer is longer than {limit} bytes"))),
    }
}

/// The shared handle on connections.
pub(crate) type Shared = Arc<Transport>;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_and_what_was_named_are_insecure() {
        let mut trust = Trust::default();
        for host in ["localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000", "::1"] {
            assert!(trust.insecure(host).await, "{host}");
        }
        for host in ["10.1.2.3:5000", "[fe80::1]:80", "192.0.2.1"] {
            assert!(!trust.insecure(host).await, "{host}");
        }
        trust.insecure = vec!["10.0.0.0/8".into(), "registry.invalid:5000".into()];
        assert!(trust.insecure("10.1.2.3:5000").await && trust.insecure("registry.invalid:5000").await);
        assert!(!trust.insecure("127.0.0.1:5000").await);
    }

    #[test]
    fn networks_hold_their_addresses() {
        assert!(contains("0.0.0.0/0", [9, 9, 9, 9].into()));
        assert!(contains("10.1.0.0/16", [10, 1, 255, 1].into()) && !contains("10.1.0.0/16", [10, 2, 0, 1].into()));
        assert!(!contains("10.1.0.0/99", [10, 1, 0, 1].into()) && !contains("x/8", [10, 1, 0, 1].into()));
    }
}
