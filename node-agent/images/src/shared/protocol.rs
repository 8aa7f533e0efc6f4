//! What an engine and its host say: one request and one answer a connection, each a length (four bytes, big-endian) and that much
//! JSON. With an answer come two descriptors a layer, mounts of its files and of its tar-split record, in the answer's order.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::{DiffId, Digest};

/// Layers in a request or an answer: Docker's limit for an image, and two descriptors each fit in one message (`SCM_MAX_FD`).
pub const MAX_LAYERS: usize = 125;
/// Bytes of a request or an answer.
const MAX_BYTES: u32 = 64 << 10;
const MAX_FDS: usize = 2 * MAX_LAYERS;

/// What an engine can ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Layers of an image.
    Get {
        /// The image's layers, the lowest first.
        layers: Vec<Wanted>,
        /// How many of the lowest are not wanted, only named: how a layer looks depends on what lies below.
        from: usize,
    },
    /// Layers that this engine has been handed before.
    Again {
        /// The host's names for them.
        names: Vec<String>,
    },
    /// Layers that this engine does not use any more.
    Drop {
        /// The host's names for them.
        names: Vec<String>,
    },
}

/// A layer, as a manifest and a configuration name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The compressed blob.
    pub digest: Digest,
    /// The uncompressed tar stream.
    pub diff_id: DiffId,
}

/// What the host answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Those layers that the host has, up to the first that it has not.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// Why there can be no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One layer of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The host's name for it.
    pub name: String,
    /// Bytes in its files, as Docker counts a layer's size.
    pub size: u64,
}

/// Sends a request or an answer, and descriptors with it.
///
/// # Errors
/// When it is too large or the other side has gone.
pub fn send(stream: &mut UnixStream, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= MAX_BYTES && fds.len() <= MAX_FDS);
    let head = length.ok_or_else(|| io::Error::other("too many layers in one message"))?.to_be_bytes();
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors in one message"));
    }
    // The descriptors travel with the first byte.
    let sent = sendmsg(&*stream, &[IoSlice::new(&head)], &mut control, SendFlags::NOSIGNAL)?;
    stream.write_all(&head[sent..])?;
    stream.write_all(&body)
}

/// Receives a request or an answer, and the descriptors that come with it.
///
/// # Errors
/// When it is too large or not of this form, or the other side has gone or is too slow.
pub fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut head = [0; 4];
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(&*stream, &mut [IoSliceMut::new(&mut head)], &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    if received == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    stream.read_exact(&mut head[received..])?;
    let length = u32::from_be_bytes(head);
    if length > MAX_BYTES {
        return Err(io::Error::other(format!("a message of {length} bytes, more than {MAX_BYTES}")));
    }
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body)?;
    Ok((serde_json::from_slice(&body)?, fds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    fn wanted(byte: u8) -> Wanted {
        Wanted { digest: Digest::of(&[byte]), diff_id: DiffId::of(&[byte, byte]) }
    }

    #[test]
    fn the_longest_request_and_the_longest_answer_arrive() {
        let (mut here, mut there) = UnixStream::pair().expect("a pair");
        let layers: Vec<_> = (0..MAX_LAYERS).map(|number| wanted(number as u8)).collect();
        let request = Request::Get { layers, from: 3 };
        send(&mut here, &request, &[]).expect("sent");
        assert_eq!(receive::<Request>(&mut there).expect("received").0, request);
        let name = format!("{}-7777-65535-65535", "0".repeat(64));
        let answer = Answer { layers: vec![Layer { name, size: u64::MAX }; MAX_LAYERS], error: None };
        let file = tempfile::tempfile().expect("a file");
        let fds = vec![file.as_fd(); MAX_FDS];
        let sender = std::thread::spawn({
            let (answer, fds) = (answer.clone(), fds.len());
            let file = file.try_clone().expect("a copy");
            move || send(&mut there, &answer, &vec![file.as_fd(); fds])
        });
        let (got, fds) = receive::<Answer>(&mut here).expect("received");
        sender.join().expect("no panic").expect("sent");
        assert_eq!((got, fds.len()), (answer, MAX_FDS));
    }

    #[test]
    fn what_is_too_long_cut_off_or_of_another_form_is_refused() {
        let (mut here, mut there) = UnixStream::pair().expect("a pair");
        here.write_all(&[0xff; 4]).expect("written");
        assert!(receive::<Request>(&mut there).expect_err("too long").to_string().contains("more than"));
        for bytes in [&b"\0\0\0\x02{}"[..], b"\0\0\0\x1d{\"op\":\"drop\",\"names\":[],\"x\":1}"] {
            let (mut here, mut there) = UnixStream::pair().expect("a pair");
            here.write_all(bytes).expect("written");
            drop(here);
            assert!(receive::<Request>(&mut there).is_err());
        }
        let (mut here, mut there) = UnixStream::pair().expect("a pair");
        here.write_all(b"\0\0\0\x09{").expect("written");
        drop(here);
        let error = receive::<Request>(&mut there).expect_err("cut off");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
