//! Who may do what. Everybody in a session may read; who has logged in as NAME may write to repositories below `NAME/`, as on Docker Hub.
//! Any name with any password is an account, and no password is kept: a session belongs to whoever sits in front of it. Hence a token
//! (distribution's token authentication) is nothing but the account's name, and there is nothing to be stolen with it.

use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::refusal::Refusal;

/// Seconds that a token is said to be good for; it is good for ever.
const LIFE: u64 = 300;

/// Who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// Somebody who has shown nothing yet, not even a token for nobody.
    Unknown,
    /// Somebody without an account.
    Anonymous,
    /// Somebody who has logged in.
    Account(String),
}

/// The visitor whom a request's `Authorization` names.
///
/// # Errors
/// When it names one badly: another scheme, no base64, an empty password.
pub(super) fn visitor(headers: &HeaderMap) -> Result<Visitor, Refusal> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(Visitor::Unknown) };
    let wrong = || unauthorized(headers, "incorrect username or password");
    let (scheme, secret) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
    let (name, password) = if scheme.eq_ignore_ascii_case("bearer") {
        let name = URL_SAFE_NO_PAD.decode(secret.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        (name.and_then(|text| text.strip_prefix("account:").map(str::to_owned)).ok_or_else(wrong)?, None)
    } else if scheme.eq_ignore_ascii_case("basic") {
        let pair =
            STANDARD.decode(secret.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
        let (name, password) = pair.split_once(':').ok_or_else(wrong)?;
        (name.to_owned(), Some(password.to_owned()))
    } else {
        return Err(wrong());
    };
    match (name.as_str(), password.as_deref()) {
        // The second is what some clients send when they have no account.
        ("", None | Some("")) => Ok(Visitor::Anonymous),
        (_, Some("")) => Err(wrong()),
        _ if is_account(&name) => Ok(Visitor::Account(name)),
        _ => Err(wrong()),
    }
}

/// What can stand in front of a repository's name.
fn is_account(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The answer of the token server, which is the registry itself.
pub(super) fn token(visitor: &Visitor) -> Value {
    let name = if let Visitor::Account(name) = visitor { name } else { "" };
    let token = URL_SAFE_NO_PAD.encode(format!("account:{name}"));
    json!({ "token": token, "access_token": token, "expires_in": LIFE })
}

/// Asks who it is, and says where tokens are had: under the name that the visitor knows this registry by.
pub(super) fn unauthorized(headers: &HeaderMap, sentence: &str) -> Refusal {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("docker.io");
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"Slipway\"", host.replace(['"', '\\'], ""));
    Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", sentence).with(WWW_AUTHENTICATE, challenge)
}

/// Whether the visitor may write to the repository.
///
/// # Errors
/// When not; an unknown visitor is asked who it is, others are told no.
pub(super) fn may_write(visitor: &Visitor, repository: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let owner = repository.split_once('/').map(|(owner, _)| owner);
    match visitor {
        Visitor::Unknown => Err(unauthorized(headers, "authentication required")),
        Visitor::Account(name) if owner.is_some_and(|owner| owner.eq_ignore_ascii_case(name)) => Ok(()),
        _ => Err(Refusal::new(StatusCode::FORBIDDEN, "DENIED", "requested access to the resource is denied")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().expect("a header"));
        headers
    }

    fn basic(pair: &str) -> HeaderMap {
        with(&format!("Basic {}", STANDARD.encode(pair)))
    }

    fn moby() -> Visitor {
        Visitor::Account("moby".into())
    }

    #[test]
    fn any_name_with_a_password_is_an_account() {
        assert_eq!(visitor(&basic("moby:dock")).expect("good"), moby());
        assert_eq!(visitor(&basic("moby:with:colons")).expect("good"), moby());
        assert_eq!(visitor(&HeaderMap::new()).expect("nobody"), Visitor::Unknown);
        assert_eq!(visitor(&basic(":")).expect("nobody"), Visitor::Anonymous);
    }

    #[test]
    fn a_token_stands_for_whom_it_was_given_to() {
        for known in [moby(), Visitor::Anonymous] {
            let token = token(&known);
            let headers = with(&format!("Bearer {}", token["token"].as_str().expect("a token")));
            assert_eq!(visitor(&headers).expect("good"), known);
        }
    }

    #[test]
    fn a_name_without_password_or_with_a_slash_is_none() {
        for pair in ["moby:", ":dock", "moby", "a/b:c", "../x:c", "a b:c"] {
            assert_eq!(visitor(&basic(pair)).expect_err(pair).status, StatusCode::UNAUTHORIZED, "{pair}");
        }
        for value in ["Bearer x", "Bearer !", "Digest x", "x"] {
            assert_eq!(visitor(&with(value)).expect_err(value).status, StatusCode::UNAUTHORIZED, "{value}");
        }
    }

    #[test]
    fn who_is_logged_in_writes_below_the_own_name_only() {
        let none = HeaderMap::new();
        assert!(may_write(&moby(), "moby/app", &none).is_ok());
        assert!(may_write(&Visitor::Account("Moby".into()), "moby/team/app", &none).is_ok());
        let refused = |visitor, name| may_write(&visitor, name, &none).expect_err("refused").status;
        assert_eq!(refused(moby(), "whale/app"), StatusCode::FORBIDDEN);
        assert_eq!(refused(moby(), "library/ubuntu"), StatusCode::FORBIDDEN);
        assert_eq!(refused(moby(), "moby"), StatusCode::FORBIDDEN);
        assert_eq!(refused(Visitor::Anonymous, "moby/app"), StatusCode::FORBIDDEN);
        assert_eq!(refused(Visitor::Unknown, "moby/app"), StatusCode::UNAUTHORIZED);
    }
}
