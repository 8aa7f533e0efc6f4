//! Puts a layer's tar stream together again from its files and its tar-split record.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::crc64::Crc64;
use super::tar_reader::invalid;
use super::tar_split::{FILE, Record, SEGMENT};

fn records(tar_split: impl Read) -> impl Iterator<Item = io::Result<Record>> {
    let lines = BufReader::new(GzDecoder::new(BufReader::new(tar_split))).lines();
    lines.map(|line| serde_json::from_str(&line?).map_err(|error| invalid(format!("tar-split.json.gz: {error}"))))
}

fn decode(text: &str) -> io::Result<Vec<u8>> {
    STANDARD.decode(text).map_err(|error| invalid(format!("tar-split.json.gz: {error}")))
}

/// The length of the stream.
pub(crate) fn size(tar_split: impl Read) -> io::Result<u64> {
    let mut size = 0;
    for record in records(tar_split) {
        let record = record?;
        size += match (record.kind, &record.payload) {
            (SEGMENT, Some(payload)) => decode(payload)?.len() as u64,
            (FILE, _) => record.size,
            _ => 0,
        };
    }
    Ok(size)
}

/// Writes the stream; a file that is not what it was when the layer was unpacked is an error.
pub(crate) fn write(tar_split: impl Read, diff: &Path, output: &mut dyn Write) -> io::Result<()> {
    let root = openat(CWD, diff, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = vec![0; 128 * 1024];
    for record in records(tar_split) {
        let record = record?;
        let payload = record.payload.as_deref().map(decode).transpose()?;
        match record.kind {
            SEGMENT => output.write_all(&payload.unwrap_or_default())?,
            FILE if record.size > 0 => {
                let name = match (record.name, record.name_raw) {
                    (Some(name), _) => name.into_bytes(),
                    (None, Some(raw)) => decode(&raw)?,
                    (None, None) => {
                        return Err(invalid("tar-split.json.gz: a file without a name"));
                    }
                };
                copy_file(&root, &name, record.size, payload.as_deref(), &mut buffer, output).map_err(|error| {
                    let name = String::from_utf8_lossy(&name).into_owned();
                    io::Error::new(error.kind(), format!("{name:?}: {error}"))
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn copy_file(
    root: &OwnedFd,
    name: &[u8],
    size: u64,
    sum: Option<&[u8]>,
    buffer: &mut [u8],
    output: &mut dyn Write,
) -> io::Result<()> {
    let start = name.iter().position(|b| *b != b'/').unwrap_or(0);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut file = File::from(openat2(root, &name[start..], flags, Mode::empty(), resolve)?);
    let mut crc = Crc64::default();
    let mut rest = size;
    while rest > 0 {
        let want = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        let read = file.read(&mut buffer[..want])?;
        if read == 0 {
            break;
        }
        crc.update(&buffer[..read]);
        output.write_all(&buffer[..read])?;
        rest -= read as u64;
    }
    if rest > 0 || sum != Some(&crc.sum()[..]) {
        return Err(invalid("file integrity checksum failed"));
    }
    Ok(())
}
