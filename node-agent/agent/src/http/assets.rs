//! The page's files, embedded when the binary is built. A file that was also compressed is sent so to browsers that can read it.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use super::ApiError;

#[derive(RustEmbed)]
#[folder = "../../target/slipway/web"]
#[allow_missing = true]
struct Site;

pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let not_found = || {
        let message = format!("there is nothing at {}; /api/openapi.json lists the API", uri.path());
        ApiError::new(StatusCode::NOT_FOUND, "not_found", message).into_response()
    };
    if !matches!(method, Method::GET | Method::HEAD) || path == "api" || path.starts_with("api/") {
        return not_found();
    }
    let page =
        path.is_empty() || path == "labs" || path.strip_prefix("labs/").is_some_and(|slug| !slug.contains(['/', '.']));
    let name = if page { "index.html" } else { path };
    match find(name, &headers) {
        Some(response) => response,
        None if page => {
            let text = "The API runs, but this binary was built without the page: build the site first, then node-agent again.\n";
            (StatusCode::NOT_FOUND, text).into_response()
        }
        None => not_found(),
    }
}

fn find(name: &str, headers: &HeaderMap) -> Option<Response> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |coding: &str| {
        accepted.split(',').any(|one| one.split(';').next().map(str::trim) == Some(coding) && !one.contains("q=0,"))
    };
    let mut found = None;
    for (coding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
        if accepts(coding)
            && let Some(file) = Site::get(&format!("{name}{suffix}"))
        {
            found = Some((file, Some(coding)));
            break;
        }
    }
    let (file, coding) = match found {
        Some(found) => found,
        None => (Site::get(name)?, None),
    };
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let fresh = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(match file.data {
            std::borrow::Cow::Borrowed(bytes) => bytes::Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => bytes.into(),
        }))
    };
    let set = response.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime(name)));
    set.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let caching = if hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        set.insert(header::ETAG, tag);
    }
    if let Some(coding) = coding {
        set.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    Some(response)
}

/// Whether the name changes with the content: `app-1a2b3c4d.js`, at least eight letters or digits, with a digit among them or all of them capitals, as words are not.
fn hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let Some(hash) = file.split('.').next().and_then(|stem| stem.rsplit(['-', '_']).next()) else { return false };
    file.contains(['-', '_'])
        && hash.len() >= 8
        && hash.bytes().all(|b| b.is_ascii_alphanumeric())
        && (hash.bytes().any(|b| b.is_ascii_digit()) || hash.bytes().all(|b| b.is_ascii_uppercase()))
}

fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        assert!(hashed("assets/app-1a2b3c4d.js") && hashed("app_bg-0f9e8d7c6b5a.wasm"));
        assert!(hashed("assets/main-EHAVFZTF.js"));
        assert!(!hashed("index.html") && !hashed("embed.js") && !hashed("engine-terminal.js"));
    }

    #[test]
    fn wasm_has_the_type_that_browsers_compile_while_it_comes() {
        assert_eq!(mime("assets/app.wasm"), "application/wasm");
    }
}
