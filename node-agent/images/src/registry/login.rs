//! Trying credentials at a registry: `docker login`.

use http::StatusCode;

use super::auth::Credentials;
use super::client::Client;
use super::fault::{Fault, Kind};
use super::registries::Registries;
use super::transport::Call;

/// Accepted credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// A refresh token to be kept instead of the password; empty where the registry gives none.
    pub identity_token: String,
}

/// Why credentials were not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The token server does not know them.
    #[error("{0}")]
    Unauthorized(String),
    /// Something else, the refusal of a registry with Basic authentication included.
    #[error("{0}")]
    Failed(String),
}

impl From<Fault> for LoginError {
    fn from(fault: Fault) -> Self {
        match &fault.kind {
            Kind::Refused(code) if code == "UNAUTHORIZED" => Self::Unauthorized(fault.text),
            _ => Self::Failed(fault.text),
        }
    }
}

impl Registries {
    /// Tries the credentials at the registry that they name; Docker Hub if they name none.
    pub async fn login(&self, credentials: &Credentials) -> Result<Login, LoginError> {
        let address = credentials.server_address.as_str();
        let stripped = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
        let host = match stripped.split('/').next().unwrap_or_default() {
            "" => "docker.io",
            host => host,
        };
        if host.parse::<http::uri::Authority>().is_err() || host.contains('@') {
            return Err(LoginError::Failed(format!("unable to parse server address: {address:?}")));
        }
        let client = self.open(host, credentials, &[], true).await?;
        self.try_at(&client).await
    }

    async fn try_at(&self, client: &Client) -> Result<Login, LoginError> {
        let status = client.any(&Call::get("/v2/")).await?.status();
        if status != StatusCode::OK {
            let url = client.site.url("/v2/");
            return Err(LoginError::Failed(format!("login attempt to {url} failed with status: {status}")));
        }
        Ok(Login { identity_token: client.refresh_token().await })
    }
}
