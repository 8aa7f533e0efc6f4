//! Tars: the pieces in which one comes make no difference, contents are as long as their headers say, and a layer's tree can be walked.

use engine_wasm::image::tar::{Entry, Kind, Sink, Stream};
use engine_wasm::image::{Builder, Limits, Options, Tree};

/// Limits that a small input can reach.
pub(super) fn limits() -> Limits {
    Limits {
        archive_entries: 200,
        layer_entries: 200,
        names: 1 << 16,
        path: 4096,
        depth: 64,
        tar_records: 1 << 14,
        sparse_parts: 64,
        layer: 1 << 22,
        ratio: 500,
        ratio_from: 1 << 20,
        zstd_window: 1 << 20,
        manifest: 1 << 16,
        config: 1 << 16,
        content: 1 << 20,
        archive_in_memory: 1 << 20,
        ..Limits::default()
    }
}

/// Gives every header the checksum that it should have, so that what lies behind it is reached. Sizes are taken as they stand.
pub(super) fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut tar = data.to_vec();
    let mut at = 0_usize;
    while let Some(header) = tar.get_mut(at..at.saturating_add(512)) {
        if header.iter().any(|byte| *byte != 0) {
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
            header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        }
        let octal = header[124..136].iter().filter(|byte| (b'0'..=b'7').contains(*byte));
        let size = octal.fold(0_usize, |size, byte| size.wrapping_mul(8).wrapping_add(usize::from(byte - b'0')));
        at = at.saturating_add(512).saturating_add(size.saturating_add(511) / 512 * 512);
    }
    tar
}

/// What a stream told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    entries: Vec<Entry>,
    contents: Vec<u8>,
    open: Option<u64>,
}

impl Sink for Seen {
    fn entry(&mut self, entry: &Entry) -> Result<bool, engine_wasm::image::TarProblem> {
        assert_eq!(self.open, None, "an entry within another's content");
        assert!(entry.mode <= 0o7777 && entry.offset < entry.data);
        let wanted = entry.kind == Kind::File;
        self.open = wanted.then_some(entry.stored);
        self.entries.push(entry.clone());
        Ok(wanted)
    }

    fn content(&mut self, bytes: &[u8]) {
        let left = self.open.as_mut().expect("content of a file");
        *left = left.checked_sub(bytes.len() as u64).expect("no more than the header says");
        self.contents.extend_from_slice(bytes);
    }

    fn end(&mut self) {
        assert_eq!(self.open.take(), Some(0), "less than the header says");
    }
}

fn stream(tar: &[u8], piece: usize) -> (Seen, Result<(), String>) {
    let mut seen = Seen::default();
    let mut stream = Stream::new(&limits(), "the layer");
    let result = tar.chunks(piece).try_for_each(|bytes| stream.feed(bytes, &mut seen)).and_then(|()| stream.finish());
    (seen, result.map_err(|error| error.to_string()))
}

/// The first byte: whether checksums are mended, and the size of pieces. What follows is the tar.
pub fn tar(data: &[u8]) {
    let Some((settings, data)) = data.split_first() else { return };
    let tar = if settings & 1 == 1 { with_checksums(data) } else { data.to_vec() };
    let whole = stream(&tar, tar.len().max(1));
    let pieces = stream(&tar, usize::from(settings >> 1) * 7 + 1);
    assert_eq!(whole, pieces);
    assert!(whole.0.entries.len() <= limits().layer_entries + 1);
    if let Err(error) = &whole.1 {
        assert!(error.starts_with("the layer"), "{error}");
    }

    let mut builder = Builder::new(&limits(), Options::default());
    let mut stream = Stream::new(&limits(), "the layer");
    let _ = stream.feed(&tar, &mut builder);
    let tree = builder.finish();
    walk(&tree);
}

/// Every node is found by its path, and has no more parents than the limit allows.
pub(super) fn walk(tree: &Tree) {
    let mut left = vec![Tree::ROOT];
    let mut seen = 0;
    while let Some(id) = left.pop() {
        seen += 1;
        assert!(seen <= tree.len(), "a loop in the tree");
        let path = tree.path(id);
        assert_eq!(tree.find(&path), Some(id), "{:?}", String::from_utf8_lossy(&path));
        left.extend(tree.children(id));
    }
}
