//! Where the engine listens: `-H`, `DOCKER_HOST` or the default socket, in docker's notations.

use crate::error::Failure;
use std::path::PathBuf;

/// The default socket.
pub(crate) const DEFAULT: &str = "unix:///var/run/docker.sock";

/// An engine's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String, u16),
}

/// Reads an address; gives it together with its full form, which error messages show.
///
/// # Errors
/// docker's text for an address that is none.
pub(crate) fn parse(text: &str) -> Result<(Endpoint, String), Failure> {
    let text = text.trim();
    let invalid = || Failure::new(format!("invalid bind address format: {text}"));
    let (protocol, rest) = match text.split_once("://") {
        _ if text.is_empty() => ("unix", ""),
        Some(parts) => parts,
        None => ("tcp", text),
    };
    match protocol {
        "unix" => {
            let path = if rest.is_empty() { "/var/run/docker.sock" } else { rest };
            Ok((Endpoint::Unix(path.into()), format!("unix://{path}")))
        }
        "tcp" | "http" => {
            let rest = rest.trim_end_matches('/');
            let (host, port) = match rest.rsplit_once(':') {
                Some((host, port)) if !port.contains(']') => (host, port),
                _ => (rest, ""),
            };
            let host = if host.is_empty() { "localhost" } else { host };
            let port = if port.is_empty() { 2375 } else { port.parse().map_err(|_| invalid())? };
            Ok((Endpoint::Tcp(host.trim_matches(['[', ']']).to_owned(), port), format!("tcp://{host}:{port}")))
        }
        "ssh" | "npipe" | "fd" => Err(Failure::new(format!(
            "Failed to initialize: unable to resolve docker endpoint: {protocol}:// is not supported by this client; use unix:// or tcp://"
        ))),
        _ => Err(Failure::new(format!(
            "Failed to initialize: unable to resolve docker endpoint: invalid bind address format: {text}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_dockers_defaults() {
        for (text, endpoint, full) in [
            ("", Endpoint::Unix("/var/run/docker.sock".into()), DEFAULT),
            ("unix:///x", Endpoint::Unix("/x".into()), "unix:///x"),
            ("tcp://", Endpoint::Tcp("localhost".into(), 2375), "tcp://localhost:2375"),
            ("tcp://127.0.0.1:1", Endpoint::Tcp("127.0.0.1".into(), 1), "tcp://127.0.0.1:1"),
            ("foo", Endpoint::Tcp("foo".into(), 2375), "tcp://foo:2375"),
            ("tcp://[::1]:99", Endpoint::Tcp("::1".into(), 99), "tcp://[::1]:99"),
        ] {
            assert_eq!(parse(text).unwrap(), (endpoint, full.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_strange_protocol_is_refused() {
        assert!(parse("foo://bar").unwrap_err().message.ends_with("invalid bind address format: foo://bar"));
    }
}
