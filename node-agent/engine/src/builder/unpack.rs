//! Unpacking archives of a build: contexts, and what `ADD` unpacks. Every name is resolved inside a root as if that were `/`, links
//! of the archive and of the image included, so that no archive writes, links or removes anything elsewhere.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use slipway_images::decompress;

use super::copy::How;
use super::landing::{Landing, inside};
use crate::error::{Error, Result};

/// Entries of an archive.
const MAX_ENTRIES: usize = 1_000_000;
/// Go's words for a block that is no header.
pub(crate) const BAD_HEADER: &str = "archive/tar: invalid tar header";

/// Whether a file is an archive that `ADD` unpacks: told by its content.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn is_archive(path: &Path) -> Result<bool> {
    let Ok(input) = decompress(File::open(path)?) else { return Ok(false) };
    let mut block = Vec::new();
    // A packed file that holds no archive is copied as it is.
    if input.take(512).read_to_end(&mut block).is_err() || block.len() < 512 {
        return Ok(false);
    }
    let sum: u32 =
        block.iter().enumerate().map(|(n, b)| if (148..156).contains(&n) { 32 } else { u32::from(*b) }).sum();
    let field = std::str::from_utf8(&block[148..156]).unwrap_or_default();
    Ok(u32::from_str_radix(field.trim_matches(['\0', ' ']), 8) == Ok(sum))
}

/// Unpacks the archive `file` into the directory `root`; owners are the archive's unless `--chown` gives one, and modes are always the
/// archive's, as in BuildKit. To the archive the directory is the root of everything, as in Docker.
///
/// # Errors
/// For archives that are damaged, and files below links that lead nowhere in there.
pub(crate) fn unpack(file: &Path, root: &Path, how: &How<'_>) -> Result<()> {
    let input = decompress(File::open(file)?).map_err(|e| damaged(&e))?;
    let mut archive = archive(input, true);
    let mut into = Landing { root, devices: true, dirs: Vec::new() };
    for (count, entry) in archive.entries().map_err(|e| damaged(&e))?.enumerate() {
        let mut entry = entry.map_err(|e| damaged(&e))?;
        limit(count)?;
        let name = entry.path().map_err(|e| damaged(&e))?.into_owned();
        let Some(target) = into.entry(&mut entry, &inside(&name))? else { continue };
        let Some((uid, gid)) = how.archive_owner else { continue };
        let Ok(meta) = std::fs::symlink_metadata(&target.1) else { continue };
        std::os::unix::fs::lchown(&target.1, Some(uid), Some(gid))?;
        if !meta.is_symlink() {
            // Giving a file away takes its set-id bits.
            std::fs::set_permissions(&target.1, std::fs::Permissions::from_mode(meta.mode() & 0o7777))?;
        }
    }
    into.finish()
}

/// Unpacks a context into the directory `root`; `end` is told where each entry's content ends in the stream. Names that lead
/// out are taken as seen from the context's root.
///
/// # Errors
/// For archives that are damaged.
pub(crate) fn unpack_context(input: impl Read, root: &Path, mut end: impl FnMut(u64)) -> Result<()> {
    let mut archive = archive(input, false);
    let mut into = Landing { root, devices: false, dirs: Vec::new() };
    for (count, entry) in archive.entries().map_err(|e| damaged(&e))?.enumerate() {
        let mut entry = entry.map_err(|e| damaged(&e))?;
        limit(count)?;
        let name = entry.path().map_err(|e| damaged(&e))?.into_owned();
        end(entry.raw_file_position() + entry.size());
        into.entry(&mut entry, &inside(&name))?;
    }
    into.finish()
}

fn archive<R: Read>(input: R, owners: bool) -> tar::Archive<R> {
    let mut archive = tar::Archive::new(input);
    archive.set_preserve_permissions(true);
    archive.set_preserve_mtime(true);
    archive.set_preserve_ownerships(owners);
    archive.set_overwrite(true);
    archive
}

fn limit(count: usize) -> Result<()> {
    if count < MAX_ENTRIES {
        Ok(())
    } else {
        Err(Error::bad(format!("the archive has more than {MAX_ENTRIES} entries")))
    }
}

/// Docker's sentence for an archive that cannot be unpacked.
pub(crate) fn damaged(error: &io::Error) -> Error {
    Error::internal(format!("Error processing tar file(exit status 1): {}", cause(error)))
}

/// The innermost error: the library's own sentences name directories of this machine.
pub(crate) fn cause(error: &io::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.get_ref().and_then(|e| e.source());
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    if text == "failed to read entire block" || error.kind() == io::ErrorKind::UnexpectedEof {
        return "unexpected EOF".to_owned();
    }
    if text.starts_with("numeric field was not a number") || text.starts_with("archive header checksum") {
        return BAD_HEADER.to_owned();
    }
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tar::EntryType;

    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("slipway-unpack-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("root/p")).unwrap();
        dir
    }

    fn header(kind: EntryType, name: &str, size: u64) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        // Written by hand: the library refuses to write such names.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(7);
        header.set_size(size);
        header
    }

    fn tar(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, name, text) in entries {
            let file = kind.is_file();
            let mut header = header(*kind, name, if file { text.len() as u64 } else { 0 });
            if !file {
                header.as_mut_bytes()[157..157 + text.len()].copy_from_slice(text.as_bytes());
            }
            header.set_cksum();
            out.extend_from_slice(header.as_bytes());
            if file {
                out.extend_from_slice(text.as_bytes());
                out.resize(out.len().next_multiple_of(512), 0);
            }
        }
        out.resize(out.len() + 1024, 0);
        out
    }

    fn add(dir: &Path, entries: &[(EntryType, &str, &str)]) -> Result<(), String> {
        std::fs::write(dir.join("a.tar"), tar(entries)).unwrap();
        let how = How { owner: None, archive_owner: None, mode: None, unpack: true, skip: &|_| false };
        unpack(&dir.join("a.tar"), &dir.join("root/p"), &how).map_err(|e| e.message)
    }

    #[test]
    fn nothing_is_written_linked_or_removed_outside() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIP: root is needed to give files away");
            return;
        }
        let dir = dir("hostile");
        std::fs::write(dir.join("precious"), "kept").unwrap();
        let out = dir.to_str().unwrap();
        add(&dir, &[(EntryType::Regular, "a/../../x", "x")]).unwrap();
        assert!(dir.join("root/p/x").is_file() && !dir.join("root/x").exists());
        // A link to this machine's directory, and a file that would replace one of its files.
        let error =
            add(&dir, &[(EntryType::Symlink, "l", out), (EntryType::Regular, "l/precious", "gone")]).unwrap_err();
        assert!(error.ends_with("open /l/precious: no such file or directory"), "{error}");
        assert_eq!(std::fs::read_to_string(dir.join("precious")).unwrap(), "kept");
        let link = dir.join("precious");
        assert!(add(&dir, &[(EntryType::Link, "h", link.to_str().unwrap())]).is_err(), "no such file in the root");
        add(&dir, &[(EntryType::Regular, "f", "1"), (EntryType::Link, "h", "f"), (EntryType::Fifo, "pipe", "")])
            .unwrap();
        assert_eq!(std::fs::read_to_string(dir.join("root/p/h")).unwrap(), "1");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn archives_are_told_by_their_content_however_packed() {
        let dir = dir("packed");
        let plain = dir.join("plain");
        std::fs::write(&plain, tar(&[(EntryType::Regular, "x", "x")])).unwrap();
        assert!(is_archive(&plain).unwrap());
        for tool in ["gzip", "bzip2", "xz"] {
            let packed = std::process::Command::new(tool).arg("-c").arg(&plain).output();
            let Ok(packed) = packed.map(|output| output.stdout) else {
                eprintln!("SKIP: {tool} is not installed");
                continue;
            };
            std::fs::write(dir.join("packed"), &packed).unwrap();
            assert!(is_archive(&dir.join("packed")).unwrap(), "{tool}");
            let mut out = Vec::new();
            decompress(&packed[..]).unwrap().read_to_end(&mut out).unwrap();
            assert_eq!(out, std::fs::read(&plain).unwrap(), "{tool}");
            assert!(decompress(&packed[..packed.len() / 2]).unwrap().read_to_end(&mut out).is_err(), "{tool}, cut off");
        }
        for (name, text) in [("empty", &b""[..]), ("short", b"BZh"), ("text", &[b'x'; 600]), ("zeros", &[0; 1024])] {
            std::fs::write(dir.join(name), text).unwrap();
            assert!(!is_archive(&dir.join(name)).unwrap(), "{name}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
