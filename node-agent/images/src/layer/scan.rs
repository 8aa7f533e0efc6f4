//! Reads a layer's tar stream for its tar-split record alone: for a layer whose files are in place already.

use std::io::{self, BufRead};

use super::tar_reader::{Kind, TarReader};
use super::tar_split::Splitter;

/// Reads `input`, an uncompressed tar stream, to its end; returns the compressed record of it.
pub(crate) fn scan(input: impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut reader = TarReader::new(input, Splitter::new());
    while let Some(entry) = reader.next_entry()? {
        let name = entry.path.rsplit(|b| *b == b'/').next().unwrap_or_default();
        // A whiteout's entry stands for no file, so its (empty) payload is none of the layer's.
        if entry.kind == Kind::File && entry.sparse.is_none() && !name.starts_with(b".wh.") {
            reader.payload(&entry, |_| Ok(()))?;
        } else {
            reader.payload_part(entry.stored, |_| Ok(()))?;
        }
        reader.finish_entry()?;
    }
    reader.splitter.finish()
}
