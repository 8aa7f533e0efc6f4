//! The build context as docker's client sends it: a directory's archive without what `.dockerignore` names, or an archive or a
//! Dockerfile from standard input. Owners are left out; everything else is as it lies on the disk.

use crate::error::{Failure, go_io};
use engine_wasm::ignore::{Matcher, Verdict, Walk};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the files of a build come from.
#[derive(Debug)]
pub(crate) enum Context {
    /// A directory.
    Directory(Directory),
    /// Standard input is an archive; what was read of it already.
    Archive(Vec<u8>),
    /// Only a Dockerfile.
    Dockerfile(Vec<u8>),
    /// A URL that the engine fetches.
    Remote(String),
}

/// A context directory.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) root: PathBuf,
    /// The Dockerfile's path in the context.
    pub(crate) dockerfile: String,
    /// Its content, when it is not of the context.
    pub(crate) extra: Option<Vec<u8>>,
}

fn prepare(text: impl std::fmt::Display) -> Failure {
    Failure::new(format!("unable to prepare context: {text}"))
}

/// Finds the context that `path` and `--file` name.
///
/// # Errors
/// docker's sentences for what is not there.
pub(crate) fn find(path: &str, file: &str) -> Result<Context, Failure> {
    if path == "-" {
        if file == "-" {
            return Err(Failure::new("invalid argument: can't use stdin for both build context and dockerfile"));
        }
        return from_stdin();
    }
    let remote = ["http://", "https://", "git://", "git@", "ssh://", "github.com/"];
    if remote.iter().any(|prefix| path.starts_with(prefix)) {
        return Ok(Context::Remote(path.to_owned()));
    }
    let root = std::fs::canonicalize(path).map_err(|_| prepare(format!("path {path:?} not found")))?;
    if !root.is_dir() {
        return Err(prepare(format!("context must be a directory: {}", root.display())));
    }
    if file == "-" {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content).map_err(|e| Failure::new(go_io(&e)))?;
        return Ok(Context::Directory(Directory { root, dockerfile: String::new(), extra: Some(content) }));
    }
    let wanted = match file {
        "" => {
            let usual = root.join("Dockerfile");
            let lower = root.join("dockerfile");
            if !usual.exists() && lower.exists() { lower } else { usual }
        }
        file => std::path::absolute(file).map_or_else(|_| PathBuf::from(file), |path| clean(&path)),
    };
    let real = std::fs::canonicalize(&wanted).map_err(|e| {
        prepare(format!("unable to evaluate symlinks in Dockerfile path: lstat {}: {}", wanted.display(), go_io(&e)))
    })?;
    match real.strip_prefix(&root) {
        Ok(inside) => {
            let dockerfile = inside.to_string_lossy().into_owned();
            Ok(Context::Directory(Directory { root, dockerfile, extra: None }))
        }
        Err(_) => {
            let content = std::fs::read(&real).map_err(|e| {
                Failure::new(format!("unable to open Dockerfile: open {}: {}", real.display(), go_io(&e)))
            })?;
            Ok(Context::Directory(Directory { root, dockerfile: String::new(), extra: Some(content) }))
        }
    }
}

/// A path without `..`.
fn clean(path: &Path) -> PathBuf {
    PathBuf::from(engine_wasm::ignore::path::clean(&path.to_string_lossy()))
}

/// Looks at the first block of standard input: an archive, packed or not, or a Dockerfile.
fn from_stdin() -> Result<Context, Failure> {
    let mut head = Vec::new();
    let wrong = |e: io::Error| Failure::new(format!("failed to peek context header from STDIN: {}", go_io(&e)));
    io::stdin().take(512).read_to_end(&mut head).map_err(wrong)?;
    let packed = [&[0x1f, 0x8b, 0x08][..], b"BZh", &[0xfd, 0x37, 0x7a, 0x58, 0x5a], &[0x28, 0xb5, 0x2f, 0xfd]];
    if packed.iter().any(|magic| head.starts_with(magic)) || is_header(&head) {
        return Ok(Context::Archive(head));
    }
    io::stdin().read_to_end(&mut head).map_err(wrong)?;
    Ok(Context::Dockerfile(head))
}

/// Whether a block is the header of an archive: its sum is right.
fn is_header(block: &[u8]) -> bool {
    let Some(field) = block.get(148..156).filter(|_| block.len() == 512) else { return false };
    let sum: u32 =
        block.iter().enumerate().map(|(n, b)| if (148..156).contains(&n) { 32 } else { u32::from(*b) }).sum();
    let text = String::from_utf8_lossy(field);
    u32::from_str_radix(text.trim_matches(['\0', ' ']), 8) == Ok(sum)
}

/// Writes the archive of a Dockerfile alone.
///
/// # Errors
/// When nobody reads it.
pub(crate) fn write_dockerfile(content: &[u8], out: impl Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    append_file(&mut tar, "Dockerfile", content)?;
    tar.into_inner()?.flush()
}

fn append_file<W: Write>(tar: &mut tar::Builder<W>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, name, content)
}

/// The name in the archive of a Dockerfile that is not of the context.
pub(crate) fn extra_name() -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos());
    format!(".dockerfile.{:020x}", now ^ u128::from(std::process::id()))
}

impl Directory {
    /// What `.dockerignore`, or in its place a file with the Dockerfile's name before that, leaves out; the Dockerfile and the
    /// file itself always come, as the engine needs them.
    ///
    /// # Errors
    /// For patterns that are none.
    pub(crate) fn ignored(&self) -> Result<Matcher, Failure> {
        let own = format!("{}.dockerignore", self.dockerfile);
        let name = if self.extra.is_none() && self.root.join(&own).is_file() { own.as_str() } else { ".dockerignore" };
        let file = self.root.join(name);
        let wrong = |e: &dyn std::fmt::Display| Failure::new(format!("error checking context: {e}"));
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Matcher::default()),
            Err(e) => return Err(wrong(&go_io(&e))),
        };
        let mut patterns = engine_wasm::ignore::read(&text).map_err(|e| wrong(&e))?;
        let matcher = Matcher::new(&patterns).map_err(|e| wrong(&e))?;
        let before = patterns.len();
        for name in [name, &self.dockerfile] {
            if !name.is_empty() && matcher.ignores(name).map_err(|e| wrong(&e))? {
                patterns.push(format!("!{name}"));
            }
        }
        if patterns.len() == before { Ok(matcher) } else { Matcher::new(&patterns).map_err(|e| wrong(&e)) }
    }

    /// Checks that all that is to be sent can be read.
    ///
    /// # Errors
    /// docker's sentence for the first file that cannot.
    pub(crate) fn check(&self, ignored: &Matcher) -> Result<(), Failure> {
        let mut walk = ignored.walk();
        each(&self.root, "", &mut walk, &mut |path, name, meta| {
            if meta.is_file() {
                std::fs::File::open(path)
                    .map_err(|e| io::Error::new(e.kind(), format!("no permission to read from '{name}'")))?;
            }
            Ok(())
        })
        .map_err(|e| Failure::new(format!("error checking context: {}", go_io(&e))))
    }

    /// Writes the archive; a Dockerfile from elsewhere goes into it under `extra`.
    ///
    /// # Errors
    /// When a file cannot be read, or nobody reads the archive.
    pub(crate) fn write(&self, ignored: &Matcher, extra: &str, out: impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(out);
        tar.follow_symlinks(false);
        let mut walk = ignored.walk();
        let replaced = self.extra.is_some();
        let mut own_ignore = None;
        each(&self.root, "", &mut walk, &mut |path, name, meta| {
            if replaced && name == ".dockerignore" {
                own_ignore = std::fs::read(path).ok();
                return Ok(());
            }
            append(&mut tar, path, name, meta)
        })?;
        if let Some(content) = &self.extra {
            append_file(&mut tar, extra, content)?;
            // The engine takes both away again.
            let mut text = own_ignore.unwrap_or_default();
            if !text.is_empty() && !text.ends_with(b"\n") {
                text.push(b'\n');
            }
            text.extend_from_slice(format!(".dockerignore\n{extra}\n").as_bytes());
            append_file(&mut tar, ".dockerignore", &text)?;
        }
        tar.into_inner()?.flush()
    }
}

/// Visits everything in a directory that is to be sent, in the order of names; a directory comes before what is in it.
fn each(
    dir: &Path,
    prefix: &str,
    walk: &mut Walk<'_>,
    visit: &mut dyn FnMut(&Path, &str, &std::fs::Metadata) -> io::Result<()>,
) -> io::Result<()> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir)?.map(|entry| entry.map(|e| e.file_name())).collect::<Result<_, _>>()?;
    names.sort_unstable();
    for name in names {
        let path = dir.join(&name);
        let name = if prefix.is_empty() {
            name.to_string_lossy().into_owned()
        } else {
            format!("{prefix}/{}", name.to_string_lossy())
        };
        let meta = std::fs::symlink_metadata(&path)?;
        let verdict = walk.visit(&name, meta.is_dir()).map_err(|e| io::Error::other(e.to_string()))?;
        match verdict {
            Verdict::Ignore => continue,
            Verdict::Keep => visit(&path, &name, &meta)?,
            Verdict::Descend => {}
        }
        if meta.is_dir() {
            each(&path, &name, walk, visit)?;
        }
    }
    Ok(())
}

fn append<W: Write>(tar: &mut tar::Builder<W>, path: &Path, name: &str, meta: &std::fs::Metadata) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(meta.mode() & 0o7777);
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
    header.set_size(0);
    let kind = meta.mode() & 0o170_000;
    if meta.is_dir() {
        header.set_entry_type(tar::EntryType::Directory);
        tar.append_data(&mut header, format!("{name}/"), io::empty())
    } else if meta.is_symlink() {
        header.set_entry_type(tar::EntryType::Symlink);
        tar.append_link(&mut header, name, std::fs::read_link(path)?)
    } else if meta.is_file() {
        header.set_size(meta.size());
        // A file that grows or shrinks meanwhile keeps the length that was announced.
        let file = std::fs::File::open(path)?;
        tar.append_data(&mut header, name, file.chain(io::repeat(0)).take(meta.size()))
    } else if kind == 0o010_000 {
        header.set_entry_type(tar::EntryType::Fifo);
        tar.append_data(&mut header, name, io::empty())
    } else {
        // Sockets and devices are none of a build's business.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(archive: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap();
        entries.map(|e| e.unwrap().path().unwrap().display().to_string()).collect()
    }

    #[test]
    fn what_is_ignored_stays_at_home_but_for_what_the_engine_needs() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("logs")).unwrap();
        for (name, text) in [
            ("Dockerfile", "FROM a"),
            ("keep.txt", "k"),
            ("a.log", "l"),
            ("logs/b.log", "l"),
            ("logs/c", "c"),
            (".dockerignore", "*.log\nlogs/c\nDockerfile\n.dockerignore\n"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let Context::Directory(found) = find(dir.path().to_str().unwrap(), "").unwrap() else { panic!("a directory") };
        let ignored = found.ignored().unwrap();
        found.check(&ignored).unwrap();
        let mut out = Vec::new();
        found.write(&ignored, "", &mut out).unwrap();
        assert_eq!(names(&out), [".dockerignore", "Dockerfile", "keep.txt", "logs/", "logs/b.log"]);
        std::fs::write(dir.path().join("Dockerfile.dockerignore"), "*\n!logs\n").unwrap();
        let mut out = Vec::new();
        found.write(&found.ignored().unwrap(), "", &mut out).unwrap();
        assert_eq!(names(&out), ["Dockerfile", "Dockerfile.dockerignore", "logs/", "logs/b.log", "logs/c"]);
    }

    #[test]
    fn a_dockerfile_from_elsewhere_comes_under_another_name() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(dir.path().join("x"), "x").unwrap();
        let file = other.path().join("D");
        std::fs::write(&file, "FROM b").unwrap();
        let found = find(dir.path().to_str().unwrap(), file.to_str().unwrap()).unwrap();
        let Context::Directory(found) = found else { panic!("a directory") };
        let mut out = Vec::new();
        found.write(&found.ignored().unwrap(), ".dockerfile.1", &mut out).unwrap();
        assert_eq!(names(&out), ["x", ".dockerfile.1", ".dockerignore"]);
    }

    #[test]
    fn what_is_missing_is_told_in_dockers_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let error = find(path.to_str().unwrap(), "").unwrap_err().message;
        let expected = "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat";
        assert_eq!(error, format!("{expected} {}/Dockerfile: no such file or directory", path.display()));
        assert_eq!(find("no/where", "").unwrap_err().message, "unable to prepare context: path \"no/where\" not found");
    }

    #[test]
    fn an_archive_is_told_by_its_header() {
        let mut archive = Vec::new();
        write_dockerfile(b"FROM a", &mut archive).unwrap();
        assert_eq!(archive.len(), 2048);
        assert!(is_header(&archive[..512]) && !is_header(b"FROM a") && !is_header(&[0; 512]));
    }
}
