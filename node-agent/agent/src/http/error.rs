//! Errors as the API tells them: `{"error": {"code": "snake_case", "message": "sentence with place and remedy"}}`.

use axum::{
    Json,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::sessions::{Error, core::Refusal};

/// An error answer.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        (self.status, body).into_response()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal {
            Refusal::NoSession(_) => (StatusCode::NOT_FOUND, "no_such_session"),
            Refusal::NoNode { .. } => (StatusCode::NOT_FOUND, "no_such_node"),
            Refusal::NotRunning(_) => (StatusCode::CONFLICT, "node_not_running"),
            Refusal::Full(_) => (StatusCode::SERVICE_UNAVAILABLE, "server_full"),
            Refusal::TooManyNodes(_) => (StatusCode::CONFLICT, "too_many_nodes"),
            Refusal::OldAge => (StatusCode::CONFLICT, "cannot_extend"),
        };
        Self::new(status, code, refusal.to_string())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::NoHost => Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_nodes_here", error.to_string()),
            Error::Terminal(_) => Self::new(StatusCode::NOT_FOUND, "no_such_terminal", error.to_string()),
            error => {
                // What the host says names its paths; that is for its owner's log.
                tracing::error!(%error, "a request failed on the host");
                let text = "the server could not do it; its log says why, tell its owner or try again";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "host_failed", text)
            }
        }
    }
}

impl From<crate::sandbox::Error> for ApiError {
    fn from(error: crate::sandbox::Error) -> Self {
        Error::Host(error).into()
    }
}

/// Reads a JSON body; an empty one is `{}`.
pub(super) fn json_body<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        ApiError::bad_request("bad_json", format!("the body is not the JSON that is expected here: {error}"))
    })
}

/// A path that exists, with another method.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let message = format!("{method} is not possible on {}; /api/openapi.json lists what is", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
