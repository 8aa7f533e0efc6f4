use super::*;
use crate::image::testing::{gzip, zstd};

fn decode_in(bytes: &[u8], piece: usize, limits: &Limits) -> Result<(Vec<u8>, Option<Compression>)> {
    let mut out = Vec::new();
    let mut decoder = Decoder::new(limits, "test");
    let mut sink = |bytes: &[u8]| {
        out.extend_from_slice(bytes);
        Ok(())
    };
    for piece in bytes.chunks(piece.max(1)) {
        decoder.feed(piece, &mut sink)?;
    }
    decoder.finish(&mut sink)?;
    let compression = decoder.compression();
    Ok((out, compression))
}

fn decode(bytes: &[u8]) -> Result<Vec<u8>> {
    decode_in(bytes, usize::MAX, &Limits::default()).map(|(out, _)| out)
}

fn sample() -> Vec<u8> {
    (0..70_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> (n % 23)).to_le_bytes()).collect()
}

#[test]
fn all_kinds_come_out_whole_in_pieces_of_any_size() {
    let data = sample();
    for (kind, packed) in
        [(Compression::None, data.clone()), (Compression::Gzip, gzip(&data)), (Compression::Zstd, zstd(&data))]
    {
        for piece in [1, 7, 513, 65_536, usize::MAX] {
            let (out, found) = decode_in(&packed, piece, &Limits::default()).unwrap();
            assert!(out == data, "{kind:?} in pieces of {piece}");
            assert_eq!(found, Some(kind));
        }
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"hello"].concat();
    let empty = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    for piece in [1, 3, usize::MAX] {
        let limits = Limits::default();
        let packed = [gzip(b"one "), gzip(b""), gzip(b"two")].concat();
        assert_eq!(decode_in(&packed, piece, &limits).unwrap().0, b"one two");
        let packed = [&skippable[..], &zstd(b"one "), &empty, &skippable, &zstd(b"two"), &skippable].concat();
        assert_eq!(decode_in(&packed, piece, &limits).unwrap().0, b"one two");
    }
}

#[test]
fn short_streams_are_plain() {
    for data in [&b""[..], b"a", b"\x1f\x8b", b"\x28\xb5"] {
        assert_eq!(decode(data).unwrap(), data);
    }
}

#[test]
fn damage_is_found() {
    let data = sample();
    for packed in [gzip(&data), zstd(&data)] {
        for cut in [8, packed.len() / 2, packed.len() - 1] {
            let error = decode(&packed[..cut]).unwrap_err();
            assert!(matches!(error, Error::Compression { .. }), "{error}");
        }
        let error = decode(&[&packed[..], b"rest of something"].concat()).unwrap_err();
        assert!(matches!(error, Error::Compression { .. }), "{error}");
    }
    let mut packed = gzip(&data);
    let crc = packed.len() - 6;
    packed[crc] ^= 1;
    assert!(decode(&packed).is_err());
}

#[test]
fn bombs_stop_at_the_limits() {
    let zeros = vec![0; 2 << 20];
    for packed in [gzip(&zeros), zstd(&zeros)] {
        let small = Limits { layer: 1 << 20, ..Limits::default() };
        assert!(matches!(decode_in(&packed, 4096, &small), Err(Error::Limit { limit: 1_048_576, .. })));
        let ratio = Limits { ratio: 100, ratio_from: 1 << 19, ..Limits::default() };
        assert!(matches!(decode_in(&packed, 4096, &ratio), Err(Error::Limit { limit: 100, .. })));
    }
    // A window of 2 GiB in the header of a frame that holds nothing.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 1, 0, 0];
    assert!(decode(&window).unwrap_err().to_string().contains("window"), "{}", decode(&window).unwrap_err());
}

#[test]
fn other_compressions_are_named() {
    assert_eq!(
        decode(b"BZh91AY&SY").unwrap_err().to_string(),
        "test: bzip2 compression is not supported; use gzip, zstd or none"
    );
    assert!(decode(b"\xfd7zXZ\0\0\x04").unwrap_err().to_string().contains("xz"));
}
