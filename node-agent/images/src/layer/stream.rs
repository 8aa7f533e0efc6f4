//! A layer's byte stream: compression is told by the first bytes, and a pipe lets decompression and hashing run beside
//! the unpacking.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::tar_reader::invalid;

const CHUNK: usize = 256 * 1024;

/// KiB of memory that an xz stream may ask for: what `xz -9` takes, and a little.
const XZ_MEMORY: u32 = 80 << 10;

/// How many first bytes of a stream say whether it is compressed.
pub const MAGIC_LENGTH: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Compression {
    /// Told by a stream's first [`MAGIC_LENGTH`] bytes.
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or one that is to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }
}

/// Whether [`decompress`] has something to do for a stream that begins so.
pub fn is_compressed(head: &[u8]) -> bool {
    Compression::of(head).is_some()
}

/// Undoes gzip, bzip2, xz or zstd if the stream begins as one of them; anything else is given as it is.
///
/// # Errors
/// When the stream cannot be read.
pub fn decompress<'a>(input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut input = BufReader::with_capacity(CHUNK, input);
    let mut magic = Vec::new();
    input.by_ref().take(MAGIC_LENGTH as u64).read_to_end(&mut magic)?;
    let compression = Compression::of(&magic);
    let input = io::Cursor::new(magic).chain(input);
    Ok(match compression {
        Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(input)),
        Some(Compression::Zstd) => Box::new(ZstdFrames { state: Some(Zstd::Between(input)) }),
        Some(Compression::Bzip2) => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Some(Compression::Xz) => Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, XZ_MEMORY)),
        None => Box::new(input),
    })
}

enum Zstd<R: Read> {
    Between(R),
    Frame(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
}

/// Concatenated zstd frames, skippable ones among them, as one stream.
struct ZstdFrames<R: Read> {
    state: Option<Zstd<R>>,
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state.take() {
                None => return Ok(0),
                Some(Zstd::Between(mut input)) => {
                    if input.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    if input.fill_buf()?[0] & 0xf0 == 0x50 {
                        let mut head = [0; 8];
                        input.read_exact(&mut head)?;
                        let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
                        if io::copy(&mut input.by_ref().take(length), &mut io::sink())? < length {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        self.state = Some(Zstd::Between(input));
                        continue;
                    }
                    let decoder = StreamingDecoder::new(input).map_err(|e| invalid(format!("zstd: {e}")))?;
                    self.state = Some(Zstd::Frame(Box::new(decoder)));
                }
                Some(Zstd::Frame(mut decoder)) => {
                    let read = decoder.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        self.state = Some(Zstd::Frame(decoder));
                        return Ok(read);
                    }
                    self.state = Some(Zstd::Between(decoder.into_inner()));
                }
            }
        }
    }
}

/// The reading end of a pipe between two threads.
pub(crate) struct PipeReader {
    chunks: Receiver<io::Result<Vec<u8>>>,
    spare: SyncSender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    done: bool,
}

/// The writing end; dropping it without `Ok(0)` from the source counts as the end of the stream.
pub(crate) struct PipeWriter {
    chunks: SyncSender<io::Result<Vec<u8>>>,
    spare: Receiver<Vec<u8>>,
}

/// A bounded pipe that passes whole buffers between two threads.
pub(crate) fn pipe() -> (PipeWriter, PipeReader) {
    let (chunks, from_writer) = sync_channel(8);
    let (spare, from_reader) = sync_channel(16);
    let reader = PipeReader { chunks: from_writer, spare, current: Vec::new(), at: 0, done: false };
    (PipeWriter { chunks, spare: from_reader }, reader)
}

impl PipeWriter {
    /// Moves everything from `source` into the pipe; `look` sees each chunk first. Stops early without an error when
    /// the reader is gone.
    pub(crate) fn pump(self, source: &mut dyn Read, mut look: impl FnMut(&[u8])) {
        loop {
            let mut buffer = self.spare.try_recv().unwrap_or_default();
            buffer.resize(CHUNK, 0);
            let mut filled = 0;
            let mut failed = None;
            while filled < CHUNK {
                match source.read(&mut buffer[filled..]) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            buffer.truncate(filled);
            look(&buffer);
            if filled > 0 && self.chunks.send(Ok(buffer)).is_err() {
                return;
            }
            match failed {
                Some(error) => {
                    // A reader that has gone has an error of its own to report.
                    let _ = self.chunks.send(Err(error));
                    return;
                }
                None if filled < CHUNK => return,
                None => {}
            }
        }
    }
}

/// Turns a pipe into something to write to; `look` sees each chunk first.
pub(crate) struct PipeSink<F> {
    pipe: PipeWriter,
    buffer: Vec<u8>,
    look: F,
}

impl<F: FnMut(&[u8])> PipeSink<F> {
    pub(crate) fn new(pipe: PipeWriter, look: F) -> Self {
        Self { pipe, buffer: Vec::with_capacity(CHUNK), look }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut next = self.pipe.spare.try_recv().unwrap_or_default();
        next.clear();
        next.reserve(CHUNK);
        let chunk = std::mem::replace(&mut self.buffer, next);
        (self.look)(&chunk);
        self.pipe.chunks.send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Ends the stream: well, or with an error that the reader will see.
    pub(crate) fn end(mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome.and_then(|()| self.send()) {
            // A reader that has gone has an error of its own to report.
            let _ = self.pipe.chunks.send(Err(error));
        }
    }
}

impl<F: FnMut(&[u8])> io::Write for PipeSink<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let take = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..take]);
        if self.buffer.len() == CHUNK {
            self.send()?;
        }
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl BufRead for PipeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.current.len() && !self.done {
            let used = std::mem::take(&mut self.current);
            // A full list of spares only means one more allocation.
            let _ = self.spare.try_send(used);
            self.at = 0;
            match self.chunks.recv() {
                Ok(Ok(chunk)) => self.current = chunk,
                Ok(Err(error)) => {
                    self.done = true;
                    return Err(error);
                }
                Err(_) => self.done = true,
            }
        }
        Ok(&self.current[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let length = chunk.len().min(buffer.len());
        buffer[..length].copy_from_slice(&chunk[..length]);
        self.consume(length);
        Ok(length)
    }
}
