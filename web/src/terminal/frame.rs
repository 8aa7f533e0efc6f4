//! The frames of the terminal protocol `slipway.v1`: one opcode byte, then the payload, integers big-endian.
//! Only the form is known here; what a frame means is the business of [`client`](super::client).

use std::fmt;

/// Name of the WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "slipway.v1";

/// Asks for everything that the server's ring still holds.
pub const EVERYTHING: u64 = u64::MAX;

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub cols: u16,
    /// Lines.
    pub rows: u16,
}

/// What the page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// First frame of a connection, and the wish for a new shell after [`Event::Exit`].
    Hello {
        /// Number of the next output byte wanted, or [`EVERYTHING`].
        next: u64,
        /// Random, one a page: input is counted per client id.
        client: [u8; 16],
        /// The size that this page can show.
        size: Size,
    },
    /// Bytes typed.
    Input {
        /// Number of the first of them.
        first: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The page can show another size now.
    Resize(Size),
    /// Count of output bytes that the page has parsed.
    Ack(u64),
}

impl Request<'_> {
    /// The frame's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        match self {
            Request::Hello { next, client, size } => {
                frame.push(0x00);
                frame.extend(next.to_be_bytes());
                frame.extend(client);
                frame.extend(size.cols.to_be_bytes());
                frame.extend(size.rows.to_be_bytes());
            }
            Request::Input { first, bytes } => {
                frame.push(0x01);
                frame.extend(first.to_be_bytes());
                frame.extend(*bytes);
            }
            Request::Resize(size) => {
                frame.push(0x02);
                frame.extend(size.cols.to_be_bytes());
                frame.extend(size.rows.to_be_bytes());
            }
            Request::Ack(count) => {
                frame.push(0x03);
                frame.extend(count.to_be_bytes());
            }
        }
        frame
    }
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Answer to [`Request::Hello`].
    Welcome {
        /// Number of the first output byte that will follow.
        first: u64,
        /// Count of input bytes that the server has from this client id.
        accepted: u64,
    },
    /// Bytes that the terminal's programs wrote.
    Output {
        /// Number of the first of them.
        first: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Count of input bytes that the server has from this client id.
    InputAck(u64),
    /// The shell ended with this code.
    Exit(i32),
    /// A sentence for the person.
    Error(String),
    /// The size in force: with several viewers, the smallest.
    Size(Size),
}

/// Why a frame of the server makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// No opcode.
    Empty,
    /// An opcode that `slipway.v1` does not have.
    UnknownOpcode(u8),
    /// The payload is shorter than the opcode demands.
    Short {
        /// The opcode.
        opcode: u8,
        /// Length of the payload.
        length: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Empty => write!(f, "the server sent an empty terminal frame"),
            FrameError::UnknownOpcode(opcode) => write!(
                f,
                "the server sent a terminal frame of unknown kind 0x{opcode:02x}; reload the page to get the version that belongs to it"
            ),
            FrameError::Short { opcode, length } => {
                write!(f, "the server sent a terminal frame of kind 0x{opcode:02x} with only {length} bytes")
            }
        }
    }
}

impl std::error::Error for FrameError {}

impl<'a> Event<'a> {
    /// Reads a frame.
    pub fn decode(frame: &'a [u8]) -> Result<Event<'a>, FrameError> {
        let (&opcode, payload) = frame.split_first().ok_or(FrameError::Empty)?;
        let short = || FrameError::Short { opcode, length: payload.len() };
        let number = |at: usize| -> Result<u64, FrameError> {
            let bytes = payload.get(at..at + 8).ok_or_else(short)?;
            Ok(u64::from_be_bytes(bytes.try_into().map_err(|_| short())?))
        };
        Ok(match opcode {
            0x80 => Event::Welcome { first: number(0)?, accepted: number(8)? },
            0x81 => Event::Output { first: number(0)?, bytes: &payload[8..] },
            0x82 => Event::InputAck(number(0)?),
            0x83 => {
                let bytes = payload.get(..4).ok_or_else(short)?;
                Event::Exit(i32::from_be_bytes(bytes.try_into().map_err(|_| short())?))
            }
            0x84 => Event::Error(String::from_utf8_lossy(payload).into_owned()),
            0x85 => match *payload {
                [c0, c1, r0, r1, ..] => {
                    Event::Size(Size { cols: u16::from_be_bytes([c0, c1]), rows: u16::from_be_bytes([r0, r1]) })
                }
                _ => return Err(short()),
            },
            _ => return Err(FrameError::UnknownOpcode(opcode)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_has_the_documented_layout() {
        let frame =
            Request::Hello { next: EVERYTHING, client: *b"0123456789abcdef", size: Size { cols: 80, rows: 24 } }
                .encode();
        let mut wanted = vec![0, 255, 255, 255, 255, 255, 255, 255, 255];
        wanted.extend(b"0123456789abcdef");
        wanted.extend([0, 80, 0, 24]);
        assert_eq!(frame, wanted);
    }

    #[test]
    fn input_keeps_bytes_that_are_no_utf8() {
        let frame = Request::Input { first: 258, bytes: &[0xff, 0x00, 0xc3] }.encode();
        assert_eq!(frame, [1, 0, 0, 0, 0, 0, 0, 1, 2, 0xff, 0x00, 0xc3]);
    }

    #[test]
    fn every_event_is_read() {
        let welcome = [&[0x80][..], &7u64.to_be_bytes(), &9u64.to_be_bytes()].concat();
        assert_eq!(Event::decode(&welcome), Ok(Event::Welcome { first: 7, accepted: 9 }));
        let output = [&[0x81][..], &3u64.to_be_bytes(), b"\xe2\x82"].concat();
        assert_eq!(Event::decode(&output), Ok(Event::Output { first: 3, bytes: b"\xe2\x82" }));
        let exit = [&[0x83][..], &(-1i32).to_be_bytes()].concat();
        assert_eq!(Event::decode(&exit), Ok(Event::Exit(-1)));
        assert_eq!(Event::decode(&[0x85, 0, 80, 0, 24]), Ok(Event::Size(Size { cols: 80, rows: 24 })));
    }

    #[test]
    fn nonsense_is_told_apart() {
        assert_eq!(Event::decode(&[]), Err(FrameError::Empty));
        assert_eq!(Event::decode(&[0x7f]), Err(FrameError::UnknownOpcode(0x7f)));
        for opcode in [0x80, 0x81, 0x82, 0x83, 0x85] {
            assert_eq!(Event::decode(&[opcode, 1, 2]), Err(FrameError::Short { opcode, length: 2 }));
        }
    }
}
