//! A gzipped layer that is decompressed outside of this engine, by a browser's own means, and hashed and read here, in another thread. The tar and the
//! limits are read as [`super::Unpack`] does it. Nothing is said of what is wrong: on any doubt the caller reads the layer again the ordinary way, which tells.

use super::digest::{Digest, Hasher};
use super::limits::Limits;
use super::tar::{Entry, Sink, Stream};
use super::{TarProblem, parts::Layer};

/// Takes notice of no entry; the tar's form is checked by reading it.
#[derive(Debug)]
pub(super) struct Nothing;

impl Sink for Nothing {
    fn entry(&mut self, _: &Entry) -> Result<bool, TarProblem> {
        Ok(false)
    }

    fn content(&mut self, _: &[u8]) {}

    fn end(&mut self) {}
}

/// Looks at such a layer: at its plain tar, which is read and hashed, or at its blob as it is stored, which is hashed. Of a tar that lies in memory as a
/// whole only headers are looked at, and hashing it is somebody else's.
#[derive(Debug)]
pub struct Outside {
    hasher: Hasher,
    tar: Option<Stream>,
    /// Of a tar that lies in memory.
    size: Option<u64>,
    limits: Limits,
    given: u64,
    /// Whether all was well so far.
    good: bool,
}

impl Outside {
    /// Whether the digests of a layer can be computed outside: SHA-256 is all that is asked for there.
    pub fn suits(layer: &Layer) -> bool {
        let plain = |digest: &Option<Digest>| digest.as_ref().is_none_or(|digest| digest.algorithm() == "sha256");
        plain(&layer.digest) && plain(&layer.diff_id)
    }

    /// Before the first byte, of a `tar` or of a blob; of a tar that lies in memory with its `size`.
    pub fn new(limits: &Limits, tar: bool, size: Option<u64>) -> Self {
        let tar = tar.then(|| Stream::new(limits, ""));
        Self { hasher: Hasher::like(None), tar, size, limits: limits.clone(), given: 0, good: true }
    }

    /// Takes the next bytes; `taken` bytes of the blob have been read so far. Where to read on, which in memory may be further than they go; `None`
    /// where something is wrong.
    pub fn feed(&mut self, bytes: &[u8], taken: u64) -> Option<u64> {
        if self.good {
            self.given += bytes.len() as u64;
            self.good = self.tar.as_mut().is_none_or(|tar| tar.feed(bytes, &mut Nothing).is_ok());
            if let (Some(size), Some(tar)) = (self.size, &mut self.tar) {
                tar.pass(size.saturating_sub(tar.offset()));
                self.given = tar.offset();
            } else {
                self.hasher.update(bytes);
            }
            self.good &= self.bounded(taken);
        }
        self.good.then_some(self.given)
    }

    /// The digest of all that was hashed, from a blob of `stored` bytes; `None` where something is missing.
    pub fn finish(self, stored: u64) -> Option<Digest> {
        let good = self.good && self.bounded(stored) && self.tar.is_none_or(|tar| tar.finish().is_ok());
        good.then(|| self.hasher.finish())
    }

    fn bounded(&self, taken: u64) -> bool {
        let limits = &self.limits;
        self.given <= limits.layer && (self.given <= limits.ratio_from || self.given / limits.ratio.max(1) <= taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::testing::{file, tar};

    fn read(limits: &Limits, plain: &[u8], taken: u64) -> Option<Digest> {
        let mut outside = Outside::new(limits, true, None);
        let well = plain.chunks(700).all(|piece| outside.feed(piece, taken).is_some());
        well.then(|| outside.finish(taken)).flatten()
    }

    #[test]
    fn a_whole_tar_is_taken_and_a_broken_one_left_to_others() {
        let plain = tar(&[file("a", &[b'x'; 2000]), file("b", b"")]);
        assert_eq!(read(&Limits::default(), &plain, 99), Some(Digest::of(&plain)));
        assert_eq!(read(&Limits::default(), &plain[..1200], 99), None);
        let mut bad = plain;
        bad[150] ^= 1;
        assert_eq!(read(&Limits::default(), &bad, 99), None);
        // The bytes of a blob may be any.
        let mut blob = Outside::new(&Limits::default(), false, None);
        assert_eq!((blob.feed(&bad[..700], 0), blob.feed(&bad[700..], 0)), (Some(700), Some(bad.len() as u64)));
        assert_eq!(blob.finish(0), Some(Digest::of(&bad)));
    }

    #[test]
    fn skimming_finds_a_tar_whole_when_reading_it_does() {
        let skim = |plain: &[u8], piece: usize| {
            let (mut skim, mut at) = (Outside::new(&Limits::default(), true, Some(plain.len() as u64)), 0);
            while let Some(rest) = plain.get(at..).filter(|rest| !rest.is_empty()) {
                let Some(next) = skim.feed(&rest[..piece.min(rest.len())], 99) else { return false };
                at = usize::try_from(next).unwrap();
            }
            skim.finish(99).is_some()
        };
        let name = "long/".repeat(60) + "name";
        let plain = tar(&[file("a", &[b'x'; 2000]), file(&name, b"1"), file("b", b""), file("c", &[b'y'; 512])]);
        for piece in [1, 100, 512, 513, 1 << 20] {
            for end in (0..=plain.len()).step_by(if piece == 1 { 97 } else { 1 }) {
                let read = read(&Limits::default(), &plain[..end], 99).is_some();
                assert_eq!(skim(&plain[..end], piece), read, "{end} of {} bytes, {piece} at a time", plain.len());
            }
            let mut bad = plain.clone();
            bad[150] ^= 1;
            assert!(!skim(&bad, piece));
        }
    }

    #[test]
    fn the_limits_are_those_of_every_layer() {
        let plain = tar(&[file("a", &[0; 20_000])]);
        let small = Limits { layer: 20_000, ..Limits::default() };
        assert_eq!(read(&small, &plain, 99), None);
        let steep = Limits { ratio_from: 10_000, ratio: 10, ..Limits::default() };
        assert_eq!(read(&steep, &plain, 999), None);
        assert!(read(&steep, &plain, 9999).is_some());
    }
}
