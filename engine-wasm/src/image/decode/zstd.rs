//! Zstandard frames one after the other. The decoder wants whole blocks, so these are gathered; a block has at most 128 KiB.

use std::io::{self, Write};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::image::limits::Limits;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BLOCK_MAX: usize = 128 << 10;
const CHECKSUM_FLAG: u8 = 1 << 2;

#[derive(Clone, Copy)]
enum Part {
    /// Between frames.
    Frame,
    /// In a frame; whether a checksum ends it.
    Block(bool),
    /// Bytes of a skippable frame left.
    Skip(u64),
}

pub(super) struct Zstd {
    decoder: FrameDecoder,
    part: Part,
    pending: Vec<u8>,
    frames: u64,
}

struct Out<'a, F>(&'a mut F);

impl<F: FnMut(&[u8]) -> bool> Write for Out<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.0)(bytes) { Ok(bytes.len()) } else { Err(io::ErrorKind::Other.into()) }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if (self.0)(bytes) { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Zstd {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(limits.zstd_window);
        Self { decoder, part: Part::Frame, pending: Vec::new(), frames: 0 }
    }

    /// Feeds `bytes`; `out` says whether to go on.
    pub(super) fn feed(&mut self, mut bytes: &[u8], out: &mut impl FnMut(&[u8]) -> bool) -> Result<(), String> {
        // Only what begins a part that is not all there yet is copied.
        while !self.pending.is_empty() && !bytes.is_empty() {
            let wanted = match self.length(&self.pending)? {
                Some(length) => length,
                None => self.pending.len() + 1,
            };
            let (piece, rest) = bytes.split_at(bytes.len().min(wanted.saturating_sub(self.pending.len())));
            self.pending.extend_from_slice(piece);
            bytes = rest;
            let pending = std::mem::take(&mut self.pending);
            let used = self.run(&pending, out)?;
            self.pending = pending;
            self.pending.drain(..used);
        }
        if self.pending.is_empty() {
            let used = self.run(bytes, out)?;
            self.pending.extend_from_slice(bytes.get(used..).unwrap_or_default());
        }
        Ok(())
    }

    /// How many bytes the part at the beginning of `bytes` has, as far as they tell.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        match self.part {
            Part::Skip(left) => Ok(Some(usize::try_from(left).unwrap_or(usize::MAX))),
            Part::Block(checksum) => {
                let [a, b, c, ..] = *bytes else { return Ok(None) };
                let head = u32::from_le_bytes([a, b, c, 0]);
                let (last, kind, size) = (head & 1 != 0, head >> 1 & 3, (head >> 3) as usize);
                let content = match kind {
                    1 => 1,
                    3 => return Err("reserved block type".to_owned()),
                    _ => size,
                };
                if size > BLOCK_MAX {
                    return Err("block too large".to_owned());
                }
                Ok(Some(3 + content + if last && checksum { 4 } else { 0 }))
            }
            Part::Frame => {
                let Some(magic) = bytes.first_chunk::<4>() else { return Ok(None) };
                if magic[0] & 0xf0 == 0x50 && magic[1..] == [0x2a, 0x4d, 0x18] {
                    return Ok((bytes.len() >= 8).then_some(8));
                }
                if *magic != MAGIC {
                    return Err("no frame where one should begin".to_owned());
                }
                let Some(descriptor) = bytes.get(4) else { return Ok(None) };
                let single = descriptor >> 5 & 1 != 0;
                let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
                let size = match descriptor >> 6 {
                    0 => usize::from(single),
                    other => 1 << other,
                };
                Ok(Some(5 + usize::from(!single) + dictionary + size))
            }
        }
    }

    /// Decodes the whole parts at the beginning of `bytes` and says how many bytes those were.
    fn run(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8]) -> bool) -> Result<usize, String> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if let Part::Skip(left) = self.part {
                let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                at += skipped;
                let left = left - skipped as u64;
                self.part = if left == 0 { Part::Frame } else { Part::Skip(left) };
                if left > 0 {
                    return Ok(at);
                }
                continue;
            }
            let Some(part) = self.length(rest)?.and_then(|length| rest.get(..length)) else { return Ok(at) };
            at += part.len();
            match self.part {
                Part::Frame => self.frame(part)?,
                _ => self.block(part, out)?,
            }
        }
    }

    fn frame(&mut self, mut part: &[u8]) -> Result<(), String> {
        let checksum = part.get(4).is_some_and(|descriptor| descriptor & CHECKSUM_FLAG != 0);
        match self.decoder.reset(&mut part) {
            Ok(()) => self.part = Part::Block(checksum),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                self.part = if length == 0 { Part::Frame } else { Part::Skip(u64::from(length)) };
                self.frames += 1;
            }
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    fn block(&mut self, mut part: &[u8], out: &mut impl FnMut(&[u8]) -> bool) -> Result<(), String> {
        let decoded = self.decoder.decode_blocks(&mut part, BlockDecodingStrategy::UptoBlocks(1));
        let done = decoded.map_err(|error| error.to_string())?;
        self.decoder.collect_to_writer(Out(out)).map_err(|error| error.to_string())?;
        if done {
            let (stored, found) = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
            if stored.is_some() && stored != found {
                return Err("wrong checksum".to_owned());
            }
            self.frames += 1;
            self.part = Part::Frame;
        }
        Ok(())
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.part, Part::Frame) && self.pending.is_empty() && self.frames > 0
    }
}
