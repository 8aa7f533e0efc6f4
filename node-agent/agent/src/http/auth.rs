//! Who may touch a session: whoever has its token, as `Authorization: Bearer` or in the session's own cookie. A browser sends a
//! cookie whatever page asks, so then the page's origin must be ours.

use std::collections::HashMap;

use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};

use super::{ApiError, App};

/// The name of a session's cookie.
pub(super) fn cookie_name(id: &str) -> String {
    format!("slipway_session_{id}")
}

/// Middleware on everything below a session.
pub(super) async fn require(
    State(app): State<App>,
    Path(parts): Path<HashMap<String, String>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let id = parts.get("id").map(String::as_str).unwrap_or_default();
    let headers = request.headers();
    let token = match bearer(headers) {
        Some(token) => Some(token.to_owned()),
        None => {
            let cookie = cookie(headers, &cookie_name(id));
            let upgrade = headers.contains_key(header::UPGRADE);
            let safe = matches!(*request.method(), Method::GET | Method::HEAD) && !upgrade;
            if cookie.is_some() && !safe {
                same_origin(headers)?;
            }
            cookie
        }
    };
    if !app.manager.authorize(id, token.as_deref().unwrap_or_default())? {
        let message = match token {
            Some(_) => "the token does not open this session; use the one that its POST gave",
            None => "a token is needed: send `Authorization: Bearer TOKEN` or the session's cookie",
        };
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message));
    }
    Ok(next.run(request).await)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// Refuses a request that a page of another origin has made.
pub(super) fn same_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let host = text(header::HOST);
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    if origin.is_some() && origin == host {
        return Ok(());
    }
    let message =
        "the page that asks is of another origin than this server; open the site by the address that Host names";
    Err(ApiError::new(StatusCode::FORBIDDEN, "wrong_origin", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn a_token_is_found_in_header_and_cookie_and_nowhere_else() {
        assert_eq!(bearer(&headers(&[("authorization", "bearer abc")])), Some("abc"));
        assert_eq!(bearer(&headers(&[("authorization", "Basic abc")])), None);
        let all = headers(&[("cookie", "a=b; slipway_session_x=t1; slipway_session_xy=t2")]);
        assert_eq!(cookie(&all, "slipway_session_x").as_deref(), Some("t1"));
        assert_eq!(cookie(&all, "slipway_session_z"), None);
    }

    #[test]
    fn only_the_same_origin_passes() {
        assert!(same_origin(&headers(&[("host", "a:8080"), ("origin", "http://a:8080")])).is_ok());
        for wrong in ["http://b:8080", "http://a", "null", "http://a:8080.evil.example"] {
            assert!(same_origin(&headers(&[("host", "a:8080"), ("origin", wrong)])).is_err(), "{wrong}");
        }
        assert!(same_origin(&headers(&[("host", "a:8080")])).is_err());
    }
}
