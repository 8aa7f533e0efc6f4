//! The frames of `slipway.v1`: one opcode byte, then a payload with big-endian integers. Reading refuses anything that is not
//! exactly a frame; nothing here keeps state.

use std::fmt;

/// Number of a byte in a terminal's output or in one page's input, counted from 0.
pub type Number = u64;

/// A page's own id, random, the same for all its connections to one terminal.
pub type PageId = [u8; 16];

/// A terminal's size in character cells; neither side is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width, columns.
    pub columns: u16,
    /// Height, rows.
    pub rows: u16,
}

impl Size {
    /// A size, or `None` when a side is 0.
    pub fn new(columns: u16, rows: u16) -> Option<Self> {
        (columns > 0 && rows > 0).then_some(Self { columns, rows })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

/// What a page sends.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientFrame<'a> {
    /// The first frame of every connection.
    Hello {
        /// The next output byte the page wants; `None` for everything the ring still has.
        next: Option<Number>,
        /// Who is asking.
        page: PageId,
        /// The page's size; `None` when it is not laid out yet (a side was 0).
        size: Option<Size>,
    },
    /// Typed bytes.
    Input {
        /// Number of the first one.
        first: Number,
        /// The bytes themselves, untouched.
        bytes: &'a [u8],
    },
    /// The page's size has changed; `None` when a side was 0.
    Resize(Option<Size>),
    /// Output up to this number has been parsed.
    Ack(Number),
}

/// Why some bytes are no frame; the text goes back to the page in an ERROR frame.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// No opcode at all.
    #[error("an empty frame: the first byte must be an opcode")]
    Empty,
    /// An opcode of no frame that a page may send.
    #[error("unknown opcode 0x{0:02x}: slipway.v1 knows HELLO 0x00, INPUT 0x01, RESIZE 0x02 and ACK 0x03")]
    Opcode(u8),
    /// The payload has the wrong length for its opcode.
    #[error("{frame} needs {needs} bytes after the opcode and has {has}")]
    Length {
        /// The frame's name.
        frame: &'static str,
        /// How many bytes it has to have, in words.
        needs: &'static str,
        /// How many it has.
        has: usize,
    },
}

fn number(bytes: &[u8]) -> Number {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn size(bytes: &[u8]) -> Option<Size> {
    // Callers pass four bytes; each pair fits a u16.
    Size::new(number(&bytes[..2]) as u16, number(&bytes[2..4]) as u16)
}

impl<'a> ClientFrame<'a> {
    /// Reads one frame.
    ///
    /// # Errors
    /// When the bytes are not exactly one frame of a page.
    pub fn read(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (opcode, payload) = bytes.split_first().ok_or(FrameError::Empty)?;
        let has = payload.len();
        let length = |frame, needs| FrameError::Length { frame, needs, has };
        match (opcode, has) {
            (0x00, 28) => {
                let next = Some(number(&payload[..8])).filter(|next| *next != u64::MAX);
                let mut page = PageId::default();
                page.copy_from_slice(&payload[8..24]);
                Ok(Self::Hello { next, page, size: size(&payload[24..]) })
            }
            (0x00, _) => Err(length("HELLO", "28")),
            (0x01, 8..) => Ok(Self::Input { first: number(&payload[..8]), bytes: &payload[8..] }),
            (0x01, _) => Err(length("INPUT", "at least 8")),
            (0x02, 4) => Ok(Self::Resize(size(payload))),
            (0x02, _) => Err(length("RESIZE", "4")),
            (0x03, 8) => Ok(Self::Ack(number(payload))),
            (0x03, _) => Err(length("ACK", "8")),
            (opcode, _) => Err(FrameError::Opcode(*opcode)),
        }
    }
}

/// What the agent sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The answer to HELLO.
    Welcome {
        /// Number of the first output byte that follows.
        next: Number,
        /// How much input of this page has been accepted so far.
        accepted: Number,
    },
    /// Output.
    Output {
        /// Number of the first byte.
        first: Number,
        /// The bytes themselves, untouched.
        bytes: Vec<u8>,
    },
    /// Input of this page has been accepted up to here.
    InputAck(Number),
    /// The terminal's program ended.
    Exit(i32),
    /// Something the page sent was refused, or the terminal cannot go on.
    Error(String),
    /// The size now in force.
    Size(Size),
}

impl ServerFrame {
    /// The frame's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(17 + if let Self::Output { bytes, .. } = self { bytes.len() } else { 0 });
        match self {
            Self::Welcome { next, accepted } => {
                frame.push(0x80);
                frame.extend(next.to_be_bytes());
                frame.extend(accepted.to_be_bytes());
            }
            Self::Output { first, bytes } => {
                frame.push(0x81);
                frame.extend(first.to_be_bytes());
                frame.extend(bytes);
            }
            Self::InputAck(accepted) => {
                frame.push(0x82);
                frame.extend(accepted.to_be_bytes());
            }
            Self::Exit(code) => {
                frame.push(0x83);
                frame.extend(code.to_be_bytes());
            }
            Self::Error(sentence) => {
                frame.push(0x84);
                frame.extend(sentence.as_bytes());
            }
            Self::Size(size) => {
                frame.push(0x85);
                frame.extend(size.columns.to_be_bytes());
                frame.extend(size.rows.to_be_bytes());
            }
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_page_are_read_as_they_were_written() {
        let mut hello = vec![0, 0, 0, 0, 0, 0, 0, 1, 2];
        hello.extend([7; 16]);
        hello.extend([0, 80, 0, 24]);
        let size = Size::new(80, 24);
        assert_eq!(ClientFrame::read(&hello), Ok(ClientFrame::Hello { next: Some(258), page: [7; 16], size }));
        hello[1..9].fill(0xff);
        hello[26] = 0;
        assert_eq!(ClientFrame::read(&hello), Ok(ClientFrame::Hello { next: None, page: [7; 16], size: None }));
        let input = [1, 0, 0, 0, 0, 0, 0, 0, 5, 0xc3, 0x28];
        assert_eq!(ClientFrame::read(&input), Ok(ClientFrame::Input { first: 5, bytes: &[0xc3, 0x28] }));
        assert_eq!(ClientFrame::read(&[2, 0, 0, 0, 0]), Ok(ClientFrame::Resize(None)));
        assert_eq!(ClientFrame::read(&[3, 0, 0, 0, 0, 0, 0, 1, 0]), Ok(ClientFrame::Ack(256)));
    }

    #[test]
    fn what_is_no_frame_is_refused_and_named() {
        assert_eq!(ClientFrame::read(&[]), Err(FrameError::Empty));
        assert_eq!(ClientFrame::read(&[0x81, 1]), Err(FrameError::Opcode(0x81)));
        for (opcode, name) in [(0, "HELLO"), (1, "INPUT"), (2, "RESIZE"), (3, "ACK")] {
            let error = ClientFrame::read(&[opcode, 1, 2, 3]).expect_err("too short").to_string();
            assert!(error.contains(name) && error.ends_with("has 3"), "{error}");
        }
        assert!(ClientFrame::read(&[2, 0, 1, 0, 1, 0]).is_err(), "too long is no frame either");
    }

    #[test]
    fn frames_of_the_agent_have_their_documented_bytes() {
        let cases: [(ServerFrame, &[u8]); 6] = [
            (ServerFrame::Welcome { next: 1, accepted: 2 }, &[0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]),
            (ServerFrame::Output { first: 3, bytes: vec![0xff, 0] }, &[0x81, 0, 0, 0, 0, 0, 0, 0, 3, 0xff, 0]),
            (ServerFrame::InputAck(4), &[0x82, 0, 0, 0, 0, 0, 0, 0, 4]),
            (ServerFrame::Exit(-1), &[0x83, 0xff, 0xff, 0xff, 0xff]),
            (ServerFrame::Error("é".into()), &[0x84, 0xc3, 0xa9]),
            (ServerFrame::Size(Size { columns: 258, rows: 5 }), &[0x85, 1, 2, 0, 5]),
        ];
        for (frame, bytes) in cases {
            assert_eq!(frame.write(), bytes, "{frame:?}");
        }
    }
}
