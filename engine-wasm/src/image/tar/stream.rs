//! A tar that comes in pieces of any length.

use super::machine::{Machine, Next};
use super::{BLOCK, Entry};
use crate::image::error::{Error, Result, TarProblem};
use crate::image::limits::Limits;

/// Who is told what a tar holds.
pub trait Sink {
    /// An entry begins. Whether its content is wanted.
    ///
    /// # Errors
    /// Why the entry cannot be.
    fn entry(&mut self, entry: &Entry) -> Result<bool, TarProblem>;

    /// The next piece of the content that was wanted, as stored: without a sparse file's holes.
    fn content(&mut self, bytes: &[u8]);

    /// The content that was wanted has ended.
    fn end(&mut self);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Block,
    Records(usize),
    /// Content left, and whether the sink wants it.
    Content(u64, bool),
    /// Bytes to pass over.
    Padding(u64),
    /// Behind the end.
    Rest,
}

/// Reads a tar that is fed to it.
#[derive(Debug)]
pub struct Stream {
    machine: Machine,
    part: Part,
    /// The beginning of a block or of records that came in pieces.
    pending: Vec<u8>,
    offset: u64,
    entries: usize,
    limit: usize,
    what: String,
}

impl Stream {
    /// A stream before its first byte. `what` is how errors call it.
    pub fn new(limits: &Limits, what: impl Into<String>) -> Self {
        Self {
            machine: Machine::new(limits),
            part: Part::Block,
            pending: Vec::new(),
            offset: 0,
            entries: 0,
            limit: limits.layer_entries,
            what: what.into(),
        }
    }

    /// Bytes taken so far.
    pub fn offset(&self) -> u64 {
        self.offset + self.pending.len() as u64
    }

    fn error(&self, problem: TarProblem) -> Error {
        let (name, mut offset) = self.machine.place();
        if problem == TarProblem::Truncated {
            offset = self.offset;
        }
        Error::Tar { what: self.what.clone(), name, offset, problem }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Error::Tar`]; nothing may be fed after it.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<()> {
        while !bytes.is_empty() {
            match self.part {
                Part::Rest => {
                    self.offset += bytes.len() as u64;
                    return Ok(());
                }
                Part::Padding(left) => {
                    let (_, rest) = cut(bytes, left);
                    let taken = (bytes.len() - rest.len()) as u64;
                    self.offset += taken;
                    self.part = if taken == left { Part::Block } else { Part::Padding(left - taken) };
                    bytes = rest;
                }
                Part::Content(left, wanted) => {
                    let (piece, rest) = cut(bytes, left);
                    if wanted {
                        sink.content(piece);
                    }
                    self.offset += piece.len() as u64;
                    self.content(left - piece.len() as u64, wanted, sink);
                    bytes = rest;
                }
                Part::Block => bytes = self.whole(bytes, BLOCK, sink)?,
                Part::Records(length) => bytes = self.whole(bytes, length, sink)?,
            }
        }
        Ok(())
    }

    /// Passes over what comes next and nobody wants, `most` bytes of it. [`Self::offset`] says where to read on.
    pub fn pass(&mut self, most: u64) {
        let end = self.offset.saturating_add(most);
        if let Part::Content(left, false) = self.part {
            self.offset += left.min(most);
            self.part = Part::Content(left - left.min(most), false);
            if left <= most {
                self.pad();
            }
        }
        if let Part::Padding(left) = self.part {
            let passed = left.min(end - self.offset);
            self.offset += passed;
            self.part = if passed == left { Part::Block } else { Part::Padding(left - passed) };
        }
    }

    fn content(&mut self, left: u64, wanted: bool, sink: &mut impl Sink) {
        if left > 0 {
            self.part = Part::Content(left, wanted);
            return;
        }
        if wanted {
            sink.end();
        }
        self.pad();
    }

    fn pad(&mut self) {
        let padding = self.offset.next_multiple_of(BLOCK as u64) - self.offset;
        self.part = if padding == 0 { Part::Block } else { Part::Padding(padding) };
    }

    /// Gathers `length` bytes and hands them to the machine; without a copy where they lie in one piece.
    fn whole<'a>(&mut self, bytes: &'a [u8], length: usize, sink: &mut impl Sink) -> Result<&'a [u8]> {
        let rest;
        if self.pending.is_empty() && bytes.len() >= length {
            let (piece, after) = bytes.split_at(length);
            rest = after;
            self.take(piece, sink)?;
        } else {
            let (piece, after) = cut(bytes, (length - self.pending.len()) as u64);
            rest = after;
            self.pending.extend_from_slice(piece);
            if self.pending.len() == length {
                let pending = std::mem::take(&mut self.pending);
                self.take(&pending, sink)?;
                self.pending = pending;
                self.pending.clear();
            }
        }
        Ok(rest)
    }

    fn take(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<()> {
        let records = matches!(self.part, Part::Records(_));
        let next = match <&[u8; BLOCK]>::try_from(bytes) {
            Ok(block) if !records => self.machine.block(block, self.offset),
            _ => self.machine.records(bytes),
        };
        self.offset += bytes.len() as u64;
        match next.map_err(|problem| self.error(problem))? {
            Next::Block => self.pad(),
            Next::Records(length) => self.part = Part::Records(length),
            Next::End => self.part = Part::Rest,
            Next::Entry(entry) => {
                self.entries += 1;
                if self.entries > self.limit {
                    return Err(self.error(TarProblem::Limit("the number of entries", self.limit as u64)));
                }
                let wanted = sink.entry(&entry).map_err(|problem| self.error(problem))?;
                self.content(entry.stored, wanted, sink);
            }
        }
        Ok(())
    }

    /// Ends the stream; a tar may lack the blocks of zeros at its end.
    ///
    /// # Errors
    /// [`Error::Tar`] where something is missing.
    pub fn finish(&self) -> Result<()> {
        let complete = match self.part {
            Part::Rest => return Ok(()),
            Part::Block => self.pending.is_empty(),
            // GNU tar fills the last block up, others do not.
            Part::Padding(_) => true,
            Part::Content(..) | Part::Records(_) => false,
        };
        let outcome = if complete { self.machine.end() } else { Err(TarProblem::Truncated) };
        outcome.map_err(|problem| self.error(problem))
    }
}

fn cut(bytes: &[u8], length: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len()))
}
