//! Copying between the command's standard streams and a hijacked connection: docker's frames, raw mode, detach keys, end of input.

use crate::detach_keys::Detector;
use crate::hijack::Stream;
use crate::output;
use crate::terminal::RawMode;
use std::io::Read;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

/// How an attachment ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side closed the stream.
    Closed,
    /// The detach keys were typed.
    Detached,
}

/// What is connected.
pub(crate) struct Attachment {
    /// Whether the stream is a terminal's (raw) or framed.
    pub(crate) tty: bool,
    /// Send standard input.
    pub(crate) stdin: bool,
    /// Write the container's output.
    pub(crate) output: bool,
    /// The detach keys, docker's notation; empty for the default.
    pub(crate) detach_keys: String,
}

/// Reads standard input in a thread of its own; the thread ends with the process.
fn read_stdin() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 32 * 1024];
        let mut stdin = std::io::stdin().lock();
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => break,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
                Ok(n) => {
                    if sender.blocking_send(buffer[..n].to_vec()).is_err() {
                        break;
                    }
                }
            }
        }
    });
    receiver
}

impl Attachment {
    /// Copies until the stream ends or the user detaches. Raw mode lasts as long as this does.
    ///
    /// # Errors
    /// A broken stream, or an error that the engine sent in it.
    pub(crate) async fn run(&self, stream: Stream) -> Result<End, String> {
        let _raw = if self.tty && self.stdin { RawMode::enter() } else { None };
        let (reader, writer) = tokio::io::split(stream);
        let mut input = Box::pin(self.send_input(writer));
        let mut result = Box::pin(self.copy_output(reader));
        let mut input_open = true;
        loop {
            tokio::select! {
                biased;
                done = &mut result => return done.map(|()| End::Closed),
                detached = &mut input, if input_open => {
                    if detached {
                        return Ok(End::Detached);
                    }
                    if !self.output {
                        return Ok(End::Closed);
                    }
                    input_open = false;
                }
            }
        }
    }

    /// Sends standard input, then closes the sending side. True if the detach keys were typed.
    async fn send_input(&self, mut writer: WriteHalf<Stream>) -> bool {
        if self.stdin {
            let mut keys =
                if self.tty { Detector::new(&self.detach_keys).or_else(|_| Detector::new("")).ok() } else { None };
            let mut input = read_stdin();
            while let Some(data) = input.recv().await {
                let (data, detached) = match &mut keys {
                    Some(keys) => keys.feed(&data),
                    None => (data, false),
                };
                if writer.write_all(&data).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
                if detached {
                    return true;
                }
            }
        }
        let _ = writer.shutdown().await;
        false
    }

    async fn copy_output(&self, mut reader: ReadHalf<Stream>) -> Result<(), String> {
        if self.tty { copy_raw(&mut reader).await } else { copy_frames(&mut reader).await }
    }
}

/// Copies a terminal's output to standard output.
///
/// # Errors
/// A broken stream.
pub(crate) async fn copy_raw(reader: &mut (impl AsyncRead + Unpin)) -> Result<(), String> {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(n) => output::bytes(&buffer[..n]),
            Err(e) => return Err(e.to_string()),
        }
    }
}

/// Copies framed output to standard output and standard error.
///
/// # Errors
/// A broken stream, or an error that the engine sent in it.
pub(crate) async fn copy_frames(reader: &mut (impl AsyncRead + Unpin)) -> Result<(), String> {
    let mut frames = Frames::default();
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(n) => frames.feed(&buffer[..n], |kind, data| match kind {
                2 => output::error_bytes(data),
                _ => output::bytes(data),
            })?,
            Err(e) => return Err(e.to_string()),
        }
    }
}

/// Takes docker's frames (8 bytes of header: stream, 3 zeros, length) out of a stream cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    header: Vec<u8>,
    left: usize,
    error: Vec<u8>,
}

impl Frames {
    /// Feeds bytes; `write` gets each piece of payload with the number of its stream (1 output, 2 error output).
    ///
    /// # Errors
    /// An error frame (3), or a stream number that does not exist.
    pub(crate) fn feed(&mut self, mut data: &[u8], mut write: impl FnMut(u8, &[u8])) -> Result<(), String> {
        while !data.is_empty() {
            if self.left == 0 {
                let take = data.len().min(8 - self.header.len() % 8);
                if self.header.len() == 8 {
                    self.header.clear();
                }
                self.header.extend_from_slice(&data[..take]);
                data = &data[take..];
                if self.header.len() < 8 {
                    return Ok(());
                }
                if self.header[0] > 3 {
                    return Err(format!("Unrecognized input header: {}", self.header[0]));
                }
                self.left =
                    u32::from_be_bytes([self.header[4], self.header[5], self.header[6], self.header[7]]) as usize;
                continue;
            }
            let take = data.len().min(self.left);
            let (piece, rest) = data.split_at(take);
            self.left -= take;
            data = rest;
            if self.header[0] == 3 {
                self.error.extend_from_slice(piece);
                if self.left == 0 {
                    return Err(format!("error from daemon in stream: {}", String::from_utf8_lossy(&self.error)));
                }
            } else {
                write(self.header[0], piece);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, text: &[u8]) -> Vec<u8> {
        let mut out = vec![kind, 0, 0, 0];
        out.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        out.extend_from_slice(text);
        out
    }

    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        let all = [frame(1, b"hello "), frame(2, b"oops"), frame(1, b""), frame(1, b"world")].concat();
        for size in 1..=all.len() {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut frames = Frames::default();
            for piece in all.chunks(size) {
                frames
                    .feed(
                        piece,
                        |kind, data| {
                            if kind == 1 { out.extend_from_slice(data) } else { err.extend_from_slice(data) }
                        },
                    )
                    .unwrap();
            }
            assert_eq!((out.as_slice(), err.as_slice()), (&b"hello world"[..], &b"oops"[..]), "pieces of {size}");
        }
    }

    #[test]
    fn an_error_frame_ends_the_stream() {
        assert_eq!(
            Frames::default().feed(&frame(3, b"boom"), |_, _| {}).unwrap_err(),
            "error from daemon in stream: boom"
        );
    }
}
