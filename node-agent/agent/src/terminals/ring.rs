//! The newest output of a terminal, each byte known by its number.

use std::collections::VecDeque;

use super::frame::Number;

/// A bounded store of output; the oldest bytes go when it is full.
#[derive(Debug)]
pub struct Ring {
    bytes: VecDeque<u8>,
    capacity: usize,
    end: Number,
}

impl Ring {
    /// An empty ring that keeps `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self { bytes: VecDeque::new(), capacity, end: 0 }
    }

    /// How many bytes it keeps.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Number of the oldest byte still here.
    pub fn start(&self) -> Number {
        self.end - self.bytes.len() as u64
    }

    /// Number that the next byte will have.
    pub fn end(&self) -> Number {
        self.end
    }

    /// Adds output.
    pub fn push(&mut self, output: &[u8]) {
        self.end += output.len() as u64;
        let kept = &output[output.len().saturating_sub(self.capacity)..];
        let overflow = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..overflow);
        self.bytes.extend(kept);
    }

    /// At most `most` bytes from number `from` on, which lies between start and end.
    pub fn copy(&self, from: Number, most: usize) -> Vec<u8> {
        let skip = usize::try_from(from.saturating_sub(self.start())).unwrap_or(usize::MAX).min(self.bytes.len());
        let (front, back) = self.bytes.as_slices();
        let mut out = Vec::with_capacity(most.min(self.bytes.len() - skip));
        let front = front.get(skip..).unwrap_or_default();
        let back = &back[skip.saturating_sub(self.bytes.len() - back.len())..];
        out.extend_from_slice(&front[..front.len().min(most)]);
        out.extend_from_slice(&back[..back.len().min(most - out.len())]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_bytes_stay_under_their_numbers() {
        let mut ring = Ring::new(8);
        assert_eq!((ring.start(), ring.end(), ring.copy(0, 9)), (0, 0, vec![]));
        ring.push(b"abcdef");
        ring.push(b"ghij");
        assert_eq!((ring.start(), ring.end()), (2, 10));
        assert_eq!(ring.copy(2, 100), b"cdefghij");
        assert_eq!(ring.copy(5, 3), b"fgh");
        assert_eq!(ring.copy(10, 3), b"");
        ring.push(b"0123456789ABCDEF");
        assert_eq!((ring.start(), ring.end(), ring.copy(18, 99)), (18, 26, b"89ABCDEF".to_vec()));
    }

    #[test]
    fn every_slice_is_the_slice_of_the_whole_output() {
        let mut ring = Ring::new(17);
        let mut whole = Vec::new();
        for round in 0..60_u8 {
            let output: Vec<u8> = (0..round % 7).map(|n| round.wrapping_mul(7).wrapping_add(n)).collect();
            ring.push(&output);
            whole.extend_from_slice(&output);
            for from in ring.start()..=ring.end() {
                for most in [0, 1, 5, 40] {
                    let first = from as usize;
                    let expected = &whole[first..whole.len().min(first + most)];
                    assert_eq!(ring.copy(from, most), expected, "{most} from {from}");
                }
            }
        }
    }
}
