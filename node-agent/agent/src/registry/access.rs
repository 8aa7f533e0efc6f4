//! Who may do what. Everybody in a session may read; who has logged in as NAME may write to repositories below `NAME/`, as on Docker Hub.
//! Any name with any password is an account, and neither is kept: a session belongs to whoever sits in front of it.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refusal::Refusal;

/// The account that a request names (RFC 7617); `None` for nobody.
///
/// # Errors
/// When it names one badly: another scheme, no base64, an empty password.
pub(super) fn account(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let wrong = || Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "incorrect username or password");
    let (scheme, secret) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let pair = STANDARD.decode(secret.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    match pair.split_once(':') {
        // What some clients send when they have no account.
        Some(("", "")) => Ok(None),
        Some((name, password)) if is_account(name) && !password.is_empty() => Ok(Some(name.to_owned())),
        _ => Err(wrong()),
    }
}

/// What can stand in front of a repository's name.
fn is_account(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whether `account` may write to the repository.
///
/// # Errors
/// When not; nobody is asked to log in, others are told no.
pub(super) fn may_write(account: Option<&str>, repository: &str) -> Result<(), Refusal> {
    let Some(account) = account else {
        let sentence = format!("to write to {repository}, log in first");
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", sentence));
    };
    match repository.split_once('/') {
        Some((owner, _)) if owner.eq_ignore_ascii_case(account) => Ok(()),
        _ => {
            let sentence = "requested access to the resource is denied";
            Err(Refusal::new(StatusCode::FORBIDDEN, "DENIED", sentence))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(pair: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(pair));
        headers.insert(AUTHORIZATION, value.parse().expect("a header"));
        headers
    }

    #[test]
    fn any_name_with_a_password_is_an_account() {
        assert_eq!(account(&basic("moby:dock")).expect("good"), Some("moby".into()));
        assert_eq!(account(&basic("moby:with:colons")).expect("good"), Some("moby".into()));
        assert_eq!(account(&HeaderMap::new()).expect("nobody"), None);
        assert_eq!(account(&basic(":")).expect("nobody"), None);
    }

    #[test]
    fn a_name_without_password_or_with_a_slash_is_none() {
        for pair in ["moby:", ":dock", "moby", "a/b:c", "../x:c", "a b:c"] {
            assert_eq!(account(&basic(pair)).expect_err(pair).status, StatusCode::UNAUTHORIZED, "{pair}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "Bearer x".parse().expect("a header"));
        assert!(account(&headers).is_err());
    }

    #[test]
    fn who_is_logged_in_writes_below_the_own_name_only() {
        assert!(may_write(Some("moby"), "moby/app").is_ok());
        assert!(may_write(Some("Moby"), "moby/team/app").is_ok());
        let refused = |account, name| may_write(account, name).expect_err("refused").status;
        assert_eq!(refused(Some("moby"), "whale/app"), StatusCode::FORBIDDEN);
        assert_eq!(refused(Some("moby"), "library/ubuntu"), StatusCode::FORBIDDEN);
        assert_eq!(refused(Some("moby"), "moby"), StatusCode::FORBIDDEN);
        assert_eq!(refused(None, "moby/app"), StatusCode::UNAUTHORIZED);
    }
}
