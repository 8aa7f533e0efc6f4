//! `docker cp`: tar archives in and out of a container. What goes in is packed here (`into`, `pack`), what comes out is unpacked
//! here (`out_of`, `unpack`); `names` holds cp's rules about where a copy goes and what it is called there.

mod into;
mod names;
mod out_of;
mod pack;
mod unpack;

use super::Context;
use crate::client::{encode, encode_path};
use crate::error::{Failure, go_io};
use crate::{output, terminal};
use base64::Engine;
use engine_wasm::units;
use http::{HeaderMap, Method};
use serde_json::Value;

/// Takes `container:path` apart. A path that is absolute or begins with a dot is local, whatever it holds.
fn split(text: &str) -> (Option<&str>, &str) {
    if text.starts_with(['/', '.']) {
        return (None, text);
    }
    match text.split_once(':') {
        Some((container, path)) if !container.is_empty() => (Some(container), path),
        // An empty name is no container.
        Some((_, path)) => (None, path),
        None => (None, text),
    }
}

/// `docker cp`.
pub(crate) async fn cp(context: &Context) -> Result<u8, Failure> {
    let (source, target) = (context.first(), context.args.args[1].as_str());
    if source.is_empty() {
        return Err(Failure::new("source can not be empty"));
    }
    if target.is_empty() {
        return Err(Failure::new("destination can not be empty"));
    }
    match (split(source), split(target)) {
        ((Some(container), path), (None, local)) => out_of::from_container(context, container, path, local).await,
        ((None, local), (Some(container), path)) => into::to_container(context, local, container, path).await,
        ((Some(_), _), (Some(_), _)) => Err(Failure::new("copying between containers is not supported")),
        ((None, _), (None, _)) => Err(Failure::new("must specify at least one container source")),
    }
}

/// What the engine knows of a path: the header `X-Docker-Container-Path-Stat`.
#[derive(Debug, Default)]
struct Stat(Value);

impl Stat {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("x-docker-container-path-stat")?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).ok()?;
        serde_json::from_slice(&bytes).ok().map(Self)
    }

    /// Asks the engine; `None` for what it cannot tell.
    async fn ask(context: &Context, container: &str, path: &str) -> Option<Self> {
        let answer = context.client.open(Method::HEAD, &archive_path(container, path), None).await.ok()?;
        Self::read(answer.headers())
    }

    /// A bit of Go's `fs.FileMode`.
    fn is(&self, bit: u32) -> bool {
        self.0["mode"].as_u64().is_some_and(|mode| mode >> bit & 1 == 1)
    }

    fn is_dir(&self) -> bool {
        self.is(31)
    }

    /// Where a link leads that is found at `path`.
    fn target(&self, path: &str) -> Option<String> {
        let link = self.0["linkTarget"].as_str().filter(|_| self.is(27))?;
        Some(names::follow(path, link))
    }

    /// Why nothing can be copied there.
    fn unfit(&self) -> Option<&'static str> {
        match () {
            () if self.is(26) => Some("got a device"),
            () if self.is(19) => Some("got an irregular file"),
            () => None,
        }
    }
}

fn archive_path(container: &str, path: &str) -> String {
    format!("/containers/{}/archive?path={}", encode_path(container), encode(path))
}

/// Tells of the copy, unless it was asked for silence or (without the flag) is not watched.
fn report(context: &Context, bytes: u64, target: &str) {
    let args = &context.args;
    let quiet = if args.changed("quiet") { args.switch("quiet") } else { !terminal::stdout_is_terminal() };
    if !quiet {
        #[allow(clippy::cast_precision_loss)] // a size for people
        let size = units::human_size_with_precision(bytes as f64, 3);
        output::error(&format!("Successfully copied {size} to {target}"));
    }
}

/// A failed call about a file, in Go's words.
fn failed(call: &str, path: impl std::fmt::Display, e: &std::io::Error) -> Failure {
    Failure::new(format!("{call} {path}: {}", go_io(e)))
}
