//! Undoes gzip and zstd on a stream that is fed in pieces; which it is, is told by the first bytes, not by a media type.

mod gzip;
mod zstd;

use super::error::{Error, Result};
use super::limits::Limits;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
}

impl Compression {
    /// `none`, `gzip` or `zstd`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Told by a stream's first six bytes.
    ///
    /// # Errors
    /// The name of a compression that is known but not read here.
    pub fn detect(head: &[u8]) -> Result<Self, &'static str> {
        let skippable = head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18];
        match head {
            [0x1f, 0x8b, 8, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Self::Zstd),
            _ if skippable => Ok(Self::Zstd),
            [b'B', b'Z', b'h', ..] => Err("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err("xz"),
            _ => Ok(Self::None),
        }
    }
}

const MAGIC: usize = 6;

enum State {
    /// The first bytes, as long as they do not suffice.
    Start(Vec<u8>),
    Plain,
    Gzip(Box<gzip::Gzip>),
    Zstd(Box<zstd::Zstd>),
}

/// Decompresses what it is fed.
pub struct Decoder {
    state: State,
    what: String,
    /// Bytes taken and given.
    taken: u64,
    given: u64,
    limits: Limits,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("what", &self.what).field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder before the first byte. `what` is how errors call the stream.
    pub fn new(limits: &Limits, what: impl Into<String>) -> Self {
        Self {
            state: State::Start(Vec::with_capacity(MAGIC)),
            what: what.into(),
            taken: 0,
            given: 0,
            limits: limits.clone(),
        }
    }

    /// What the stream turned out to be; `None` before it is known.
    pub fn compression(&self) -> Option<Compression> {
        match self.state {
            State::Start(_) => None,
            State::Plain => Some(Compression::None),
            State::Gzip(_) => Some(Compression::Gzip),
            State::Zstd(_) => Some(Compression::Zstd),
        }
    }

    /// Decompressed bytes given so far.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Takes the next piece; `out` gets what it decompresses to.
    ///
    /// # Errors
    /// A broken stream, one that grows beyond the limits, and whatever `out` says.
    pub fn feed(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let State::Start(head) = &mut self.state else { return self.run(bytes, out) };
        let (first, rest) = bytes.split_at(bytes.len().min(MAGIC - head.len()));
        head.extend_from_slice(first);
        if head.len() < MAGIC {
            return Ok(());
        }
        let head = self.begin()?;
        self.run(&head, out)?;
        self.run(rest, out)
    }

    fn begin(&mut self) -> Result<Vec<u8>> {
        let State::Start(head) = &mut self.state else { return Ok(Vec::new()) };
        let head = std::mem::take(head);
        let kind = Compression::detect(&head);
        self.state = match kind.map_err(|kind| Error::UnknownCompression { what: self.what.clone(), kind })? {
            Compression::None => State::Plain,
            Compression::Gzip => State::Gzip(Box::default()),
            Compression::Zstd => State::Zstd(Box::new(zstd::Zstd::new(&self.limits))),
        };
        Ok(head)
    }

    fn run(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (taken, given) = (self.taken, &mut self.given);
        self.taken += bytes.len() as u64;
        let (limits, what, total) = (&self.limits, &self.what, self.taken);
        let mut failed = None;
        // The decoders know nothing of our errors; the first one stops them.
        let mut counted = |piece: &[u8]| {
            *given += piece.len() as u64;
            let limit = |subject, limit| Error::Limit { what: what.clone(), subject, limit };
            let outcome = if *given > limits.layer {
                Err(limit("the decompressed size", limits.layer))
            } else if *given > limits.ratio_from && *given / limits.ratio.max(1) > total {
                Err(limit("the ratio of decompressed to compressed size", limits.ratio))
            } else {
                out(piece)
            };
            outcome.map_err(|error| failed = Some(error)).is_ok()
        };
        let (kind, outcome) = match &mut self.state {
            State::Start(_) => return Ok(()),
            State::Plain => ("", if counted(bytes) { Ok(()) } else { Err(String::new()) }),
            State::Gzip(gzip) => ("gzip", gzip.feed(bytes, &mut counted)),
            State::Zstd(zstd) => ("zstd", zstd.feed(bytes, &mut counted)),
        };
        match (failed, outcome) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(()),
            (None, Err(problem)) => Err(Error::Compression { what: what.clone(), kind, offset: taken, problem }),
        }
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`Error::Compression`] where it is cut off; whatever `out` says.
    pub fn finish(&mut self, out: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if let State::Start(_) = self.state {
            let head = self.begin()?;
            self.run(&head, out)?;
        }
        let (kind, complete) = match &self.state {
            State::Start(_) | State::Plain => return Ok(()),
            State::Gzip(gzip) => ("gzip", gzip.is_complete()),
            State::Zstd(zstd) => ("zstd", zstd.is_complete()),
        };
        if complete {
            return Ok(());
        }
        let problem = "unexpected end of the stream".to_owned();
        Err(Error::Compression { what: self.what.clone(), kind, offset: self.taken, problem })
    }
}

#[cfg(test)]
mod tests;
