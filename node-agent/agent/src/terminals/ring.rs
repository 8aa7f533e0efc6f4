//! The last bytes of a terminal's output, each with its number since the terminal was opened.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Chunks below this size are joined, so that a slow talker does not fill the ring with bookkeeping.
const SMALL: usize = 4 << 10;

/// Numbered output, of which the newest `capacity` bytes are kept.
#[derive(Debug)]
pub struct Ring {
    chunks: VecDeque<(u64, Bytes)>,
    start: u64,
    next: u64,
    capacity: usize,
}

impl Ring {
    /// An empty ring that keeps `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self { chunks: VecDeque::new(), start: 0, next: 0, capacity }
    }

    /// Number of the oldest byte kept.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Number that the next byte will get.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Appends output.
    pub fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let number = self.next;
        self.next += bytes.len() as u64;
        match self.chunks.back_mut() {
            Some((_, last)) if last.len() + bytes.len() <= SMALL => {
                let mut joined = BytesMut::with_capacity(last.len() + bytes.len());
                joined.extend_from_slice(last);
                joined.extend_from_slice(&bytes);
                *last = joined.freeze();
            }
            _ => self.chunks.push_back((number, bytes)),
        }
        self.start = self.start.max(self.next.saturating_sub(self.capacity as u64));
        while let Some((number, chunk)) = self.chunks.front() {
            if number + chunk.len() as u64 > self.start {
                break;
            }
            self.chunks.pop_front();
        }
    }

    /// Bytes from number `from` on (from the oldest kept if that is later), at most `most`; empty when there are none yet.
    pub fn read(&self, from: u64, most: usize) -> (u64, Bytes) {
        let from = from.max(self.start);
        let index = self.chunks.partition_point(|(number, chunk)| number + chunk.len() as u64 <= from);
        match self.chunks.get(index) {
            Some((number, chunk)) => {
                // `from` lies in this chunk, so the difference is below its length.
                let skip = (from - number) as usize;
                (from, chunk.slice(skip..chunk.len().min(skip.saturating_add(most))))
            }
            None => (from, Bytes::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_from(ring: &Ring, mut from: u64) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (number, bytes) = ring.read(from, 1000);
            if bytes.is_empty() {
                return all;
            }
            all.extend_from_slice(&bytes);
            from = number + bytes.len() as u64;
        }
    }

    #[test]
    fn any_number_still_kept_is_replayed_byte_for_byte_for_every_way_of_cutting_the_output() {
        let text: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8).collect();
        for step in [1, 7, 100, 4095, 4096, 4097, 9000] {
            let mut ring = Ring::new(6000);
            for piece in text.chunks(step) {
                ring.push(Bytes::copy_from_slice(piece));
            }
            assert_eq!((ring.start(), ring.next()), (14_000, 20_000));
            for from in [0, 13_999, 14_000, 14_001, 17_777, 19_999, 20_000, 30_000] {
                let start = usize::try_from(from).expect("small").clamp(14_000, 20_000);
                assert_eq!(all_from(&ring, from), &text[start..], "cut by {step}, from {from}");
            }
            assert!(ring.chunks.len() < 50, "{} chunks", ring.chunks.len());
        }
    }
}
