use super::*;
use crate::image::error::{Error, Result, TarProblem};
use crate::image::limits::Limits;
use crate::image::testing::{dir, file, hardlink, header, open_tar, padded, record, seal, symlink, tar};

#[derive(Default)]
struct Seen(Vec<(Entry, Vec<u8>)>);

impl Sink for Seen {
    fn entry(&mut self, entry: &Entry) -> Result<bool, TarProblem> {
        self.0.push((entry.clone(), Vec::new()));
        Ok(true)
    }

    fn content(&mut self, bytes: &[u8]) {
        self.0.last_mut().unwrap().1.extend_from_slice(bytes);
    }

    fn end(&mut self) {
        let (entry, content) = self.0.last().unwrap();
        assert_eq!(entry.stored, content.len() as u64);
    }
}

fn read_in(bytes: &[u8], piece: usize, limits: &Limits) -> Result<Vec<(Entry, Vec<u8>)>> {
    let mut seen = Seen::default();
    let mut stream = Stream::new(limits, "test");
    for piece in bytes.chunks(piece) {
        stream.feed(piece, &mut seen)?;
    }
    stream.finish()?;
    assert_eq!(stream.offset(), bytes.len() as u64);
    Ok(seen.0)
}

fn read(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>> {
    read_in(bytes, usize::MAX, &Limits::default())
}

fn problem(bytes: &[u8]) -> (TarProblem, String, u64) {
    match read(bytes).unwrap_err() {
        Error::Tar { problem, name, offset, .. } => (problem, name, offset),
        other => panic!("{other}"),
    }
}

fn with_records(kind: u8, records: &str, rest: &[u8]) -> Vec<u8> {
    let mut out = header(b"pax", kind, b"", records.len() as u64).to_vec();
    padded(&mut out, records.as_bytes());
    out.extend_from_slice(rest);
    out
}

#[test]
fn pieces_of_any_size_give_the_same_entries() {
    let long = format!("{}/end", "d/".repeat(90));
    let big = vec![7; 3000];
    let items = [
        dir("a/"),
        file("a/b", b"hello"),
        file(&long, &big),
        symlink("l", "a/b"),
        hardlink("h", "a/b"),
        file("e", b""),
    ];
    let bytes = tar(&items);
    let whole = read(&bytes).unwrap();
    let paths: Vec<_> = whole.iter().map(|(e, _)| String::from_utf8_lossy(&e.path).into_owned()).collect();
    assert_eq!(paths, ["a/", "a/b", long.as_str(), "l", "h", "e"]);
    assert_eq!(whole[1].1, b"hello");
    assert_eq!(whole[2].1, big);
    assert_eq!((whole[3].0.kind, &whole[3].0.link[..]), (Kind::Symlink, &b"a/b"[..]));
    for (entry, content) in &whole {
        let at = entry.data as usize;
        assert_eq!(&bytes[at..at + content.len()], content);
    }
    for piece in [1, 3, 511, 512, 513, 4096] {
        assert_eq!(read_in(&bytes, piece, &Limits::default()).unwrap(), whole, "in pieces of {piece}");
    }
}

#[test]
fn the_end_may_lack_its_zeros_but_nothing_else() {
    let open = open_tar(&[file("a", b"hello")]);
    assert_eq!(read(&open).unwrap().len(), 1);
    assert_eq!(read(&open[..512 + 5]).unwrap().len(), 1);
    assert_eq!(read(&[&open[..], &[0; 512]].concat()).unwrap().len(), 1);
    assert_eq!(problem(&open[..512 + 4]), (TarProblem::Truncated, "a".into(), 516));
    assert_eq!(problem(&open[..100]).0, TarProblem::Truncated);
    let lone = [&open[..], &[0; 512], &open].concat();
    assert_eq!(problem(&lone).0, TarProblem::LoneZeroBlock);
    // What follows the end is not looked at.
    assert_eq!(read(&[&tar(&[file("a", b"")])[..], b"anything"].concat()).unwrap().len(), 1);
    assert_eq!(read(b"").unwrap().len(), 0);
}

#[test]
fn a_wrong_sum_or_number_names_the_place() {
    let mut bytes = tar(&[file("a", b"x"), file("b", b"")]);
    bytes[1024] = b'B';
    assert_eq!(problem(&bytes), (TarProblem::Checksum, "a".into(), 1024));
    let mut block = header(b"bad", b'0', b"", 0);
    block[124..136].copy_from_slice(b"12345678901\t");
    seal(&mut block);
    assert_eq!(problem(&block), (TarProblem::Number("size"), "bad".into(), 0));
    // Minus one in base 256.
    block[124..136].copy_from_slice(&[0xff; 12]);
    seal(&mut block);
    assert_eq!(problem(&block).0, TarProblem::Number("size"));
    assert_eq!(problem(&[1; 512]).0, TarProblem::Checksum);
}

#[test]
fn sizes_of_any_length_are_base_256() {
    let mut block = header(b"huge", b'0', b"", 0);
    block[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    seal(&mut block);
    assert_eq!(problem(&block), (TarProblem::Truncated, "huge".into(), 512));
}

#[test]
fn pax_records_count_for_one_entry_and_global_ones_for_all() {
    let records =
        record("path", "lång/namn") + &record("mtime", "1700000000.25") + &record("SCHILY.xattr.user.a", "\u{1}b");
    let global = record("mtime", "5") + &record("uid", "3000000");
    let rest = tar(&[file("short", b"x"), file("next", b"")]);
    let bytes = with_records(b'g', &global, &with_records(b'x', &records, &rest));
    let seen = read(&bytes).unwrap();
    assert_eq!(seen[0].0.path, "lång/namn".as_bytes());
    assert_eq!((seen[0].0.mtime, seen[1].0.mtime), ((1_700_000_000, 250_000_000), (5, 0)));
    assert_eq!((seen[0].0.uid, seen[1].0.uid), (3_000_000, 3_000_000));
    assert_eq!(seen[0].0.xattrs, [(b"user.a".to_vec(), b"\x01b".to_vec())]);
    assert_eq!(seen[1].0.path, b"next");
    // A tar may consist of a global header alone, as `git archive` of nothing does.
    assert_eq!(read(&with_records(b'g', &record("comment", "x"), &[0; 1024])).unwrap().len(), 0);
    assert_eq!(problem(&with_records(b'x', &record("path", "p"), &[0; 1024])).0, TarProblem::Dangling);
    assert_eq!(problem(&with_records(b'x', "5 a=", b"")).0, TarProblem::Pax("its length is wrong"));
}

#[test]
fn records_beyond_the_limit_are_not_gathered() {
    let block = header(b"pax", b'x', b"", (1 << 20) + 1);
    assert!(matches!(problem(&block).0, TarProblem::Limit("the length of a long name or PAX header", _)));
}

#[test]
fn entries_and_paths_have_limits() {
    let bytes = tar(&[file("a", b""), file("b", b""), file("c", b"")]);
    let limits = Limits { layer_entries: 2, ..Limits::default() };
    assert!(
        read_in(&bytes, 512, &limits).unwrap_err().to_string().contains("the number of entries exceeds the limit of 2")
    );
    let limits = Limits { path: 4, ..Limits::default() };
    assert!(read_in(&tar(&[file("long/path", b"")]), 512, &limits).is_err());
}

fn gnu_sparse(parts: &[(u64, u64)], size: u64, stored: &[u8]) -> Vec<u8> {
    let mut block = header(b"sparse", b'S', b"", stored.len() as u64);
    block[257..265].copy_from_slice(b"ustar  \0");
    let number = |n: u64| format!("{n:011o}\0").into_bytes();
    for (at, (offset, length)) in parts.iter().take(4).enumerate() {
        block[386 + 24 * at..398 + 24 * at].copy_from_slice(&number(*offset));
        block[398 + 24 * at..410 + 24 * at].copy_from_slice(&number(*length));
    }
    block[482] = u8::from(parts.len() > 4);
    block[483..495].copy_from_slice(&number(size));
    seal(&mut block);
    let mut out = block.to_vec();
    let mut rest = parts.get(4..).unwrap_or_default();
    while !rest.is_empty() {
        let mut block = [0; 512];
        let (now, later) = rest.split_at(rest.len().min(21));
        for (at, (offset, length)) in now.iter().enumerate() {
            block[24 * at..24 * at + 12].copy_from_slice(&number(*offset));
            block[24 * at + 12..24 * at + 24].copy_from_slice(&number(*length));
        }
        block[504] = u8::from(!later.is_empty());
        out.extend_from_slice(&block);
        rest = later;
    }
    padded(&mut out, stored);
    out
}

#[test]
fn sparse_files_of_all_forms_have_their_maps() {
    let parts: Vec<(u64, u64)> = (0..30).map(|n| (n * 1000, 10)).collect();
    let content = [b'x'; 300];
    let gnu = gnu_sparse(&parts, 30_000, &content);
    let text = |sep: &str| parts.iter().map(|(o, l)| format!("{o}{sep}{l}")).collect::<Vec<_>>().join(sep);
    let stored = open_tar(&[file("GNUSparseFile.0/sparse", &content)]);
    let zero: String = parts
        .iter()
        .map(|(o, l)| record("GNU.sparse.offset", &o.to_string()) + &record("GNU.sparse.numbytes", &l.to_string()))
        .collect();
    let size = record("GNU.sparse.size", "30000");
    let zero = with_records(b'x', &(size.clone() + &zero + &record("GNU.sparse.name", "sparse")), &stored);
    let one = record("GNU.sparse.map", &text(",")) + &record("GNU.sparse.name", "sparse");
    let one = with_records(b'x', &(size + &one), &stored);
    let mut map = format!("30\n{}\n", text("\n")).into_bytes();
    map.resize(map.len().next_multiple_of(512), 0);
    let records = record("GNU.sparse.major", "1")
        + &record("GNU.sparse.realsize", "30000")
        + &record("GNU.sparse.name", "sparse");
    let inner = [&map[..], &content].concat();
    let two = with_records(b'x', &records, &open_tar(&[file("GNUSparseFile.0/sparse", &inner)]));
    for bytes in [gnu, zero, one, two] {
        for piece in [1, 512, usize::MAX] {
            let seen = read_in(&bytes, piece, &Limits::default()).unwrap();
            let [(entry, stored)] = &seen[..] else { panic!("{} entries", seen.len()) };
            assert_eq!((&entry.path[..], entry.size), (&b"sparse"[..], 30_000));
            assert_eq!(entry.sparse.as_deref(), Some(&parts[..]));
            assert_eq!(stored, &content);
            assert_eq!(&bytes[entry.data as usize..][..300], &content);
        }
    }
}

#[test]
fn sparse_maps_that_lie_are_refused() {
    for (parts, size, stored) in [
        (vec![(0, 10), (5, 10)], 100, 20),
        (vec![(0, 10)], 5, 10),
        (vec![(0, 10)], 100, 9),
        (vec![(0o77_777_777_777, 10)], 100, 10),
    ] {
        let bytes = gnu_sparse(&parts, size, &vec![0; stored]);
        assert!(matches!(problem(&bytes).0, TarProblem::Sparse(_)), "{parts:?}");
    }
    let records =
        record("GNU.sparse.major", "1") + &record("GNU.sparse.realsize", "10") + &record("GNU.sparse.name", "s");
    for map in ["99999999999\n", "x\n", "1\n0\n\n", "3\n0\n1\n"] {
        let bytes = with_records(b'x', &records, &open_tar(&[file("s", format!("{map:\0<512}").as_bytes())]));
        assert!(read(&bytes).is_err(), "{map:?}");
    }
}

#[test]
fn links_and_directories_have_no_content_whatever_their_size_says() {
    let mut bytes = header(b"h", b'1', b"f", 5000).to_vec();
    bytes.extend_from_slice(&tar(&[file("after", b"x")]));
    let seen = read(&bytes).unwrap();
    assert_eq!((seen[0].0.stored, &seen[1].0.path[..]), (0, &b"after"[..]));
}
