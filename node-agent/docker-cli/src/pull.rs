//! Pulling an image and showing its progress, for `docker pull` and for a run whose image is missing.

use crate::client::query;
use crate::commands::Context;
use crate::commands::registry::auth_headers;
use crate::error::CallError;
use crate::{output, terminal};
use engine_wasm::cli::progress::Progress;
use engine_wasm::reference::{self, AnyReference};
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// What an image argument names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Whether it is a name (and not an id).
    pub(crate) named: bool,
    /// `docker.io/library/alpine`.
    pub(crate) name: String,
    /// The tag or the digest.
    pub(crate) tag: String,
    /// Whether neither was given.
    pub(crate) default_tag: bool,
    /// `alpine:latest`, as messages show it.
    pub(crate) familiar: String,
    /// `docker.io/library/alpine:latest`, with tag and digest where both were given.
    pub(crate) full: String,
}

impl Image {
    /// `docker.io`, or a registry's host.
    pub(crate) fn domain(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// `alpine`, without tag and digest.
    pub(crate) fn familiar_name(&self) -> String {
        let separator = if self.tag.contains(':') { '@' } else { ':' };
        self.familiar.trim_end_matches(&format!("{separator}{}", self.tag)).to_owned()
    }
}

/// Where the progress of an image's transfer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Stdout,
    Stderr,
    Nowhere,
}

/// Pulls for a container that is to be made; progress goes to standard error.
///
/// # Errors
/// The engine's.
pub(crate) async fn for_create(context: &Context, image: &Image, platform: &str, quiet: bool) -> Result<(), CallError> {
    pull(context, image, platform, false, if quiet { Target::Nowhere } else { Target::Stderr }).await
}

/// Pulls an image, or all tags of its name.
///
/// # Errors
/// The engine's.
pub(crate) async fn pull(
    context: &Context,
    image: &Image,
    platform: &str,
    all_tags: bool,
    target: Target,
) -> Result<(), CallError> {
    let tag = if all_tags { "" } else { &image.tag };
    let path = format!("/images/create{}", query(&[("fromImage", &image.name), ("platform", platform), ("tag", tag)]));
    let headers = auth_headers(context, image.domain());
    let answer = context.client.send(Method::POST, &path, headers, crate::client::empty()).await?;
    show(answer.into_body(), target).await
}

/// Shows a stream of progress messages as it comes.
///
/// # Errors
/// The failure that the engine reports in the stream.
pub(crate) async fn show(mut body: Incoming, target: Target) -> Result<(), CallError> {
    let on_terminal = match target {
        Target::Stdout => terminal::stdout_is_terminal(),
        Target::Stderr => terminal::stderr_is_terminal(),
        Target::Nowhere => false,
    };
    let mut progress = Progress::new(on_terminal.then(|| terminal::width(target == Target::Stderr)));
    let write = |text: &str| match target {
        Target::Stdout => output::print(text),
        Target::Stderr => output::error_bytes(text.as_bytes()),
        Target::Nowhere => {}
    };
    let mut pending = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| CallError::Transport(e.to_string()))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        pending.extend_from_slice(data);
        let mut values = serde_json::Deserializer::from_slice(&pending).into_iter::<Value>();
        let mut used = 0;
        while let Some(Ok(message)) = values.next() {
            used = values.byte_offset();
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_secs());
            match progress.push(&message, i64::try_from(now).unwrap_or_default()) {
                Ok(text) => write(&text),
                Err((error, text)) => {
                    write(&text);
                    return Err(CallError::Transport(error));
                }
            }
        }
        pending.drain(..used);
    }
    Ok(())
}

/// Reads an image argument.
///
/// # Errors
/// The reference grammar's text.
pub(crate) fn normalize(text: &str) -> Result<Image, String> {
    let reference = match reference::parse_any(text).map_err(|e| e.to_string())? {
        AnyReference::Named(reference) => reference,
        AnyReference::Digest(id) => {
            return Ok(Image {
                named: false,
                name: id,
                tag: String::new(),
                default_tag: false,
                familiar: text.to_owned(),
                full: text.to_owned(),
            });
        }
    };
    let default_tag = reference.is_name_only();
    let reference = reference.with_default_tag();
    let tag = reference.digest().or(reference.tag()).unwrap_or_default().to_owned();
    let (familiar, full) = (reference.familiar_string(), reference.to_string());
    Ok(Image { named: true, name: reference.name(), tag, default_tag, familiar, full })
}
