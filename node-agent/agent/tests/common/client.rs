//! A small HTTP client for tests: one request a connection.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The error's code, after checking that it has a message.
    pub fn code(&self) -> String {
        let json = self.json();
        assert!(json["error"]["message"].as_str().is_some_and(|text| text.len() > 10), "{json}");
        json["error"]["code"].as_str().expect("a code").to_owned()
    }
}

/// Sends one request; `headers` are whole lines.
pub fn request(to: SocketAddr, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    try_request(to, method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

/// As [`request`], for a server that may be killed meanwhile.
pub fn try_request(to: SocketAddr, method: &str, path: &str, headers: &[&str], body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(180)))?;
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for line in headers {
        head.push_str(line);
        head.push_str("\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    // A server may refuse a body without reading all of it.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(split) = split else { return Err(read.err().unwrap_or_else(|| std::io::Error::other("no answer"))) };
    let head = String::from_utf8_lossy(&bytes[..split]).to_lowercase();
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| std::io::Error::other("no status"))?;
    Ok(Answer { status, head, body: bytes[split + 4..].to_vec() })
}
