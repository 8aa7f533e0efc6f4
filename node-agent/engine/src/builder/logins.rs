//! Who asks registries for the images of a build: what the client knows of each registry comes with the request, in `X-Registry-Config`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use http::HeaderMap;
use slipway_images::Reference;
use slipway_images::registry::Credentials;

/// What clients call Docker Hub in their configuration.
const HUB: &str = "https://index.docker.io/v1/";

/// Credentials by registry: its host, or an address that begins with a scheme.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logins(BTreeMap<String, Credentials>);

impl Logins {
    /// Those of a request. As in Docker, a header that cannot be read is as good as none.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = headers.get("x-registry-config").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let decoded = URL_SAFE.decode(text).or_else(|_| STANDARD.decode(text)).unwrap_or_default();
        Self(serde_json::from_slice(&decoded).unwrap_or_default())
    }

    /// Who asks for an image.
    pub(super) fn of(&self, image: &Reference) -> Credentials {
        let domain = image.domain();
        let key = if domain == "docker.io" { HUB } else { domain };
        let host = |known: &str| {
            let stripped = known.split_once("://").map_or(known, |(_, rest)| rest);
            stripped.split('/').next().is_some_and(|host| host == domain)
        };
        let found = self.0.get(key).or_else(|| self.0.iter().find(|(known, _)| host(known)).map(|(_, login)| login));
        found.cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_known_by_its_host_or_an_address() {
        let json = r#"{"https://index.docker.io/v1/":{"username":"hub","password":"x"},"http://localhost:5000/v2/":{"username":"plain"},
            "quay.io":{"username":"quay"}}"#;
        let mut headers = HeaderMap::new();
        headers.insert("x-registry-config", URL_SAFE.encode(json).parse().unwrap());
        let logins = Logins::read(&headers);
        let who = |image: &str| logins.of(&Reference::parse(image).unwrap()).username;
        let asked = ["alpine", "localhost:5000/a:1", "quay.io/a/b", "example.com/a"].map(who);
        assert_eq!(asked, ["hub", "plain", "quay", ""]);
        assert!(!format!("{logins:?}").contains("\"x\""), "{logins:?}");
        headers.insert("x-registry-config", "!".parse().unwrap());
        assert_eq!(Logins::read(&headers).of(&Reference::parse("alpine").unwrap()), Credentials::default());
    }
}
