//! A build's context on disk: unpacked from the client's upload into a directory of its own that goes when the build ends, and
//! the Dockerfile in it. Nothing in an archive leads out of the directory.

use std::cell::Cell;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use slipway_images::decompress;

use super::ignore::Filtered;
use super::unpack::{BAD_HEADER, damaged, unpack_context};
use crate::error::{Error, Result};
use crate::rootfs;

/// A Dockerfile longer than this is refused.
const MAX_DOCKERFILE: u64 = 16 << 20;

/// A directory that is removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A fresh directory below `dir`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join(crate::containers::names::random_hex(16));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is swept at the engine's next start.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A context and its Dockerfile.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) dir: Scratch,
    /// The Dockerfile's name, as errors show it.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
    /// There is nothing but the Dockerfile.
    pub(crate) absent: bool,
    /// The ignore file's text.
    pub(crate) ignored: Option<String>,
}

/// Unpacks an archive, packed or not, into `root`.
///
/// # Errors
/// For an archive that is none.
pub(crate) fn unpack(archive: impl Read, root: &Path) -> Result<()> {
    let input = decompress(archive).map_err(|e| damaged(&e))?;
    let (real, ended, mut last) = (Cell::new(0), Cell::new(false), 0);
    let input = Padded { input, real: &real, ended: &ended, padding: None };
    let unpacked = unpack_context(input, root, |end| last = end);
    let torn = unpacked.as_ref().is_err_and(|e| e.message.ends_with(BAD_HEADER)) && ended.get();
    if torn || (unpacked.is_ok() && real.get() < last) {
        return Err(damaged(&io::ErrorKind::UnexpectedEof.into()));
    }
    unpacked
}

/// A stream with what an archive must end with: docker's client leaves the padding and the end away when it adds a Dockerfile.
struct Padded<'a, R> {
    input: R,
    /// Bytes that were really there.
    real: &'a Cell<u64>,
    /// The end has come.
    ended: &'a Cell<bool>,
    /// What is still to be given after the end.
    padding: Option<u64>,
}

impl<R: Read> Read for Padded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.padding else {
            let count = self.input.read(buffer)?;
            self.real.set(self.real.get() + count as u64);
            if count == 0 && !buffer.is_empty() {
                self.ended.set(true);
                let real = self.real.get();
                self.padding = Some(real.next_multiple_of(512) - real + 1024);
                return self.read(buffer);
            }
            return Ok(count);
        };
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        buffer[..count].fill(0);
        self.padding = Some(left - count as u64);
        Ok(count)
    }
}

impl Context {
    /// Takes an unpacked context: finds its Dockerfile and takes away what `.dockerignore` says the build must not see of
    /// these two files themselves, and of the rest where nobody has done it.
    ///
    /// # Errors
    /// For a Dockerfile that is missing, empty or too long, and bad patterns.
    pub(crate) fn open(dir: Scratch, wanted: &str, filtered: Filtered) -> Result<Self> {
        let wanted = if wanted.is_empty() { "Dockerfile" } else { wanted };
        let root = dir.path();
        let (name, text) = match read(root, wanted)? {
            Some(text) => (wanted.to_owned(), text),
            None if wanted == "Dockerfile" => match read(root, "dockerfile")? {
                Some(text) => ("dockerfile".to_owned(), text),
                None => return Err(missing(wanted)),
            },
            None => return Err(missing(wanted)),
        };
        if text.is_empty() {
            return Err(Error::bad(format!("the Dockerfile ({name}) cannot be empty")));
        }
        let ignored = super::ignore::apply(root, &name, filtered)?;
        Ok(Self { dir, name, text, absent: false, ignored })
    }

    /// Writes a file that is no part of the upload: an `ADD` from the network or a here-document.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) fn keep(scratch: &Path, name: &str, content: &[u8], mode: u32) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let path = scratch.join(name);
        let mut file = std::fs::File::create_new(&path)?;
        file.write_all(content)?;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        Ok(())
    }
}

fn missing(name: &str) -> Error {
    Error::bad(format!("Cannot locate specified Dockerfile: {name}"))
}

/// The Dockerfile's text; `None` when it is not there.
fn read(root: &Path, name: &str) -> Result<Option<String>> {
    let Ok(found) = rootfs::Inside::open(root, Path::new(name)) else { return Ok(None) };
    let meta = found.metadata()?;
    if !meta.is_file() {
        return Err(Error::internal(format!("unexpected error reading Dockerfile: read {name}: is a directory")));
    }
    if meta.len() > MAX_DOCKERFILE {
        return Err(Error::bad(format!("the Dockerfile ({name}) is longer than {MAX_DOCKERFILE} bytes")));
    }
    let bytes = std::fs::read(found.path())?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> Scratch {
        Scratch::new(&std::env::temp_dir().join(format!("slipway-context-{name}-{}", std::process::id()))).unwrap()
    }

    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, content) in entries {
            let mut header = tar::Header::new_gnu();
            // Written by hand: the library refuses to write such names.
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_entry_type(tar::EntryType::Regular);
            header.set_cksum();
            out.extend_from_slice(header.as_bytes());
            out.extend_from_slice(content.as_bytes());
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.resize(out.len() + 1024, 0);
        out
    }

    #[test]
    fn a_dockerfile_is_found_in_either_case_and_must_say_something() {
        let open = |entries: &[(&str, &str)], wanted: &str| {
            let dir = scratch("find");
            unpack(&archive(entries)[..], dir.path()).unwrap();
            Context::open(dir, wanted, Filtered::ByClient).map(|c| (c.name, c.text)).map_err(|e| e.message)
        };
        assert_eq!(open(&[("Dockerfile", "FROM a")], "").unwrap(), ("Dockerfile".into(), "FROM a".into()));
        assert_eq!(open(&[("dockerfile", "FROM a")], "").unwrap().0, "dockerfile");
        assert_eq!(open(&[("d/x", "FROM b")], "d/x").unwrap().1, "FROM b");
        assert_eq!(open(&[("a", "")], "").unwrap_err(), "Cannot locate specified Dockerfile: Dockerfile");
        assert_eq!(open(&[("a", "")], "b").unwrap_err(), "Cannot locate specified Dockerfile: b");
        assert_eq!(open(&[("Dockerfile", "")], "").unwrap_err(), "the Dockerfile (Dockerfile) cannot be empty");
    }

    #[test]
    fn nothing_in_an_archive_leads_out() {
        let dir = scratch("hostile");
        for path in ["../out", "a/../../out2"] {
            unpack(&archive(&[(path, "x")])[..], dir.path()).unwrap();
            let name = path.rsplit('/').next().unwrap();
            assert!(dir.path().join(name).is_file(), "{path} is seen from the root of the context");
            assert!(!dir.path().parent().unwrap().join(name).exists(), "{path}");
        }
        unpack(&archive(&[("/absolute", "x")])[..], dir.path()).unwrap();
        assert!(dir.path().join("absolute").is_file(), "an absolute name is taken for a relative one");
        std::os::unix::fs::symlink("/tmp", dir.path().join("link")).unwrap();
        let error = unpack(&archive(&[("link/slipway-escaped", "x")])[..], dir.path()).unwrap_err();
        assert!(error.message.ends_with("open /link/slipway-escaped: no such file or directory"), "{}", error.message);
        assert!(!Path::new("/tmp/slipway-escaped").exists());
    }

    #[test]
    fn archives_that_are_none_are_errors() {
        let dir = scratch("broken");
        let whole = archive(&[("Dockerfile", "FROM a")]);
        assert!(unpack(&whole[..515], dir.path()).is_err(), "the content is cut off");
        assert!(unpack(&whole[..300], dir.path()).is_err(), "the header is cut off");
        unpack(&whole[..518], dir.path()).expect("padding and end may be missing, as docker's client sends it");
        assert!(unpack(&b"this is no archive at all, but it is long enough for a block"[..], dir.path()).is_err());
        use std::io::Write as _;
        let mut gzip = Vec::new();
        let mut child = std::process::Command::new("gzip")
            .arg("-c")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("gzip");
        child.stdin.take().unwrap().write_all(&whole).unwrap();
        child.stdout.take().unwrap().read_to_end(&mut gzip).unwrap();
        child.wait().unwrap();
        unpack(&gzip[..], dir.path()).unwrap();
        assert!(dir.path().join("Dockerfile").is_file());
    }

    #[test]
    fn a_scratch_directory_goes_with_its_owner() {
        let dir = scratch("gone");
        let path = dir.path().to_owned();
        std::fs::write(path.join("x"), "x").unwrap();
        drop(dir);
        assert!(!path.exists());
    }
}
