//! Who asks, and how a registry is shown it: Basic, or Bearer with a token from the registry's token server
//! (distribution's token authentication specification), anonymous or not.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::challenge::{self, Challenge};
use super::fault::{Fault, Kind, refusal};
use super::source::Site;
use super::transport::{Call, Transport, read_limited};

/// A token server's answer; tokens with many claims are some kilobytes.
const MAX_ANSWER: usize = 256 * 1024;
/// A token that does not say how long it is good for.
const DEFAULT_LIFE: u64 = 60;

/// What a client sends in `X-Registry-Auth` (moby `registry.AuthConfig`).
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Credentials {
    /// User.
    pub username: String,
    /// Password or access token.
    pub password: String,
    /// What an earlier login was answered with instead of keeping the password: a refresh token.
    #[serde(rename = "identitytoken")]
    pub identity_token: String,
    /// A bearer token to be passed through as it is.
    #[serde(rename = "registrytoken")]
    pub registry_token: String,
    /// Where the credentials belong.
    #[serde(rename = "serveraddress")]
    pub server_address: String,
}

/// Secrets stay out of logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the header's value: JSON in URL-safe base64. Nothing, and what is none, is nobody's credentials, as moby has
    /// it for a pull.
    #[must_use]
    pub fn from_header(value: &str) -> Self {
        let decoded =
            URL_SAFE.decode(value).or_else(|_| URL_SAFE_NO_PAD.decode(value)).or_else(|_| STANDARD.decode(value));
        decoded.ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    fn basic(&self) -> Option<HeaderValue> {
        if self.username.is_empty() || self.password.is_empty() {
            return None;
        }
        let text = STANDARD.encode(format!("{}:{}", self.username, self.password));
        sensitive(&format!("Basic {text}"))
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The authentication of one client at one registry.
#[derive(Debug)]
pub(crate) struct Auth {
    credentials: Credentials,
    /// Ask for a refresh token, too: `docker login`.
    offline: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    challenges: Vec<Challenge>,
    tokens: HashMap<String, (String, Instant)>,
    refresh: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    token: String,
    access_token: String,
    refresh_token: String,
    expires_in: u64,
}

impl Auth {
    pub(crate) fn new(credentials: Credentials, offline: bool) -> Self {
        let refresh = credentials.identity_token.clone();
        Self { credentials, offline, state: Mutex::new(State { refresh, ..State::default() }) }
    }

    /// Takes over what a registry asks for; whether it asks for anything.
    pub(crate) async fn learn(&self, headers: &HeaderMap) -> bool {
        let found = challenge::parse(headers);
        if found.is_empty() {
            return false;
        }
        self.state.lock().await.challenges = found;
        true
    }

    /// Drops the tokens, which the registry does not take any more.
    pub(crate) async fn forget(&self) {
        self.state.lock().await.tokens.clear();
    }

    /// The refresh token, given or received.
    pub(crate) async fn refresh_token(&self) -> String {
        self.state.lock().await.refresh.clone()
    }

    /// The `Authorization` for these scopes; none where the registry asks for none.
    pub(crate) async fn header(
        &self,
        transport: &Transport,
        registry: &Site,
        scopes: &[String],
    ) -> Result<Option<HeaderValue>, Fault> {
        // Held while a token is fetched, so that parallel requests share it.
        let mut state = self.state.lock().await;
        if let Some(bearer) = state.challenges.iter().find(|c| c.scheme == "bearer").cloned() {
            if !self.credentials.registry_token.is_empty() {
                return Ok(sensitive(&format!("Bearer {}", self.credentials.registry_token)));
            }
            let key = scopes.join(" ");
            if let Some((token, until)) = state.tokens.get(&key)
                && Instant::now() < *until
            {
                return Ok(sensitive(&format!("Bearer {token}")));
            }
            let answer = self.fetch(transport, registry, &bearer, scopes, &state.refresh).await?;
            let token = if answer.token.is_empty() { answer.access_token } else { answer.token };
            if token.is_empty() {
                return Err(Fault::new(
                    Kind::NoCredentials,
                    "authorization server did not include a token in the response",
                ));
            }
            if !answer.refresh_token.is_empty() {
                state.refresh = answer.refresh_token;
            }
            // Renewed a little before its end.
            let life = answer.expires_in.clamp(DEFAULT_LIFE, 24 * 3600) * 9 / 10;
            let header = sensitive(&format!("Bearer {token}"));
            state.tokens.insert(key, (token, Instant::now() + Duration::from_secs(life)));
            return Ok(header);
        }
        if state.challenges.iter().any(|c| c.scheme == "basic") {
            let missing = || Fault::new(Kind::NoCredentials, "no basic auth credentials");
            return self.credentials.basic().ok_or_else(missing).map(Some);
        }
        Ok(None)
    }

    async fn fetch(
        &self,
        transport: &Transport,
        registry: &Site,
        bearer: &Challenge,
        scopes: &[String],
        refresh: &str,
    ) -> Result<Answer, Fault> {
        let realm = bearer.get("realm");
        let invalid = || Fault::new(Kind::Invalid, format!("invalid realm of the token server: {realm:?}"));
        let uri: Uri = realm.parse().map_err(|_| invalid())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(invalid)?;
        let site = match uri.scheme_str() {
            // A registry on a socket that gives tokens itself.
            Some("http") if registry.is_socket() && authority.as_str() == registry.host => registry.clone(),
            Some("https") => Site::tls(authority.as_str()),
            Some("http") => Site::tcp(authority.as_str()),
            _ => return Err(invalid()),
        };
        let basic = self.credentials.basic();
        if !site.is_tls() && registry.is_tls() && (basic.is_some() || !refresh.is_empty()) {
            return Err(Fault::new(
                Kind::Invalid,
                format!("the token server {realm:?} has no TLS: credentials of a registry with TLS are not sent there"),
            ));
        }
        let service = bearer.get("service");
        let call = if refresh.is_empty() {
            let mut pairs: Vec<(&str, &str)> = Vec::new();
            if !service.is_empty() {
                pairs.push(("service", service));
            }
            pairs.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
            if self.offline {
                pairs.extend([("offline_token", "true"), ("client_id", "docker")]);
            }
            if basic.is_some() {
                pairs.push(("account", &self.credentials.username));
            }
            let separator = if uri.query().is_some() { "&" } else { "?" };
            let path = uri.path_and_query().map_or("/", |target| target.as_str());
            let query = form(&pairs);
            let target = if query.is_empty() { path.to_owned() } else { format!("{path}{separator}{query}") };
            let mut call = Call::get(target);
            call.headers.extend(basic.map(|basic| (header::AUTHORIZATION, basic)));
            call
        } else {
            let scope = scopes.join(" ");
            let mut pairs = vec![
                ("grant_type", "refresh_token"),
                ("service", service),
                ("client_id", "docker"),
                ("refresh_token", refresh),
                ("scope", &scope),
            ];
            if self.offline {
                pairs.push(("access_type", "offline"));
            }
            let mut call = Call::new(Method::POST, uri.path_and_query().map_or("/", |target| target.as_str()))
                .with(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            call.body = form(&pairs).into();
            call
        };
        let response = transport.exchange(&site, &call).await?;
        let (parts, body) = response.into_parts();
        let body = read_limited(body, MAX_ANSWER).await?;
        if !parts.status.is_success() {
            return Err(refusal(parts.status, &parts.headers, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Fault::invalid(format!("unable to decode token response: {error}")))
    }
}

/// Pairs as a query or as the body of a form (`application/x-www-form-urlencoded`).
#[must_use]
pub fn form(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let one = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(one).collect()
    };
    pairs.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_client_is_read_in_either_alphabet() {
        let json = br#"{"username":"janet","password":"s?cr>t","identitytoken":"i","registrytoken":"r"}"#;
        for text in [URL_SAFE.encode(json), URL_SAFE_NO_PAD.encode(json), STANDARD.encode(json)] {
            let read = Credentials::from_header(&text);
            assert_eq!((read.username.as_str(), read.password.as_str()), ("janet", "s?cr>t"));
            assert_eq!((read.identity_token.as_str(), read.registry_token.as_str()), ("i", "r"));
        }
        for text in ["", "e30=", "!", "eyJ1c2VybmFtZSI6MX0="] {
            assert_eq!(Credentials::from_header(text), Credentials::default(), "{text}");
        }
        assert!(!format!("{:?}", Credentials::from_header(&STANDARD.encode(json))).contains("s?cr>t"));
    }

    #[test]
    fn forms_are_escaped() {
        assert_eq!(
            form(&[("scope", "repository:a/b:pull,push"), ("q", "a b&c")]),
            "scope=repository%3Aa%2Fb%3Apull%2Cpush&q=a+b%26c"
        );
    }
}
