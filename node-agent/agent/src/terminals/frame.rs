//! The frames of `slipway.v1`: one opcode byte, then the payload, integers big-endian. Terminal bytes pass through untouched.

use bytes::{BufMut, Bytes, BytesMut};

/// The WebSocket subprotocol's name.
pub const PROTOCOL: &str = "slipway.v1";

/// A random number that a page chooses for itself; its input is counted under it.
pub type ClientId = [u8; 16];

/// What a page sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// The first frame, and the one that opens a new shell after the last has ended.
    Hello {
        /// Number of the output byte wanted next; `u64::MAX` for everything still kept.
        next: u64,
        /// Who is typing.
        client: ClientId,
        /// Columns of the page's terminal.
        cols: u16,
        /// Rows of the page's terminal.
        rows: u16,
    },
    /// Typed bytes.
    Input {
        /// Number of the first byte, counted from 0 for each client id.
        number: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// The page's terminal has another size.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Output up to (not including) this number has been parsed.
    Ack(u64),
}

/// Why a frame is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame without an opcode.
    #[error("an empty frame: every frame starts with an opcode byte")]
    Empty,
    /// An opcode that the protocol does not have.
    #[error("unknown opcode 0x{0:02x}: a client sends HELLO 0x00, INPUT 0x01, RESIZE 0x02 or ACK 0x03")]
    Opcode(u8),
    /// A payload of another length than the opcode's.
    #[error("a {name} frame has {expected} bytes after its opcode, this one has {actual}")]
    Length {
        /// The frame's name.
        name: &'static str,
        /// What the protocol says.
        expected: &'static str,
        /// What came.
        actual: usize,
    },
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

impl ClientFrame {
    /// Reads one frame.
    ///
    /// # Errors
    /// When the opcode is unknown or the payload has the wrong length.
    pub fn parse(frame: &Bytes) -> Result<Self, FrameError> {
        let opcode = *frame.first().ok_or(FrameError::Empty)?;
        let payload = frame.slice(1..);
        let wrong = |name, expected| FrameError::Length { name, expected, actual: payload.len() };
        match opcode {
            0x00 if payload.len() == 28 => {
                let hello = || {
                    Some(Self::Hello {
                        next: u64_at(&payload, 0)?,
                        client: payload.get(8..24)?.try_into().ok()?,
                        cols: u16_at(&payload, 24)?,
                        rows: u16_at(&payload, 26)?,
                    })
                };
                hello().ok_or_else(|| wrong("HELLO", "28"))
            }
            0x00 => Err(wrong("HELLO", "28")),
            0x01 => match u64_at(&payload, 0) {
                Some(number) => Ok(Self::Input { number, bytes: payload.slice(8..) }),
                None => Err(wrong("INPUT", "at least 8")),
            },
            0x02 => match (u16_at(&payload, 0), u16_at(&payload, 2)) {
                (Some(cols), Some(rows)) if payload.len() == 4 => Ok(Self::Resize { cols, rows }),
                _ => Err(wrong("RESIZE", "4")),
            },
            0x03 => match u64_at(&payload, 0) {
                Some(number) if payload.len() == 8 => Ok(Self::Ack(number)),
                _ => Err(wrong("ACK", "8")),
            },
            other => Err(FrameError::Opcode(other)),
        }
    }
}

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// Answer to HELLO.
    Welcome {
        /// Number of the output byte that follows.
        next: u64,
        /// Input bytes accepted from this client id so far.
        accepted: u64,
    },
    /// Bytes from the terminal.
    Output {
        /// Number of the first byte.
        number: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Input bytes accepted so far.
    InputAck(u64),
    /// The shell ended with this code.
    Exit(i32),
    /// Something was refused; says what and why.
    Error(String),
    /// The size now in force.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
}

impl ServerFrame {
    /// The frame's bytes.
    pub fn encode(&self) -> Bytes {
        let mut frame = BytesMut::new();
        match self {
            Self::Welcome { next, accepted } => {
                frame.put_u8(0x80);
                frame.put_u64(*next);
                frame.put_u64(*accepted);
            }
            Self::Output { number, bytes } => {
                frame.reserve(9 + bytes.len());
                frame.put_u8(0x81);
                frame.put_u64(*number);
                frame.put_slice(bytes);
            }
            Self::InputAck(accepted) => {
                frame.put_u8(0x82);
                frame.put_u64(*accepted);
            }
            Self::Exit(code) => {
                frame.put_u8(0x83);
                frame.put_i32(*code);
            }
            Self::Error(text) => {
                frame.put_u8(0x84);
                frame.put_slice(text.as_bytes());
            }
            Self::Size { cols, rows } => {
                frame.put_u8(0x85);
                frame.put_u16(*cols);
                frame.put_u16(*rows);
            }
        }
        frame.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<ClientFrame, FrameError> {
        ClientFrame::parse(&Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn every_client_frame_is_read_as_the_protocol_says() {
        let mut hello = vec![0];
        hello.extend(u64::MAX.to_be_bytes());
        hello.extend([7; 16]);
        hello.extend([0, 80, 0, 24]);
        assert_eq!(parse(&hello), Ok(ClientFrame::Hello { next: u64::MAX, client: [7; 16], cols: 80, rows: 24 }));
        let input = [&[1][..], &5u64.to_be_bytes(), b"ls\n"].concat();
        assert_eq!(parse(&input), Ok(ClientFrame::Input { number: 5, bytes: Bytes::from_static(b"ls\n") }));
        assert_eq!(parse(&[2, 1, 0, 0, 1]), Ok(ClientFrame::Resize { cols: 256, rows: 1 }));
        assert_eq!(parse(&[&[3][..], &9u64.to_be_bytes()].concat()), Ok(ClientFrame::Ack(9)));
    }

    #[test]
    fn a_frame_that_is_cut_off_or_unknown_is_refused_whatever_its_length() {
        assert_eq!(parse(&[]), Err(FrameError::Empty));
        for (opcode, good) in [(0u8, Some(28)), (2, Some(4)), (3, Some(8)), (4, None), (0x80, None), (0xff, None)] {
            for length in (0..40usize).filter(|length| Some(*length) != good) {
                let mut frame = vec![0; length + 1];
                frame[0] = opcode;
                assert!(parse(&frame).is_err(), "opcode {opcode} with {length} bytes");
            }
        }
        for length in 0..8 {
            assert!(parse(&vec![1; length + 1]).is_err(), "INPUT with {length} bytes");
        }
    }

    #[test]
    fn server_frames_have_the_protocols_bytes() {
        assert_eq!(
            &ServerFrame::Welcome { next: 1, accepted: 2 }.encode()[..],
            [&[0x80][..], &1u64.to_be_bytes(), &2u64.to_be_bytes()].concat()
        );
        let output = ServerFrame::Output { number: 3, bytes: Bytes::from_static(&[0xc3]) };
        assert_eq!(&output.encode()[..], [&[0x81][..], &3u64.to_be_bytes(), &[0xc3]].concat());
        assert_eq!(&ServerFrame::InputAck(4).encode()[..], [&[0x82][..], &4u64.to_be_bytes()].concat());
        assert_eq!(&ServerFrame::Exit(-1).encode()[..], [0x83, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(&ServerFrame::Error("no".into()).encode()[..], b"\x84no");
        assert_eq!(&ServerFrame::Size { cols: 80, rows: 24 }.encode()[..], [0x85, 0, 80, 0, 24]);
    }
}
