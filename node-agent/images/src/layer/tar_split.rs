//! Docker's `tar-split.json.gz`: what is needed beside a layer's files to reproduce its tar stream byte for byte, so that an
//! image that is saved again keeps its diff ids (vbatts/tar-split, `tar/storage`).

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::crc64::Crc64;

/// A payload whose bytes are in a file of the layer.
pub(crate) const FILE: u8 = 1;
/// Bytes that are in the record itself.
pub(crate) const SEGMENT: u8 = 2;

/// What is held in memory before it becomes a line.
const MAX_SEGMENT: usize = 1 << 20;

/// One line of the record.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name_raw: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) size: u64,
    pub(crate) payload: Option<String>,
    pub(crate) position: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Writes the record while a stream goes by.
pub(crate) struct Splitter {
    output: Option<GzEncoder<Vec<u8>>>,
    segment: Vec<u8>,
    position: u64,
    current: Option<(Vec<u8>, u64)>,
    crc: Crc64,
    /// Hashes of the paths so far, by a key that nobody can foresee.
    seen: HashSet<u64>,
    keys: RandomState,
}

impl Splitter {
    /// A splitter that keeps the record.
    pub(crate) fn new() -> Self {
        Self { output: Some(GzEncoder::new(Vec::new(), Compression::fast())), ..Self::none() }
    }

    /// A splitter that keeps nothing, for streams that nobody will ask for again.
    pub(crate) fn none() -> Self {
        Self {
            output: None,
            segment: Vec::new(),
            position: 0,
            current: None,
            crc: Crc64::default(),
            seen: HashSet::new(),
            keys: RandomState::new(),
        }
    }

    pub(crate) fn segment(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.output.is_some() {
            self.segment.extend_from_slice(bytes);
            if self.segment.len() >= MAX_SEGMENT {
                return self.flush_segment();
            }
        }
        Ok(())
    }

    pub(crate) fn begin(&mut self, name: &[u8], size: u64) -> io::Result<()> {
        if self.output.is_some() {
            self.flush_segment()?;
            self.crc = Crc64::default();
            self.current = Some((name.to_vec(), size));
        }
        Ok(())
    }

    pub(crate) fn payload(&mut self, bytes: &[u8]) {
        if self.output.is_some() {
            self.crc.update(bytes);
        }
    }

    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self.current.take() {
            None => Ok(()),
            Some((name, size)) => {
                let crc = (size > 0).then(|| self.crc.sum());
                self.file(&name, size, crc)
            }
        }
    }

    pub(crate) fn file(&mut self, name: &[u8], size: u64, crc: Option<[u8; 8]>) -> io::Result<()> {
        if self.output.is_none() {
            return Ok(());
        }
        self.flush_segment()?;
        let text = std::str::from_utf8(name).ok().map(str::to_owned);
        let raw = text.is_none().then(|| STANDARD.encode(name));
        self.write(FILE, text, raw, size, crc.map(|sum| STANDARD.encode(sum)))
    }

    /// Notes the path of an entry. A stream in which one comes twice cannot be made again of what is on disk, where only the last
    /// is, and is refused, in Docker's words.
    pub(crate) fn path(&mut self, name: &[u8]) -> io::Result<()> {
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in name.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let path = parts.join(&b'/');
        if self.output.is_none() || self.seen.insert(self.keys.hash_one(&path)) {
            return Ok(());
        }
        let why = format!("duplicates of file paths not supported: {:?}", String::from_utf8_lossy(&path));
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }

    /// Ends the record and returns the compressed file.
    pub(crate) fn finish(mut self) -> io::Result<Option<Vec<u8>>> {
        self.flush_segment()?;
        self.output.map(GzEncoder::finish).transpose()
    }

    fn flush_segment(&mut self) -> io::Result<()> {
        if self.segment.is_empty() {
            return Ok(());
        }
        let payload = STANDARD.encode(&self.segment);
        self.segment.clear();
        self.write(SEGMENT, None, None, 0, Some(payload))
    }

    fn write(
        &mut self,
        kind: u8,
        name: Option<String>,
        name_raw: Option<String>,
        size: u64,
        payload: Option<String>,
    ) -> io::Result<()> {
        let Some(output) = &mut self.output else {
            return Ok(());
        };
        let record = Record { kind, name, name_raw, size, payload, position: self.position };
        self.position += 1;
        serde_json::to_writer(&mut *output, &record)?;
        output.write_all(b"\n")
    }
}
