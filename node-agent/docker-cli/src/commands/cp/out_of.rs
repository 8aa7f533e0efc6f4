//! Copies out of a container: the engine's archive, unpacked here or passed on to standard output.

use super::names::{self, End, Rename};
use super::{Stat, archive_path, failed, report, unpack};
use crate::commands::Context;
use crate::error::Failure;
use crate::output;
use bytes::Bytes;
use engine_wasm::ignore::path;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

pub(super) async fn from_container(
    context: &Context,
    container: &str,
    asked: &str,
    local: &str,
) -> Result<u8, Failure> {
    let target = if local == "-" { local.to_owned() } else { names::absolute(local) };
    check_output(&target)?;
    let mut source = End { path: asked.to_owned(), exists: true, ..End::default() };
    if context.args.switch("follow-link")
        && let Some(link) = Stat::ask(context, container, asked).await.and_then(|found| found.target(asked))
    {
        (source.path, source.rebase) = names::rebase(asked, &link);
    }
    let answer = context.client.open(Method::GET, &archive_path(container, &source.path), None).await?;
    source.directory = Stat::read(answer.headers()).is_some_and(|found| found.is_dir());
    let mut body = answer.into_body();
    if local == "-" {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| Failure::new(e.to_string()))?;
            output::bytes(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        }
        return Ok(0);
    }
    let mut copied = 0;
    let result = write(body, &source, &target, &mut copied).await;
    report(context, copied, &target);
    result.map(|()| 0)
}

/// Refuses places where nothing can be written, before the engine is asked.
fn check_output(target: &str) -> Result<(), Failure> {
    let directory = path::dir(&path::clean(target));
    let missing = |path: &str| std::fs::metadata(path).is_err_and(|e| e.kind() == ErrorKind::NotFound);
    if directory != "." && missing(&directory) {
        return Err(Failure::new(format!("invalid output path: directory {directory:?} does not exist")));
    }
    match std::fs::metadata(target) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(failed("stat", target, &e)),
        Ok(found) if found.file_type().is_char_device() || found.file_type().is_block_device() => Err(Failure::new(
            format!("invalid output path: {target:?} must be a directory or a regular file: got a device"),
        )),
        _ => Ok(()),
    }
}

/// Unpacks the archive where the names say.
async fn write(body: Incoming, source: &End, target: &str, copied: &mut u64) -> Result<(), Failure> {
    let (into, last) = names::place(source, &names::local_target(target)?)?;
    let first: Option<Rename> = source.rebase.clone().map(|name| (names::split_entry(&source.path).1, name));
    let renames: Vec<Rename> = first.into_iter().chain(last).collect();
    let (sender, receiver) = sync_channel(8);
    let into = PathBuf::from(path::clean(&into));
    let writer =
        std::thread::spawn(move || unpack::unpack(Pipe { receiver, rest: Bytes::new() }, Path::new(&into), &renames));
    pass_on(body, &sender, copied).await;
    drop(sender);
    writer.join().unwrap_or_else(|_| Err(Failure::new("unpacking the archive failed")))
}

/// Passes the body on until its end, its failure, or the reader's.
async fn pass_on(mut body: Incoming, sender: &SyncSender<std::io::Result<Bytes>>, copied: &mut u64) {
    while let Some(frame) = body.frame().await {
        let piece = match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => Ok(data),
            Ok(Err(_)) => continue,
            Err(e) => Err(std::io::Error::other(e.to_string())),
        };
        *copied += piece.as_ref().map_or(0, |data| data.len() as u64);
        if sender.send(piece).is_err() {
            return;
        }
    }
}

/// Chunks of an answer as a reader.
struct Pipe {
    receiver: Receiver<std::io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.recv() {
                Ok(data) => self.rest = data?,
                Err(_) => return Ok(0),
            }
        }
        let take = buffer.len().min(self.rest.len());
        buffer[..take].copy_from_slice(&self.rest.split_to(take));
        Ok(take)
    }
}
