//! `docker build`: the context goes up, the engine's messages come down. `--check` looks at the Dockerfile only and needs no engine.

use super::Context;
use crate::build_context::{self, Context as Source};
use crate::client::{self, Body, encode};
use crate::commands::archive::upload;
use crate::error::{CallError, Failure, go_io};
use crate::{output, secrets, ssh, terminal};
use engine_wasm::cli::{build, progress::Progress};
use engine_wasm::dockerfile::lint;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// On a terminal the size is told again after so many bytes.
const TELL_EVERY: u64 = 512 * 1024;

/// `docker build`.
pub(crate) async fn build(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let file = args.text_or_empty("file");
    if args.switch("check") {
        return check(context.first(), file);
    }
    if args.switch("squash") && !context.client.ping().await?.experimental {
        return Err(Failure::new(
            "\"--squash\" is only supported on a Docker daemon with experimental features enabled",
        ));
    }
    let env = |name: &str| std::env::var(name).ok();
    let wrong = |(message, code)| Failure { message, code };
    // What is wrong with the flags is told before the context is looked for.
    build::query(args, "", "", &env).map_err(wrong)?;
    let mut headers = HeaderMap::new();
    secrets::add(&args.list("secret"), &mut headers)?;
    let agents = ssh::Agents::read(&args.list("ssh"), &mut headers)?;
    let source = build_context::find(context.first(), file)?;
    if let Source::Archive(_) = source {
        // What somebody has packed is taken as it is.
        headers.insert("x-slipway-packed", HeaderValue::from_static("1"));
    }
    let mut extra = String::new();
    let (dockerfile, remote) = match &source {
        Source::Directory(dir) if dir.extra.is_some() => {
            extra = build_context::extra_name();
            (extra.clone(), String::new())
        }
        Source::Directory(dir) => (dir.dockerfile.clone(), String::new()),
        Source::Archive(_) => (file.to_owned(), String::new()),
        Source::Dockerfile(_) => (String::new(), String::new()),
        Source::Remote(url) => (file.to_owned(), url.clone()),
    };
    let query = build::query(args, &dockerfile, &remote, &env).map_err(wrong)?;
    let quiet = args.switch("quiet");
    let iidfile = args.text_or_empty("iidfile");
    if !iidfile.is_empty() {
        // An old id must not be taken for this build's.
        match std::fs::remove_file(iidfile) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(Failure::new(format!("removing image ID file: remove {iidfile}: {}", go_io(&e))));
            }
            _ => {}
        }
    }
    let show = Arc::new(Sending::new(quiet));
    let body = body(source, extra, args.switch("compress"), &show)?;
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    headers.insert("content-type", HeaderValue::from_static("application/x-tar"));
    let mut known =
        HeaderValue::try_from(context.credentials.config_header()).map_err(|e| Failure::new(e.to_string()))?;
    known.set_sensitive(true);
    headers.insert("x-registry-config", known);
    let path = format!("/build?{}", pairs.join("&"));
    let work = async {
        let answer = context.client.send(Method::POST, &path, headers, body).await;
        show.end();
        let answer = answer.inspect_err(|_| show.flush_to_stderr())?;
        follow(answer.into_body(), &show).await
    };
    let id = agents.during(&context.client, work).await?;
    if quiet {
        output::line(&id);
    }
    if !iidfile.is_empty() {
        if id.is_empty() {
            return Err(Failure::new(format!("server did not provide an image ID. Cannot write {iidfile}")));
        }
        std::fs::write(iidfile, &id).map_err(|e| Failure::new(format!("writing {iidfile}: {}", go_io(&e))))?;
    }
    Ok(0)
}

/// The request's body, written by a thread of its own while it is sent.
fn body(source: Source, extra: String, compress: bool, show: &Arc<Sending>) -> Result<Body, Failure> {
    let show = Arc::clone(show);
    match source {
        Source::Remote(_) => Ok(client::empty()),
        Source::Archive(head) => Ok(counted(io::Cursor::new(head).chain(io::stdin()), compress, show)),
        Source::Dockerfile(content) => piped(show, compress, move |out| build_context::write_dockerfile(&content, out)),
        Source::Directory(dir) => {
            let ignored = dir.ignored()?;
            dir.check(&ignored)?;
            piped(show, compress, move |out| dir.write(&ignored, &extra, out))
        }
    }
}

fn piped(
    show: Arc<Sending>,
    compress: bool,
    write: impl FnOnce(io::BufWriter<io::PipeWriter>) -> io::Result<()> + Send + 'static,
) -> Result<Body, Failure> {
    let (reader, writer) = io::pipe().map_err(|e| Failure::new(go_io(&e)))?;
    std::thread::spawn(move || {
        match write(io::BufWriter::with_capacity(64 * 1024, writer)) {
            // The engine has refused the build and reads no more; its answer says why.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                output::error(&format!("Can't write the context: {}", go_io(&e)))
            }
            _ => {}
        }
    });
    Ok(counted(reader, compress, show))
}

/// What is counted is what goes up: with `--compress`, gzip's bytes.
fn counted(inner: impl Read + Send + 'static, compress: bool, show: Arc<Sending>) -> Body {
    if !compress {
        return upload(Counted { inner, show });
    }
    let inner = flate2::read::GzEncoder::new(inner, flate2::Compression::default());
    upload(Counted { inner, show })
}

/// Counts what goes up.
struct Counted<R> {
    inner: R,
    show: Arc<Sending>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.show.end();
        }
        self.show.add(count as u64);
        Ok(count)
    }
}

/// The line about the context's size, and what is kept back with `--quiet`.
struct Sending {
    sent: AtomicU64,
    told: AtomicU64,
    ended: std::sync::Mutex<bool>,
    terminal: bool,
    quiet: bool,
    kept: std::sync::Mutex<String>,
}

impl Sending {
    fn new(quiet: bool) -> Self {
        Self {
            sent: AtomicU64::new(0),
            told: AtomicU64::new(0),
            ended: std::sync::Mutex::new(false),
            terminal: terminal::stdout_is_terminal(),
            quiet,
            kept: std::sync::Mutex::default(),
        }
    }

    fn print(&self, text: &str) {
        if self.quiet {
            self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push_str(text);
        } else {
            output::print(text);
        }
    }

    fn add(&self, count: u64) {
        let sent = self.sent.fetch_add(count, Ordering::Relaxed) + count;
        if self.terminal && !self.quiet && sent - self.told.load(Ordering::Relaxed) > TELL_EVERY {
            self.told.store(sent, Ordering::Relaxed);
            output::print(&format!("{}\r", build::sending(sent)));
        }
    }

    /// The last word on the size; once only, and before anything that the engine says.
    fn end(&self) {
        let mut ended = self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let sent = self.sent.load(Ordering::Relaxed);
        if !std::mem::replace(&mut *ended, true) && sent > 0 {
            self.print(&format!("{}\r\r\n", build::sending(sent)));
        }
    }

    /// After a failure, what was kept back is shown.
    fn flush_to_stderr(&self) {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        if !kept.is_empty() {
            output::error_bytes(kept.as_bytes());
        }
    }
}

/// Shows the engine's messages; returns the image's id.
async fn follow(mut body: Incoming, show: &Sending) -> Result<String, Failure> {
    let terminal = (show.terminal && !show.quiet).then(|| terminal::width(false));
    let mut progress = Progress::new(terminal);
    let (mut pending, mut id) = (Vec::new(), String::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| CallError::Transport(e.to_string()))?;
        let Some(data) = frame.data_ref() else { continue };
        pending.extend_from_slice(data);
        let mut values = serde_json::Deserializer::from_slice(&pending).into_iter::<Value>();
        let mut used = 0;
        while let Some(Ok(message)) = values.next() {
            used = values.byte_offset();
            if let Some(made) = message["aux"]["ID"].as_str() {
                made.clone_into(&mut id);
            }
            let now = io_now();
            match progress.push(&message, now) {
                // With `--quiet` the engine's only word is the id, which is printed at the end.
                Ok(text) if show.quiet && text.trim().starts_with("sha256:") => text.trim().clone_into(&mut id),
                Ok(text) => show.print(&text),
                Err((error, text)) => {
                    show.print(&text);
                    show.flush_to_stderr();
                    let code = message["errorDetail"]["code"].as_u64().and_then(|code| u8::try_from(code).ok());
                    return Err(Failure { message: error, code: code.filter(|code| *code != 0).unwrap_or(1) });
                }
            }
        }
        pending.drain(..used);
    }
    let _ = io::stdout().flush();
    Ok(id)
}

fn io_now() -> i64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_secs());
    i64::try_from(now).unwrap_or_default()
}

/// `docker build --check`: exit code 1 when something was found.
fn check(path: &str, file: &str) -> Result<u8, Failure> {
    let (name, text, ignored) = match build_context::find(path, file)? {
        Source::Directory(dir) => {
            let ignored = dir.ignored()?;
            match &dir.extra {
                Some(content) => ("Dockerfile".to_owned(), content.clone(), Some(ignored)),
                None => {
                    let path = dir.root.join(&dir.dockerfile);
                    let content = std::fs::read(&path)
                        .map_err(|e| Failure::new(format!("open {}: {}", path.display(), go_io(&e))))?;
                    (dir.dockerfile.clone(), content, Some(ignored))
                }
            }
        }
        Source::Dockerfile(content) => ("Dockerfile".to_owned(), content, None),
        Source::Archive(_) | Source::Remote(_) => {
            return Err(Failure::new("--check needs a directory, or a Dockerfile on standard input"));
        }
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let everything = ["*", "**", "**/*"];
    let usable = ignored.as_ref().filter(|matcher| !matcher.exclusions() && !matcher.patterns().is_empty());
    let matches = |path: &str| usable.is_some_and(|matcher| matcher.ignores(path).unwrap_or(false));
    let ignored = usable.map(|matcher| lint::Ignored {
        matches: &matches,
        everything: matcher.patterns().iter().any(|pattern| everything.contains(&pattern.text())),
    });
    let report = lint::check(&text, &lint::Options { ignored, ..lint::Options::default() });
    output::print(&build::check_report(&report, &name, &text));
    Ok(u8::from(!report.warnings.is_empty() || !report.errors.is_empty()))
}

/// `docker builder prune`.
pub(crate) async fn prune(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let what = if args.switch("all") { "all build cache" } else { "all dangling build cache" };
    let question = format!("WARNING! This will remove {what}. Are you sure you want to continue?");
    if !args.switch("force") && !super::image::confirm(&question) {
        return Ok(0);
    }
    let keep = args.text_or_empty("keep-storage");
    let keep = if keep.is_empty() { 0 } else { engine_wasm::units::ram_in_bytes(keep).unwrap_or_default() };
    let query = client::query(&[
        ("all", if args.switch("all") { "1" } else { "" }),
        ("filters", &engine_wasm::cli::when::filters(&args.list("filter"))),
        ("keep-storage", &if keep == 0 { String::new() } else { keep.to_string() }),
    ]);
    let answer = context.client.post(&format!("/build/prune{query}"), None).await?;
    let list: Vec<&str> = answer["CachesDeleted"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !list.is_empty() {
        output::print(&format!("Deleted build cache objects:\n{}\n\n", list.join("\n")));
    }
    let bytes = answer["SpaceReclaimed"].as_f64().unwrap_or_default();
    output::line(&format!("Total reclaimed space: {}", engine_wasm::units::human_size(bytes)));
    Ok(0)
}
