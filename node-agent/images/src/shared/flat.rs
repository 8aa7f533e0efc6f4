//! Unpacks one layer alone, for a host that keeps it for many engines: the same files that an engine in a node would have made, the
//! same record, under limits.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::digest::DiffId;
use crate::error::Result;
use crate::layer::{Rules, UnpackError, stream, unpack};

/// What one layer may amount to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the uncompressed tar stream.
    pub bytes: u64,
    /// Entries in it.
    pub entries: u64,
}

/// A layer that has been unpacked.
#[derive(Debug)]
pub struct Flat {
    /// The sha256 of the uncompressed stream.
    pub diff_id: DiffId,
    /// Bytes in its files.
    pub size: u64,
    /// Its compressed tar-split record.
    pub tar_split: Vec<u8>,
}

/// Unpacks `input`, a layer's tar stream (plain, gzip or zstd), into the directory `root` as a node's engine would: devices are left
/// out, and whiteouts are kept only where the layer has a parent. All of `input` is read. After a failure `root` holds a part of it.
///
/// # Errors
/// When the stream is damaged or hostile, or more than the limits allow.
pub fn unpack_flat(input: impl Read, root: &Path, has_parent: bool, limits: Limits) -> Result<Flat> {
    let mut input = stream::decompress(input).map_err(UnpackError::Stream)?;
    let rules = Rules { userns: true, has_parent, record: true, entries: limits.entries };
    let (writer, reader) = stream::pipe();
    let mut hash = Sha256::new();
    let unpacked = std::thread::scope(|scope| {
        let unpacking = scope.spawn(|| unpack(reader, root, rules));
        let mut limited = Limited { input: &mut *input, left: limits.bytes };
        writer.pump(&mut limited, |chunk| hash.update(chunk));
        unpacking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let diff_id = DiffId::from_bytes(hash.finalize().into());
    Ok(Flat { diff_id, size: unpacked.size, tar_split: unpacked.tar_split.unwrap_or_default() })
}

struct Limited<'a> {
    input: &'a mut dyn Read,
    left: u64,
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other("the layer is too large"))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(files: usize, bytes: usize) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for number in 0..files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes as u64);
            header.set_mode(0o644);
            let own = std::fs::metadata("/proc/self").expect("ourselves");
            use std::os::unix::fs::MetadataExt as _;
            header.set_uid(own.uid().into());
            header.set_gid(own.gid().into());
            builder.append_data(&mut header, format!("f{number}"), &vec![7; bytes][..]).expect("appended");
        }
        builder.into_inner().expect("finished")
    }

    #[test]
    fn a_layer_within_its_limits_is_unpacked_and_one_beyond_is_not() {
        let tar = layer(3, 1000);
        let limits = Limits { bytes: tar.len() as u64, entries: 3 };
        let try_with = |limits| {
            let dir = tempfile::tempdir().expect("a directory");
            unpack_flat(&tar[..], dir.path(), false, limits)
        };
        let flat = try_with(limits).expect("within");
        assert_eq!((flat.diff_id, flat.size), (DiffId::of(&tar), 3000));
        assert!(!flat.tar_split.is_empty());
        for (limits, why) in [
            (Limits { bytes: limits.bytes - 1, ..limits }, "too large"),
            (Limits { entries: 2, ..limits }, "more than 2 entries"),
        ] {
            let error = try_with(limits).expect_err("beyond").to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
