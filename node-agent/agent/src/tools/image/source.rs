//! Files and directories as sources of images, and a meter for long work.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use engine_wasm::image::{Archive, Decoder, Error, Files, Limits, ReadAt};

/// A file that is read where it lies.
struct Archived(File, u64);

impl ReadAt for Archived {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// An OCI layout in a directory.
struct Directory {
    root: PathBuf,
    /// The file that was read last stays open.
    last: RefCell<Option<(String, File)>>,
}

impl Directory {
    /// A path within the directory; none that leads out of it.
    fn place(&self, path: &str) -> Option<PathBuf> {
        let inside = !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        inside.then(|| self.root.join(path))
    }
}

impl Files for Directory {
    fn size(&self, path: &str) -> Option<u64> {
        let metadata = std::fs::metadata(self.place(path)?).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut last = self.last.borrow_mut();
        if let Some((known, file)) = &*last
            && known == path
        {
            return file.read_at(buffer, offset);
        }
        let file = File::open(self.place(path).ok_or(io::ErrorKind::NotFound)?)?;
        let read = file.read_at(buffer, offset);
        *last = Some((path.to_owned(), file));
        read
    }

    fn paths(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut pending = vec![String::new()];
        while let Some(dir) = pending.pop() {
            for entry in std::fs::read_dir(self.root.join(&dir)).into_iter().flatten().flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => pending.push(path),
                    Ok(kind) if kind.is_file() => out.push(path),
                    _ => {}
                }
            }
        }
        out.sort();
        out
    }
}

/// Opens an archive or a directory; `-` is standard input. What is compressed, or a pipe, goes through a file that has no name.
pub(super) fn open(path: &Path) -> Result<Archive> {
    let limits = Limits::default();
    if path == Path::new("-") {
        let named = "standard input";
        if io::stdin().is_terminal() {
            bail!(
                "{named} is a terminal: pipe an archive into this command, as `docker save IMAGE | node-agent image ...`"
            );
        }
        let plain = decompress(io::stdin().lock(), 0, &limits).context(named)?;
        let size = plain.metadata()?.len();
        return Archive::open(Archived(plain, size), &limits).context(named);
    }
    let named = || format!("{}", path.display());
    if path.is_dir() {
        let files = Directory { root: path.to_owned(), last: RefCell::new(None) };
        return Archive::from_files(files, &limits).with_context(named);
    }
    let file = File::open(path).with_context(named)?;
    let size = file.metadata().with_context(named)?.len();
    match Archive::open(Archived(file.try_clone()?, size), &limits) {
        Err(Error::CompressedArchive("gzip" | "zstd")) => {
            let plain = decompress(file, size, &limits).with_context(named)?;
            let size = plain.metadata()?.len();
            Archive::open(Archived(plain, size), &limits).with_context(named)
        }
        other => other.with_context(named),
    }
}

fn decompress(mut file: impl Read, size: u64, limits: &Limits) -> Result<File> {
    let mut plain = tempfile::tempfile().context("making a temporary file for the decompressed archive")?;
    let mut decoder = Decoder::new(limits, "the archive");
    let mut write =
        |bytes: &[u8]| plain.write_all(bytes).map_err(|error| Error::Io { what: "the temporary file".into(), error });
    let (mut meter, mut done) = (Meter::new("decompressing", size), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            decoder.finish(&mut write)?;
            break;
        }
        decoder.feed(&buffer[..read], &mut write)?;
        done += read as u64;
        meter.show(done);
    }
    Ok(plain)
}

/// Shows on a terminal how far long work has come.
pub(super) struct Meter {
    what: &'static str,
    total: u64,
    since: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Meter {
    pub(super) fn new(what: &'static str, total: u64) -> Self {
        Self { what, total, since: Instant::now(), shown: None, terminal: io::stderr().is_terminal() }
    }

    pub(super) fn total(&mut self, total: u64) {
        self.total = total;
    }

    /// Says so when there is something to wait for.
    pub(super) fn show(&mut self, done: u64) {
        let now = Instant::now();
        let early = now - self.since < Duration::from_millis(300);
        let just = self.shown.is_some_and(|at| now - at < Duration::from_millis(100));
        if !self.terminal || early || just || self.total == 0 {
            return;
        }
        self.shown = Some(now);
        let percent = done.saturating_mul(100) / self.total;
        eprint!("\r\x1b[K{} {percent}% of {}", self.what, super::show::size(self.total));
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
