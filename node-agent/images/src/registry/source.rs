//! Where a registry is reached: plain HTTP, TLS, or a unix socket.

use std::path::PathBuf;
use std::str::FromStr;

/// Where a registry is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// Plain HTTP to `host:port`.
    Tcp(String),
    /// HTTP over TLS to `host:port`.
    Tls(String),
    /// HTTP over a unix socket.
    Unix(PathBuf),
}

/// A text that names no registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid registry address {0:?}: expected http://HOST[:PORT], https://HOST[:PORT] or unix:///PATH")]
pub struct ParseSourceError(String);

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(authority) => write!(f, "http://{authority}"),
            Self::Tls(authority) => write!(f, "https://{authority}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl FromStr for Source {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, ParseSourceError> {
        let error = || ParseSourceError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(error()) };
        }
        let (scheme, authority) = text.split_once("://").ok_or_else(error)?;
        let authority = authority.trim_end_matches('/');
        let parsed: http::uri::Authority = authority.parse().map_err(|_| error())?;
        if authority.contains('@') {
            return Err(error());
        }
        let with_port = |port: u16| match parsed.port() {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:{port}"),
        };
        match scheme {
            "http" => Ok(Self::Tcp(with_port(80))),
            "https" => Ok(Self::Tls(with_port(443))),
            _ => Err(error()),
        }
    }
}

/// A registry or another HTTP server: where it is, and what it is called there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    pub(crate) source: Source,
    /// The `Host` header, which is also what messages show.
    pub(crate) host: String,
}

impl Site {
    pub(crate) fn tcp(authority: &str) -> Self {
        Self { source: Source::Tcp(with_port(authority, 80)), host: authority.to_owned() }
    }

    pub(crate) fn tls(authority: &str) -> Self {
        Self { source: Source::Tls(with_port(authority, 443)), host: authority.to_owned() }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.source, Source::Tls(_))
    }

    pub(crate) fn is_socket(&self) -> bool {
        matches!(self.source, Source::Unix(_))
    }

    /// The address of something there, as messages show it.
    pub(crate) fn url(&self, target: &str) -> String {
        let scheme = if self.is_tls() { "https" } else { "http" };
        format!("{scheme}://{}{target}", self.host)
    }
}

fn with_port(authority: &str, port: u16) -> String {
    match authority.parse::<http::uri::Authority>() {
        Ok(parsed) if parsed.port().is_some() => authority.to_owned(),
        _ => format!("{authority}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_registries() {
        assert_eq!("http://localhost:5000".parse(), Ok(Source::Tcp("localhost:5000".into())));
        assert_eq!("http://mirror".parse(), Ok(Source::Tcp("mirror:80".into())));
        assert_eq!("https://mirror/".parse(), Ok(Source::Tls("mirror:443".into())));
        assert_eq!("unix:///run/l.sock".parse(), Ok(Source::Unix("/run/l.sock".into())));
        for text in ["ftp://x", "unix://x", "x", "http://", "http://user:secret@host"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }

    #[test]
    fn messages_show_the_address_as_it_was_given() {
        assert_eq!(Site::tcp("localhost:5000").url("/v2/"), "http://localhost:5000/v2/");
        assert_eq!(Site::tls("registry-1.docker.io").url("/v2/"), "https://registry-1.docker.io/v2/");
        assert_eq!(Site::tls("[::1]").source, Source::Tls("[::1]:443".into()));
    }
}
