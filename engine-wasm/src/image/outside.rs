//! A gzipped layer that is decompressed and hashed outside of this engine, by a browser's own means. The tar and the limits are read here as
//! [`super::Unpack`] does it. Nothing is said of what is wrong: on any doubt the caller reads the layer again the ordinary way, which tells.

use super::decode::Compression;
use super::digest::Digest;
use super::limits::Limits;
use super::tar::{Entry, Sink, Stream};
use super::unpack::Unpacked;
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

/// Reads the plain tar of such a layer.
#[derive(Debug)]
pub struct Outside {
    stream: Stream,
    limits: Limits,
    given: u64,
}

impl Outside {
    /// Whether the digests of a layer can be computed outside: SHA-256 is all that is asked for there.
    pub fn suits(layer: &Layer) -> bool {
        let plain = |digest: &Option<Digest>| digest.as_ref().is_none_or(|digest| digest.algorithm() == "sha256");
        plain(&layer.digest) && plain(&layer.diff_id)
    }

    /// Before the first byte.
    pub fn new(limits: &Limits) -> Self {
        Self { stream: Stream::new(limits, ""), limits: limits.clone(), given: 0 }
    }

    /// Takes the next decompressed bytes; `taken` bytes of the blob have been read so far. Whether all is well.
    pub fn feed(&mut self, plain: &[u8], taken: u64) -> bool {
        self.given += plain.len() as u64;
        self.bounded(taken) && self.stream.feed(plain, &mut Nothing).is_ok()
    }

    /// Ends a layer of `stored` bytes whose digests are these; `None` where something is missing.
    pub fn finish(self, stored: u64, digest: Option<Digest>, diff_id: Digest) -> Option<Unpacked> {
        let good = self.bounded(stored) && self.stream.finish().is_ok();
        let (diff_id, size, compression) = (Some(diff_id), self.given, Compression::Gzip);
        good.then_some(Unpacked { digest, diff_id, stored, size, compression })
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

    fn read(limits: &Limits, plain: &[u8], taken: u64) -> Option<Unpacked> {
        let mut outside = Outside::new(limits);
        let well = plain.chunks(700).all(|piece| outside.feed(piece, taken));
        well.then(|| outside.finish(taken, None, Digest::of(plain))).flatten()
    }

    #[test]
    fn a_whole_tar_is_taken_and_a_broken_one_left_to_others() {
        let plain = tar(&[file("a", &[b'x'; 2000]), file("b", b"")]);
        let unpacked = read(&Limits::default(), &plain, 99).unwrap();
        assert_eq!((unpacked.stored, unpacked.size), (99, plain.len() as u64));
        assert_eq!(unpacked.diff_id, Some(Digest::of(&plain)));
        assert_eq!(read(&Limits::default(), &plain[..1200], 99), None);
        let mut bad = plain;
        bad[150] ^= 1;
        assert_eq!(read(&Limits::default(), &bad, 99), None);
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
