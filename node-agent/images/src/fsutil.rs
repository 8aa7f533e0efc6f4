//! Small file operations that the store is built on: names that cannot clash, and writes that are either whole or absent.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::{IoContext as _, Result};
use crate::store::durable::sync;

/// Files whose name begins so are leftovers of an interrupted write and are swept when the store is opened.
pub(crate) const TEMP_PREFIX: &str = ".tmp-";

/// `N` random bytes in hexadecimal.
pub(crate) fn random_hex<const N: usize>() -> String {
    hex::encode(random_bytes::<N>())
}

/// 26 characters as Docker names its short links: upper-case letters and digits.
pub(crate) fn random_link() -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    random_bytes::<26>().iter().map(|b| char::from(ALPHABET[usize::from(b & 31)])).collect()
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel's random source is always there on Linux");
    bytes
}

/// Writes a file, its owner's only, so that after any crash it holds either its old content or all of the new one.
pub(crate) fn write_atomic(path: &Path, content: &[u8]) -> Result<()> {
    write_renamed(path, content, true)
}

/// As [`write_atomic`]; what is not `durable` may be empty or gone after a crash of the machine, though not of a program.
pub(crate) fn write_renamed(path: &Path, content: &[u8], durable: bool) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let temp = parent.join(format!("{TEMP_PREFIX}{}", random_hex::<8>()));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
        file.write_all(content)?;
        if durable {
            sync(&file)?;
        }
        fs::rename(&temp, path)?;
        if durable { sync_dir(parent) } else { Ok(()) }
    })();
    if written.is_err() {
        // The write's own error is the one to report; what is left is swept at the next open.
        let _ = fs::remove_file(&temp);
    }
    written.at("write", path)
}

/// Makes renames inside a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    sync(&File::open(path)?)
}

/// Removes a tree if it is there. Mounts in it are not crossed knowingly: detach them first.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", path),
    }
}

/// Reads a small text file; `None` when it does not exist.
pub(crate) fn read_optional(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("read", path),
    }
}

/// The names in a directory; none when the directory does not exist.
pub(crate) fn names(path: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).at("list", path),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.at("list", path)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
