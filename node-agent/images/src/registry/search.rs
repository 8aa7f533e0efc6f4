//! Search by the first version of the registry API (`/v1/search`), as Docker still does it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use super::auth::{Credentials, form};
use super::fault::{Fault, Kind};
use super::registries::Registries;
use super::source::{Site, Source};
use super::transport::{Call, Transport, read_limited};

const MAX_ANSWER: usize = 4 << 20;
const DEFAULT_LIMIT: u32 = 25;

/// A repository that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchResult {
    /// Stars.
    pub star_count: i64,
    /// Whether the hub answers for it.
    pub is_official: bool,
    /// `library/nginx`.
    pub name: String,
    /// Always false, as Docker says it by now.
    #[serde(skip_deserializing)]
    pub is_automated: bool,
    /// A sentence.
    pub description: String,
}

/// Why nothing could be searched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The question is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The registry did not answer it.
    #[error("{0}")]
    Failed(String),
    /// Nobody is there.
    #[error("{0}")]
    Away(String),
}

impl Registries {
    /// Searches a registry; `term` may begin with its name. `limit` 0 is the usual one.
    pub async fn search(
        &self,
        term: &str,
        limit: u32,
        credentials: &Credentials,
    ) -> Result<Vec<SearchResult>, SearchError> {
        let invalid = |text: String| Err(SearchError::Invalid(text));
        if term.contains("://") {
            return invalid(format!("invalid repository name: repository name ({term}) should not have a scheme"));
        }
        let limit = if limit == 0 { DEFAULT_LIMIT } else { limit };
        if limit > 100 {
            return invalid(format!("limit {limit} is outside the range of [1, 100]"));
        }
        let (domain, name) = match term.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => ("docker.io", term),
        };
        let official = matches!(domain, "docker.io" | "index.docker.io");
        let name = if official { name.strip_prefix("library/").unwrap_or(name) } else { name };
        let transport = Transport::new(self.options.trust.clone());
        let site = self.v1_site(&transport, domain).await?;
        let query = form(&[("q", name), ("n", &limit.to_string())]);
        let mut call =
            Call::get(format!("/v1/search?{query}")).with(header::HeaderName::from_static("x-docker-token"), "true");
        let safe = site.is_tls() || matches!(site.source, Source::Unix(_));
        if safe && !credentials.username.is_empty() && !credentials.password.is_empty() {
            let text = STANDARD.encode(format!("{}:{}", credentials.username, credentials.password));
            call = call.with(header::AUTHORIZATION, &format!("Basic {text}"));
        }
        let failed = |fault: Fault| match fault.kind {
            Kind::Connection | Kind::Tls => SearchError::Away(fault.text),
            _ => SearchError::Failed(fault.text),
        };
        let (parts, body) = transport.exchange(&site, &call).await.map_err(failed)?.into_parts();
        if parts.status != StatusCode::OK {
            return Err(SearchError::Failed(format!("Unexpected status code {}", parts.status.as_u16())));
        }
        #[derive(Deserialize)]
        struct Answer {
            results: Vec<SearchResult>,
        }
        let body = read_limited(body, MAX_ANSWER).await.map_err(failed)?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|error| SearchError::Failed(format!("error decoding registry search results: {error}")))?;
        Ok(answer.results)
    }

    /// Where the first version of the API is; found by asking, except at the hub.
    async fn v1_site(&self, transport: &Transport, domain: &str) -> Result<Site, SearchError> {
        let sites = self.sites(domain, "index.docker.io").await;
        if let [only] = sites.as_slice()
            && matches!(domain, "docker.io" | "index.docker.io")
        {
            return Ok(only.clone());
        }
        let mut faults = Vec::new();
        for site in &sites {
            match transport.exchange(site, &Call::get("/v1/_ping")).await {
                Ok(_) => return Ok(site.clone()),
                Err(fault) => faults.push(fault.text),
            }
        }
        Err(SearchError::Invalid(match faults.as_slice() {
            [secure, plain] => format!(
                "invalid registry endpoint \"http://{domain}/v1/\". HTTPS attempt: {secure}. HTTP attempt: {plain}"
            ),
            _ => format!(
                "invalid registry endpoint https://{domain}/v1/: {}. If this private registry supports only HTTP or HTTPS with an unknown CA certificate, please add `--insecure-registry {domain}` to the daemon's arguments. In the case of HTTPS, if you have access to the registry's CA certificate, no need for the flag; simply place the CA certificate at /etc/docker/certs.d/{domain}/ca.crt",
                faults.concat()
            ),
        }))
    }
}
