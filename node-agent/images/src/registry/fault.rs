//! What a request to a registry fails with: Docker's words, and whether trying again can help.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode};

/// A `Retry-After` beyond this is not waited for.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What went wrong, as far as the caller's next step depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The connection could not be made, or broke.
    Connection,
    /// The other side is not what its certificate says, or speaks no TLS.
    Tls,
    /// The registry has a problem of its own: 5xx.
    Server,
    /// Too many requests: 429.
    Throttled,
    /// The registry refuses, with the error code of the distribution spec where it gave one.
    Refused(String),
    /// There is nothing to authenticate with.
    NoCredentials,
    /// A token has ended, and there is a new one by now: what cannot be sent again as it was may begin anew.
    TokenEnded,
    /// What came is not what was asked for, or too much.
    Invalid,
}

/// A failed request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) status: Option<StatusCode>,
    pub(crate) text: String,
    /// The text without the request that failed.
    pub(crate) bare: String,
    /// How long the registry asks to wait.
    pub(crate) wait: Option<Duration>,
}

impl Fault {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { kind, status: None, bare: text.clone(), text, wait: None }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, text)
    }

    /// Prefixes the request, as Go's `url.Error` does: `Get "https://…": …`.
    pub(crate) fn during(mut self, method: &Method, url: &str) -> Self {
        let name = method.as_str();
        let verb = format!("{}{}", &name[..1], name[1..].to_ascii_lowercase());
        self.text = format!("{verb} \"{url}\": {}", self.text);
        self
    }

    /// Whether the same request may do better a little later.
    pub(crate) fn passes(&self) -> bool {
        match self.kind {
            Kind::Connection | Kind::Server => true,
            Kind::Throttled => self.wait.is_some_and(|wait| wait <= LONGEST_WAIT),
            _ => false,
        }
    }

    /// The distribution spec's error code; empty where there is none.
    pub(crate) fn code(&self) -> &str {
        match &self.kind {
            Kind::Refused(code) => code,
            _ => "",
        }
    }
}

/// A `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3), which may have passed.
fn wait(text: &str) -> Option<Duration> {
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}

/// The registry's refusal as distribution's client tells it.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    let wait = headers.get(http::header::RETRY_AFTER).and_then(|value| wait(value.to_str().ok()?.trim()));
    let (code, text) = describe(status, body);
    let kind = match status.as_u16() {
        429 => Kind::Throttled,
        500.. => Kind::Server,
        _ => Kind::Refused(code),
    };
    Fault { status: Some(status), wait, ..Fault::new(kind, text) }
}

fn describe(status: StatusCode, body: &[u8]) -> (String, String) {
    if !(400..500).contains(&status.as_u16()) {
        return (String::new(), format!("received unexpected HTTP status: {status}"));
    }
    let default = match status.as_u16() {
        401 => "UNAUTHORIZED",
        403 => "DENIED",
        429 => "TOOMANYREQUESTS",
        _ => "UNKNOWN",
    };
    let parsed: Result<serde_json::Value, _> = serde_json::from_slice(body);
    let Ok(answer) = parsed else {
        if status == StatusCode::UNAUTHORIZED {
            return ("UNAUTHORIZED".into(), "unauthorized: authentication required".into());
        }
        let why = match body.first() {
            None => "unexpected end of JSON input".to_owned(),
            Some(first) => format!("invalid character '{}' looking for beginning of value", char::from(*first)),
        };
        let shown: String = String::from_utf8_lossy(body).chars().take(500).collect();
        return (String::new(), format!("error parsing HTTP {} response body: {why}: {shown:?}", status.as_u16()));
    };
    if let Some(details) = answer["details"].as_str().filter(|details| !details.is_empty()) {
        return (default.into(), format!("{}: {details}", words(default)));
    }
    let mut texts = Vec::new();
    let mut first = String::new();
    for error in answer["errors"].as_array().into_iter().flatten().take(10) {
        let code = error["code"].as_str().filter(|code| !code.is_empty()).unwrap_or("UNKNOWN");
        let message = error["message"].as_str().unwrap_or_default();
        let message = if message.is_empty() { standard_message(code) } else { message };
        if first.is_empty() {
            first = code.to_owned();
        }
        texts.push(format!("{}: {message}", words(code)));
    }
    match texts.as_slice() {
        [] if status == StatusCode::UNAUTHORIZED => {
            ("UNAUTHORIZED".into(), "unauthorized: authentication required".into())
        }
        [] => {
            let shown: String = String::from_utf8_lossy(body).chars().take(500).collect();
            let code = status.as_u16();
            let why = "no error details found in HTTP response body";
            (String::new(), format!("error parsing HTTP {code} response body: {why}: {shown:?}"))
        }
        [one] => (first, one.clone()),
        several => (first, format!("errors:\n{}\n", several.join("\n"))),
    }
}

/// `NAME_UNKNOWN` as messages have it.
fn words(code: &str) -> String {
    code.to_ascii_lowercase().replace('_', " ")
}

fn standard_message(code: &str) -> &'static str {
    match code {
        "UNAUTHORIZED" => "authentication required",
        "DENIED" => "requested access to the resource is denied",
        "TOOMANYREQUESTS" => "too many requests",
        "NAME_UNKNOWN" => "repository name not known to registry",
        "MANIFEST_UNKNOWN" => "manifest unknown",
        "BLOB_UNKNOWN" => "blob unknown to registry",
        _ => "unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> String {
        refusal(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes()).text
    }

    #[test]
    fn refusals_have_distributions_words() {
        let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#;
        assert_eq!(told(404, body), "name unknown: repository name not known to registry");
        assert_eq!(told(401, "{}"), "unauthorized: authentication required");
        assert_eq!(
            told(403, r#"{"errors":[{"code":"DENIED"}]}"#),
            "denied: requested access to the resource is denied"
        );
        assert_eq!(told(500, body), "received unexpected HTTP status: 500 Internal Server Error");
        assert_eq!(
            told(404, "404 page not found"),
            "error parsing HTTP 404 response body: invalid character '4' looking for beginning of value: \"404 page not found\""
        );
        assert_eq!(
            told(401, r#"{"details":"incorrect username or password"}"#),
            "unauthorized: incorrect username or password"
        );
        assert_eq!(
            told(429, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#),
            "toomanyrequests: slow down"
        );
    }

    #[test]
    fn a_wait_is_honoured_up_to_a_limit() {
        let throttled = |seconds: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", seconds.parse().unwrap());
            refusal(StatusCode::TOO_MANY_REQUESTS, &headers, b"{}")
        };
        assert!(throttled("2").passes() && !throttled("3600").passes() && !throttled("soon").passes());
        let date = |seconds| httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds));
        assert!(throttled(&date(20)).passes() && !throttled(&date(3600)).passes());
        assert_eq!(throttled("Sun, 06 Nov 1994 08:49:37 GMT").wait, Some(Duration::ZERO));
    }
}
