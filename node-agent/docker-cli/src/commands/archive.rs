//! Commands that move whole archives: save, load, import, export.

use super::Context;
use super::list::platform_query;
use crate::client::{Body, encode, encode_path, query};
use crate::error::{Failure, go_io};
use crate::partial::Partial;
use crate::pull::{self, Target};
use crate::{output, terminal};
use bytes::Bytes;
use engine_wasm::reference;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use std::fs::{File, FileType};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A request body that is read from a file or a pipe while it is sent.
pub(crate) fn upload(source: impl Read + Send + 'static) -> Body {
    watched(source).0
}

/// As [`upload`], with what goes wrong in reading: the engine may answer before it hears of that, or just then.
fn watched(mut source: impl Read + Send + 'static) -> (Body, Arc<OnceLock<String>>) {
    let failed = Arc::new(OnceLock::new());
    let noted = Arc::clone(&failed);
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Frame<Bytes>>>(4);
    std::thread::spawn(move || {
        loop {
            let mut buffer = vec![0; 64 * 1024];
            let piece = match source.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => {
                    buffer.truncate(n);
                    Ok(Frame::data(Bytes::from(buffer)))
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => {
                    // Nobody else notes anything.
                    let _ = noted.set(e.to_string());
                    Err(e)
                }
            };
            let failed = piece.is_err();
            if sender.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    });
    let stream =
        futures_util::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    (BodyExt::boxed(StreamBody::new(stream)), failed)
}

/// Sends an archive and shows what the engine says of it.
async fn send(
    context: &Context,
    path: &str,
    kind: &'static str,
    (body, failed): (Body, Arc<OnceLock<String>>),
) -> Result<(), Failure> {
    let sent = async {
        let answer = context.client.send(Method::POST, path, tar_headers(kind), body).await?;
        let json = answer.headers().get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/json"));
        if json {
            Ok(pull::show(answer.into_body(), Target::Stdout).await?)
        } else {
            download(answer.into_body(), "").await
        }
    };
    match (sent.await, failed.get()) {
        (Err(_), Some(why)) => Err(context.client.unsent(&Method::POST, path, why).await.into()),
        (sent, _) => sent,
    }
}

/// A file that names itself when it cannot be read.
struct Named<R> {
    file: R,
    path: String,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(buffer).map_err(|e| match e.kind() {
            ErrorKind::Interrupted => e,
            _ => std::io::Error::other(format!("read {}: {}", self.path, go_io(&e))),
        })
    }
}

fn stdin() -> Named<std::io::Stdin> {
    Named { file: std::io::stdin(), path: "/dev/stdin".to_owned() }
}

fn open(path: &str) -> Result<Named<File>, Failure> {
    let file = File::open(path).map_err(|e| Failure::new(format!("open {path}: {}", go_io(&e))))?;
    Ok(Named { file, path: path.to_owned() })
}

/// Writes an answer to a file (complete or not at all) or to standard output.
async fn download(mut body: Incoming, path: &str) -> Result<(), Failure> {
    if path.is_empty() {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| Failure::new(e.to_string()))?;
            if let Some(data) = frame.data_ref() {
                output::bytes(data);
            }
        }
        return Ok(());
    }
    let wrong = |e: std::io::Error| Failure::new(format!("write {path}: {}", go_io(&e)));
    let mut file = Partial::new(Path::new(path)).map_err(wrong)?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Failure::new(e.to_string()))?;
        file.write(frame.data_ref().map(AsRef::as_ref).unwrap_or_default()).map_err(wrong)?;
    }
    file.finish().map_err(wrong)
}

/// What a file is that no archive can take the place of.
fn unfit(kind: FileType) -> Option<&'static str> {
    match () {
        () if kind.is_dir() => Some("directory"),
        () if kind.is_symlink() => Some("symbolic link directly"),
        () if kind.is_fifo() => Some("named pipe (FIFO)"),
        () if kind.is_socket() => Some("socket"),
        () if kind.is_char_device() => Some("character device file"),
        () if kind.is_block_device() => Some("block device file"),
        () => None,
    }
}

/// Checks that an output file can be written, before anything is asked of the engine.
fn check_output(path: &str, verb: &str) -> Result<(), Failure> {
    if path.is_empty() {
        if terminal::stdout_is_terminal() {
            return Err(Failure::new("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
        }
        return Ok(());
    }
    let directory = Path::new(path).parent().filter(|d| !d.as_os_str().is_empty());
    if let Some(missing) = directory.filter(|d| !d.is_dir()) {
        return Err(Failure::new(format!(
            "failed to {verb}: invalid output path: stat {}: no such file or directory",
            missing.display()
        )));
    }
    let kind = Path::new(path).symlink_metadata().map(|found| found.file_type());
    match kind.ok().and_then(unfit) {
        Some(what) => Err(Failure::new(format!("failed to {verb}: cannot write to a {what}"))),
        None => Ok(()),
    }
}

/// `docker save`.
pub(crate) async fn save(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let path = args.text_or_empty("output");
    check_output(path, "save image")?;
    let mut query: Vec<_> = args.args.iter().map(|n| format!("names={}", encode(n))).collect();
    let platform = platform_query(context)?;
    query.extend(platform.strip_prefix('?').map(str::to_owned));
    let body = context.client.open(Method::GET, &format!("/images/get?{}", query.join("&")), None).await?.into_body();
    download(body, path).await.map(|()| 0)
}

/// `docker export`.
pub(crate) async fn export(context: &Context) -> Result<u8, Failure> {
    let path = context.args.text_or_empty("output");
    check_output(path, "export container")?;
    let body = context
        .client
        .open(Method::GET, &format!("/containers/{}/export", encode_path(context.first())), None)
        .await?
        .into_body();
    download(body, path).await.map(|()| 0)
}

fn tar_headers(kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers
}

/// `docker load`.
pub(crate) async fn load(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let input = args.text_or_empty("input");
    let body = if input.is_empty() {
        if terminal::stdin_is_terminal() {
            return Err(Failure::new("requested load from stdin, but stdin is empty"));
        }
        watched(stdin())
    } else {
        watched(open(input)?)
    };
    let quiet = args.switch("quiet") || !terminal::stdout_is_terminal();
    let path = format!("/images/load?quiet={}{}", u8::from(quiet), platform_query(context)?.replacen('?', "&", 1));
    send(context, &path, "application/x-tar", body).await.map(|()| 0)
}

/// `docker import`.
pub(crate) async fn import(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let source = context.first();
    let name = args.args.get(1).map(String::as_str).unwrap_or_default();
    let url = ["http://", "https://"].iter().any(|p| source.starts_with(p));
    let (body, from) = match source {
        "-" => (watched(stdin()), "-"),
        _ if url => ((crate::client::empty(), Arc::default()), source),
        file => (watched(open(file)?), "-"),
    };
    if !name.is_empty() {
        reference::parse_normalized(name).map_err(|e| Failure::new(e.to_string()))?;
    }
    let mut path = format!(
        "/images/create{}",
        query(&[
            ("fromSrc", from),
            ("message", args.text_or_empty("message")),
            ("platform", &args.text_or_empty("platform").to_lowercase()),
            ("repo", name)
        ])
    );
    for change in args.list("change") {
        path += &format!("&changes={}", encode(change));
    }
    send(context, &path, "text/plain", body).await.map(|()| 0)
}
