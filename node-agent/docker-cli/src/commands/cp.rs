//! `docker cp`: tar archives in and out of a container, with cp's rules about names.

use super::Context;
use super::archive::upload;
use super::create::absolute_here;
use crate::client::{encode, encode_path};
use crate::error::{Failure, go_io};
use crate::{output, terminal};
use base64::Engine;
use engine_wasm::ignore::path;
use engine_wasm::units;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt;
use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Takes `container:path` apart. A path that is absolute or begins with a dot is local, whatever it holds.
fn split(text: &str) -> (Option<&str>, &str) {
    if text.starts_with(['/', '.']) {
        return (None, text);
    }
    match text.split_once(':') {
        Some((container, path)) if !container.is_empty() => (Some(container), path),
        _ => (None, text),
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
        ((Some(container), path), (None, local)) => from_container(context, container, path, local).await,
        ((None, local), (Some(container), path)) => to_container(context, local, container, path).await,
        ((Some(_), _), (Some(_), _)) => Err(Failure::new("copying between containers is not supported")),
        ((None, _), (None, _)) => Err(Failure::new("must specify at least one container source")),
    }
}

/// What the engine knows of a path: `X-Docker-Container-Path-Stat`.
fn stat(headers: &HeaderMap) -> Option<Value> {
    let text = headers.get("x-docker-container-path-stat")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).ok()?;
    serde_json::from_slice(&bytes).ok()
}

const DIRECTORY: u64 = 1 << 31;
const SYMLINK: u64 = 1 << 27;

fn is(stat: &Value, bit: u64) -> bool {
    stat["mode"].as_u64().is_some_and(|m| m & bit != 0)
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn archive_path(container: &str, path: &str) -> String {
    format!("/containers/{}/archive?path={}", encode_path(container), encode(path))
}

fn report(context: &Context, text: &str) {
    if !context.args.switch("quiet") && terminal::stderr_is_terminal() {
        output::error(text);
    }
}

async fn from_container(context: &Context, container: &str, path: &str, local: &str) -> Result<u8, Failure> {
    let client = &context.client;
    // The engine says what is wrong with none.
    let mut path = if path.is_empty() { String::new() } else { absolute(path) };
    if context.args.switch("follow-link")
        && let Ok(answer) = client.open(Method::HEAD, &archive_path(container, &path), None).await
        && let Some(found) = stat(answer.headers()).filter(|s| is(s, SYMLINK))
    {
        let link = found["linkTarget"].as_str().unwrap_or_default();
        path = if link.starts_with('/') {
            link.to_owned()
        } else {
            Path::new(&path).with_file_name(link).to_string_lossy().into_owned()
        };
    }
    let answer = client.open(Method::GET, &archive_path(container, &path), None).await?;
    let found = stat(answer.headers()).unwrap_or_default();
    let mut body = answer.into_body();
    if local == "-" {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| Failure::new(e.to_string()))?;
            output::bytes(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        }
        return Ok(0);
    }
    let name = found["name"].as_str().unwrap_or_default().to_owned();
    let (into, renamed) =
        destination(Path::new(local), local.ends_with('/'), &name, is(&found, DIRECTORY), path.ends_with("/."))?;
    let (sender, receiver) = std::sync::mpsc::sync_channel::<bytes::Bytes>(8);
    let writer = std::thread::spawn(move || {
        unpack(Pipe { receiver, rest: bytes::Bytes::new() }, &into, &name, renamed.as_deref())
    });
    let mut copied = 0usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Failure::new(e.to_string()))?;
        if let Some(data) = frame.data_ref() {
            copied += data.len();
            if sender.send(data.clone()).is_err() {
                break;
            }
        }
    }
    drop(sender);
    match writer.join() {
        Ok(result) => result.map_err(|e| Failure::new(go_io(&e)))?,
        Err(_) => return Err(Failure::new("unpacking the archive failed")),
    }
    #[allow(clippy::cast_precision_loss)] // a size for people
    let size = units::human_size(copied as f64);
    report(context, &format!("Successfully copied {size} to {local}"));
    Ok(0)
}

/// Where to unpack, and the name that the first component gets (`None`: it keeps its own; empty: it is dropped).
fn destination(
    local: &Path,
    slash: bool,
    name: &str,
    directory: bool,
    contents: bool,
) -> Result<(PathBuf, Option<String>), Failure> {
    match std::fs::metadata(local) {
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Err(Failure::new(format!(
            "stat {}{}: not a directory",
            absolute_here(&local.to_string_lossy()),
            if slash { "/" } else { "" }
        ))),
        Ok(found) if found.is_dir() => Ok((local.to_owned(), contents.then(String::new))),
        Ok(_) if directory => Err(Failure::new("cannot copy directory")),

        _ => {
            let parent = local.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if !parent.is_dir() {
                return Err(Failure::new(format!(
                    "invalid output path: directory {:?} does not exist",
                    absolute_here(&parent.to_string_lossy())
                )));
            }
            if slash && !directory {
                return Err(Failure::new("no such directory"));
            }
            let new = local.file_name().map_or_else(|| name.to_owned(), |n| n.to_string_lossy().into_owned());
            Ok((parent.to_owned(), Some(new)))
        }
    }
}

/// Chunks of an answer as a reader.
struct Pipe {
    receiver: std::sync::mpsc::Receiver<bytes::Bytes>,
    rest: bytes::Bytes,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.recv() {
                Ok(data) => self.rest = data,
                Err(_) => return Ok(0),
            }
        }
        let take = buffer.len().min(self.rest.len());
        buffer[..take].copy_from_slice(&self.rest.split_to(take));
        Ok(take)
    }
}

fn unpack(source: impl Read, into: &Path, name: &str, renamed: Option<&str>) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(source);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path = match renamed {
            None => path,
            // An archive of a directory's contents begins with `.`, any other with the name.
            Some(new) => match path.strip_prefix(name).or_else(|_| path.strip_prefix(".")) {
                Ok(rest) if rest.as_os_str().is_empty() => PathBuf::from(new),
                Ok(rest) => Path::new(new).join(rest),
                Err(_) => path,
            },
        };
        // Nothing may leave the directory, whatever the archive says.
        if path.components().any(|c| !matches!(c, std::path::Component::Normal(_) | std::path::Component::CurDir)) {
            return Err(std::io::Error::other(format!(
                "the archive holds a path outside of its directory: {}",
                path.display()
            )));
        }
        entry.set_preserve_permissions(true);
        let target = into.join(path);
        stays_inside(&entry, &target, into)?;
        if entry.header().entry_type().is_dir() {
            std::fs::create_dir_all(&target)?;
        } else {
            if let Ok(old) = std::fs::symlink_metadata(&target)
                && !old.is_dir()
            {
                std::fs::remove_file(&target)?;
            }
            entry.unpack(&target)?;
        }
    }
    Ok(())
}

/// Refuses links that lead out of the directory, as docker does.
fn stays_inside(entry: &tar::Entry<'_, impl Read>, target: &Path, into: &Path) -> std::io::Result<()> {
    let kind = entry.header().entry_type();
    let Some(link) = entry.link_name()?.filter(|_| kind.is_symlink() || kind.is_hard_link()) else {
        return Ok(());
    };
    let (word, base) =
        if kind.is_symlink() { ("symlink", target.parent().unwrap_or(into)) } else { ("hardlink", into) };
    let base = absolute_here(&base.to_string_lossy());
    let leads = path::clean(&format!("{base}/{}", link.display()));
    if leads.starts_with(&absolute_here(&into.to_string_lossy())) {
        return Ok(());
    }
    let target = absolute_here(&target.to_string_lossy());
    Err(std::io::Error::other(format!("invalid {word} {target:?} -> {:?}", link.display().to_string())))
}

async fn to_container(context: &Context, local: &str, container: &str, path: &str) -> Result<u8, Failure> {
    let client = &context.client;
    let mut path = absolute(path);
    let mut found = None;
    for _ in 0..8 {
        found = match client.open(Method::HEAD, &archive_path(container, &path), None).await {
            Ok(answer) => stat(answer.headers()),
            // What is wrong shows when the archive is sent.
            Err(_) => None,
        };
        match found.as_ref().filter(|s| is(s, SYMLINK)).and_then(|s| s["linkTarget"].as_str()) {
            Some(link) if link.starts_with('/') => path = link.to_owned(),
            Some(link) => path = Path::new(&path).with_file_name(link).to_string_lossy().into_owned(),
            None => break,
        }
    }
    let directory = found.as_ref().is_some_and(|s| is(s, DIRECTORY));
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-tar"));
    let (into, body) = if local == "-" {
        if !directory {
            return Err(Failure::new(format!("destination \"{container}:{path}\" must be a directory")));
        }
        (path.clone(), upload(std::io::stdin()))
    } else {
        let metadata = if context.args.switch("follow-link") {
            std::fs::metadata(local)
        } else {
            std::fs::symlink_metadata(local)
        };
        let metadata = metadata.map_err(|e| match e.kind() {
            std::io::ErrorKind::NotADirectory if local.ends_with('/') => Failure::new("not a directory"),
            _ => Failure::new(format!("lstat {}: {}", absolute_here(local), go_io(&e))),
        })?;
        if metadata.is_dir() && found.is_some() && !directory {
            return Err(Failure::new("cannot copy directory"));
        }
        if !metadata.is_dir() && !directory && path.ends_with('/') {
            return Err(Failure::new("no such directory"));
        }
        let (into, name) = if directory {
            let own = if local.ends_with("/.") || local == "." { String::new() } else { own_name(local) };
            (path.clone(), own)
        } else {
            let target = Path::new(path.trim_end_matches('/'));
            let parent = target.parent().map_or_else(|| "/".into(), |p| p.to_string_lossy().into_owned());
            (parent, target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default())
        };
        let (reader, writer) = std::io::pipe().map_err(|e| Failure::new(go_io(&e)))?;
        let source = PathBuf::from(local);
        let follow = context.args.switch("follow-link");
        std::thread::spawn(move || {
            // A failure cuts the archive short; the engine then reports it.
            let _ = pack(&source, &name, follow, writer);
        });
        (into, upload(reader))
    };
    let keep = if context.args.switch("archive") { "&copyUIDGID=true" } else { "" };
    let query = format!("{}&noOverwriteDirNonDir=true{keep}", archive_path(container, &into));
    client
        .send(Method::PUT, &query, headers, body)
        .await?
        .into_body()
        .collect()
        .await
        .map_err(|e| Failure::new(e.to_string()))?;
    report(context, &format!("Successfully copied to {container}:{path}"));
    Ok(0)
}

fn own_name(local: &str) -> String {
    std::fs::canonicalize(local)
        .ok()
        .and_then(|p| Some(p.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| local.to_owned())
}

fn pack(source: &Path, name: &str, follow: bool, writer: impl Write) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(writer);
    archive.follow_symlinks(false);
    let metadata = if follow { std::fs::metadata(source)? } else { std::fs::symlink_metadata(source)? };
    if metadata.is_dir() {
        archive.append_dir_all(if name.is_empty() { "." } else { name }, source)?;
    } else {
        let source = if follow { std::fs::canonicalize(source)? } else { source.to_owned() };
        archive.append_path_with_name(source, name)?;
    }
    archive.into_inner()?.flush()
}
