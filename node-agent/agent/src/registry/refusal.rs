//! What a registry says when it does not do what was asked (distribution-spec, "Error Codes").

use axum::http::header::{LOCATION, RANGE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::store;

/// A distribution error: the status, the code that the specification gives it, a sentence, and headers that help.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    sentence: String,
    headers: Vec<(HeaderName, String)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, code, sentence: sentence.into(), headers: Vec::new() }
    }

    pub(super) fn not_found(code: &'static str, sentence: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, sentence)
    }

    pub(super) fn bad(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, sentence)
    }

    pub(super) fn name_unknown(name: &str) -> Self {
        Self::not_found("NAME_UNKNOWN", format!("repository {name} is not known here"))
    }

    pub(super) fn manifest_unknown(name: &str, reference: &str) -> Self {
        let mark = if reference.contains(':') { '@' } else { ':' };
        Self::not_found("MANIFEST_UNKNOWN", format!("manifest for {name}{mark}{reference} not found"))
    }

    /// A fault of ours or of the disk.
    pub(super) fn internal(error: &dyn std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string())
    }

    /// With a reason behind its sentence.
    pub(super) fn because(mut self, why: &str) -> Self {
        self.sentence = format!("{} ({why})", self.sentence);
        self
    }

    /// With a header that helps the client on.
    pub(super) fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Tells how far an upload has come.
    pub(super) fn with_progress(self, repository: &str, id: &str, size: u64) -> Self {
        let range = format!("0-{}", size.saturating_sub(1));
        self.with(LOCATION, format!("/v2/{repository}/blobs/uploads/{id}")).with(RANGE, range)
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Full(_) | store::Error::TooMany(_) => {
                Self::new(StatusCode::FORBIDDEN, "DENIED", error.to_string())
            }
            store::Error::Io { .. } => Self::internal(&error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "errors": [{ "code": self.code, "message": self.sentence, "detail": null }] });
        let mut response = (self.status, axum::Json(body)).into_response();
        for (name, value) in self.headers {
            // One that cannot be written is left out; names and numbers always can.
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
