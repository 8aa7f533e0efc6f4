//! Copies into a container: a tree from here, packed while it is sent, or an archive from standard input.

use super::names::{self, End};
use super::{Stat, archive_path, pack, report};
use crate::client::Body;
use crate::commands::Context;
use crate::commands::archive::upload;
use crate::error::{Failure, go_io};
use engine_wasm::ignore::path;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// The thread that packs, and what it fails with.
type Packing = JoinHandle<Result<(), Failure>>;

pub(super) async fn to_container(context: &Context, local: &str, container: &str, path: &str) -> Result<u8, Failure> {
    let target = container_target(context, container, path).await?;
    let copied = Arc::new(AtomicU64::new(0));
    let (into, body, packing) = if local == "-" {
        if !target.directory {
            return Err(Failure::new(format!("destination \"{container}:{path}\" must be a directory")));
        }
        (target.path.clone(), upload(std::io::stdin()), None)
    } else {
        let (into, body, packing) = packed(context, local, &target, Arc::clone(&copied))?;
        (into, body, Some(packing))
    };
    let result = send(context, &archive_path(container, &into), body, packing).await;
    report(context, copied.load(Ordering::Relaxed), &format!("{container}:{}", target.path));
    result.map(|()| 0)
}

/// What the engine knows of the place to copy to. What is wrong with it shows when the archive is sent.
async fn container_target(context: &Context, container: &str, path: &str) -> Result<End, Failure> {
    let mut target = End { path: path.to_owned(), ..End::default() };
    let mut found = Stat::ask(context, container, path).await;
    if let Some(link) = found.as_ref().and_then(|found| found.target(path)) {
        found = Stat::ask(context, container, &link).await;
        target.path = link;
    }
    if let Some(found) = found {
        if let Some(why) = found.unfit() {
            return Err(Failure::new(format!(
                "destination \"{container}:{path}\" must be a directory or a regular file: {why}"
            )));
        }
        (target.exists, target.directory) = (true, found.is_dir());
    }
    Ok(target)
}

/// Starts packing. Gives the directory to unpack in, the archive, and the thread.
fn packed(
    context: &Context,
    local: &str,
    target: &End,
    copied: Arc<AtomicU64>,
) -> Result<(String, Body, Packing), Failure> {
    let source = names::local_source(&names::absolute(local), context.args.switch("follow-link"))?;
    let (into, rename) = names::place(&source, target)?;
    let (_, own) = names::split_entry(&source.path);
    let name = match (rename, source.rebase) {
        (Some((_, new)), _) | (None, Some(new)) => new,
        // The root has no name.
        (None, None) => {
            if own == "/" {
                ".".to_owned()
            } else {
                own
            }
        }
    };
    let (reader, writer) = std::io::pipe().map_err(|e| Failure::new(go_io(&e)))?;
    let path = PathBuf::from(path::clean(&source.path));
    let packing = std::thread::spawn(move || pack::pack(Path::new(&path), &name, Counted { writer, copied }));
    Ok((into, upload(reader), packing))
}

/// Sends the archive. What the engine says of it goes before what failed in packing it.
async fn send(context: &Context, path: &str, body: Body, packing: Option<Packing>) -> Result<(), Failure> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-tar"));
    let keep = if context.args.switch("archive") { "&copyUIDGID=true" } else { "" };
    let path = format!("{path}&noOverwriteDirNonDir=true{keep}");
    let answer = context.client.send(Method::PUT, &path, headers, body).await?.into_body();
    answer.collect().await.map_err(|e| Failure::new(e.to_string()))?;
    match packing.map(JoinHandle::join) {
        Some(Ok(result)) => result,
        Some(Err(_)) => Err(Failure::new("packing the archive failed")),
        None => Ok(()),
    }
}

/// A writer that counts.
struct Counted<W> {
    writer: W,
    copied: Arc<AtomicU64>,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.writer.write(buffer)?;
        self.copied.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}
