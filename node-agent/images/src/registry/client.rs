//! A client of one registry: authenticates, follows redirects without taking its credentials along, and turns refusals
//! into errors.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Uri;
use http::{HeaderMap, Method, Response, StatusCode, header};
use hyper::body::Incoming;

use super::address::resolve;
use super::auth::Auth;
use super::fault::{Fault, Kind, refusal};
use super::source::Site;
use super::transport::{Body, Call, Shared, read_limited};

/// Go's limit.
const MAX_REDIRECTS: usize = 10;
const MAX_REFUSAL: usize = 64 * 1024;
/// What is waited between tries of a small request; doubled each time.
const PAUSE: Duration = Duration::from_millis(250);
const TRIES: u32 = 4;

/// A client of one registry.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    transport: Shared,
    pub(crate) site: Site,
    auth: Arc<Auth>,
    /// The scopes that a token is asked for: `repository:NAME:pull`.
    scopes: Vec<String>,
}

impl Client {
    pub(crate) fn new(transport: Shared, site: Site, auth: Auth, scopes: Vec<String>) -> Self {
        Self { transport, site, auth: Arc::new(auth), scopes }
    }

    /// Asks `/v2/` whether anybody is there, and what is wanted for authentication. Every answer is good.
    pub(crate) async fn ping(&self) -> Result<(), Fault> {
        let response = self.transport.exchange(&self.site, &Call::get("/v2/")).await?;
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::UNAUTHORIZED {
            self.auth.learn(&parts.headers).await;
        }
        // Read, so that the connection can be used again; what it says does not matter.
        let _ = read_limited(body, MAX_REFUSAL).await;
        Ok(())
    }

    /// The refresh token, given or received.
    pub(crate) async fn refresh_token(&self) -> String {
        self.auth.refresh_token().await
    }

    /// Sends a request; whatever is no success is an error. Where the registry takes the token no more, it is renewed, once.
    pub(crate) async fn send(&self, call: &Call) -> Result<Response<Incoming>, Fault> {
        let response = self.any(call).await?;
        self.check(call, response).await
    }

    /// As `send`, with further tries for what may pass: a broken connection, a registry that is overloaded.
    pub(crate) async fn send_again(&self, call: &Call) -> Result<Response<Incoming>, Fault> {
        let mut tried = 0;
        loop {
            match self.send(call).await {
                Err(fault) if fault.passes() && tried + 1 < TRIES => {
                    tokio::time::sleep(fault.wait.unwrap_or(PAUSE * 2_u32.pow(tried))).await;
                    tried += 1;
                }
                other => return other,
            }
        }
    }

    /// Sends a small request and reads its answer, at most `limit` bytes.
    pub(crate) async fn document(&self, call: &Call, limit: usize) -> Result<(HeaderMap, Bytes), Fault> {
        let (parts, body) = self.send_again(call).await?.into_parts();
        let body = read_limited(body, limit).await;
        Ok((parts.headers, body.map_err(|fault| fault.during(&call.method, &self.site.url(&call.target)))?))
    }

    /// Sends a request and gives the answer whatever its status.
    pub(crate) async fn any(&self, call: &Call) -> Result<Response<Incoming>, Fault> {
        let mut renewed = false;
        loop {
            let authorization = self.authorization(call).await?;
            let response = self.follow(call, authorization.clone()).await?;
            if response.status() == StatusCode::UNAUTHORIZED && !renewed && self.auth.learn(response.headers()).await {
                renewed = true;
                self.auth.forget().await;
                let again = self.authorization(call).await?;
                if again != authorization {
                    continue;
                }
            }
            return Ok(response);
        }
    }

    /// Sends a body as it is made; a refusal is an error, of the kind [`Kind::TokenEnded`] where a new token may do better. Not repeated, not
    /// redirected.
    pub(crate) async fn upload(&self, call: &Call, body: Body) -> Result<Response<Incoming>, Fault> {
        let authorization = self.authorization(call).await?;
        let mut request = call.clone();
        request.headers.extend(authorization.clone().map(|value| (header::AUTHORIZATION, value)));
        let response = self.transport.stream(&self.site, &request, body).await?;
        let refused = response.status() == StatusCode::UNAUTHORIZED && self.auth.learn(response.headers()).await;
        let answer = self.check(&request, response).await;
        if refused {
            self.auth.forget().await;
            if self.authorization(call).await? != authorization {
                return answer.map_err(|fault| Fault { kind: Kind::TokenEnded, ..fault });
            }
        }
        answer
    }

    /// The path and query of an address that this registry gave in its answer to a request for `target`.
    pub(crate) fn own(&self, target: &str, location: &str) -> Result<String, Fault> {
        let bad = || Fault::invalid(format!("the registry gave a useless address: {location:?}"));
        let from: Uri = self.site.url(target).parse().map_err(|_| bad())?;
        // Registries behind a proxy often give the wrong scheme or name; the path is what counts.
        let uri: Uri = resolve(&from, location).parse().map_err(|_| bad())?;
        let own = uri.path_and_query().map(ToString::to_string);
        own.filter(|own| own.starts_with('/')).ok_or_else(bad)
    }

    async fn authorization(&self, call: &Call) -> Result<Option<http::HeaderValue>, Fault> {
        let mut scopes = self.scopes.clone();
        // A mount needs the right to read the other repository, too.
        if let Some(from) = call.target.split_once("from=").map(|(_, rest)| rest.split('&').next().unwrap_or_default())
        {
            scopes.push(format!("repository:{}:pull", from.replace("%2F", "/")));
        }
        let found = self.auth.header(&self.transport, &self.site, &scopes).await;
        found.map_err(|fault| fault.during(&call.method, &self.site.url(&call.target)))
    }

    async fn follow(&self, call: &Call, authorization: Option<http::HeaderValue>) -> Result<Response<Incoming>, Fault> {
        let mut site = self.site.clone();
        let mut call = call.clone();
        let fault = |fault: Fault| fault.during(&call.method.clone(), &self.site.url(&call.target.clone()));
        let (stopped, useless, downgrade) = (
            fault(Fault::invalid(format!("stopped after {MAX_REDIRECTS} redirects"))),
            fault(Fault::invalid("a redirect without a usable Location")),
            fault(Fault::invalid("a redirect from https to http is not followed")),
        );
        for _ in 0..=MAX_REDIRECTS {
            let mut request = call.clone();
            // Not to anybody but the registry itself.
            if site == self.site {
                request.headers.extend(authorization.clone().map(|value| (header::AUTHORIZATION, value)));
            }
            let response = self.transport.exchange(&site, &request).await?;
            let moved = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            if !moved || !matches!(call.method, Method::GET | Method::HEAD) {
                return Ok(response);
            }
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let from: Uri = site.url(&call.target).parse().map_err(|_| useless.clone())?;
            let uri = location.and_then(|to| resolve(&from, to).parse::<Uri>().ok()).ok_or_else(|| useless.clone())?;
            let authority = uri.authority().ok_or_else(|| useless.clone())?.as_str();
            let next = match uri.scheme_str() {
                Some("https") => Site::tls(authority),
                Some("http") if site.is_tls() => return Err(downgrade),
                Some("http") => Site::tcp(authority),
                _ => return Err(useless),
            };
            // The registry under its own name keeps its socket.
            let same = |one: &Site| next.host == one.host && next.is_tls() == one.is_tls();
            if same(&self.site) {
                site = self.site.clone();
            } else if !same(&site) {
                site = next;
            }
            call.target = uri.path_and_query().map_or("/".to_owned(), ToString::to_string);
            let _ = read_limited(response.into_body(), MAX_REFUSAL).await;
        }
        Err(stopped)
    }

    async fn check(&self, call: &Call, response: Response<Incoming>) -> Result<Response<Incoming>, Fault> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = match call.method {
            Method::HEAD => Bytes::new(),
            _ => read_limited(body, MAX_REFUSAL).await.unwrap_or_default(),
        };
        let fault = refusal(status, &parts.headers, &body);
        Err(if fault.kind == Kind::Invalid { fault.during(&call.method, &self.site.url(&call.target)) } else { fault })
    }
}
